/** `npm run bench`: how fast the parts of the engine are on this machine. */
import { commandLine } from '../scripts/command-line.js'
import { PRESETS } from '../src/engine/config.js'
import { benchStage, STAGES, type StageBench, type StageFigures } from './stages.js'
import { benchTrainStep, type TrainStepFigures } from './train-step.js'

const NAMES = ['train-step', ...STAGES]

const HELP = `Times the parts of the engine on this machine.

Usage: npm run bench -- [options]

  --only NAME     one part: ${NAMES.join(', ')}
  --preset NAME   sizes of networks and crops: ${Object.keys(PRESETS).join(', ')} (default paper)
  --json          the last line is one JSON object; without --only it has one key for each part

train-step is one step of the detail stage's network: tracing, both networks' gradients, Adam. Beside it, in alternation, runs
ONNX Runtime's own product of a 4096x512 and a 512x512 matrix: gemmEfficiency is the step's matrix work over the time it would
take at that rate.

Example: npm run -s bench -- --only train-step --json
`

type Figures = TrainStepFigures | StageFigures

function row(name: string, figures: Figures): string[] {
  if ('work' in figures) return [name, seconds(figures.seconds), figures.work]
  const { stepSeconds, traceSeconds, sgemmGflops, stepGflop, gemmEfficiency } = figures
  const share = (part: number): string => `${Math.round(100 * part)} %`
  const tracing = `${seconds(traceSeconds)} tracing (${share(traceSeconds / stepSeconds)})`
  const rates = `sgemm ${sgemmGflops.toFixed(0)} GFLOP/s, step ${(stepGflop / stepSeconds).toFixed(0)} (${share(gemmEfficiency)})`
  return [name, seconds(stepSeconds), `${stepGflop.toFixed(0)} GFLOP; ${tracing}; ${rates}`]
}

const seconds = (s: number): string => (s < 1 ? `${(1000 * s).toFixed(0)} ms` : `${s.toFixed(2)} s`)

const { values } = commandLine(HELP, {
  only: { type: 'string', choices: NAMES },
  preset: { type: 'string', default: 'paper', choices: Object.keys(PRESETS) },
  json: { type: 'boolean' },
})
const all: Record<string, Figures> = {}
for (const name of values.only === undefined ? NAMES : [values.only]) {
  const { preset } = values
  all[name] = name === 'train-step' ? await benchTrainStep(preset) : await benchStage(name as StageBench, preset)
  const [part, time, work] = row(name, all[name])
  if (!values.json) console.log(`${part.padEnd(12)} ${time.padStart(9)}   ${work}`)
}
if (values.json) console.log(JSON.stringify(values.only === undefined ? all : all[values.only]))

/** `npm run results`: docs/results.md. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import type { PeerFigures } from '../bench/peer-figures.js'
import { PRESETS } from '../src/engine/config.js'
import { type Case, type Evaluation, evaluate, findCases } from '../src/engine/evaluate/index.js'
import { curvePlot, evaluationFiles, writeEvaluation } from '../src/engine/evaluate/report.js'
import { decodePicture, encodeJpeg, encodePng, renderSvg } from '../src/engine/image/picture.js'
import { GENERATED_FILE, REPORT_FILE, writeFileAtomic } from '../src/engine/system/files.js'
import { VERSION } from '../src/engine/system/version.js'
import { commandLine, refuse } from './command-line.js'
import { type MeasuredSet, resultsPage } from './results/page.js'

const FIRST_SEED = 1001

const HELP = `Writes docs/results.md: reconstructs every case of the scans and of a generated set with each preset, one process a case so that
time and memory are its own, measures the results, and makes tables, cumulative error plots and sheets of them.

Usage: npm run results -- [options]

  --truth DIR      scans (default ../shared/data/scans; left out where it is not there)
  --generated N    portraits of the generated set, 0 for none (default 6). Its seeds begin at ${FIRST_SEED} and are for measuring only: tune on others
  --preset NAME    ${Object.keys(PRESETS).join(', ')}; repeatable (default preview, balanced, neural)
  --out DIR        reconstructions (default out/results)
  --reuse          keeps those that are already there
  --ablation DIR   what npm run ablate has left, for the page (default out/ablation)
  --peer FILE      what npm run peer has left, for the page; repeatable (default out/peer.json)

Nothing is written to docs/ unless every case of every preset was measured.

Example: npm run results -- --preset preview --generated 2
`

const { values } = commandLine(HELP, {
  truth: { type: 'string', default: '../shared/data/scans' },
  generated: { type: 'number', whole: true, least: 0, default: 6 },
  preset: {
    type: 'string',
    multiple: true,
    default: ['preview', 'balanced', 'neural'],
    choices: Object.keys(PRESETS),
  },
  out: { type: 'string', default: 'out/results' },
  reuse: { type: 'boolean' },
  ablation: { type: 'string', default: 'out/ablation' },
  peer: { type: 'string', multiple: true, default: ['out/peer.json'] },
})

const started = performance.now()
const sets: MeasuredSet[] = []
if (existsSync(values.truth))
  sets.push(await measureSet('scans', 'Rendered scans of two people and a made-up one.', values.truth))
const count = values.generated
if (count > 0) {
  const truth = join(values.out, `truth-${count}`)
  if (!existsSync(join(truth, GENERATED_FILE)))
    cli('generate', '-o', truth, '--count', String(count), '--seed', String(FIRST_SEED), '--force')
  const about = `Portraits by \`sider generate --count ${count} --seed ${FIRST_SEED}\` ([ground-truth.md](ground-truth.md)).`
  sets.push(await measureSet('generated', about, truth))
}
if (sets.length === 0) refuse(HELP, `There is nothing to measure: ${values.truth} is not there, and --generated is 0.`)

for (const { name, presets } of sets) {
  await writeFileAtomic(
    `docs/images/results-${name}-cumulative.png`,
    await encodePng(await renderSvg(curvePlot(curves(presets)))),
  )
  for (const one of presets) {
    const sheet = (await evaluationFiles(one.evaluation))['sheet.png']
    if (typeof sheet !== 'object') continue
    const picture = await encodeJpeg(await decodePicture(sheet), 88)
    await writeFileAtomic(`docs/images/results-${name}-${one.preset}.jpg`, picture)
    one.sheet = true
  }
}
const page = resultsPage({
  sets,
  machine: await machine(),
  minutes: values.reuse ? undefined : (performance.now() - started) / 60_000,
  ablation: await ablation(values.ablation),
  peers: await Promise.all(
    values.peer.filter(existsSync).map(async (path) => JSON.parse(await readFile(path, 'utf8')) as PeerFigures),
  ),
})
await writeFileAtomic('docs/results.md', page)
console.log('docs/results.md')

/** Reconstructs and measures the cases of a folder with every preset. */
async function measureSet(name: string, about: string, truth: string): Promise<MeasuredSet> {
  const cases = await findCases(truth)
  const presets: MeasuredSet['presets'] = []
  for (const preset of values.preset) {
    const results = join(values.out, preset)
    for (const one of cases) reconstruct(one, preset, join(results, one.name))
    const evaluation = await evaluate({ cases, results })
    if (evaluation.missing.length > 0)
      throw new Error(`${preset}: no reconstruction of ${evaluation.missing.join(', ')}`)
    await writeEvaluation(evaluation, join(results, `evaluation-${name}`))
    presets.push({ preset, evaluation, sheet: false })
  }
  return { name, about, presets }
}

function reconstruct(one: Case, preset: string, folder: string): void {
  if (values.reuse && existsSync(join(folder, REPORT_FILE))) return
  console.log(`${preset}: ${one.name}`)
  cli('reconstruct', one.image, '-o', folder, '--preset', preset, '--quiet')
}

function cli(...line: string[]): void {
  const { status } = spawnSync(process.execPath, ['dist/cli.js', ...line], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`sider ${line.join(' ')} failed`)
}

/** The coarse fit of the first preset (presets differ in their rounds of evidence by little), and each preset. */
function curves(presets: MeasuredSet['presets']): Parameters<typeof curvePlot>[0] {
  const { curve } = presets[0].evaluation
  const coarse = curve.coarse ? [{ name: 'coarse', x: curve.distance, y: curve.coarse, dashed: true }] : []
  const of = ({ preset, evaluation }: { preset: string; evaluation: Evaluation }) => ({
    name: preset,
    x: evaluation.curve.distance,
    y: evaluation.curve.detail,
  })
  return [...coarse, ...presets.map(of)]
}

async function machine(): Promise<string> {
  const backends = new Set(
    sets.flatMap(({ presets }) =>
      presets.flatMap(({ evaluation }) => evaluation.scores.map(({ run }) => run?.backend)),
    ),
  )
  return [
    `sider ${VERSION} on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${availableParallelism()} cores,`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, Node ${process.version}, ${process.platform} ${process.arch},`,
    `${new Date().toISOString().slice(0, 10)}. Backend: ${[...backends].filter(Boolean).join(', ')}. Seconds are wall-clock; the machine's load`,
    `average over the last 15 minutes was ${loadavg()[2].toFixed(1)}, other work included.`,
  ].join('\n')
}

/** The page that `npm run ablate` has written, and its pictures beside ours. */
async function ablation(folder: string): Promise<string[]> {
  const path = join(folder, 'ablation.md')
  if (!existsSync(path)) return []
  for (const study of ['relief', 'evidence', 'network']) {
    const picture = `ablation-${study}.jpg`
    if (existsSync(join(folder, picture))) await copyFile(join(folder, picture), join('docs/images', picture))
  }
  return (await readFile(path, 'utf8')).trimEnd().split('\n').concat('')
}

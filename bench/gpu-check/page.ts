/** The check as one page. */
import type { BackendFigures, GpuCheck, PresetFigures, SpeedFigures } from './report.js'

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 2rem}td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child,td.text,th.text{text-align:left}.bad{color:#b00020}.good{color:#1b6e2c}`

/** An HTML document without anything from elsewhere. */
export function gpuCheckPage(check: GpuCheck): string {
  const { machine, chosen } = check
  const facts = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`,
    `GPU: ${machine.gpu ?? 'NVIDIA’s driver tells of none'}; load average before the check ${machine.load.toFixed(1)}`,
    `${check.date}, ${check.seconds.toFixed(0)} s in all${check.tiny ? '; tiny sizes: times mean nothing' : ''}`,
  ]
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>SIDER on this GPU</title><style>${STYLE}</style>
<h1>SIDER ${text(check.version)} on this machine</h1>
${facts.map((fact) => `<p>${text(fact)}</p>`).join('\n')}
<h2>Backends</h2>
<p><code>--backend auto</code> takes ${text(chosen.name)}: ${text(chosen.why)}. Differences are from <code>ort-cpu</code>, relative to
the largest value: of results, and of the weights that a few steps change.</p>
${table(['backend', 'works', 'why', 'results differ by', 'weights by', 'agrees'], check.backends.map(backendRow))}
<h2>Speed</h2>
<p>One step of the networks, tracing included, the rate of plain matrix products, and the share of it that the step reaches.</p>
${table(
  ['backend', 'width', 'step', 'tracing', 'products', 'share', 'memory', 'GPU memory'],
  check.backends.flatMap(({ name, speed }) => speed.map((one) => speedRow(name, one))),
)}
<h2>Presets</h2>
<p>From the start of the program to the last file, on ${text(check.truth)}.</p>
${table(['preset', 'backend', 'time', 'scan', 'normals', 'memory', 'GPU memory', 'stages'], check.presets.map(presetRow))}
</html>
`
}

type Cell = string | { bad: string } | { good: string } | { words: string }

function backendRow({ name, available, reason, agreement }: BackendFigures): Cell[] {
  const head: Cell[] = [name, available ? { good: 'yes' } : { bad: 'no' }, { words: reason }]
  if (!agreement) return [...head, '', '', '']
  if (agreement.failure) return [...head, { bad: agreement.failure }, '', '']
  const { results, weights, agrees, worst } = agreement
  return [...head, small(results), small(weights), agrees ? { good: 'yes' } : { bad: `no: ${worst}` }]
}

function speedRow(name: string, one: SpeedFigures): Cell[] {
  const head = [name, String(one.width)]
  if (one.failure) return [...head, { bad: one.failure }, '', '', '', '', '']
  return [
    ...head,
    milliseconds(one.stepSeconds),
    milliseconds(one.traceSeconds),
    `${one.sgemmGflops!.toFixed(0)} GFLOP/s`,
    `${(100 * one.gemmEfficiency!).toFixed(0)} %`,
    mib(one.memoryMiB),
    mib(one.gpuMiB),
  ]
}

function presetRow(one: PresetFigures): Cell[] {
  const far = one.fraction === undefined ? '' : `, at ${Math.round(100 * one.fraction)} %`
  const time: Cell = one.failure ? { bad: `${one.failure}${far}` } : `${one.seconds.toFixed(1)} s`
  const stages = Object.entries(one.stages ?? {}).map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`)
  return [
    one.preset,
    one.backend,
    time,
    one.scanMm === undefined ? '' : `${one.scanMm.toFixed(2)} mm`,
    one.normalDegrees === undefined ? '' : `${one.normalDegrees.toFixed(1)}°`,
    mib(one.memoryMiB),
    mib(one.gpuMiB),
    { words: stages.join(', ') },
  ]
}

const small = (value?: number): string => (value === undefined ? '' : value.toExponential(1))
const milliseconds = (seconds?: number): string => `${(1000 * seconds!).toFixed(1)} ms`
const mib = (value?: number): string => (value === undefined ? '' : `${value} MiB`)

function table(heads: string[], rows: Cell[][]): string {
  const cell = (value: Cell): string => {
    if (typeof value === 'string') return `<td>${text(value)}</td>`
    const [kind, words] = Object.entries(value)[0]
    return `<td class="${kind === 'words' ? 'text' : kind}">${text(words)}</td>`
  }
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')
  return `<table><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>\n${body}</table>`
}

const text = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

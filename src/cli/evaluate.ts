/** `sider evaluate`: ground truth and reconstructions in, error figures out. */
import { join } from 'node:path'
import { DEFAULT_PRESET, PRESETS, parseAssignment, resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { prepareOutputFolder } from '../engine/files.js'
import type { Case, CaseScore, Engine, Evaluation } from '../engine/run.js'
import type { Command, Invocation, ParsedOptions, Shell } from './command.js'

const SCALES = ['free', 'fixed'] as const
const UNITS = { m: 1, mm: 1000 } as const

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'measure reconstructions against ground truth (NoW protocol, normals, colours)',
  usage: '<truth> -r <results> [options]',
  works: () => 'here',
  positionals: ['truth'],
  options: {
    results: { short: 'r', value: 'DIR', description: 'folder of the reconstructions: <subject>/<view>/ below it' },
    output: { short: 'o', value: 'DIR', description: 'folder for the figures (default: <results>/evaluation)' },
    scale: {
      value: SCALES.join('|'),
      description: 'whether the alignment may scale the result (default free; fixed is the metrical figure of NoW)',
    },
    unit: { value: Object.keys(UNITS).join('|'), description: 'unit of .obj and .ply predictions (default m)' },
    list: { value: 'FILE', description: 'NoW: the image list, e.g. imagepathsvalidation.txt (default: all images)' },
    reconstruct: { description: 'make the reconstructions first; with --preset and --set' },
    preset: {
      short: 'p',
      value: 'NAME',
      description: `of --reconstruct: ${Object.keys(PRESETS).join(', ')} (default ${DEFAULT_PRESET})`,
    },
    set: { short: 's', value: 'KEY=VALUE', multiple: true, description: 'of --reconstruct: any setting; repeatable' },
    force: { description: 'write into folders that hold files of something else' },
    quiet: { short: 'q', description: 'no progress' },
  },
  examples: [
    [
      'sider evaluate scans/ -r out/balanced --reconstruct',
      'reconstruct every view of a folder of scans and measure it',
    ],
    ['sider evaluate scans/anna/front -r out/anna-front', 'one view, reconstructed before'],
    [
      'sider evaluate NoW_Dataset -r predictions --list imagepathsvalidation.txt',
      'the NoW benchmark (non-metrical), with meshes of any method',
    ],
    [
      'sider evaluate NoW_Dataset -r out/now --reconstruct --scale fixed',
      'the NoW benchmark (metrical) with this engine',
    ],
  ],
  run,
}

async function run({ positionals: [truth], options, shell }: Invocation): Promise<void> {
  const results = options.text('results')
  if (!results) throw new SiderError('USAGE', 'the folder of results is missing', { hint: 'For example: -r out' })
  const scale = choice(options, 'scale', SCALES, 'free')
  const unit = choice(options, 'unit', Object.keys(UNITS) as (keyof typeof UNITS)[], 'm')
  const orphan = ['preset', 'set'].find((name) => options.has(name) && !options.has('reconstruct'))
  if (orphan) throw new SiderError('USAGE', `--${orphan} needs --reconstruct`, { hint: 'See: sider evaluate --help' })
  const engine = await shell.engine()
  const cases = await engine.findCases(truth, { list: options.text('list') })
  const output = options.text('output') ?? join(results, 'evaluation')
  await prepareOutputFolder(output, { force: options.has('force') })
  const stop = new AbortController()
  const ignoreInterrupts = shell.onInterrupt(() => stop.abort())
  const tell = (text: string, json: Record<string, unknown>): void => {
    if (options.has('quiet')) return
    if (options.has('json')) shell.stdout.write(`${JSON.stringify(json)}\n`)
    else shell.stderr.write(`${text}\n`)
  }
  try {
    if (options.has('reconstruct')) await reconstructAll(engine, cases, results, options, stop.signal, tell)
    const evaluation = await engine.evaluate({
      cases,
      results,
      scale,
      predictionUnits: UNITS[unit],
      signal: stop.signal,
      onCase: (score, done, all) =>
        tell(`${done}/${all} ${line(score)}`, { event: 'case', case: score.name, done, all }),
    })
    await engine.writeEvaluation(evaluation, output)
    report(evaluation, output, options, shell)
  } finally {
    ignoreInterrupts()
  }
}

function choice<T extends string>(options: ParsedOptions, name: string, allowed: readonly T[], usual: T): T {
  const given = options.text(name) ?? usual
  const found = allowed.find((one) => one === given)
  if (found) return found
  throw new SiderError('USAGE', `--${name} is '${given}', but must be one of ${allowed.join(', ')}`, {
    hint: 'See: sider evaluate --help',
  })
}

/** Runs the engine on every case, each into its own folder. */
async function reconstructAll(
  engine: Engine,
  cases: readonly Case[],
  results: string,
  options: ParsedOptions,
  signal: AbortSignal,
  tell: (text: string, json: Record<string, unknown>) => void,
): Promise<void> {
  const overrides = Object.assign({}, ...options.list('set').map(parseAssignment)) as Record<string, unknown>
  const settings = resolveSettings({ preset: options.text('preset'), overrides })
  for (const [i, one] of cases.entries()) {
    const folder = join(results, one.name)
    await prepareOutputFolder(folder, { force: options.has('force') })
    const started = performance.now()
    await engine.writeOutputs(await engine.reconstruct({ photo: one.image, settings, signal }), folder)
    const seconds = (performance.now() - started) / 1000
    tell(`${i + 1}/${cases.length} ${one.name} reconstructed in ${seconds.toFixed(0)} s`, {
      event: 'reconstructed',
      case: one.name,
      seconds,
      done: i + 1,
      all: cases.length,
    })
  }
}

/** '0.91 mm median, ...' of one case. */
function line({ name, scan, normals, albedoEdges, photo }: CaseScore): string {
  const parts = [`${name}: scan ${triple(scan.detail)} mm`]
  if (scan.coarse) parts.push(`(coarse ${triple(scan.coarse)})`)
  if (normals) {
    const { detail, coarse } = normals
    parts.push(
      `normals ${detail.meanDegrees.toFixed(1)}°${coarse ? ` (coarse ${coarse.meanDegrees.toFixed(1)}°)` : ''}`,
    )
    parts.push(`fine ${detail.fine.correlation.toFixed(2)} x${detail.fine.gain.toFixed(2)}`)
    parts.push(`medium ${detail.medium.correlation.toFixed(2)} x${detail.medium.gain.toFixed(2)}`)
  }
  if (albedoEdges) {
    const { detail, coarse } = albedoEdges
    const beside = coarse ? ` (coarse ${coarse.edges.falseReliefDegrees.toFixed(1)}°)` : ''
    parts.push(`albedo edges: false relief ${detail.edges.falseReliefDegrees.toFixed(1)}°${beside}`)
  }
  if (photo) parts.push(`${photo.psnr.toFixed(1)} dB`)
  return parts.join(' ')
}

const triple = ({ median, mean, std }: { median: number; mean: number; std: number }): string =>
  [median, mean, std].map((x) => x.toFixed(2)).join(' / ')

function report(evaluation: Evaluation, output: string, options: ParsedOptions, { stdout }: Shell): void {
  const { pooled, groups, missing, scores } = evaluation
  if (options.has('json')) {
    stdout.write(`${JSON.stringify({ event: 'result', folder: output, pooled, groups, missing, scores })}\n`)
    return
  }
  const rows =
    Object.keys(groups).length > 1 ? [...Object.entries(groups), ['all', pooled] as const] : [['all', pooled] as const]
  stdout.write('Scan-to-mesh distance, median / mean / std in mm:\n')
  for (const [name, { cases, detail, coarse }] of rows) {
    const beside = coarse ? `   coarse ${triple(coarse)}` : ''
    stdout.write(`  ${name} (${cases}): ${triple(detail)}${beside}\n`)
  }
  if (missing.length > 0)
    stdout.write(
      `Note: ${missing.length} cases have no reconstruction, e.g. ${missing[0]}: these figures leave them out.\n`,
    )
  stdout.write(
    `Figures: ${join(output, 'evaluation.json')}, ${join(output, 'cases.csv')}, ${join(output, 'cumulative.png')}\n`,
  )
}

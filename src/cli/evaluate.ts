/** `sider evaluate`: ground truth and reconstructions in, error figures out. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import type { Case, CaseScore, Evaluation } from '../engine/index.js'
import { prepareOutputFolder } from '../engine/system/files.js'
import type { Command, Engine, Invocation, ParsedOptions, Shell } from './command.js'
import { interruptible } from './interrupt.js'
import { needed, readAssignments, SETTINGS_OPTIONS } from './run-options.js'

const SCALES = ['free', 'fixed'] as const
const UNITS = { m: 1, mm: 1000 } as const

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'measure reconstructions against ground truth (NoW protocol, normals, colours, expression, identity)',
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
    preset: { ...SETTINGS_OPTIONS.preset, description: `of --reconstruct: ${SETTINGS_OPTIONS.preset.description}` },
    set: { ...SETTINGS_OPTIONS.set, description: 'of --reconstruct: any setting; repeatable' },
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
  const results = needed(options, 'results', 'the folder of results', '-r out')
  const scale = choice(options, 'scale', SCALES, 'free')
  const unit = choice(options, 'unit', Object.keys(UNITS) as (keyof typeof UNITS)[], 'm')
  const orphan = ['preset', 'set'].find((name) => options.has(name) && !options.has('reconstruct'))
  if (orphan) throw new SiderError('USAGE', `--${orphan} needs --reconstruct`, { hint: 'See: sider evaluate --help' })
  const engine = await shell.engine()
  const cases = await engine.findCases(truth, { list: options.text('list') })
  if (!options.has('reconstruct') && !existsSync(results)) {
    throw new SiderError('RESULT_INVALID', `there is no folder ${results} of reconstructions`, {
      hint: { cli: 'Give the folder that holds them with -r; --reconstruct makes them there.' },
      data: { path: results },
    })
  }
  const output = options.text('output') ?? join(results, 'evaluation')
  await prepareOutputFolder(output, { force: options.has('force') })
  const tell = (text: string, json: Record<string, unknown>): void => {
    if (options.has('quiet')) return
    if (options.has('json')) shell.stdout.write(`${JSON.stringify(json)}\n`)
    else shell.stderr.write(`${text}\n`)
  }
  await interruptible(shell, async (signal) => {
    if (options.has('reconstruct')) await reconstructAll({ engine, cases, results, options, signal, tell })
    const evaluation = await engine.evaluate({
      cases,
      results,
      scale,
      predictionUnits: UNITS[unit],
      signal,
      onCase: (score, done, all) =>
        tell(`${done}/${all} ${line(score)}`, { event: 'case', case: score.name, done, all }),
    })
    await engine.writeEvaluation(evaluation, output)
    report(evaluation, output, options, shell)
  })
}

function choice<T extends string>(options: ParsedOptions, name: string, allowed: readonly T[], usual: T): T {
  const given = options.text(name) ?? usual
  const found = allowed.find((one) => one === given)
  if (found) return found
  throw new SiderError('USAGE', `--${name} is '${given}', but must be one of ${allowed.join(', ')}`, {
    hint: 'See: sider evaluate --help',
  })
}

interface AllCases {
  engine: Engine
  cases: readonly Case[]
  /** Folder of the results. */
  results: string
  options: ParsedOptions
  signal: AbortSignal
  tell(text: string, json: Record<string, unknown>): void
}

/** Runs the engine on every case, each into its own folder. */
async function reconstructAll({ engine, cases, results, options, signal, tell }: AllCases): Promise<void> {
  const settings = resolveSettings({ preset: options.text('preset'), overrides: readAssignments(options.list('set')) })
  for (const [i, one] of cases.entries()) {
    const started = performance.now()
    await engine.reconstructInto({
      photo: one.image,
      settings,
      folder: join(results, one.name),
      signal,
      force: options.has('force'),
    })
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
function line({ name, scan, normals, albedoEdges, expression, photo }: CaseScore): string {
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
  if (expression) parts.push(openings(expression))
  if (photo) parts.push(`${photo.psnr.toFixed(1)} dB`)
  return parts.join(' ')
}

/** 'mouth 24.0 for 25.1 mm, lids ...' */
function openings({
  mouth,
  rightLids,
  leftLids,
  lipsPercent,
  lidsPercent,
}: NonNullable<CaseScore['expression']>): string {
  const pair = (o: typeof mouth): string => `${o.foundMm.toFixed(1)} for ${o.trueMm.toFixed(1)}`
  const percent = (x: number | undefined): string => (x === undefined ? 'hidden' : `${x.toFixed(1)} %`)
  const contours = `contours of lips ${percent(lipsPercent)}, lids ${percent(lidsPercent)}`
  return `mouth ${pair(mouth)} mm, lids ${pair(rightLids)} and ${pair(leftLids)} mm, ${contours};`
}

const triple = ({ median, mean, std }: { median: number; mean: number; std: number }): string =>
  [median, mean, std].map((x) => x.toFixed(2)).join(' / ')

function report(evaluation: Evaluation, output: string, options: ParsedOptions, { stdout }: Shell): void {
  const { pooled, groups, expression, identity, missing, scores } = evaluation
  if (options.has('json')) {
    const figures = { pooled, groups, expression, identity, missing, scores }
    stdout.write(`${JSON.stringify({ event: 'result', folder: output, ...figures })}\n`)
    return
  }
  const rows =
    Object.keys(groups).length > 1 ? [...Object.entries(groups), ['all', pooled] as const] : [['all', pooled] as const]
  stdout.write('Scan-to-mesh distance, median / mean / std in mm:\n')
  for (const [name, { cases, detail, coarse }] of rows) {
    const beside = coarse ? `   coarse ${triple(coarse)}` : ''
    stdout.write(`  ${name} (${cases}): ${triple(detail)}${beside}\n`)
  }
  if (expression)
    stdout.write(
      `Mean errors of openings (${expression.cases} cases): mouth ${expression.mouthMm.toFixed(2)} mm, lids ${expression.lidsMm.toFixed(2)} mm; of contours: lips ${expression.lipsPercent.toFixed(2)} %, lids ${expression.lidsPercent.toFixed(2)} %\n`,
    )
  if (identity)
    stdout.write(
      `Heads at rest of ${identity.subjects} people, ${identity.results} results: ${identity.sameMm.toFixed(2)} mm between those of one person, ${identity.differentMm.toFixed(2)} mm between those of two; ${(100 * identity.ordered).toFixed(1)} % in the right order, the closest is of the same person for ${(100 * identity.nearest).toFixed(0)} %\n`,
    )
  if (missing.length > 0)
    stdout.write(
      `Note: ${missing.length} cases have no reconstruction, e.g. ${missing[0]}: these figures leave them out.\n`,
    )
  stdout.write(
    `Figures: ${join(output, 'evaluation.json')}, ${join(output, 'cases.csv')}, ${join(output, 'cumulative.png')}\n`,
  )
}

/** The ablation's table and verdicts: means over the cases, and what each idea earns. */
import type { CaseScore } from '../../src/engine/evaluate/index.js'
import type { Study } from './variants.js'

/** Means over the cases of one variant. */
export interface VariantFigures {
  normalDegrees: number
  fineCorrelation: number
  fineGain: number
  mediumCorrelation: number
  mediumGain: number
  scanMedianMm: number
  falseReliefDegrees: number
  psnr: number
  seconds: number
}

const COLUMNS: [key: keyof VariantFigures, title: string, digits: number][] = [
  ['normalDegrees', 'normals', 2],
  ['fineCorrelation', 'fine', 3],
  ['fineGain', 'gain', 2],
  ['mediumCorrelation', 'medium', 3],
  ['mediumGain', 'gain', 2],
  ['scanMedianMm', 'scan median, mm', 3],
  ['falseReliefDegrees', 'false relief at albedo edges', 2],
  ['psnr', 'PSNR', 1],
  ['seconds', 'seconds', 0],
]

export function figures(runs: readonly { score: CaseScore; seconds: number }[]): VariantFigures {
  const mean = (of: (score: CaseScore) => number | undefined): number => {
    const known = runs.map(({ score }) => of(score)).filter((v) => v !== undefined && Number.isFinite(v)) as number[]
    return known.reduce((a, b) => a + b, 0) / known.length
  }
  return {
    normalDegrees: mean((s) => s.normals?.detail.meanDegrees),
    fineCorrelation: mean((s) => s.normals?.detail.fine.correlation),
    fineGain: mean((s) => s.normals?.detail.fine.gain),
    mediumCorrelation: mean((s) => s.normals?.detail.medium.correlation),
    mediumGain: mean((s) => s.normals?.detail.medium.gain),
    scanMedianMm: mean((s) => s.scan.detail.median),
    falseReliefDegrees: mean((s) => s.albedoEdges?.detail.edges.falseReliefDegrees),
    psnr: mean((s) => s.photo?.psnr),
    seconds: runs.reduce((sum, { seconds }) => sum + seconds, 0) / runs.length,
  }
}

/** A change smaller than this says nothing: of normals and false relief in degrees, of correlations, of distances in mm. */
const NOTICEABLE = {
  normalDegrees: 0.05,
  falseReliefDegrees: 0.05,
  fineCorrelation: 0.005,
  mediumCorrelation: 0.005,
  scanMedianMm: 0.01,
}

/**
 * What an idea earns: what gets worse without it, less what gets better, each in units of the least noticeable change.
 * Errors count against correlations as they are; PSNR does not count, since it is no aim of its own.
 */
export function verdict(whole: VariantFigures, without: VariantFigures): string {
  const worse: string[] = []
  const better: string[] = []
  let balance = 0
  const names = {
    normalDegrees: 'normals',
    falseReliefDegrees: 'false relief',
    fineCorrelation: 'fine',
    mediumCorrelation: 'medium',
    scanMedianMm: 'scan',
  }
  for (const key of Object.keys(NOTICEABLE) as (keyof typeof NOTICEABLE)[]) {
    const sign = key.endsWith('Correlation') ? -1 : 1
    const loss = (sign * (without[key] - whole[key])) / NOTICEABLE[key]
    if (!Number.isFinite(loss)) continue
    if (loss >= 1) worse.push(names[key])
    if (loss <= -1) better.push(names[key])
    if (Math.abs(loss) >= 1) balance += loss
  }
  const list = (what: string, which: string[]): string =>
    which.length > 0 ? `${what} without it: ${which.join(', ')}` : ''
  const why = [list('worse', worse), list('better', better)].filter((s) => s !== '').join('; ')
  if (balance > 0) return `earns its place (${why})`
  return why === '' ? '**earns nothing**' : `**earns nothing here** (${why})`
}

/** A row for each variant that was measured; what it says of one that diverged needs no figures. */
export function studyTable(study: Study, all: ReadonlyMap<string, VariantFigures | 'diverges'>): string[] {
  const whole = all.get(study.variants[0].name)
  if (!whole || whole === 'diverges') throw new RangeError('the whole method was not measured, or diverged')
  const row = (cells: string[]): string => `| ${cells.join(' | ')} |`
  const head = ['without', ...COLUMNS.map(([, title]) => title), 'verdict']
  const lines = study.variants.flatMap(({ name, without }, i) => {
    const own = all.get(name)
    if (!own) return []
    if (own === 'diverges')
      return [row([without, ...COLUMNS.map(() => ''), 'earns its place (without it the optimisation diverges)'])]
    const cells = COLUMNS.map(([key, , digits]) => (Number.isFinite(own[key]) ? own[key].toFixed(digits) : ''))
    return [row([without, ...cells, i === 0 ? '' : verdict(whole, own)])]
  })
  return [row(head), row(head.map(() => '---')), ...lines]
}

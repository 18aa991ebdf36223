/**
 * How good reconstructions are: the NoW protocol, normal errors and photometric error over one case or many. The definitions
 * are in docs/evaluation.md.
 */
import { SiderError } from '../errors.js'
import { type Case, findPrediction } from './cases.js'
import { type ExpressionSummary, expressionSummary } from './expression.js'
import { type IdentityScore, identityScore, type RestingHead } from './identity.js'
import { readResult } from './result.js'
import { type CaseScore, type ScoredCase, type ScoreOptions, scoreCase } from './score.js'
import { cumulative, type Statistics, statistics } from './statistics.js'

export { type Case, type CaseOptions, findCases } from './cases.js'
export type { CaseScore, ScoreOptions } from './score.js'

export interface EvaluateOptions extends ScoreOptions {
  cases: readonly Case[]
  /** Folder of the reconstructions. */
  results: string
  signal?: AbortSignal
  onCase?(score: CaseScore, done: number, all: number): void
}

/** Percentage of scan vertices within each distance. */
export interface ErrorCurve {
  /** mm */
  distance: number[]
  detail: number[]
  coarse?: number[]
}

/** Statistics over the scan vertices of all cases of a group together, as NoW counts. */
export interface PooledScore {
  cases: number
  detail: Statistics
  /** Where every case of the group has a coarse mesh. */
  coarse?: Statistics
}

export interface Evaluation {
  scores: CaseScore[]
  pooled: PooledScore
  /** By NoW's challenge, or subject. */
  groups: Record<string, PooledScore>
  curve: ErrorCurve
  /** Means over the cases whose truth has the edges of lips and lids. */
  expression?: ExpressionSummary
  /** Where several results are of one subject, and others of another. */
  identity?: IdentityScore
  /** Cases without a reconstruction. */
  missing: string[]
  options: ScoreOptions
  /** One row of pictures for each of the first cases with maps. */
  pictures: { name: string; maps: NonNullable<ScoredCase['maps']> }[]
}

/** Distances of the cumulative curve: 0 to 7 mm as NoW plots it. */
const LIMITS = Array.from({ length: 281 }, (_, i) => i / 40)
/** Rows of the picture sheet. */
const MOST_PICTURES = 12

/**
 * Scores the reconstructions of all cases.
 * @throws SiderError TRUTH_INVALID, RESULT_INVALID (damaged files; not one reconstruction), CANCELLED
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { cases, results, signal, onCase } = options
  const scoring = { scale: options.scale ?? 'free', predictionUnits: options.predictionUnits ?? 1 }
  const scored: Pick<ScoredCase, 'score' | 'distances'>[] = []
  const resting: (RestingHead & { model: string })[] = []
  const missing: string[] = []
  const pictures: Evaluation['pictures'] = []
  for (const one of cases) {
    if (signal?.aborted) throw new SiderError('CANCELLED', 'the evaluation was stopped')
    const prediction = findPrediction(results, one, cases.length === 1)
    if (!prediction) {
      missing.push(one.name)
      continue
    }
    const result = await readResult(prediction)
    const { score, distances, maps } = await scoreCase(one, result, scoring)
    scored.push({ score, distances })
    if (result.rest) resting.push({ subject: one.name.split('/')[0], ...result.rest })
    if (maps && pictures.length < MOST_PICTURES) pictures.push({ name: one.name, maps })
    onCase?.(score, scored.length + missing.length, cases.length)
  }
  if (scored.length === 0) {
    throw new SiderError('RESULT_INVALID', `${results}: none of the ${cases.length} cases has a reconstruction here`, {
      hint: { cli: `Expected for example ${results}/${cases[0].name}/face.glb; --reconstruct makes them.` },
      data: { path: results, missing },
    })
  }
  const names = [...new Set(scored.map(({ score }) => score.group))]
  const group = (name: string) => pool(scored.filter(({ score }) => score.group === name))
  const all = pooledDistances(scored)
  return {
    scores: scored.map(({ score }) => score),
    pooled: pool(scored),
    groups: Object.fromEntries(names.map((name) => [name, group(name)])),
    curve: {
      distance: LIMITS,
      detail: cumulative(all.detail, LIMITS),
      ...(all.coarse && { coarse: cumulative(all.coarse, LIMITS) }),
    },
    expression: expressionSummary(scored.flatMap(({ score }) => score.expression ?? [])),
    // Only heads of one model can be compared vertex by vertex.
    identity: resting.every(({ model }) => model === resting[0].model) ? identityScore(resting) : undefined,
    missing,
    options: scoring,
    pictures,
  }
}

type Distances = ScoredCase['distances']

function pooledDistances(scored: readonly { distances: Distances }[]): Distances {
  const coarse = scored.map(({ distances }) => distances.coarse)
  return {
    detail: concat(scored.map(({ distances }) => distances.detail)),
    coarse: coarse.every((one) => one !== undefined) ? concat(coarse) : undefined,
  }
}

function pool(scored: readonly { distances: Distances }[]): PooledScore {
  const { detail, coarse } = pooledDistances(scored)
  return { cases: scored.length, detail: statistics(detail), ...(coarse && { coarse: statistics(coarse) }) }
}

function concat(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Mean, median, spread and cumulative curves of error samples. */

export interface Statistics {
  count: number
  median: number
  mean: number
  /** Standard deviation (of the population). */
  std: number
}

/** Statistics of the values that are not NaN; all NaN without any. */
export function statistics(values: ArrayLike<number>): Statistics {
  const sorted = Float64Array.from(values)
    .filter((v) => !Number.isNaN(v))
    .sort()
  const count = sorted.length
  if (count === 0) return { count, median: Number.NaN, mean: Number.NaN, std: Number.NaN }
  const half = count >> 1
  const median = count % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  const mean = sorted.reduce((sum, v) => sum + v, 0) / count
  const std = Math.sqrt(sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count)
  return { count, median, mean, std }
}

/** Percentage of `values` at or below each of `limits`. */
export function cumulative(values: Float64Array, limits: readonly number[]): number[] {
  const sorted = values.slice().sort()
  let below = 0
  return limits.map((limit) => {
    while (below < sorted.length && sorted[below] <= limit) below++
    return (100 * below) / sorted.length
  })
}

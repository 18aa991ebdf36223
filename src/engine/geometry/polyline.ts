/** Polylines in the plane or in space. */

export interface PolylinePoint {
  point: number[]
  /** Number of the line's point before it, and the share of the way to the next. */
  at: number
}

/**
 * Points of a polyline at shares of its length.
 * @param line at least two points [x, y(, z)]
 * @param shares 0 (its start) to 1 (its end)
 */
export function pointsAlong(line: readonly (readonly number[])[], shares: readonly number[]): PolylinePoint[] {
  const starts = [0]
  for (let i = 1; i < line.length; i++)
    starts.push(starts[i - 1] + Math.hypot(...line[i].map((x, k) => x - line[i - 1][k])))
  return shares.map((share) => {
    const wanted = share * starts[starts.length - 1]
    let i = 1
    while (i + 1 < line.length && starts[i] < wanted) i++
    const span = starts[i] - starts[i - 1]
    const t = span > 0 ? Math.min(1, (wanted - starts[i - 1]) / span) : 0
    return { point: line[i].map((x, k) => line[i - 1][k] + t * (x - line[i - 1][k])), at: i - 1 + t }
  })
}

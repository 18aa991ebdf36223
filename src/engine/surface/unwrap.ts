/** A texture layout for head models that have none: a cylinder about the vertical axis, cut open at the back. */
import type { Mesh } from '../stages.js'

/** Layout with seams: rows of `uv` and the corners that use them. */
export interface Layout {
  uv: Float32Array
  uvIndices: Uint32Array
}

/**
 * Unwraps `mesh`. Parts that lie behind one another as seen from the axis (ears, the inside of nostrils) overlap; the face does
 * not, but for its deepest folds.
 */
export function unwrapCylinder({ positions, indices }: Mesh): Layout {
  const n = positions.length / 3
  const middle = [0, 1, 2].map((k) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let v = 0; v < n; v++) {
      low = Math.min(low, positions[3 * v + k])
      high = Math.max(high, positions[3 * v + k])
    }
    return { low, high, mid: (low + high) / 2 }
  })
  const turn = (v: number): number =>
    0.5 + Math.atan2(positions[3 * v] - middle[0].mid, positions[3 * v + 2] - middle[2].mid) / (2 * Math.PI)
  const values: number[] = []
  for (let v = 0; v < n; v++)
    values.push(turn(v), (middle[1].high - positions[3 * v + 1]) / (middle[1].high - middle[1].low))
  const uvIndices = indices.slice()
  const beyond = new Map<number, number>()
  for (let t = 0; t < indices.length; t += 3) {
    const turns = [0, 1, 2].map((c) => turn(indices[t + c]))
    if (Math.max(...turns) - Math.min(...turns) <= 0.5) continue
    // across the cut: corners on the left go on beyond the right edge
    for (let c = 0; c < 3; c++) {
      if (turns[c] >= 0.5) continue
      const v = indices[t + c]
      let row = beyond.get(v)
      if (row === undefined) {
        row = values.length / 2
        values.push(turns[c] + 1, values[2 * v + 1])
        beyond.set(v, row)
      }
      uvIndices[t + c] = row
    }
  }
  return { uv: Float32Array.from(values), uvIndices }
}

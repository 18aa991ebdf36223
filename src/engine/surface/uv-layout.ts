/**
 * Texture layout of the head asset: the model's own, stretched so that the face has most of the texture. Each axis is stretched
 * by itself and never folds back, so islands that did not overlap still do not.
 */
import { meshEdges } from '../geometry/mesh.js'

/** Share of an axis that the face region gets, where its own share is smaller. */
const FACE_SHARE = 0.74
/** Width of the transition between stretched and squeezed parts, as a share of the face's extent. */
const TRANSITION = 0.08
/** Free border of the texture, so that filtering sees no edge. */
const MARGIN = 0.004
/** Rounds of smoothing that turn folded triangles the right way round. */
const UNFOLD_ROUNDS = 60

/** A rising map of one axis onto 0..1. */
type AxisMap = (x: number) => number

/**
 * Stretches `uv` [n, 2] so that the texture is used: all rows that `used` names lie within it, and the face has most of it.
 * @param used rows of `uv` that triangles use
 * @param face rows of `uv` that the face region uses
 */
export function stretchUv(uv: Float32Array, used: Iterable<number>, face: Iterable<number>): Float32Array {
  const all = extents(uv, used)
  const inner = extents(uv, face)
  const maps = [0, 1].map((k) => axisMap(all[k], inner[k]))
  return uv.map((value, i) => maps[i % 2](value))
}

function extents(uv: Float32Array, rows: Iterable<number>): [number, number][] {
  const out: [number, number][] = [
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ]
  for (const row of rows)
    for (let k = 0; k < 2; k++) {
      out[k][0] = Math.min(out[k][0], uv[2 * row + k])
      out[k][1] = Math.max(out[k][1], uv[2 * row + k])
    }
  return out
}

/** Density: high over the face, low elsewhere, with soft transitions; the map is its integral. */
function axisMap([low, high]: [number, number], [from, to]: [number, number]): AxisMap {
  const share = (to - from) / (high - low)
  if (!(share < FACE_SHARE)) return (x) => MARGIN + ((x - low) / (high - low)) * (1 - 2 * MARGIN)
  const soft = TRANSITION * (to - from)
  // densities a outside and a + b inside, so that the face gets its share
  const outside = (1 - FACE_SHARE) / (1 - share)
  const rise = FACE_SHARE / share - outside
  const ramp = (x: number): number => soft * Math.log1p(Math.exp(-Math.abs(x) / soft)) + Math.max(0, x)
  const integral = (x: number): number => outside * x + rise * (ramp(x - from) - ramp(x - to))
  const [start, end] = [integral(low), integral(high)]
  return (x) => MARGIN + ((integral(x) - start) / (end - start)) * (1 - 2 * MARGIN)
}

/**
 * Turns triangles that are folded over in the layout: the rows about them move to the middle of their neighbours until all
 * triangles go round the way most do. Rows at the border of an island stay.
 */
export function unfoldUv(uv: Float32Array, uvIndices: Uint32Array): Float32Array {
  const out = uv.slice()
  const edges = meshEdges(uvIndices)
  const neighbours: number[][] = Array.from({ length: uv.length / 2 }, () => [])
  const border = new Uint8Array(uv.length / 2)
  for (let e = 0; e < edges.count; e++) {
    const [a, b] = [edges.vertices[2 * e], edges.vertices[2 * e + 1]]
    neighbours[a].push(b)
    neighbours[b].push(a)
    if (edges.valence[e] !== 2) border[a] = border[b] = 1
  }
  let total = 0
  for (let t = 0; t < uvIndices.length; t += 3) total += uvArea(out, uvIndices, t)
  for (let round = 0; round < UNFOLD_ROUNDS; round++) {
    const folded = new Set<number>()
    for (let t = 0; t < uvIndices.length; t += 3)
      if (uvArea(out, uvIndices, t) * Math.sign(total) <= 1e-12)
        for (let c = 0; c < 3; c++) folded.add(uvIndices[t + c])
    if (folded.size === 0) break
    for (const row of folded) {
      if (border[row] || neighbours[row].length === 0) continue
      for (let k = 0; k < 2; k++) {
        let sum = 0
        for (const other of neighbours[row]) sum += out[2 * other + k]
        out[2 * row + k] = sum / neighbours[row].length
      }
    }
  }
  return out
}

/** Signed area of triangle corners t, t + 1, t + 2 in the layout. */
export function uvArea(uv: Float32Array, uvIndices: Uint32Array, t: number): number {
  const [a, b, c] = [2 * uvIndices[t], 2 * uvIndices[t + 1], 2 * uvIndices[t + 2]]
  return ((uv[b] - uv[a]) * (uv[c + 1] - uv[a + 1]) - (uv[b + 1] - uv[a + 1]) * (uv[c] - uv[a])) / 2
}

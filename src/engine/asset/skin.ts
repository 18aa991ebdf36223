/** The colours of this face's skin: which pixels look like it, and how it goes on over the unseen parts of the head. */
import { vertexNeighbors } from '../geometry/mesh.js'
import { gaussianBlur } from '../image/filter.js'
import { skinTone, type ToneBounds, toneSpread } from '../image/skin-tone.js'
import type { Mesh } from '../stages.js'

/** Squared Mahalanobis distance of log colour: skin up to the first, not skin beyond the second. */
const SKIN = 4
const NOT_SKIN = 10
/** Skin whose light was taken out as far as it is known. */
const TONES: ToneBounds = { brightness: [0.25, 0.4], ratio: [0.05, 0.12] }
/** Width of the doubtful edge of skin, as a share of the crop. */
const EDGE = 0.014

/**
 * [size, size] 0..1: how much each pixel looks like the trusted ones.
 * @param image [size, size, 3] sRGB
 */
export function skinLikeness(image: Float32Array, trusted: Float32Array, size: number): Float32Array {
  const smooth = gaussianBlur(image, size, size, 3, size / 200)
  const at = (i: number): [number, number, number] => skinTone(smooth[3 * i], smooth[3 * i + 1], smooth[3 * i + 2])
  const sample = [...trusted.keys()].filter((i) => trusted[i] > 0).map(at)
  if (sample.length < 50) return new Float32Array(size * size)
  const spread = toneSpread(
    [0, 1, 2].map((k) => Float32Array.from(sample, (f) => f[k])),
    TONES,
  )
  const like = new Float32Array(size * size)
  for (let i = 0; i < like.length; i++) {
    const f = at(i)
    let d = 0
    for (let k = 0; k < 3; k++) d += ((f[k] - spread[k].median) / spread[k].sigma) ** 2
    like[i] = Math.min(1, Math.max(0, (NOT_SKIN - d) / (NOT_SKIN - SKIN)))
  }
  // at its edge, skin and what is behind it mix to colours that may look like skin
  const radius = Math.max(1, Math.round(EDGE * size))
  return gaussianBlur(least(least(like, size, radius, 1), size, radius, size), size, size, 1, radius / 2)
}

/** The least value within `radius` steps of `stride` along a row or a column. */
function least(values: Float32Array, size: number, radius: number, stride: number): Float32Array {
  const out = new Float32Array(values.length).fill(1)
  for (let i = 0; i < out.length; i++) {
    const place = stride === 1 ? i % size : Math.floor(i / size)
    const to = Math.min(radius, size - 1 - place)
    for (let k = Math.max(-radius, -place); k <= to; k++)
      if (values[i + k * stride] < out[i]) out[i] = values[i + k * stride]
  }
  return out
}

/** Per-vertex values with how far each is known. */
export interface VertexData {
  /** [vertices, 3] */
  values: Float32Array
  /** [vertices] 0 unknown */
  weight: Float32Array
}

/**
 * Carries known values over the whole mesh: smooth, near the known where it is known, and drawn towards `rest` far away from it
 * (screened Poisson equation, Gauss-Seidel from the known outwards).
 * @param stiffness squared smoothing length in edges
 * @param pull squared inverse of the length, in edges, over which values fade to `rest`, times stiffness
 */
export function spread(
  mesh: Mesh,
  { values, weight }: VertexData,
  rest: readonly number[],
  { stiffness, pull, rounds }: { stiffness: number; pull: number; rounds: number },
): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const n = weight.length
  const out = new Float32Array(3 * n)
  const order = new Uint32Array(n)
  const reached = new Uint8Array(n)
  let end = 0
  for (let v = 0; v < n; v++) {
    for (let c = 0; c < 3; c++) out[3 * v + c] = weight[v] > 0 ? values[3 * v + c] : rest[c]
    if (weight[v] > 0.3) {
      reached[v] = 1
      order[end++] = v
    }
  }
  // breadth first from the known: the start is then good, and sweeps in this order carry values far
  for (let i = 0; i < end; i++)
    for (let k = start[order[i]]; k < start[order[i] + 1]; k++) {
      const w = neighbors[k]
      if (reached[w]) continue
      reached[w] = 1
      order[end++] = w
      for (let c = 0; c < 3; c++) out[3 * w + c] = 0.985 * out[3 * order[i] + c] + 0.015 * rest[c]
    }
  for (let v = 0; v < n; v++) if (!reached[v]) order[end++] = v
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < n; i++) {
      // there and back
      const v = order[round % 2 === 0 ? i : n - 1 - i]
      const o = 3 * v
      const degree = start[v + 1] - start[v]
      const total = weight[v] + pull + stiffness
      // a vertex without neighbours has the rest's colour beside it
      let r = degree > 0 ? 0 : rest[0]
      let g = degree > 0 ? 0 : rest[1]
      let b = degree > 0 ? 0 : rest[2]
      for (let k = start[v]; k < start[v + 1]; k++) {
        const from = 3 * neighbors[k]
        r += out[from]
        g += out[from + 1]
        b += out[from + 2]
      }
      const share = Math.max(1, degree)
      out[o] = (weight[v] * values[o] + pull * rest[0] + stiffness * (r / share)) / total
      out[o + 1] = (weight[v] * values[o + 1] + pull * rest[1] + stiffness * (g / share)) / total
      out[o + 2] = (weight[v] * values[o + 2] + pull * rest[2] + stiffness * (b / share)) / total
    }
  return out
}

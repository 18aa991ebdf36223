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
  const like = new Float32Array(size * size).map((_, i) => {
    const f = at(i)
    const d = spread.reduce((sum, { median, sigma }, k) => sum + ((f[k] - median) / sigma) ** 2, 0)
    return Math.min(1, Math.max(0, (NOT_SKIN - d) / (NOT_SKIN - SKIN)))
  })
  // at its edge, skin and what is behind it mix to colours that may look like skin
  const radius = Math.max(1, Math.round(EDGE * size))
  return gaussianBlur(least(least(like, size, radius, 1), size, radius, size), size, size, 1, radius / 2)
}

/** The least value within `radius` steps of `stride` along a row or a column. */
function least(values: Float32Array, size: number, radius: number, stride: number): Float32Array {
  return values.map((_, i) => {
    const place = stride === 1 ? i % size : Math.floor(i / size)
    let low = 1
    for (let k = Math.max(-radius, -place); k <= Math.min(radius, size - 1 - place); k++)
      low = Math.min(low, values[i + k * stride])
    return low
  })
}

/** Per-vertex values with how far each is known. */
export interface VertexData {
  /** [vertices, channels] */
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
  const channels = rest.length
  const { start, neighbors } = vertexNeighbors(mesh)
  const n = weight.length
  const out = new Float32Array(n * channels)
  const order = new Uint32Array(n)
  const reached = new Uint8Array(n)
  let end = 0
  for (let v = 0; v < n; v++) {
    for (let c = 0; c < channels; c++) out[v * channels + c] = weight[v] > 0 ? values[v * channels + c] : rest[c]
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
      for (let c = 0; c < channels; c++) out[w * channels + c] = 0.985 * out[order[i] * channels + c] + 0.015 * rest[c]
    }
  for (let v = 0; v < n; v++) if (!reached[v]) order[end++] = v
  const sums = new Float64Array(channels)
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < n; i++) {
      // there and back
      const v = order[round % 2 === 0 ? i : n - 1 - i]
      const degree = start[v + 1] - start[v]
      const total = weight[v] + pull + stiffness
      sums.fill(0)
      for (let k = start[v]; k < start[v + 1]; k++)
        for (let c = 0, from = neighbors[k] * channels; c < channels; c++) sums[c] += out[from + c]
      for (let c = 0; c < channels; c++) {
        const mean = degree > 0 ? sums[c] / degree : rest[c]
        out[v * channels + c] = (weight[v] * values[v * channels + c] + pull * rest[c] + stiffness * mean) / total
      }
    }
  return out
}

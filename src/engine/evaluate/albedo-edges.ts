/**
 * Whether paint became shape: the error of normals where the skin's colour changes (brows, lips, moles, stubble, freckles) beside
 * the error elsewhere. Shading and albedo are told apart by nothing but the engine's assumptions, so this is where it errs first.
 */
import { srgbToLinear } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import { highPassed } from './normal-error.js'

/** An edge: log albedo changes by at least this much from one pixel of a 256 crop to the next, blurred over one such pixel. */
const EDGE = 0.05
/** Pixels of a 256 crop by which edges are widened: a dent lies beside its edge as well as on it. */
const WIDEN = 1.5
/** The high-pass that leaves what a dent is made of, in pixels of a 256 crop. */
const BAND = 6

/** Error of normals over some of the pixels. */
export interface ReliefError {
  meanDegrees: number
  /** Root mean square of the relief (narrower than 6 pixels of a 256 crop) that is not in the truth, degrees. */
  falseReliefDegrees: number
}

export interface AlbedoEdgeScore {
  /** Share of the measured pixels that lie at an edge of albedo. */
  share: number
  detail: { edges: ReliefError; elsewhere: ReliefError }
  /** The fitted head, which knows nothing of the photo's colours: more false relief than here is what paint did. */
  coarse?: { edges: ReliefError; elsewhere: ReliefError }
}

/**
 * Where albedo changes: [size, size] 1 at edges.
 * @param albedo [size, size, 3] sRGB 0..1, averaged over a crop pixel
 */
export function albedoEdges(albedo: Float32Array, mask: Uint8Array, size: number): Uint8Array {
  const scale = size / 256
  const log = new Float32Array(mask.length)
  for (let i = 0; i < log.length; i++) {
    const [r, g, b] = [0, 1, 2].map((k) => srgbToLinear(albedo[3 * i + k]))
    log[i] = Math.log(Math.max(0.01, 0.25 * r + 0.5 * g + 0.25 * b))
  }
  const smooth = gaussianBlur(log, size, size, 1, scale, mask)
  const out = new Uint8Array(mask.length)
  const reach = Math.round(WIDEN * scale)
  for (let y = 1; y < size - 1; y++)
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x
      if (!mask[i] || !mask[i - 1] || !mask[i + 1] || !mask[i - size] || !mask[i + size]) continue
      const step = Math.hypot(smooth[i + 1] - smooth[i - 1], smooth[i + size] - smooth[i - size]) / 2
      if (step * scale < EDGE) continue
      for (let v = Math.max(0, y - reach); v <= Math.min(size - 1, y + reach); v++)
        for (let u = Math.max(0, x - reach); u <= Math.min(size - 1, x + reach); u++)
          if (mask[v * size + u]) out[v * size + u] = 1
    }
  return out
}

/** Maps of a view, [size, size] each. */
interface EdgeMaps {
  size: number
  /** [size, size, 3] of the result, and the true ones. */
  normals: Float32Array
  truth: Float32Array
  /** Degrees between result and truth, NaN off the mask. */
  angles: Float32Array
  mask: Uint8Array
  edges: Uint8Array
}

/** Errors at the edges and elsewhere. */
export function reliefErrors(maps: EdgeMaps): { edges: ReliefError; elsewhere: ReliefError } {
  const { size, normals, truth, angles, mask, edges } = maps
  const sigma = (BAND * size) / 256
  const a = highPassed(normals, mask, size, sigma)
  const b = highPassed(truth, mask, size, sigma)
  const over = (wanted: (i: number) => boolean): ReliefError => {
    let [sum, squares, count, at] = [0, 0, 0, 0]
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) continue
      const o = 2 * at++
      if (!wanted(i)) continue
      count++
      sum += angles[i]
      squares += (a[o] - b[o]) ** 2 + (a[o + 1] - b[o + 1]) ** 2
    }
    return { meanDegrees: sum / count, falseReliefDegrees: (Math.sqrt(squares / count) * 180) / Math.PI }
  }
  return { edges: over((i) => edges[i] === 1), elsewhere: over((i) => edges[i] === 0) }
}

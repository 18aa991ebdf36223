/** Texture space: which triangle each texel lies on, where on it, and filling between islands. */
import type { Camera } from '../stages.js'
import { type Raster, rasterize } from './rasterize.js'

/** Draws a texture layout: `triangle` and `barycentric` of each texel's centre, as in a raster of the mesh. */
export function texelRaster(uv: Float32Array, uvIndices: Uint32Array, size: number): Raster {
  const positions = new Float32Array((uv.length / 2) * 3)
  for (let i = 0; i < uv.length / 2; i++) positions.set([uv[2 * i] * size, uv[2 * i + 1] * size, 1], 3 * i)
  return rasterize({ positions, indices: uvIndices }, flatCamera(size), { cull: 'none' })
}

/** A camera that takes (x, y, 1) to pixel (x, y). */
function flatCamera(size: number): Camera {
  const identity = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
  return { width: size, height: size, fx: 1, fy: 1, cx: 0, cy: 0, headToCamera: identity }
}

/**
 * Spreads values from covered texels over the others, first the near ones (pull-push, Grossman and Cortial), so that filtering
 * and mipmaps find no border. Changes `values` [size, size, channels] in place.
 * @param covered [size, size]; a triangle's number, -1 where none
 * @param size a power of two
 */
export function fillBetween(values: Float32Array, channels: number, size: number, covered: Int32Array): void {
  const weight = new Float32Array(covered.length)
  for (let i = 0; i < weight.length; i++) weight[i] = covered[i] < 0 ? 0 : 1
  pushPull(values, weight, channels, size)
}

function pushPull(values: Float32Array, weight: Float32Array, channels: number, size: number): void {
  if (size <= 1) return
  const half = size >> 1
  const small = new Float32Array(half * half * channels)
  const smallWeight = new Float32Array(half * half)
  for (let y = 0; y < half; y++)
    for (let x = 0; x < half; x++) {
      const o = y * half + x
      let sum = 0
      for (let k = 0; k < 4; k++) {
        const i = (2 * y + (k >> 1)) * size + 2 * x + (k & 1)
        const w = weight[i]
        if (w === 0) continue
        sum += w
        for (let c = 0; c < channels; c++) small[o * channels + c] += w * values[i * channels + c]
      }
      if (sum === 0) continue
      smallWeight[o] = 1
      for (let c = 0; c < channels; c++) small[o * channels + c] /= sum
    }
  pushPull(small, smallWeight, channels, half)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const i = y * size + x
      if (weight[i] !== 0) continue
      const o = (y >> 1) * half + (x >> 1)
      for (let c = 0; c < channels; c++) values[i * channels + c] = small[o * channels + c]
    }
}

/**
 * The same raster with fewer texels: half as many to a side at most.
 * @param largest texels along a side at most
 * @returns and for each of its texels the one of the full raster that it stands for
 */
export function coarserRaster(
  { raster, size: full }: { raster: Raster; size: number },
  largest: number,
): { raster: Raster; size: number; at: Uint32Array } {
  const step = Math.max(2, full / largest)
  const size = full / step
  const triangle = new Int32Array(size * size)
  const barycentric = new Float32Array(3 * size * size)
  const at = new Uint32Array(size * size)
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      at[i] = (y * step + (step >> 1)) * full + x * step + (step >> 1)
      triangle[i] = raster.triangle[at[i]]
      for (let k = 0; k < 3; k++) barycentric[3 * i + k] = raster.barycentric[3 * at[i] + k]
    }
  return { raster: { ...raster, triangle, barycentric, span: [0, triangle.length] }, size, at }
}

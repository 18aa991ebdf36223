/** The square of the photo that is optimised, resampled to its own resolution. */
import type { Crop, Photo } from '../stages.js'

/** Support of the kernel in samples of the coarser of the two grids. */
const KERNEL_RADIUS = 3

/** Lanczos-3 (Duchon 1979): keeps what the coarser grid can hold nearly in full and passes little that would alias. */
function lanczos3(t: number): number {
  const x = Math.abs(t) * Math.PI
  if (x < 1e-9) return 1
  return x < KERNEL_RADIUS * Math.PI ? (KERNEL_RADIUS * Math.sin(x) * Math.sin(x / KERNEL_RADIUS)) / (x * x) : 0
}

/** For each output sample: the first source sample and the weights of the following ones. */
interface Filter {
  first: Int32Array
  /** [outputs, taps] */
  weights: Float64Array
  taps: number
}

/**
 * Weights that resample a row: output sample i (centre i + 1/2) lies at source position start + (i + 1/2) · step.
 * With step > 1 the kernel is widened by it, so nothing aliases. The weights are corrected so that their sum is 1 and their
 * centre of mass lies exactly at the wanted position: constants and linear ramps come out exact at any phase and scale.
 */
function makeFilter(start: number, step: number, outputs: number): Filter {
  const widen = Math.max(step, 1)
  const radius = KERNEL_RADIUS * widen
  const taps = Math.floor(2 * radius) + 2
  const first = new Int32Array(outputs)
  const weights = new Float64Array(outputs * taps)
  for (let i = 0; i < outputs; i++) {
    const center = start + (i + 0.5) * step
    const from = Math.ceil(center - radius - 0.5)
    first[i] = from
    const row = weights.subarray(i * taps, (i + 1) * taps)
    for (let k = 0; k < taps; k++) row[k] = lanczos3((from + k + 0.5 - center) / widen) / widen
    correctMoments(row, from + 0.5 - center)
  }
  return { first, weights, taps }
}

/** Adds |w| · (a + b d), d the distance from the centre, such that Σw = 1 and Σw·d = 0. */
function correctMoments(row: Float64Array, firstDistance: number): void {
  let m0 = 0
  let m1 = 0
  let a0 = 0
  let a1 = 0
  let a2 = 0
  for (let k = 0; k < row.length; k++) {
    const w = row[k]
    const d = firstDistance + k
    const abs = Math.abs(w)
    m0 += w
    m1 += w * d
    a0 += abs
    a1 += abs * d
    a2 += abs * d * d
  }
  const det = a0 * a2 - a1 * a1
  // A single tap (magnification exactly on a sample) has no width to tilt.
  const a = det > 1e-12 ? ((1 - m0) * a2 + m1 * a1) / det : (1 - m0) / a0
  const b = det > 1e-12 ? (-m1 * a0 - (1 - m0) * a1) / det : 0
  for (let k = 0; k < row.length; k++) row[k] += Math.abs(row[k]) * (a + b * (firstDistance + k))
}

/**
 * Resamples the crop's square of the photo: crop pixel (u, v) lies at photo pixel (x + u · width / size,
 * y + v · height / size), pixel centres at +0.5 in both. Separable Lanczos-3, widened when minifying (a proper
 * anti-aliasing filter), interpolating when magnifying. Where the crop reaches past the photo's border, the border's
 * pixels go on.
 *
 * @returns [size, size, 3] sRGB values 0..1
 * @throws RangeError for a crop without extent
 */
export function cropImage(photo: Photo, crop: Crop): Float32Array {
  const { size } = crop
  const extent = [crop.x, crop.y, crop.width, crop.height]
  if (!Number.isInteger(size) || size < 1 || !extent.every(Number.isFinite) || crop.width <= 0 || crop.height <= 0) {
    throw new RangeError(`not a crop: ${JSON.stringify(crop)}`)
  }
  const across = makeFilter(crop.x, crop.width / size, size)
  const down = makeFilter(crop.y, crop.height / size, size)

  // Only the rows that the vertical filter touches are filtered across; rows past the border equal the border's row.
  const clampRow = (y: number): number => Math.min(Math.max(y, 0), photo.height - 1)
  const firstRow = clampRow(down.first[0])
  const lastRow = clampRow(down.first[size - 1] + down.taps - 1)
  const rows = lastRow - firstRow + 1
  const filtered = new Float32Array(rows * size * 3)
  for (let r = 0; r < rows; r++)
    filterRow(photo, firstRow + r, across, filtered.subarray(r * size * 3, (r + 1) * size * 3))

  const out = new Float32Array(size * size * 3)
  const sum = new Float64Array(size * 3)
  for (let v = 0; v < size; v++) {
    sum.fill(0)
    for (let k = 0; k < down.taps; k++) {
      const w = down.weights[v * down.taps + k]
      if (w === 0) continue
      const at = (clampRow(down.first[v] + k) - firstRow) * size * 3
      for (let i = 0; i < sum.length; i++) sum[i] += w * filtered[at + i]
    }
    // The kernel overshoots at hard edges; colours end at 0 and 1.
    for (let i = 0; i < sum.length; i++) out[v * size * 3 + i] = Math.min(Math.max(sum[i] / 255, 0), 1)
  }
  return out
}

function filterRow(photo: Photo, y: number, filter: Filter, out: Float32Array): void {
  const { data, width } = photo
  const { first, weights, taps } = filter
  const base = y * width
  for (let u = 0; u < first.length; u++) {
    let r = 0
    let g = 0
    let b = 0
    for (let k = 0; k < taps; k++) {
      const w = weights[u * taps + k]
      if (w === 0) continue
      const at = (base + Math.min(Math.max(first[u] + k, 0), width - 1)) * 3
      r += w * data[at]
      g += w * data[at + 1]
      b += w * data[at + 2]
    }
    out[u * 3] = r
    out[u * 3 + 1] = g
    out[u * 3 + 2] = b
  }
}

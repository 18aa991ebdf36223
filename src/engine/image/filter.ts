/** Filters on float images [height, width, channels], aware of masks: only pixels inside count. */

/**
 * Gaussian blur, separable, cut off at 3.5 sigma.
 * @param mask [height, width]; pixels at 0 do not contribute, and are 0 in the result (normalised convolution, Knutsson and
 *   Westin 1993). What lies beyond the image's border does not contribute either.
 */
export function gaussianBlur(
  image: Float32Array,
  width: number,
  height: number,
  channels: number,
  sigma: number,
  mask?: ArrayLike<number>,
): Float32Array {
  const n = width * height
  const planes = channels + 1
  let source = new Float32Array(n * planes)
  for (let i = 0; i < n; i++) {
    const w = mask === undefined || mask[i] ? 1 : 0
    if (w === 0) continue
    for (let k = 0; k < channels; k++) source[i * planes + k] = image[i * channels + k]
    source[i * planes + channels] = 1
  }
  const radius = Math.ceil(sigma * 3.5)
  const kernel = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)))
  if (sigma > 0) {
    source = blurAxis(source, width, height, planes, kernel, 1, width)
    source = blurAxis(source, height, width, planes, kernel, width, 1)
  }
  const out = new Float32Array(n * channels)
  for (let i = 0; i < n; i++) {
    const w = source[i * planes + channels]
    if (w === 0 || (mask !== undefined && !mask[i])) continue
    for (let k = 0; k < channels; k++) out[i * channels + k] = source[i * planes + k] / w
  }
  return out
}

function blurAxis(
  source: Float32Array,
  length: number,
  lines: number,
  planes: number,
  kernel: Float64Array,
  step: number,
  lineStep: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(source.length)
  const radius = kernel.length - 1
  for (let line = 0; line < lines; line++)
    for (let i = 0; i < length; i++) {
      const target = (line * lineStep + i * step) * planes
      const from = Math.max(0, i - radius)
      const to = Math.min(length - 1, i + radius)
      for (let j = from; j <= to; j++) {
        const w = kernel[Math.abs(i - j)]
        const o = (line * lineStep + j * step) * planes
        for (let k = 0; k < planes; k++) out[target + k] += w * source[o + k]
      }
    }
  return out
}

/** Bilinear sample of a float image at (x, y), pixel centres at +0.5, edges repeated; writes `channels` numbers to `out`. */
export function sampleBilinear(
  image: ArrayLike<number>,
  width: number,
  height: number,
  channels: number,
  x: number,
  y: number,
  out: Float32Array | Float64Array | number[],
): void {
  const fx = Math.max(0, Math.min(width - 1, x - 0.5))
  const fy = Math.max(0, Math.min(height - 1, y - 0.5))
  const x0 = Math.min(width - 2, Math.floor(fx))
  const y0 = Math.min(height - 2, Math.floor(fy))
  const a = Math.max(0, x0)
  const b = Math.max(0, y0)
  const u = fx - a
  const v = fy - b
  const right = Math.min(width - 1, a + 1)
  const below = Math.min(height - 1, b + 1)
  for (let k = 0; k < channels; k++) {
    const top = (1 - u) * image[(b * width + a) * channels + k] + u * image[(b * width + right) * channels + k]
    const bottom =
      (1 - u) * image[(below * width + a) * channels + k] + u * image[(below * width + right) * channels + k]
    out[k] = (1 - v) * top + v * bottom
  }
}

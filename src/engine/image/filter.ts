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
  const radius = Math.ceil(sigma * 3.5)
  const kernel = Float64Array.from({ length: radius + 1 }, (_, i) =>
    i === 0 ? 1 : Math.exp((-i * i) / (2 * sigma * sigma)),
  )
  const inside = mask && Float32Array.from({ length: n }, (_, i) => (mask[i] ? 1 : 0))
  // what the sums below are divided by: how much of the kernel lies on known pixels
  const cover = inside ? blurPlane(inside, width, height, kernel) : undefined
  const [across, down] = [kernelShare(width, kernel), kernelShare(height, kernel)]
  const out = new Float32Array(n * channels)
  const plane = new Float32Array(n)
  for (let k = 0; k < channels; k++) {
    for (let i = 0; i < n; i++) plane[i] = inside && inside[i] === 0 ? 0 : image[i * channels + k]
    const blurred = blurPlane(plane, width, height, kernel)
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        if (!inside || inside[i] > 0) out[i * channels + k] = blurred[i] / (cover ? cover[i] : across[x] * down[y])
  }
  return out
}

/** [length] sum of the kernel's weights that lie on a line of so many pixels. */
function kernelShare(length: number, kernel: Float64Array): Float64Array {
  return Float64Array.from({ length }, (_, i) => {
    let sum = kernel[0]
    for (let j = 1; j < kernel.length; j++) sum += kernel[j] * ((i >= j ? 1 : 0) + (i + j < length ? 1 : 0))
    return sum
  })
}

/** Weighted sums over rows, then over columns; zero beyond the border. `kernel` [radius + 1] is one half of an even one. */
function blurPlane(source: Float32Array, width: number, height: number, kernel: Float64Array): Float32Array {
  const radius = kernel.length - 1
  const rows = new Float32Array(source.length)
  const line = new Float64Array(width + 2 * radius)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) line[radius + x] = source[y * width + x]
    for (let x = 0; x < width; x++) {
      const middle = radius + x
      let sum = kernel[0] * line[middle]
      for (let j = 1; j <= radius; j++) sum += kernel[j] * (line[middle - j] + line[middle + j])
      rows[y * width + x] = sum
    }
  }
  const out = new Float32Array(source.length)
  const sums = new Float64Array(width)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) sums[x] = kernel[0] * rows[y * width + x]
    for (let j = 1; j <= radius; j++) {
      const w = kernel[j]
      for (const row of [y - j, y + j])
        if (row >= 0 && row < height) for (let x = 0, i = row * width; x < width; x++, i++) sums[x] += w * rows[i]
    }
    out.set(sums, y * width)
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

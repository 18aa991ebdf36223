/** Square patches of a photo, turned and scaled, as the networks want them. */
import type { Photo } from '../stages.js'

/** A square in the photo: its centre and side in photo pixels, and the angle its x axis has in the photo (radians, clockwise). */
export interface Square {
  cx: number
  cy: number
  side: number
  angle: number
}

interface Level {
  width: number
  height: number
  /** [height, width, 3] */
  data: Uint8Array
}

/**
 * The photo and its halvings, made when first needed: level k averages blocks of 2^k pixels, so a photo coordinate divided
 * by 2^k is the level's coordinate.
 */
export class PhotoPyramid {
  readonly photo: Photo
  readonly #levels: Level[]

  constructor(photo: Photo) {
    this.photo = photo
    this.#levels = [photo]
  }

  level(k: number): Level {
    while (this.#levels.length <= k) this.#levels.push(halve(this.#levels[this.#levels.length - 1]))
    return this.#levels[k]
  }
}

function halve(from: Level): Level {
  const width = Math.ceil(from.width / 2)
  const height = Math.ceil(from.height / 2)
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const top = 2 * y * from.width
    const bottom = Math.min(2 * y + 1, from.height - 1) * from.width
    for (let x = 0; x < width; x++) {
      const left = 2 * x
      const right = Math.min(2 * x + 1, from.width - 1)
      for (let c = 0; c < 3; c++) {
        const sum =
          from.data[(top + left) * 3 + c] +
          from.data[(top + right) * 3 + c] +
          from.data[(bottom + left) * 3 + c] +
          from.data[(bottom + right) * 3 + c]
        data[(y * width + x) * 3 + c] = (sum + 2) >> 2
      }
    }
  }
  return { width, height, data }
}

export interface PatchOptions {
  /** Flip the patch left to right. */
  mirrored?: boolean
  /** What lies beyond the photo: its border's pixels, or black. */
  outside?: 'border' | 'black'
  /** Values are byte · scale + offset. */
  scale: number
  offset: number
}

/**
 * Samples a square of the photo into [size, size, 3], bilinear, from the pyramid level where a patch pixel covers 0.7 to 1.4
 * pixels, so that nothing much aliases or blurs at any scale.
 */
export function samplePatch(pyramid: PhotoPyramid, square: Square, size: number, options: PatchOptions): Float32Array {
  const step = square.side / size
  const k = Math.max(0, Math.round(Math.log2(step)))
  const { width, height, data } = pyramid.level(k)
  const shrink = 2 ** -k
  const cos = Math.cos(square.angle) * step * shrink
  const sin = Math.sin(square.angle) * step * shrink
  const flip = options.mirrored === true ? -1 : 1
  const black = options.outside === 'black'
  const { scale, offset } = options
  const [right, down] = [width > 1 ? 3 : 0, height > 1 ? 3 * width : 0]
  const [lastX, lastY] = [Math.max(width - 2, 0), Math.max(height - 2, 0)]
  const out = new Float32Array(size * size * 3)
  let at = 0
  for (let v = 0; v < size; v++) {
    const b = v + 0.5 - size / 2
    for (let u = 0; u < size; u++, at += 3) {
      const a = (u + 0.5 - size / 2) * flip
      // Whole numbers are pixel centres from here on.
      const x = square.cx * shrink + cos * a - sin * b - 0.5
      const y = square.cy * shrink + sin * a + cos * b - 0.5
      if (black && (x < -0.5 || y < -0.5 || x > width - 0.5 || y > height - 0.5)) {
        out[at] = out[at + 1] = out[at + 2] = offset
        continue
      }
      const px = Math.min(Math.max(x, 0), width - 1)
      const py = Math.min(Math.max(y, 0), height - 1)
      const x0 = Math.min(Math.floor(px), lastX)
      const y0 = Math.min(Math.floor(py), lastY)
      const fx = px - x0
      const fy = py - y0
      const i = (y0 * width + x0) * 3
      const j = i + down
      for (let c = 0; c < 3; c++) {
        const upper = data[i + c] + fx * (data[i + right + c] - data[i + c])
        const lower = data[j + c] + fx * (data[j + right + c] - data[j + c])
        out[at + c] = (upper + fy * (lower - upper)) * scale + offset
      }
    }
  }
  return out
}

/**
 * Takes points from patch coordinates (0..size) to photo pixels.
 * @param points [n, stride] of which the first two columns are x and y
 * @returns [n, 2] photo pixels
 */
export function patchToPhoto(
  points: Float32Array | Float64Array,
  stride: number,
  square: Square,
  size: number,
  mirrored = false,
): Float64Array {
  const step = square.side / size
  const cos = Math.cos(square.angle) * step
  const sin = Math.sin(square.angle) * step
  const flip = mirrored ? -1 : 1
  const count = Math.floor(points.length / stride)
  const out = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    const a = (points[i * stride] - size / 2) * flip
    const b = points[i * stride + 1] - size / 2
    out[i * 2] = square.cx + cos * a - sin * b
    out[i * 2 + 1] = square.cy + sin * a + cos * b
  }
  return out
}

/**
 * What parts of the photo tell: the photometric loss leaves out eyeballs, the open mouth, and what covers the face from its
 * border inwards (hair, hats, hands), where the prior alone holds the surface; brows and lips are paint.
 */
import { gaussianBlur } from '../image/filter.js'
import type { Crop, Landmarks } from '../stages.js'

/** Squared Mahalanobis distance of colour beyond which a pixel is not skin. */
const OUTLIER = 16
/** Share of the crop's side that is left out beyond what covers the face. */
const FRINGE = 0.008
/** Share of the crop's side by which eye and mouth openings are widened. */
const WIDEN = 0.006
/** Skin that hangs together only by necks narrower than about twice this share of the crop's side is in pieces. */
const NECK = 0.012
/** Pieces smaller than this share of the largest are not believed to be skin. */
const SMALL = 0.25
/** Share of the crop's side by which brows and lips are widened: landmarks follow their edges only roughly. */
const PAINT_WIDEN = 0.012

/** Closed contours of a face by indices of its landmarks. */
export interface FaceContours {
  eyes: readonly (readonly number[])[]
  /** Inner edge of the lips. */
  mouth: readonly number[]
  brows: readonly (readonly number[])[]
  /** Outer edge of the lips. */
  lips: readonly number[]
}

/**
 * What a step of albedo costs at each crop pixel, [size, size] in 0..1: brows and lips differ from the skin about them by
 * nature, so there a change of brightness is hardly a sign of shape.
 * @param paintPrice price on brows and lips as a share of the price elsewhere
 */
export function albedoPrice(
  crop: Crop,
  landmarks: Landmarks,
  contours: FaceContours,
  paintPrice: number,
): Float32Array {
  const { size } = crop
  const price = new Float32Array(size * size).fill(1)
  for (const contour of [...contours.brows, contours.lips])
    fill(price, size, inCrop(contour, crop, landmarks), PAINT_WIDEN * size, paintPrice)
  return price
}

/**
 * Photometric weight of each crop pixel, [size, size], 0 or 1.
 * @param image [size, size, 3] sRGB 0..1
 * @param mask [size, size] the face region
 */
export function trustedSkin(
  image: Float32Array,
  mask: Uint8Array,
  crop: Crop,
  landmarks: Landmarks,
  contours: FaceContours,
): Float32Array {
  const { size } = crop
  const trusted = Float32Array.from(mask)
  for (const contour of [...contours.eyes, contours.mouth]) {
    const polygon = inCrop(contour, crop, landmarks)
    const height = Math.max(...polygon.map((p) => p[1])) - Math.min(...polygon.map((p) => p[1]))
    // Closed eyes and lips are thin slits that hide nothing.
    if (height >= 2 * WIDEN * size + 1) fill(trusted, size, polygon, WIDEN * size, 0)
  }
  const covered = new Float32Array(size * size)
  for (const pixel of coveredFromBorder(image, mask, trusted, size)) covered[pixel] = 1
  // Fringes and shadows of hair are neither hair nor plain skin.
  const about = gaussianBlur(covered, size, size, 1, FRINGE * size)
  return withoutScraps(
    trusted.map((t, i) => (about[i] > 0.05 ? 0 : t)),
    size,
  )
}

/** What hair of the skin's own colour has left over between its darker strands is small or hangs on by a thread. */
function withoutScraps(trusted: Float32Array, size: number): Float32Array {
  const core = gaussianBlur(trusted, size, size, 1, NECK * size)
  const piece = new Uint32Array(trusted.length)
  const areas = [0]
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] || core[i] < 0.75) continue
    const own = areas.push(0) - 1
    piece[i] = own
    const stack = [i]
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      areas[own]++
      for (const next of neighbors(at, size))
        if (!piece[next] && core[next] >= 0.75) {
          piece[next] = own
          stack.push(next)
        }
    }
  }
  const least = SMALL * Math.max(...areas)
  const kept = Float32Array.from(piece, (own) => (own && areas[own] >= least ? 1 : 0))
  const near = gaussianBlur(kept, size, size, 1, NECK * size)
  return trusted.map((t, i) => (near[i] > 0.02 ? t : 0))
}

/** The pixels above, below and beside one. */
function* neighbors(i: number, size: number): Generator<number> {
  const x = i % size
  if (x > 0) yield i - 1
  if (x < size - 1) yield i + 1
  if (i >= size) yield i - size
  if (i < size * (size - 1)) yield i + size
}

function inCrop(contour: readonly number[], crop: Crop, { points }: Landmarks): [number, number][] {
  return contour.map((i) => [
    ((points[2 * i] - crop.x) * crop.size) / crop.width,
    ((points[2 * i + 1] - crop.y) * crop.size) / crop.height,
  ])
}

/** Sets pixels in, or within `margin` of, a polygon. */
function fill(values: Float32Array, size: number, polygon: [number, number][], margin: number, value: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [px, py] = [x + 0.5, y + 0.5]
      let inside = false
      let nearest = Number.POSITIVE_INFINITY
      polygon.forEach(([ax, ay], i) => {
        const [bx, by] = polygon[(i + 1) % polygon.length]
        if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) inside = !inside
        const t = Math.min(
          1,
          Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2 + 1e-9)),
        )
        nearest = Math.min(nearest, Math.hypot(ax + t * (bx - ax) - px, ay + t * (by - ay) - py))
      })
      if (inside || nearest < margin) values[y * size + x] = value
    }
  }
}

/**
 * Pixels whose colour is far from that of the middle of the face and that hang together with the mask's border.
 * Colours are compared as logarithms: brightness loosely (shadows are skin), chroma tightly.
 */
function coveredFromBorder(image: Float32Array, mask: Uint8Array, trusted: Float32Array, size: number): number[] {
  const smooth = gaussianBlur(image, size, size, 3, size / 170)
  const feature = (i: number): [number, number, number] => {
    const [r, g, b] = [0, 1, 2].map((k) => Math.log(Math.max(smooth[3 * i + k], 0.01)))
    return [(r + g + b) / 3, r - g, g - b]
  }
  const sample: [number, number, number][] = []
  for (let i = 0; i < mask.length; i++) {
    const x = (i % size) / size - 0.5
    const y = Math.floor(i / size) / size - 0.5
    if (trusted[i] && x * x + y * y < 0.09) sample.push(feature(i))
  }
  if (sample.length < 100) return []
  const spread = [0, 1, 2].map((k) => {
    const values = sample.map((f) => f[k]).sort((a, b) => a - b)
    const at = (share: number): number => values[Math.floor(share * (values.length - 1))]
    return { median: at(0.5), sigma: Math.max((at(0.84) - at(0.16)) / 2, k === 0 ? 0.2 : 0.05) }
  })
  const outlier = (i: number): boolean => {
    const f = feature(i)
    const d = spread.map(({ median, sigma }, k) => ((f[k] - median) / sigma) ** 2)
    return d[0] + d[1] + d[2] > OUTLIER
  }
  const found: number[] = []
  const visited = new Uint8Array(mask.length)
  const stack: number[] = []
  const push = (i: number): void => {
    if (visited[i] || !mask[i]) return
    visited[i] = 1
    if (outlier(i)) {
      found.push(i)
      stack.push(i)
    }
  }
  for (let i = 0; i < mask.length; i++) {
    const x = i % size
    const edge = x === 0 || x === size - 1 || i < size || i >= mask.length - size
    if (mask[i] && (edge || !mask[i - 1] || !mask[i + 1] || !mask[i - size] || !mask[i + size])) push(i)
  }
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) for (const next of neighbors(i, size)) push(next)
  return found
}

/**
 * What parts of the photo tell: the photometric loss leaves out eyeballs, the open mouth, and what covers the face from its
 * border inwards (hair, hats, hands) or spoils it, where the prior alone holds the surface; brows and lips are paint.
 */
import { gaussianBlur } from '../image/filter.js'
import { connectedRegions } from '../image/regions.js'
import type { CoarseMaps, Crop, Flaws, Landmarks } from '../stages.js'
import type { EvidenceMaps } from './maps.js'
import { skinDistance } from './skin.js'

/** Squared distance from plain skin beyond which a pixel is not skin. */
const OUTLIER = 20
/** Share of the crop's side that is left out beyond what covers the face. */
const FRINGE = 0.008
/** Share of the crop's side by which eye and mouth openings are widened. */
const WIDEN = 0.006
/** Skin that hangs together only by necks narrower than about twice this share of the crop's side is in pieces. */
const NECK = 0.012
/** Pieces smaller than this share of the largest are not believed to be skin: where colours tell it, and where labels do. */
const SMALL = 0.25
const SMALL_LABELLED = 0.04
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

/** What differs in colour from the skin about it by nature, [size, size] each, 1 there. */
export interface PaintedSkin {
  brows: Float32Array
  lips: Float32Array
  beard: Float32Array
}

/** Finds brows and lips by the landmarks, which know no beard. */
export function paintedSkin(crop: Crop, landmarks: Landmarks, contours: FaceContours): PaintedSkin {
  const { size } = crop
  const within = (outlines: readonly (readonly number[])[]): Float32Array => {
    const mask = new Float32Array(size * size)
    for (const outline of outlines) fill(mask, size, inCrop(outline, crop, landmarks), PAINT_WIDEN * size, 1)
    return mask
  }
  return { brows: within(contours.brows), lips: within([contours.lips]), beard: new Float32Array(size * size) }
}

/**
 * Where the photo shows the ball of an open eye, [size, size] 0..1: within the landmarks of the lids, and where labels say so.
 * @param labelled [size, size] probabilities of the label
 */
export function openEyes(
  crop: Crop,
  landmarks: Landmarks,
  contours: Pick<FaceContours, 'eyes'>,
  labelled?: Float32Array,
): Float32Array {
  const eyes = labelled?.slice() ?? new Float32Array(crop.size ** 2)
  fillOpen(eyes, crop, landmarks, contours.eyes)
  return eyes
}

/** Where the photo shows the inside of an open mouth, [size, size] 0 or 1, by the landmarks of the lips. */
export function openMouth(crop: Crop, landmarks: Landmarks, { mouth }: Pick<FaceContours, 'mouth'>): Float32Array {
  const inside = new Float32Array(crop.size ** 2)
  fillOpen(inside, crop, landmarks, [mouth])
  return inside
}

function fillOpen(mask: Float32Array, crop: Crop, landmarks: Landmarks, contours: FaceContours['eyes']): void {
  for (const contour of contours) {
    const polygon = inCrop(contour, crop, landmarks)
    if (isOpen(polygon, crop.size)) fill(mask, crop.size, polygon, 0, 1)
  }
}

/** Closed eyes and lips are thin slits that hide nothing. */
function isOpen(polygon: readonly [number, number][], size: number): boolean {
  const heights = polygon.map((p) => p[1])
  return Math.max(...heights) - Math.min(...heights) >= 2 * WIDEN * size + 1
}

interface SeenCrop {
  /** [size, size, 3] sRGB 0..1 */
  image: Float32Array
  coarse: Pick<CoarseMaps, 'mask' | 'normals'>
  crop: Crop
  landmarks: Landmarks
  contours: FaceContours
  flaws: Flaws
}

/** Photometric weight of each crop pixel, [size, size], 0 or 1. */
export function trustedSkin({ image, coarse, crop, landmarks, contours, flaws }: SeenCrop): Float32Array {
  const { mask, normals } = coarse
  const { spoilt, torn } = flaws
  const { size } = crop
  const outline = (contour: readonly number[]) => inCrop(contour, crop, landmarks)
  const trusted = Float32Array.from(mask)
  for (const contour of [...contours.eyes, contours.mouth]) {
    const polygon = outline(contour)
    if (isOpen(polygon, size)) fill(trusted, size, polygon, WIDEN * size, 0)
  }
  const plain = Float32Array.from(mask, (inside, i) => inside * (1 - spoilt[i]))
  for (const contour of [...contours.eyes, ...contours.brows, contours.lips])
    fill(plain, size, outline(contour), PAINT_WIDEN * size, 0)
  const middle = new Float32Array(size * size)
  fill(middle, size, convexHull([...contours.eyes, contours.lips].flatMap(outline)), 0, 1)
  const smooth = gaussianBlur(image, size, size, 3, size / 170)
  const distance = skinDistance(smooth, normals, plain, middle)
  const alien = mask.map((inside, i) => (inside && distance[i] > OUTLIER ? 1 : 0))
  const covered = Float32Array.from(torn ? alien : fromBorder(alien, mask, size), (c, i) => Math.max(c, spoilt[i]))
  // Fringes and shadows of hair are neither hair nor plain skin.
  const about = gaussianBlur(covered, size, size, 1, FRINGE * size)
  return withoutScraps(
    trusted.map((t, i) => (about[i] > 0.05 ? 0 : t)),
    size,
    SMALL,
  )
}

/** Share of a pixel that must be the face's for the photo to be looked at. */
const SURE = 0.6
/** Fringes and shadows of hair and hands reach so far over the face, those of glasses' frames so far, as shares of the crop's side. */
const SHADOW = 0.02
const FRAME = 0.005
/** Share of cover about a pixel that is too much. */
const COVERED = 0.1

/** Where the photo shows the face, [size, size] each, 0 or 1. */
export interface ShownFace {
  /** Bare skin, whose colours are to be matched by relief and light: skin, lips and brows. */
  trusted: Float32Array
  /** The face's own colours: of bare skin, and of a beard. */
  uncovered: Float32Array
}

type FaceLabels = Pick<EvidenceMaps, 'skin' | 'cover' | 'beard' | 'glasses' | 'brows' | 'eyes'>

/**
 * Where the photo shows the face by what learned evidence says of each crop pixel.
 *
 * @param labels [size, size] probabilities
 */
export function labelledFace(
  { skin, cover, beard, glasses, brows, eyes }: FaceLabels,
  { mask }: Pick<CoarseMaps, 'mask'>,
  { spoilt }: Flaws,
): ShownFace {
  const size = Math.sqrt(skin.length)
  const about = (hidden: Float32Array, reach: number) => gaussianBlur(hidden, size, size, 1, reach * size)
  const frames = about(glasses, FRAME)
  const shown = (share: (i: number) => number, hidden: (i: number) => number): Float32Array =>
    withoutScraps(
      Float32Array.from(mask, (inside, i) =>
        inside && share(i) > SURE && hidden(i) < COVERED && frames[i] < COVERED ? 1 : 0,
      ),
      size,
      SMALL_LABELLED,
    )
  const shadow = about(
    cover.map((p, i) => Math.max(p - glasses[i], spoilt[i])),
    SHADOW,
  )
  const others = cover.map((p, i) => Math.max(p - glasses[i] - beard[i], spoilt[i]))
  const [near, far] = [about(others, FRAME), about(others, SHADOW)]
  // open eyes belong to the skin about them, which behind glasses is little
  const whole = shown(
    (i) => skin[i] + beard[i] + eyes[i],
    // a shadow is not seen on the face's own hair
    (i) => far[i] + (near[i] - far[i]) * Math.min(1, brows[i] + beard[i]),
  )
  return {
    trusted: shown(
      (i) => skin[i],
      (i) => shadow[i],
    ),
    uncovered: whole.map((w, i) => (skin[i] + beard[i] > SURE ? w : 0)),
  }
}

/** What hair of the skin's own colour has left over between its darker strands is small or hangs on by a thread. */
function withoutScraps(trusted: Float32Array, size: number, small: number): Float32Array {
  const core = gaussianBlur(trusted, size, size, 1, NECK * size)
  const { region, areas } = connectedRegions(
    core.map((c) => (c < 0.75 ? 0 : 1)),
    size,
  )
  const least = small * Math.max(...areas)
  const kept = Float32Array.from(region, (own) => (own && areas[own] >= least ? 1 : 0))
  const near = gaussianBlur(kept, size, size, 1, NECK * size)
  return trusted.map((t, i) => (near[i] > 0.02 ? t : 0))
}

function inCrop(contour: readonly number[], crop: Crop, { points }: Landmarks): [number, number][] {
  return contour.map((i) => [
    ((points[2 * i] - crop.x) * crop.size) / crop.width,
    ((points[2 * i + 1] - crop.y) * crop.size) / crop.height,
  ])
}

/** Sets pixels in, or within `margin` of, a polygon. */
function fill(values: Float32Array, size: number, polygon: [number, number][], margin: number, value: number): void {
  const range = (axis: 0 | 1): [number, number] => {
    const along = polygon.map((p) => p[axis])
    return [
      Math.max(0, Math.floor(Math.min(...along) - margin)),
      Math.min(size - 1, Math.ceil(Math.max(...along) + margin)),
    ]
  }
  const [left, right] = range(0)
  const [top, bottom] = range(1)
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
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

/** [size, size] the areas of `alien` that reach the mask's border. */
function fromBorder(alien: Uint8Array, mask: Uint8Array, size: number): Uint8Array {
  const { region, areas } = connectedRegions(alien, size)
  const reaches = new Uint8Array(areas.length)
  for (let i = 0; i < mask.length; i++) {
    const column = i % size
    const inside = column > 0 && column < size - 1 && mask[i - 1] && mask[i + 1] && mask[i - size] && mask[i + size]
    if (!inside) reaches[region[i]] = 1
  }
  reaches[0] = 0
  return alien.map((_, i) => reaches[region[i]])
}

/** The corners of the convex hull of points, in order (Andrew's monotone chain). */
function convexHull(points: [number, number][]): [number, number][] {
  const sorted = points.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
  const half = (from: [number, number][]): [number, number][] => {
    const chain: [number, number][] = []
    for (const [x, y] of from) {
      for (; chain.length > 1; chain.pop()) {
        const [[ax, ay], [bx, by]] = chain.slice(-2)
        if ((bx - ax) * (y - ay) > (by - ay) * (x - ax)) break
      }
      chain.push([x, y])
    }
    return chain.slice(0, -1)
  }
  return [...half(sorted), ...half(sorted.toReversed())]
}

/**
 * Whether the photo shows teeth that meet. Parted lips say nothing of the jaw: a smile draws them apart over shut teeth as an open jaw
 * does, and only what is between the lips tells which. Teeth that meet fill the opening; a jaw that is open leaves a dark or a red gap.
 */
import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import { sampleBilinear } from '../image/filter.js'
import type { Crop, Landmarks } from '../stages.js'
import { IBUG_COUNT, ibugPoints, OPENINGS } from './layouts.js'

/** iBUG's lower lids and corners of the mouth by side: cheeks are between them. */
const CHEEKS = [
  [41, 40, 48],
  [46, 47, 54],
] as const
const ON_CHEEK = [0.35, 0.5, 0.65] as const
/** Pixels across the mouth at which it is looked at, and what is seen about it in its own widths. */
const ACROSS = 64
const ABOUT = 4.5
/** Lines across the opening within these shares of its width, and samples a line. */
const MIDDLE = [0.2, 0.8] as const
const SAMPLES = 48
/** Lips whose gap is less than this share of the mouth's width may only shine. */
const LEAST_OPEN = 0.08
/** Teeth are this bright at least beside skin, and less red by this logarithm of red over green. */
const BRIGHT = 0.6
const PALE = 0.04
/** Share of a line's height that teeth must fill, and of the lines that must show them. */
const FILLED = 0.3
const SHOWN = 0.7
/** Lips are marked about so exactly, as a share of the gap between them. */
const EDGE = 0.05
/** Gaps below the upper teeth, as shares of the mouth's width, at which they meet for sure and at which they do not. */
const GAP = [0.02, 0.05] as const

type Points = Pick<Landmarks, 'layout' | 'points'>

/** Corners of the mouth, pixels of the photo, and how far they are apart. */
function mouthOf({ layout, points }: Points): { marks: ArrayLike<number>; corners: number[][]; width: number } {
  const marks = layout === IBUG_COUNT ? points : ibugPoints(points)
  const corners = CHEEKS.map(([, , i]) => [marks[2 * i], marks[2 * i + 1]])
  return { marks, corners, width: Math.hypot(corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]) }
}

/** The part of a photo that is looked at for teeth. */
export function mouthCrop(landmarks: Points): Crop {
  const { corners, width } = mouthOf(landmarks)
  const side = ABOUT * Math.max(1, width)
  const [x, y] = [0, 1].map((k) => (corners[0][k] + corners[1][k] - side) / 2)
  return { x, y, width: side, height: side, size: Math.round(ACROSS * ABOUT) }
}

/**
 * How surely the teeth meet: 0 where nothing is known of them (shut lips, covered teeth, a grey photo) or they are apart, to 1.
 *
 * @param image [size, size, 3] sRGB 0..1 of the mouth's crop
 * @param landmarks pixels of the photo
 */
export function teethMeet(image: Float32Array, crop: Crop, landmarks: Points): number {
  const { layout, points } = landmarks
  const { pairs } = OPENINGS[layout].find(({ between }) => between === 'lips')!
  const { marks, corners, width } = mouthOf(landmarks)
  const [right, left] = corners
  const lines = pairs
    .map(([upper, lower]) => [upper, lower].map((i) => [points[2 * i], points[2 * i + 1]]))
    .filter(([[x0, y0], [x1, y1]]) => {
      const [x, y] = [(x0 + x1) / 2 - right[0], (y0 + y1) / 2 - right[1]]
      const along = (x * (left[0] - right[0]) + y * (left[1] - right[1])) / width ** 2
      return along > MIDDLE[0] && along < MIDDLE[1]
    })
  const heights = lines.map(([[x0, y0], [x1, y1]]) => Math.hypot(x1 - x0, y1 - y0))
  if (!(width > 1) || Math.max(...heights) < LEAST_OPEN * width) return 0

  const { size } = crop
  const scale = crop.width / size
  const colour = [0, 0, 0]
  const look = (x: number, y: number): readonly [bright: number, red: number] => {
    sampleBilinear(image, size, size, 3, (x - crop.x) / scale, (y - crop.y) / scale, colour)
    return [brightness(colour), Math.log((colour[0] + 0.01) / (colour[1] + 0.01))]
  }
  const skin = CHEEKS.flatMap(([a, b, mouth]) =>
    ON_CHEEK.map((t) => {
      const at = (k: number): number => ((1 - t) * (marks[2 * a + k] + marks[2 * b + k])) / 2 + t * marks[2 * mouth + k]
      return look(at(0), at(1))
    }),
  )
  const [bright, red] = [0, 1].map((k) => upperMedian(skin.map((one) => one[k])))

  const gaps: number[] = []
  lines.forEach(([[x0, y0], [x1, y1]], n) => {
    const teeth = Array.from({ length: SAMPLES }, (_, i) => {
      const t = (i + 0.5) / SAMPLES
      const [b, r] = look(x0 + t * (x1 - x0), y0 + t * (y1 - y0))
      return b > BRIGHT * bright && r < red - PALE
    })
    const filled = teeth.filter(Boolean).length
    if (filled < FILLED * SAMPLES) return
    const below = teeth.slice(teeth.indexOf(true), Math.round((1 - EDGE) * SAMPLES)).filter((tooth) => !tooth).length
    gaps.push((below * heights[n]) / (SAMPLES * width))
  })
  return gaps.length < SHOWN * lines.length ? 0 : smoothstep(GAP[1], GAP[0], upperMedian(gaps))
}

/** The middle value, of an even number the upper one of two: where half of the lines show a gap, there is one. */
function upperMedian(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** What the photo shows of the eyes: where their irises are and what colour they have. */

import { IRISES, type Side } from '../evidence/layouts.js'
import { backProject, cameraCenter, project } from '../geometry/camera.js'
import { brightness } from '../image/colors.js'
import type { Camera, Landmarks, Photo } from '../stages.js'
import type { IrisSeen, Vector } from './eyes.js'

/** An iris is seen if at least this share of it lies between the lids, and its colour if it has so many pixels across. */
const SEEN = 0.2
const LEAST_PIXELS = 6
/** The coloured ring, as shares of the iris's radius. */
const RING = [0.45, 0.9] as const
/** Which pixels of the ring count, in order of brightness: neither lashes and pupil nor highlights. */
const COUNTING = [0.2, 0.7] as const
/** Whites begin at this multiple of the iris's radius. So many pixels of them tell their brightness: that of this share, neither lashes' nor highlights'. */
const BESIDE = 1.15
const LEAST_WHITES = 12
const BRIGHT = 0.7
/** Where whites are darker than this, what is seen is no eye but dark glasses or something else before it; sRGB brightness. */
const DARK = 0.12
/** Brown: where the photo shows none, sRGB. */
const BROWN = [0.3, 0.2, 0.13] as const

/** The factors that take the light out of a colour at a photo pixel. */
export type LightFactors = (x: number, y: number) => readonly number[]

export interface EyesSeen {
  irises: Partial<Record<Side, IrisSeen>>
  /** sRGB 0..1, both eyes together. */
  colour: readonly number[]
  /** sRGB 0..1: how bright the whites are; undefined where the photo shows too little of them. */
  white: number | undefined
}

export interface EyesScene {
  photo: Photo
  camera: Camera
  landmarks: Landmarks
  /** [n, 3] the lids' rims, head frame, metres. */
  rims: Readonly<Record<Side, Float32Array | undefined>>
  /** What the colours are multiplied by. */
  light: LightFactors
  /** Whether the photo shows the ball of an open eye at a pixel: between the rims of a fitted head may be shut lids. */
  open(x: number, y: number): boolean
}

export function eyesSeen({ photo, camera, landmarks, rims, light, open }: EyesScene): EyesSeen {
  const irises: Partial<Record<Side, IrisSeen>> = {}
  const colours: number[][] = []
  const whites: number[] = []
  // the 68 landmarks have no irises
  if (landmarks.layout === 478)
    for (const [sign, ring] of IRISES) {
      const side = sign > 0 ? 'Left' : 'Right'
      const rim = rims[side]
      if (!rim) continue
      const [x, y] = [0, 1].map((k) => landmarks.points[2 * ring[0] + k])
      const radius =
        ring
          .slice(1)
          .reduce((sum, i) => sum + Math.hypot(landmarks.points[2 * i] - x, landmarks.points[2 * i + 1] - y), 0) /
        (ring.length - 1)
      const lids = project(camera, rim)
      const shown = (px: number, py: number): boolean => within(lids, px, py) && open(px, py)
      const seen = irisPixels(photo, shown, { x, y, radius }, light)
      if (seen.share < SEEN) continue
      const beside = whitePixels(photo, shown, { x, y, radius }, light)
      if (beside.length >= LEAST_WHITES && brightest(beside) < DARK) continue
      whites.push(...beside)
      let depth = 0
      for (let i = 2; i < lids.length; i += 3) depth += (3 * lids[i]) / lids.length
      const from = Array.from(cameraCenter(camera))
      const to = backProject(camera, Float64Array.of(x, y), Float64Array.of(depth))
      const length = Math.hypot(...from.map((f, k) => to[k] - f))
      irises[side] = {
        from: from as unknown as Vector,
        along: from.map((f, k) => (to[k] - f) / length) as unknown as Vector,
        radius: (radius / camera.fx) * depth,
      }
      if (2 * radius >= LEAST_PIXELS) colours.push(...seen.ring)
    }
  const white = whites.length < LEAST_WHITES ? undefined : brightest(whites)
  return { irises, colour: colourOf(colours), white }
}

/** The brightness below which a share BRIGHT lies. */
const brightest = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(BRIGHT * values.length)]

/** Brightness of the pixels between the lids beside the iris. */
function whitePixels(
  { width, height, data }: Photo,
  shown: (x: number, y: number) => boolean,
  iris: { x: number; y: number; radius: number },
  light: LightFactors,
): number[] {
  const out: number[] = []
  const reach = 2.2 * iris.radius
  for (let y = Math.floor(iris.y - reach) + 0.5; y < iris.y + reach; y++)
    for (let x = Math.floor(iris.x - reach) + 0.5; x < iris.x + reach; x++) {
      if (Math.hypot(x - iris.x, y - iris.y) < BESIDE * iris.radius || !shown(x, y)) continue
      if (!(x >= 0 && y >= 0 && x < width && y < height)) continue
      const i = 3 * (Math.floor(y) * width + Math.floor(x))
      out.push(brightness(light(x, y).map((factor, k) => (factor * data[i + k]) / 255)))
    }
  return out
}

function irisPixels(
  { width, height, data }: Photo,
  shown: (x: number, y: number) => boolean,
  iris: { x: number; y: number; radius: number },
  light: LightFactors,
): { share: number; ring: number[][] } {
  const ring: number[][] = []
  let [all, open] = [0, 0]
  // at least twenty steps across, however few pixels there are
  const step = Math.min(1, iris.radius / 10)
  for (let dy = -iris.radius; dy <= iris.radius; dy += step)
    for (let dx = -iris.radius; dx <= iris.radius; dx += step) {
      const r = Math.hypot(dx, dy) / iris.radius
      if (r > 1) continue
      all++
      const [x, y] = [iris.x + dx, iris.y + dy]
      if (!shown(x, y)) continue
      open++
      if (r < RING[0] || r > RING[1] || !(x >= 0 && y >= 0 && x < width && y < height)) continue
      const factors = light(x, y)
      const i = 3 * (Math.floor(y) * width + Math.floor(x))
      ring.push([0, 1, 2].map((k) => (data[i + k] / 255) * factors[k]))
    }
  return { share: open / Math.max(1, all), ring }
}

/** Whether (x, y) lies in the closed polygon of rows [n, 3]. */
function within(polygon: Float64Array, x: number, y: number): boolean {
  let inside = false
  for (let i = 0, j = polygon.length - 3; i < polygon.length; j = i, i += 3) {
    const [xi, yi, xj, yj] = [polygon[i], polygon[i + 1], polygon[j], polygon[j + 1]]
    if (yi > y !== yj > y && x < xi + ((y - yi) / (yj - yi)) * (xj - xi)) inside = !inside
  }
  return inside
}

function colourOf(pixels: number[][]): readonly number[] {
  if (pixels.length === 0) return BROWN
  const sorted = pixels.sort((a, b) => brightness(a) - brightness(b))
  const counting = sorted.slice(Math.floor(COUNTING[0] * sorted.length), Math.ceil(COUNTING[1] * sorted.length))
  return [0, 1, 2].map((k) =>
    Math.min(
      1,
      counting.reduce((sum, c) => sum + c[k] / counting.length, 0),
    ),
  )
}

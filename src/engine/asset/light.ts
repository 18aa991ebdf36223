/**
 * Takes the light out of the photo's colours, as far as the detail stage has told light from skin: colours are divided by the
 * shading and multiplied by its mean, so that the face keeps its mean colour. Shading and photo are both encoded (a power of
 * about 2.2), so their quotient is the encoded albedo. Light of one colour cannot be told from the colour of the skin and stays;
 * where its colour changes over the face by more than skin's does, the change is taken out.
 */
import { smoothstep } from '../geometry/smoothstep.js'
import { gaussianBlur, sampleBilinear } from '../image/filter.js'
import { task } from '../threads/task.js'

/** Largest change of a colour's logarithm for broad light and shade, and for what is narrower, which is partly paint. */
const BROAD = 0.8
const NARROW = 0.3
/** Standard deviation that tells broad from narrow, as a share of the crop. */
const WIDTH = 0.04
/** The same for the logarithm of a channel's ratio to the brightness. */
const TINT = 1.2
/** How much of the shading's change of colour may be the skin's own: red cheeks, yellow foreheads (log ratio to brightness, rms). */
const SKIN = 0.06

/**
 * Light that reaches a shaded place has bounced off skin and is coloured by it. Brightened, that colour would glow: this share of it is taken
 * out where the logarithm of the brightness rises by the second number, none below the first. It is what differs, seen over this share of the
 * crop, from the broad colour.
 */
const BOUNCED = 0.7
const SHADE = [0.05, 0.4] as const
const NEARBY = 0.01

export interface Relight {
  size: number
  /** [size, size, 3] the crop without its light. */
  image: Float32Array
  /** [size, size, 3] the factors that take the light out of a colour. */
  gains: Float32Array
  /** [size, size] 0..1: falls towards the border of the skin, where shading is least known. */
  inner: Float32Array
}

/** The factors at a crop pixel. Writes to `out` [3]. */
export function gainAt({ gains, size }: Relight, x: number, y: number, out: number[]): void {
  sampleBilinear(gains, size, size, 3, x, y, out)
}

const found = [0]

/** How far they are known there, 0..1. */
export function knownAt({ inner, size }: Relight, x: number, y: number): number {
  sampleBilinear(inner, size, size, 1, x, y, found)
  return Math.max(0, 2 * found[0] - 1)
}

interface LitCrop {
  /** [size, size, 3] sRGB of the crop */
  image: Float32Array
  /** [size, size, 3] as relief fields give it; undefined where no light is known */
  shading: Float32Array | undefined
  /** [size, size] 1 where the photo shows the face's skin */
  trusted: Float32Array
  size: number
}

/** How to take the light out of the crop's colours; undefined where no light is known. */
export function relighting({ image, shading, trusted, size }: LitCrop): Relight | undefined {
  const total = trusted.reduce((a, b) => a + b, 0)
  if (!shading || total === 0) return undefined
  const count = size * size
  // log brightness, and the logarithm of each channel's ratio to it
  const bright = new Float32Array(count)
  const tint = new Float32Array(3 * count)
  for (let i = 0; i < count; i++) {
    if (!trusted[i]) continue
    const colour = [0, 1, 2].map((k) => Math.max(1e-3, shading[3 * i + k]))
    bright[i] = Math.log(0.3 * colour[0] + 0.6 * colour[1] + 0.1 * colour[2])
    for (let k = 0; k < 3; k++) tint[3 * i + k] = Math.log(colour[k]) - bright[i]
  }
  const mean = bright.reduce((a, b) => a + b, 0) / total
  const shown = tintShown(image, trusted, total)
  const ofLight = centreTint(tint, trusted, total) * shareInPhoto(shown, tint)
  // trusted pixels alone, carried a little beyond them
  const blur = (values: Float32Array, channels: number) => gaussianBlur(values, size, size, channels, WIDTH * size)
  const weights = blur(trusted, 1)
  const brights = blur(bright, 1)
  const tints = blur(tint, 3)
  const showns = blur(shown, 3)
  const [near, nearby] = [shown, trusted].map((values) =>
    gaussianBlur(values, size, size, values.length / count, NEARBY * size),
  )
  const limited = (x: number, most: number): number => most * Math.tanh(x / most)
  const gains = new Float32Array(3 * count).fill(1)
  for (let i = 0; i < count; i++) {
    if (weights[i] < 1e-4) continue
    const broad = brights[i] / weights[i]
    const narrow = trusted[i] ? bright[i] - broad : 0
    const brightness = limited(broad - mean, BROAD) + limited(narrow, NARROW)
    const shade = BOUNCED * smoothstep(SHADE[0], SHADE[1], -brightness)
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      const ofPlace = ofLight * limited(tints[k] / weights[i], TINT)
      const own = noFurther(ofPlace, showns[k] / weights[i])
      const bounced = nearby[i] > 0.1 ? shade * (near[k] / nearby[i] - showns[k] / weights[i]) : 0
      gains[k] = Math.exp(-brightness - own - bounced)
    }
  }
  const inner = gaussianBlur(trusted, size, size, 1, size / 100)
  return { size, image: image.map((value, i) => value * gains[i]), gains, inner }
}

export const RELIGHTING = task(import.meta.url, relighting)

/** The part of a change that does not go beyond, nor against, what is shown: without its light a place is no more coloured than with it. */
function noFurther(change: number, shown: number): number {
  return change * shown <= 0 ? 0 : Math.sign(change) * Math.min(Math.abs(change), Math.abs(shown))
}

/** [size, size, 3] logarithm of each channel's ratio to the brightness in the photo, less its mean over trusted pixels, 0 elsewhere. */
function tintShown(image: Float32Array, trusted: Float32Array, total: number): Float32Array {
  const shown = new Float32Array(3 * trusted.length)
  for (let i = 0; i < trusted.length; i++) {
    if (!trusted[i]) continue
    const [r, g, b] = [0, 1, 2].map((k) => Math.max(0.02, image[3 * i + k]))
    const bright = Math.log(0.3 * r + 0.6 * g + 0.1 * b)
    for (const [k, value] of [r, g, b].entries()) shown[3 * i + k] = Math.log(value) - bright
  }
  centreTint(shown, trusted, total)
  return shown
}

/**
 * Share of the light's change of colour that the photo shows: where light and skin were told apart wrongly, one has the opposite of the
 * other's colours, and the photo shows neither. In a grey photo it is none.
 */
function shareInPhoto(shown: Float32Array, tint: Float32Array): number {
  let [both, own] = [0, 1e-12]
  for (let i = 0; i < tint.length; i++) {
    both += shown[i] * tint[i]
    own += tint[i] ** 2
  }
  return Math.min(1, Math.max(0, both / own))
}

/** Takes the mean from the tint of trusted pixels. @return the share of what is left that is the light's and not the skin's */
function centreTint(tint: Float32Array, trusted: Float32Array, total: number): number {
  const mean = [0, 0, 0]
  tint.forEach((value, i) => {
    mean[i % 3] += value / total
  })
  let squares = 0
  for (let i = 0; i < tint.length; i++) {
    if (!trusted[Math.floor(i / 3)]) continue
    tint[i] -= mean[i % 3]
    squares += tint[i] ** 2
  }
  return Math.max(0, 1 - (SKIN ** 2 * 3 * total) / Math.max(1e-12, squares))
}

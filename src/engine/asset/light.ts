/**
 * Takes the light out of the photo's colours. The detail stage has told light from skin, but either may have taken some of the other's: that
 * both together look like the photo does not say which is which. What tells them apart here is how skin's colour varies: little, and on a
 * plane, since blood and melanin make it darker as they make it redder, while light and shade change brightness alone, and lamps
 * change colour by more than any skin. In each band of sizes, the photo's own statistics say how much of it the detail stage's light
 * explains and how much is left over; of that, the albedo is what is expected of skin (a Wiener filter in log colour).
 * All logarithms are of encoded values: shading and photo are both encoded (a power of about 2.2), so quotients are encoded albedo.
 */

import { smoothstep } from '../geometry/smoothstep.js'
import { gaussianBlur, sampleBilinear } from '../image/filter.js'
import { task } from '../threads/task.js'
import { broadMean } from './broad-mean.js'
import { fromTone, likelySkin, skinShare, toTone } from './skin-colour.js'

/** Standard deviations between the bands of sizes, as shares of the crop. */
const BANDS = [0.12, 0.04, 0.012, 0.004] as const
/** Colours below this say nothing of their tone, nor do those below this share of the brightest of the three. */
const LEAST = 0.05
const CUT_OFF = 0.15
/** Largest change of a tone's coordinate: noise of deeper shadows would show. */
const MOST = 1.5
/** More of its brightness than this over what is around it is sheen, not skin: pale spots are rarer than dark ones. */
const PALE = 0.027
const AROUND = 0.08
/** The quantile of a face's brightness that counts as lit, and how far its mean is moved there. */
const LIT = [0.75, 0.6] as const
/** Colours go on for this share of the crop beyond the skin that is seen. */
const CARRIED = 0.04
/** The light on a beard is that of the skin within these shares of the crop: in its middle, and at its edge. */
const BEARD = 0.1
const EDGE = 0.012
/** Root mean square of the changes of colour over a face in a grey photo, and in one with colours. */
const GREY = [0.003, 0.009] as const
/** How far lips and brows are left as they are in each band: broad changes of colour are the light's there, too. */
const PAINTED = [0, 0.5, 1, 1, 1] as const
/** Statistics are of bare skin; what differs from it by several of its mean differences counts little. */
const ODD = 3
/** What reaches a shaded place has come from skin beside it: so much redder and less blue it is, as shares of how much darker it is. */
const BOUNCED = [0.6, 0.5] as const

export interface Relight {
  size: number
  /** [size, size, 3] the crop without its light. */
  image: Float32Array
  /** [size, size, 3] the factors that take the light out of a colour. */
  gains: Float32Array
  /** [size, size] 0..1: falls towards the border of the skin, where shading is least known. */
  inner: Float32Array
  /** [size, size] how far the skin shines: the logarithm of its brightness beyond what light and albedo explain, 0 or more. */
  sheen: Float32Array
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

export interface LitCrop {
  /** [size, size, 3] sRGB of the crop */
  image: Float32Array
  /** [size, size, 3] as relief fields give it; undefined where no light is known */
  shading: Float32Array | undefined
  /** [size, size] 1 where the photo shows the face's skin */
  trusted: Float32Array
  /** [size, size] 1 where it shows the face's own colours, those of a beard too; by default those of the skin alone */
  uncovered?: Float32Array | undefined
  /** [size, size] 0..1 where lips, brows and a beard are, which differ from skin as they like */
  painted?: Float32Array | undefined
  /** [size, size, 3] log albedo (linear) that learned evidence expects, up to a constant of each colour */
  expected?: Float32Array | undefined
  size: number
}

/** How to take the light out of the crop's colours; undefined where no light is known. */
export function relighting({
  image,
  shading,
  trusted,
  uncovered = trusted,
  painted,
  expected,
  size,
}: LitCrop): Relight | undefined {
  const total = trusted.reduce((a, b) => a + b, 0)
  if (!shading || total === 0) return undefined
  const photo = tones(image, LEAST)
  const colourful = colourChange(photo, trusted, size)
  const own = expected ? tonesOfLogs(expected, colourful) : undefined
  const albedo = skinAlbedo({ photo, light: tones(shading, LEAST), own, painted, trusted, size, colourful })
  const sheen = withoutSheen(albedo, trusted, painted, size)
  const cast = likelySkin(mean(albedo, trusted, total)).map((c) => colourful * c)
  cast[0] = brighter(photo, trusted)
  // what the light does to the skin that is seen, carried on beyond it
  const change = new Float32Array(3 * size * size)
  for (let i = 0; i < change.length; i++)
    if (trusted[Math.floor(i / 3)]) change[i] = MOST * Math.tanh((albedo[i] - photo[i]) / MOST)
  const beyond = broadMean(change, trusted, size, CARRIED * size)
  const covered = underBeard(change, trusted, painted, size)
  const changeAt = (i: number, o: number): number => (trusted[i] ? change[o] : uncovered[i] ? covered[o] : beyond[o])
  const gains = new Float32Array(change.length).fill(1)
  const tone = [0, 0, 0]
  for (let i = 0; i < trusted.length; i++) {
    for (let k = 0; k < 3; k++) {
      const o = 3 * i + k
      tone[k] = cast[k] + changeAt(i, o)
    }
    fromTone(tone, gains, 3 * i)
    for (let k = 3 * i; k < 3 * i + 3; k++) gains[k] = Math.exp(gains[k])
  }
  const inner = gaussianBlur(uncovered, size, size, 1, size / 100)
  const albedoImage = image.slice()
  takeOut(albedoImage, gains)
  return { size, image: albedoImage, gains, inner, sheen }
}

/** Takes the light out of colours, in place. @param colours sRGB, rows of three @param gains the same of factors */
export function takeOut(colours: Float32Array, gains: ArrayLike<number>): void {
  for (let i = 0; i < colours.length; i += 3) {
    // in warm light photos have no blue in the shade; factors are of what there is at least
    const least = Math.min(LEAST, CUT_OFF * Math.max(colours[i], colours[i + 1], colours[i + 2]))
    for (let k = i; k < i + 3; k++) colours[k] = Math.max(least, colours[k]) * gains[k]
  }
}

export const RELIGHTING = task(import.meta.url, relighting)

/**
 * [size, size, 3] what the light does to a beard, whose colours say nothing of it: what it does to bare skin, close by at the beard's edge and
 * over a wide neighbourhood further in, where single shades beside it tell little.
 */
function underBeard(
  change: Float32Array,
  trusted: Float32Array,
  painted: Float32Array | undefined,
  size: number,
): Float32Array {
  const bare = trusted.map((t, i) => t * (1 - (painted?.[i] ?? 0)))
  const [wide, close] = [BEARD, EDGE].map((share) => broadMean(change, bare, size, share * size))
  const nearness = gaussianBlur(bare, size, size, 1, EDGE * size)
  return wide.map((w, o) => w + smoothstep(0.2, 0.5, nearness[Math.floor(o / 3)]) * (close[o] - w))
}

/** [size, size, 3] tones of an encoded image. */
function tones(image: Float32Array, least: number): Float32Array {
  const out = new Float32Array(image.length)
  for (let i = 0; i < image.length; i += 3)
    toTone(
      Math.log(Math.max(least, image[i])),
      Math.log(Math.max(least, image[i + 1])),
      Math.log(Math.max(least, image[i + 2])),
      out,
      i,
    )
  return out
}

/** The same of linear logarithms, whose colours count as much as the photo's. */
function tonesOfLogs(logs: Float32Array, colourful: number): Float32Array {
  const out = new Float32Array(logs.length)
  for (let i = 0; i < logs.length; i += 3) {
    toTone(logs[i] / 2.2, logs[i + 1] / 2.2, logs[i + 2] / 2.2, out, i)
    out[i + 1] *= colourful
    out[i + 2] *= colourful
  }
  return out
}

function mean(values: Float32Array, weight: Float32Array, total: number): number[] {
  const sums = [0, 0, 0]
  for (let i = 0; i < weight.length; i++)
    if (weight[i]) for (let k = 0; k < 3; k++) sums[k] += (weight[i] * values[3 * i + k]) / total
  return sums
}

/** How much brighter than its mean a face is taken for: photos are exposed for what is lit. */
function brighter(photo: Float32Array, trusted: Float32Array): number {
  const values = Float32Array.from(
    Array.from(trusted.keys()).filter((i) => trusted[i] > 0),
    (i) => photo[3 * i],
  ).sort()
  const middle = values.reduce((a, b) => a + b, 0) / values.length
  return LIT[1] * Math.max(0, values[Math.floor(LIT[0] * (values.length - 1))] - middle)
}

/** 0 where the photo of the face is grey or of one tint, 1 where its colours change as skin's do. */
function colourChange(photo: Float32Array, trusted: Float32Array, size: number): number {
  const smooth = broadMean(photo, trusted, size, 0.004 * size)
  const total = trusted.reduce((a, b) => a + b, 0)
  const middle = mean(smooth, trusted, total)
  let squares = 0
  for (let i = 0; i < trusted.length; i++)
    if (trusted[i]) for (let k = 1; k < 3; k++) squares += (smooth[3 * i + k] - middle[k]) ** 2
  return smoothstep(GREY[0], GREY[1], Math.sqrt(squares / (2 * total)))
}

interface Parts {
  /** [size, size, 3] tones. */
  photo: Float32Array
  light: Float32Array
  own: Float32Array | undefined
  painted: Float32Array | undefined
  trusted: Float32Array
  size: number
  colourful: number
}

/** [size, size, 3] tones of the skin without its light, 0 where nothing is trusted; the mean is the photo's. */
function skinAlbedo({ photo, light, own, painted, trusted, size, colourful }: Parts): Float32Array {
  // what is to be told apart: the photo less what is expected of the skin
  let rest = own ? photo.map((p, i) => p - own[i]) : photo.slice()
  let shade = light
  const out = (own ?? new Float32Array(photo.length)).slice()
  const total = trusted.reduce((a, b) => a + b, 0)
  const [restMean, shadeMean] = [mean(rest, trusted, total), mean(shade, trusted, total)]
  rest = rest.map((v, i) => v - restMean[i % 3])
  shade = shade.map((v, i) => v - shadeMean[i % 3])
  for (let band = 0; band <= BANDS.length; band++) {
    const blurred = (values: Float32Array): Float32Array =>
      band < BANDS.length ? broadMean(values, trusted, size, BANDS[band] * size) : values
    const [r, s] = [blurred(rest), blurred(shade)]
    for (let i = 0; i < rest.length; i++) {
      rest[i] -= r[i]
      shade[i] -= s[i]
    }
    addSkin({ rest: r, shade: s, painted, trusted, colourful }, band, out)
  }
  const photoMean = mean(photo, trusted, total)
  const shift = mean(out, trusted, total).map((m, k) => photoMean[k] - m)
  return out.map((v, i) => (trusted[Math.floor(i / 3)] ? v + shift[i % 3] : 0))
}

/** Adds to `out` what of a band is skin's. */
function addSkin(
  {
    rest,
    shade,
    painted,
    trusted,
    colourful,
  }: { rest: Float32Array; shade: Float32Array } & Pick<Parts, 'painted' | 'trusted' | 'colourful'>,
  band: number,
  out: Float32Array,
): void {
  const bare = (i: number): boolean => trusted[i] > 0 && !((painted?.[i] ?? 0) > 0.3)
  // usual size of each coordinate
  const usual = [0, 0, 0]
  let count = 1e-9
  for (let i = 0; i < trusted.length; i++)
    if (bare(i)) {
      count++
      for (let k = 0; k < 3; k++) usual[k] += Math.abs(rest[3 * i + k])
    }
  const weights = new Float32Array(trusted.length)
  let [both, own, sum] = [[0, 0, 0], [1e-9, 1e-9, 1e-9], 1e-9]
  for (let i = 0; i < trusted.length; i++)
    if (bare(i)) {
      let odd = 0
      for (let k = 0; k < 3; k++) odd += (rest[3 * i + k] / ((ODD * usual[k]) / count + 5e-4)) ** 2
      weights[i] = 1 / (1 + odd)
      sum += weights[i]
      for (let k = 0; k < 3; k++) {
        both[k] += weights[i] * rest[3 * i + k] * shade[3 * i + k]
        own[k] += weights[i] * shade[3 * i + k] ** 2
      }
    }
  // how much of the detail stage's light the photo shows
  const believed = both.map((b, k) => Math.min(1.2, Math.max(0, b / (own[k] + 2e-6 * sum))))
  const left = rest.map((r, i) => r - explained(r, believed[i % 3] * shade[i], usual[i % 3] / count))
  const covariance = new Float64Array(9)
  for (let i = 0; i < trusted.length; i++)
    if (weights[i] > 0)
      for (let k = 0; k < 9; k++)
        covariance[k] += (weights[i] * left[3 * i + Math.floor(k / 3)] * left[3 * i + (k % 3)]) / sum
  const share = skinShare(covariance, band, colourful)
  for (let i = 0; i < trusted.length; i++) {
    if (!trusted[i]) continue
    const paint = PAINTED[band] * (painted?.[i] ?? 0)
    const paints = paint > 0 ? withoutBounce(left, 3 * i, Math.max(0, left[3 * i] - rest[3 * i])) : [0, 0, 0]
    for (let k = 0; k < 3; k++) {
      let skin = 0
      for (let c = 0; c < 3; c++) skin += share[3 * k + c] * left[3 * i + c]
      out[3 * i + k] += skin + paint * (paints[k] - skin)
    }
  }
}

/**
 * What of a difference the light explains: no more than there is of it. Where a dark line of the light lies beside the photo's, as between lips, the
 * rest would be bright paint. @param usual how much either may be off
 */
const explained = (difference: number, light: number, usual: number): number =>
  Math.min(Math.max(difference, 0) + usual, Math.max(Math.min(difference, 0) - usual, light))

/** A difference of tone without the red that light in the shade has from skin. @param shade by how much the light is darker */
function withoutBounce(left: Float32Array, at: number, shade: number): [number, number, number] {
  const [bright, red, blue] = left.subarray(at, at + 3)
  const excess = Math.min(Math.max(0, red), BOUNCED[0] * shade)
  const lack = Math.min(Math.max(0, -blue), BOUNCED[1] * shade)
  return [bright, red - excess, blue + lack]
}

/** Takes from the albedo, in place, what is brighter than skin around it. @returns [size, size] how much of its brightness that was */
function withoutSheen(
  albedo: Float32Array,
  trusted: Float32Array,
  painted: Float32Array | undefined,
  size: number,
): Float32Array {
  const bare = trusted.map((t, i) => (t && !((painted?.[i] ?? 0) > 0.3) ? 1 : 0))
  const base = broadMean(albedo, bare, size, AROUND * size)
  const sheen = new Float32Array(trusted.length)
  for (let i = 0; i < bare.length; i++) {
    const over = albedo[3 * i] - base[3 * i]
    if (!bare[i] || over <= 0) continue
    sheen[i] = over - PALE * Math.tanh(over / PALE)
    for (let k = 3 * i; k < 3 * i + 3; k++) albedo[k] -= (sheen[i] / over) * (albedo[k] - base[k])
  }
  return sheen
}

/**
 * How bright teeth and eyeballs must be to suit the head's albedo. Their own albedo is known, the skin's is not: the photo's exposure is
 * a factor of all of them that nobody tells. Brightness is encoded (sRGB 0..1), as the photo and all textures are.
 */
import { brightness } from '../image/colors.js'

/** Brightness of front teeth and of the eyes' white as their textures have them at an exposure of 1. */
const TOOTH = 0.78
const WHITE = 0.77
/** Whites lie in the shade of lids and lashes: what a photo shows of them, as a share of what they are. */
const SHADED = 0.75
/**
 * Skin in usual light, and how far darker skin is told to be a darker photo. People's complexions differ by about as much as photos'
 * exposures (standard deviations of the linear logarithm of about 0.6 and 0.5), so a little less than half of the difference is the photo's.
 */
const USUAL_SKIN = 0.62
const EXPOSED = 0.4
/** Teeth are brighter than skin of any complexion, by this factor at least: 1.3 in linear light. */
const OVER_SKIN = 1.12
/** The brightest and the darkest: whites of 0.85, and teeth as in a portrait that is nearly black. */
const MOST = 1.1
const LEAST = 0.6

/** What the photo shows, its light taken out; undefined where it does not show it. */
export interface Brightness {
  skin: number | undefined
  teeth: number | undefined
  /** Of the eyes. */
  whites: number | undefined
}

/**
 * The factor of brightness for things whose albedo is known. Teeth tell it best: they are lit as the lips are. Without them skin gives a guess, and whites,
 * which are as uncertain for the shade that they lie in, go half. Neither shade nor a shut mouth makes teeth that are darker than skin.
 */
export function exposureOf({ skin, teeth, whites }: Brightness): number {
  const told = whites === undefined ? undefined : whites / (SHADED * WHITE)
  const guess = skin === undefined ? (told ?? 1) : (skin / USUAL_SKIN) ** EXPOSED
  const found = teeth === undefined ? Math.sqrt(guess * (told ?? guess)) : teeth / TOOTH
  const least = Math.max(LEAST, (OVER_SKIN * (skin ?? 0)) / TOOTH)
  return Math.min(MOST, Math.max(least, found))
}

/** Teeth are less red than lips, gums and tongue, also yellow ones: logarithm of red over green. Skin of all people has about 0.28. */
const REDDEST = 0.22
/** They are brighter than this share of skin; in a grey photo, which does not tell them from a tongue, than skin itself. */
const DARKEST = 0.6
/** Share of the crop's pixels that must show teeth, and which of them tells their brightness: neither those in shade nor highlights. */
const ENOUGH = 4e-4
const BRIGHT = 0.8
/** A pixel counts as shown by a map from here on. */
const SURE = 0.6

/** Maps are [size, size] of the crop. */
export interface MeteredCrop {
  /** [size, size, 3] of the photo, and without its light. */
  image: Float32Array
  unlit: Float32Array
  /** 1 where the photo shows bare skin */
  skin: Float32Array
  /** 0..1 where it shows the inside of an open mouth */
  mouth: Float32Array
  /** 0 for a grey photo to 1 */
  colourful: number
}

/** How bright skin and teeth are. The light in the mouth is not known: there it counts as on the skin as a whole. */
export function meter({ image, unlit, skin, mouth, colourful }: MeteredCrop): Pick<Brightness, 'skin' | 'teeth'> {
  const bare = [...skin.keys()].filter((i) => skin[i] > SURE)
  if (bare.length === 0) return { skin: undefined, teeth: undefined }
  const [lit, own] = [image, unlit].map((values) =>
    [0, 1, 2].map((k) => bare.reduce((sum, i) => sum + values[3 * i + k], 0) / bare.length),
  )
  const gain = own.map((c, k) => c / Math.max(1e-3, lit[k]))
  const tone = brightness(own)
  const least = tone * (DARKEST + (1 - colourful) * (1 - DARKEST))
  const teeth: number[] = []
  for (let i = 0; i < mouth.length; i++) {
    if (mouth[i] < SURE) continue
    const colour = gain.map((factor, k) => factor * image[3 * i + k])
    if (brightness(colour) > least && Math.log(colour[0] / Math.max(1e-3, colour[1])) < REDDEST)
      teeth.push(brightness(colour))
  }
  teeth.sort((a, b) => a - b)
  return {
    skin: tone,
    teeth: teeth.length < ENOUGH * mouth.length ? undefined : teeth[Math.floor(BRIGHT * teeth.length)],
  }
}

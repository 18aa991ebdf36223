/** Textures of the parts that the photo does not paint: eyeballs, and the mouth's inside. sRGB 0..1, [size, size, 3]. */
import { noise, octaves } from '../geometry/noise.js'
import { interpolate } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { fillBetween, texelRaster } from '../geometry/texels.js'
import { brightness, linearToSrgb } from '../image/colors.js'
import { crownHeights, type MouthLook, type MouthOwner, paintInside } from '../image/mouth-colours.js'
import { type HeadInterior, INTERIOR_PARTS } from '../stages.js'
import { task } from '../threads/task.js'
import { angleOf } from './eyes.js'

const EYE_TEXTURE = 512
const MOUTH_TEXTURE = 256

/** The pupil's radius, and the limbus's soft border, as shares of the iris's radius. */
const PUPIL = 0.36
const LIMBUS = [0.92, 1.06] as const
/** The white of the eye at its front, and towards its back, where lids shade it and it is redder. */
const WHITE = [0.8, 0.76, 0.73] as const
const BACK = [0.56, 0.41, 0.37] as const
const SEED = 7
/** Lids hide what is further from the axis of sight, radians. */
const SEEN = 1.5

export interface EyeLook {
  radius: number
  irisRadius: number
  /** sRGB as in the photo. */
  iris: readonly number[]
  /** 0 makes it grey. */
  colourful: number
  /** Factor of the brightness: see exposure.ts. */
  exposure: number
}

/** An eyeball, for the texture coordinates of `ballMesh`. */
export function paintEye({ radius, irisRadius, iris, colourful, exposure }: EyeLook): Float32Array {
  const size = EYE_TEXTURE
  const out = new Float32Array(3 * size * size)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [u, v] = [(x + 0.5) / size - 0.5, 0.5 - (y + 0.5) / size]
      const around = Math.atan2(v, u)
      const angle = angleOf(Math.min(0.5, Math.hypot(u, v)))
      // distance from the axis over the iris's radius; behind the widest place it goes on growing
      const share = (radius * (angle < Math.PI / 2 ? Math.sin(angle) : 1 + angle - Math.PI / 2)) / irisRadius
      const [cos, sin] = [Math.cos(around), Math.sin(around)]
      const white = smoothstep(LIMBUS[0], LIMBUS[1], share)
      const o = 3 * (y * size + x)
      if (white > 0) {
        const veined = smoothstep(0.6, 1.2, angle)
        const vein =
          veined > 0 && angle < SEEN ? veined * Math.max(0, noise(3 * angle, 6 * cos, 6 * sin, SEED) - 0.15) : 0
        const behind = smoothstep(0.5, 1.4, angle)
        for (let k = 0; k < 3; k++)
          out[o + k] = white * (WHITE[k] + behind * (BACK[k] - WHITE[k])) * (1 - vein * (k === 0 ? 0.1 : 0.5))
      }
      if (white < 1) {
        const fibre =
          1 +
          0.3 * noise(7 * cos, 7 * sin, 1.2 * share, SEED + 1) +
          0.25 * octaves(22 * cos, 22 * sin, 3 * share, SEED + 2, 2)
        const collar = 1 + 0.28 * Math.exp(-(((share - 0.52) / 0.1) ** 2))
        const ring = 1 - 0.6 * smoothstep(0.78, 1, share)
        const pupil = smoothstep(PUPIL - 0.03, PUPIL + 0.03, share + 0.015 * noise(9 * cos, 9 * sin, 0.5, SEED + 3))
        for (let k = 0; k < 3; k++)
          out[o + k] += (1 - white) * (0.012 + pupil * (iris[k] / exposure) * fibre * collar * ring)
      }
    }
  return exposed(lessColourful(out, colourful), exposure)
}

export const PAINT_EYE = task(import.meta.url, paintEye)

/** How far behind the front teeth the mouth begins and ends to be dark, metres, and how dark: what light does not reach. */
const SHADE = [-0.002, 0.027] as const
const DARKEST = 0.16

interface MouthScene extends Pick<EyeLook, 'colourful' | 'exposure'> {
  interior: Pick<HeadInterior, 'mean' | 'indices' | 'parts' | 'uv' | 'uvIndices'>
  owner: MouthOwner
}

/** The mouth's inside in the model's layout. */
export function paintMouth({ interior, owner, colourful, exposure }: MouthScene): Float32Array {
  const size = MOUTH_TEXTURE
  const { mean, indices, parts, uv, uvIndices } = interior
  const raster = texelRaster(uv, uvIndices, size)
  const places = interpolate(raster, indices, mean, 3)
  const crowns = interpolate(raster, indices, crownHeights(interior), 1)
  // the lining begins further in front, at the lips
  const front = parts.reduce(
    (most, part, v) => (part === INTERIOR_PARTS.upperTeeth ? Math.max(most, mean[3 * v + 2]) : most),
    Number.NEGATIVE_INFINITY,
  )
  const out = new Float32Array(3 * size * size)
  const look: MouthLook = { albedo: [0, 0, 0], sheen: 0 }
  for (let i = 0; i < size * size; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    const place = places.subarray(3 * i, 3 * i + 3)
    paintInside(parts[indices[3 * t]], crowns[i], place, owner, look)
    const light = 1 - (1 - DARKEST) * smoothstep(SHADE[0], SHADE[1], front - place[2])
    for (let k = 0; k < 3; k++) out[3 * i + k] = linearToSrgb(Math.min(1, light * look.albedo[k]))
  }
  fillBetween(out, 3, size, raster.triangle)
  return exposed(lessColourful(out, colourful), exposure)
}

export const PAINT_MOUTH = task(import.meta.url, paintMouth)

function exposed(values: Float32Array, factor: number): Float32Array {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(1, factor * values[i])
  return values
}

/** Mixes with grey of the same brightness, in place. */
function lessColourful(values: Float32Array, colourful: number): Float32Array {
  if (colourful >= 1) return values
  for (let i = 0; i < values.length; i += 3) {
    const grey = brightness(values, i)
    for (let k = i; k < i + 3; k++) values[k] = grey + colourful * (values[k] - grey)
  }
  return values
}

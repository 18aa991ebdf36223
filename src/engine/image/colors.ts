/** Colours for maps: normals, depth, scalar fields. */
import { newPicture, type Picture } from './picture.js'

/**
 * The usual picture of normals: x right = red, y up = green, z towards the viewer = blue, each from -1..1 to 0..255.
 * @param normals [height, width, 3] camera frame (x right, y down, z forward); (0, 0, 0) and NaN become `background`
 */
export function normalPicture(
  normals: Float32Array,
  width: number,
  height: number,
  background: readonly number[] = [0, 0, 0],
): Picture {
  const picture = newPicture(width, height, background)
  for (let i = 0; i < normals.length; i += 3) {
    const x = normals[i]
    const y = normals[i + 1]
    const z = normals[i + 2]
    if (!(x * x + y * y + z * z > 0)) continue
    picture.data[i] = Math.round(127.5 + 127.5 * Math.max(-1, Math.min(1, x)))
    picture.data[i + 1] = Math.round(127.5 - 127.5 * Math.max(-1, Math.min(1, y)))
    picture.data[i + 2] = Math.round(127.5 - 127.5 * Math.max(-1, Math.min(1, z)))
  }
  return picture
}

/** Stops of a rainbow of even brightness steps: dark blue, blue, cyan, green, yellow, orange, dark red. */
const RAINBOW = [
  [48, 18, 92],
  [62, 84, 214],
  [44, 158, 242],
  [38, 214, 176],
  [120, 248, 96],
  [206, 232, 54],
  [252, 176, 50],
  [230, 86, 22],
  [130, 14, 10],
]
/** Grey from light to dark: the near is bright. */
const GREY = [
  [245, 245, 245],
  [30, 30, 30],
]
/** Diverging: blue, white, red. */
const DIVERGING = [
  [38, 70, 160],
  [120, 160, 220],
  [245, 245, 245],
  [226, 140, 110],
  [160, 30, 40],
]

export type ColorMapName = 'rainbow' | 'grey' | 'diverging'

/** Colour of t in 0..1, three bytes. */
export function mapColor(name: ColorMapName, t: number): [number, number, number] {
  const stops = name === 'rainbow' ? RAINBOW : name === 'grey' ? GREY : DIVERGING
  const s = Math.max(0, Math.min(1, t)) * (stops.length - 1)
  const i = Math.min(stops.length - 2, Math.floor(s))
  const f = s - i
  const at = (k: number) => Math.round(stops[i][k] * (1 - f) + stops[i + 1][k] * f)
  return [at(0), at(1), at(2)]
}

interface ColorScale {
  name: ColorMapName
  /** Values of its ends; by default the finite minimum and maximum. */
  range?: readonly [number, number]
  /** What NaN becomes. */
  background?: readonly number[]
}

/** Picture of a scalar map [height, width]. */
export function scalarPicture(
  values: Float32Array,
  width: number,
  height: number,
  { name, range = finiteRange(values), background = [0, 0, 0] }: ColorScale,
): Picture {
  const picture = newPicture(width, height, background)
  const table = Array.from({ length: 1024 }, (_, i) => mapColor(name, i / 1023))
  const span = range[1] - range[0] || 1
  for (let i = 0; i < width * height; i++) {
    if (!Number.isFinite(values[i])) continue
    const t = Math.max(0, Math.min(1, (values[i] - range[0]) / span))
    picture.data.set(table[Math.round(t * 1023)], i * 3)
  }
  return picture
}

/** Smallest and largest finite value; [0, 1] if there is none. */
export function finiteRange(values: ArrayLike<number>): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const v = values[i]
    if (!Number.isFinite(v)) continue
    if (v < low) low = v
    if (v > high) high = v
  }
  return low <= high ? [low, high] : [0, 1]
}

/** Brightness of the colour that begins at an index, in its own units. */
export const brightness = (colours: ArrayLike<number>, at = 0): number =>
  0.3 * colours[at] + 0.6 * colours[at + 1] + 0.1 * colours[at + 2]

/** sRGB transfer: linear 0..1 to encoded 0..1. */
export function linearToSrgb(v: number): number {
  return v <= 0.0031308 ? 12.92 * Math.max(0, v) : 1.055 * Math.min(1, v) ** (1 / 2.4) - 0.055
}

/** Steps of linear brightness in the table: fine enough that a byte is off by one at most, and only near black. */
const STEPS = 8192
let table: Uint8Array | undefined

/** sRGB byte of a linear value: by table, for pictures. */
export function srgbByte(v: number): number {
  table ??= Uint8Array.from({ length: STEPS + 1 }, (_, i) => Math.round(255 * linearToSrgb(i / STEPS)))
  return table[Math.max(0, Math.min(STEPS, Math.round(v * STEPS)))]
}

/** sRGB transfer: encoded 0..1 to linear 0..1. */
export function srgbToLinear(v: number): number {
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
}

/**
 * Where a brow is: a patch of skin about the head model's brow is looked at in the albedo, column by column, for a band that is darker than
 * the skin above and below it.
 */

import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import { acrossOf, alongOf, COLUMNS, ROWS } from './brow-patch.js'

/** How much darker than skin brows are: what is less is skin; so much is dense hair. Shares of the skin's brightness. */
const DARKER = 0.04
const DENSE = 0.24
/** How far from where the model has it a brow is looked for, widths of a brow. */
const SPREAD = 0.55
/** The band that is taken where the photo shows none, and how much the photo must show to count more. */
export const USUAL = { middle: 0.5, half: 0.4 } as const
const PRIOR = 0.15
/** Photos mix hairs with the skin between them: hairs are darker than the dark places by this factor. */
const HAIR = 0.72

/** The texture that brows are looked for in. */
export interface BrowPicture {
  size: number
  /** [size, size, 3] sRGB 0..1 */
  albedo: Float32Array
  /** [size, size] 0..1 */
  observed: Float32Array
}

/** Where a brow is on its patch, for each column. */
export interface Band {
  middle: number[]
  half: number[]
  /** [ROWS, COLUMNS] 0..1 how much hair there is. */
  density: Float32Array
}

/** Finds the brow in the albedo. @param uv [patch points, 2] */
export function browBand(
  uv: Float32Array,
  { size, albedo, observed }: BrowPicture,
): { band: Band; colour: number[] | undefined } {
  const texel = (i: number): number => texelAt(uv, i, size)
  const colourOf = (i: number): Float32Array => albedo.subarray(3 * texel(i), 3 * texel(i) + 3)
  const bright = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => brightness(colourOf(i)))
  // skin is what the brighter places of the neighbourhood are
  const darkness = new Float32Array(ROWS * COLUMNS)
  for (let i = 0; i < COLUMNS; i++) {
    const about: number[] = []
    for (let c = Math.max(0, i - 4); c <= Math.min(COLUMNS - 1, i + 4); c++)
      for (let j = 0; j < ROWS; j++) about.push(bright[j * COLUMNS + c])
    about.sort((a, b) => a - b)
    const skin = Math.max(0.02, about[Math.floor(0.75 * about.length)])
    for (let j = 0; j < ROWS; j++) {
      const near = Math.exp(-0.5 * ((acrossOf(j) - 0.5) / SPREAD) ** 2)
      darkness[j * COLUMNS + i] = near * Math.max(0, 1 - bright[j * COLUMNS + i] / skin - DARKER)
    }
  }
  const moment = (power: number): Float32Array =>
    gaussianBlur(
      Float32Array.from({ length: COLUMNS }, (_, i) => {
        let sum = 0
        for (let j = 0; j < ROWS; j++) {
          const at = j * COLUMNS + i
          sum += darkness[at] * observed[texel(at)] * acrossOf(j) ** power
        }
        return sum
      }),
      COLUMNS,
      1,
      1,
      2,
    )
  const [sum, first, second] = [0, 1, 2].map(moment)
  const middle = Array.from(sum, (s, i) => (first[i] + PRIOR * USUAL.middle) / (s + PRIOR))
  const half = Array.from(sum, (s, i) => {
    const spread = Math.sqrt(Math.max(0, second[i] / Math.max(1e-6, s) - (first[i] / Math.max(1e-6, s)) ** 2))
    return Math.min(0.8, Math.max(0.2, (s * 1.7 * spread + PRIOR * USUAL.half) / (s + PRIOR)))
  })
  const density = gaussianBlur(darkness, COLUMNS, ROWS, 1, 1.4).map((d) => smoothstep(0, DENSE - DARKER, d))
  return { band: { middle, half, density }, colour: hairColour(bright, colourOf, { middle, half }) }
}

/** The texel of a point of the patch. @param uv [points, 2] */
export const texelAt = (uv: Float32Array, i: number, size: number): number =>
  Math.min(size - 1, Math.max(0, Math.floor(uv[2 * i + 1] * size))) * size +
  Math.min(size - 1, Math.max(0, Math.floor(uv[2 * i] * size)))

/** The darker part of what is in the band. @param bright and @param colourOf of the patch's points */
function hairColour(
  bright: Float32Array,
  colourOf: (i: number) => ArrayLike<number>,
  { middle, half }: Pick<Band, 'middle' | 'half'>,
): number[] | undefined {
  const within: number[] = []
  for (let i = 0; i < bright.length; i++) {
    const column = i % COLUMNS
    const u = alongOf(column)
    if (u > 0.05 && u < 0.85 && Math.abs(acrossOf(Math.floor(i / COLUMNS)) - middle[column]) < 0.7 * half[column])
      within.push(i)
  }
  within.sort((a, b) => bright[a] - bright[b])
  const dark = within.slice(Math.floor(0.05 * within.length), Math.ceil(0.35 * within.length))
  if (dark.length === 0) return undefined
  return [0, 1, 2].map((k) => HAIR * dark.reduce((total, i) => total + colourOf(i)[k] / dark.length, 0))
}

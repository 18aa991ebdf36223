/**
 * Brows where the photo does not show them: behind a fringe, dark glasses or a hat, or beyond the picture's edge. Single hairs are drawn at the
 * head's own brows in the colour of the photo's hair, as densely as what the photo does show of the brows. Where it shows plain skin, none are.
 */
import { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import { type Band, browBand, texelAt, USUAL } from './brow-band.js'
import { acrossOf, alongOf, COLUMNS, columnOf, hairPath, onPatch, ROWS, riseAt, rowOf, valueAt } from './brow-patch.js'
import { drawLine } from './draw-line.js'

/** Believed by so much or less, nothing is seen; by so much or more, the photo is left as it is. */
const SEEN = [0.15, 0.6] as const
/** Brows of people whose hair is not seen, sRGB. */
const BROWN = [0.24, 0.17, 0.12] as const
/** Brows are darker than the hair on the head by this factor, and than the skin by at least this. */
const DARKER = 0.8
const BRIGHTEST = 0.62
/** What is drawn, from below upwards: hairs of a brow, metres of width, how much of what is behind a hair it hides. */
const LAYERS = [
  { hairs: 900, width: 0.00045, opaque: 0.16 },
  { hairs: 620, width: 0.00012, opaque: 0.75 },
] as const
/** Metres, and the points along a hair. */
const LENGTH = 0.0068
const POINTS = 4
/** Density that is a full brow, and how much of brows must be seen to count more than that they are usual. */
const FULL = 0.5
const PRIOR = 0.05
/** Share of brows hidden below which nothing is drawn, and of a full brow's density below which what is seen is plain skin. */
const LEAST = 0.02
const BARE = 0.25
const SEED = 37

/** Of both sides. */
export interface BrowPlaces {
  /** [ROWS, COLUMNS, 2] texture coordinates, and [ROWS, COLUMNS, 3] places in metres. */
  uv: Float32Array
  points: Float32Array
}

export interface BrowTexture {
  size: number
  /** [size, size, 3] */
  albedo: Float32Array
  /** [size, size] how far the photo is believed */
  belief: Float32Array
}

/** sRGB of brows by that of the hair. @param colourful 0 in grey photos */
export function browColour(hair: readonly number[] | undefined, colourful: number): number[] {
  if (hair) return hair.map((c) => DARKER * c)
  const grey = brightness(BROWN)
  return BROWN.map((c) => grey + colourful * (c - grey))
}

/** Draws what is hidden of the brows into the albedo, in place. @param sides patches of both @returns the hairs that were drawn */
export function growBrows(
  sides: readonly BrowPlaces[],
  { size, albedo, belief }: BrowTexture,
  colour: readonly number[],
): number {
  const seen = sides.map(({ uv }) =>
    Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => belief[texelAt(uv, i, size)]),
  )
  // what one side shows is drawn on the other, too
  const hidden = seen[0].map((_, i) => 1 - smoothstep(SEEN[0], SEEN[1], Math.max(...seen.map((one) => one[i]))))
  const bands = sides.map(({ uv }) => browBand(uv, { size, albedo, observed: belief }).band)
  let [whole, unseen, shown] = [1e-9, 0, 0]
  for (let i = 0; i < hidden.length; i++) {
    const usual = usualAt(alongOf(i % COLUMNS), (acrossOf(Math.floor(i / COLUMNS)) - USUAL.middle) / USUAL.half)
    whole += usual
    unseen += usual * hidden[i]
    shown += usual * (1 - hidden[i]) * Math.min(1, Math.max(...bands.map(({ density }) => density[i])) / FULL)
  }
  if (unseen < LEAST * whole) return 0
  const strength = (shown + PRIOR * whole) / (whole - unseen + PRIOR * whole)
  if (strength < BARE) return 0
  let drawn = 0
  sides.forEach(({ uv, points }, side) => {
    const { middle, half } = wholeBand(bands[side], hidden)
    const hair = onSkin(colour, uv, { size, albedo, belief })
    // both sides alike
    const rng = new Rng(SEED)
    for (const { hairs, width, opaque } of LAYERS)
      for (let h = 0; h < hairs; h++) {
        const share = rng.uniform()
        const w = Math.max(-1.2, Math.min(1.2, 0.55 * rng.normal()))
        const [keep, off, long, dark] = [
          rng.uniform(),
          rng.uniform(-0.2, 0.2),
          rng.uniform(0.65, 1),
          rng.uniform(0.6, 1),
        ]
        const at = columnOf(share)
        const v = valueAt(middle, at) + w * taperAt(share) * valueAt(half, at)
        const root = Math.round(rowOf(v)) * COLUMNS + Math.round(at)
        if (keep > strength * hidden[root] * usualAt(share, 0)) continue
        const length = LENGTH * long * (1 - 0.35 * share)
        const path = hairPath({ u: share, v, angle: riseAt(share, w) + off, length }, points, POINTS)
        drawn++
        for (let r = 1; r < POINTS; r++) {
          const [from, to] = [path[r - 1], path[r]].map(({ column, line }) => onPatch(uv, column, line, 2))
          const [dx, dy] = [0, 1].map((k) => size * (to[k] - from[k]))
          const metres = length / (POINTS - 1)
          // thinner towards the tip
          const area = (width * (1.15 - 0.25 * r) * (dx * dx + dy * dy)) / metres
          drawLine({ albedo, size }, hair, {
            x: size * from[0],
            y: size * from[1],
            dx,
            dy,
            area,
            strength: opaque * dark,
          })
        }
      }
  })
  return drawn
}

/** Half a brow does not tell where the other half is: where something is hidden, the band is the usual one. @param hidden [ROWS, COLUMNS] */
function wholeBand({ middle, half }: Band, hidden: Float32Array): Pick<Band, 'middle' | 'half'> {
  const known = middle.map((_, column) => {
    let [whole, seen] = [0, 0]
    for (let j = 0; j < ROWS; j++) {
      const weight = usualAt(0.3, (acrossOf(j) - USUAL.middle) / USUAL.half)
      whole += weight
      seen += weight * (1 - hidden[j * COLUMNS + column])
    }
    return (seen / whole) ** 2
  })
  const mixed = (values: readonly number[], usual: number): number[] =>
    values.map((value, column) => usual + known[column] * (value - usual))
  return { middle: mixed(middle, USUAL.middle), half: mixed(half, USUAL.half) }
}

/** Half of a brow's width at a share of its length, of that at its widest. */
const taperAt = (u: number): number => 1 - 0.45 * smoothstep(0.5, 1, u)

/** 0..1 how dense a brow is by nature. @param w across it, half widths from its middle */
const usualAt = (u: number, w: number): number =>
  smoothstep(-0.02, 0.1, u) * (1 - smoothstep(0.8, 1.02, u)) * (1 - smoothstep(0.6, 1.2, Math.abs(w) / taperAt(u)))

/** The hair's colour, darker than the skin about the brow. */
function onSkin(colour: readonly number[], uv: Float32Array, { size, albedo }: BrowTexture): number[] {
  const tones = Array.from({ length: ROWS * COLUMNS }, (_, i) => brightness(albedo, 3 * texelAt(uv, i, size)))
  const skin = tones.reduce((a, b) => a + b, 0) / tones.length
  const scale = Math.min(1, (BRIGHTEST * skin) / Math.max(1e-6, brightness(colour)))
  return colour.map((c) => scale * c)
}

/**
 * Brows: cards that lie along the skin where the photo has its brows. A patch of skin about the head model's brow is looked at in the
 * albedo, column by column, for a band that is darker than the skin above and below it; there the cards are laid.
 */
import { barycentric } from '../geometry/barycentric.js'
import { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import { Bound, type CardPlace, type Cards, cross, minus, plus, row, scaled, unit, type Vec } from './cards.js'
import type { Side } from './eyes.js'

/** Places of the patch along the brow (0 its end at the nose, 1 that at the temple) and across it (0 and 1 its lower and upper edge). */
const ALONG = [-0.12, 1.25] as const
const ACROSS = [-1.1, 1.9] as const
const COLUMNS = 48
const ROWS = 32
/** Cards along the brow and across it, and rows of each. */
const CARDS = [30, 6] as const
const CARD_ROWS = 4
/** Metres: how long cards are, half their width, how high over the skin they are at root and tip. */
const LENGTH = 0.0088
const HALF = 0.0011
const OVER = [-0.0001, 0.0011] as const
/** How much darker than skin brows are: what is less is skin, more is dense hair. Shares of the skin's brightness. */
const DARKER = [0.04, 0.2] as const
/** How far from where the model has it a brow is looked for, widths of a brow. */
const SPREAD = 0.55
/** The band that is taken where the photo shows none, and how much the photo must show to count more. */
const USUAL = { middle: 0.5, half: 0.4 } as const
const PRIOR = 0.15
/** Photos mix hairs with the skin between them: hairs are darker than the dark places by this factor. */
const HAIR = 0.72
const SEED = 31

/** The texture that brows are looked for in. */
export interface BrowPicture {
  size: number
  /** [size, size, 3] sRGB 0..1 */
  albedo: Float32Array
  /** [size, size] 0..1 */
  observed: Float32Array
}

/** Where a brow is on its patch, for each column. */
interface Band {
  middle: number[]
  half: number[]
  /** 0..1 how much hair there is. */
  density: number[]
}

export interface BrowSkin {
  /** The closed head's mean. */
  mean: Mesh
  /** [triangles, 3] of the skin about the brows, and which of the mesh's triangles each is. */
  skin: Uint32Array
  triangles: Uint32Array
  uv: Float32Array
  uvIndices: Uint32Array
}

/** One brow's cards. */
export class Brow {
  readonly cards: Cards
  /** sRGB 0..1 of its hairs. */
  readonly colour: readonly number[] | undefined
  private readonly hairs: Hair[] = []
  readonly patch: Bound

  /** @param upper and @param lower [n, 3] the brow's edges on the mean head, from the temple to the nose */
  constructor(side: Side, skin: BrowSkin, upper: Vec[], lower: Vec[], picture: BrowPicture) {
    const { bound, uv } = patchOf(skin, upper.toReversed(), lower.toReversed())
    this.patch = bound
    const { band, colour } = lookAt(uv, picture)
    this.colour = colour
    const rng = new Rng(SEED)
    const pictures: number[] = []
    for (let j = 0; j < CARDS[1]; j++)
      for (let i = 0; i < CARDS[0]; i++) {
        const share = (i + 0.5 + rng.uniform(-0.4, 0.4)) / CARDS[0]
        const u = -0.03 + 1.03 * share
        const w = ((j + 0.5 + rng.uniform(-0.4, 0.4)) / CARDS[1]) * 2 - 1
        const at = columnOf(u)
        // hairs begin in the band; below its middle they rise, above it they lie down, at the nose they stand
        const rise = 1.25 * (1 - smoothstep(0, 0.35, share)) + 0.45 * (1 - share) - 0.55 * Math.max(0, w) - 0.25 * share
        this.hairs.push({
          u,
          v: valueAt(band.middle, at) + 0.72 * w * valueAt(band.half, at),
          angle: rise + rng.uniform(-0.22, 0.22),
          size: smoothstep(0, 0.5, valueAt(band.density, at)) * rng.uniform(0.7, 1.1) * (1 - 0.35 * share),
          tilt: rng.uniform(-0.35, 0.35),
        })
        pictures.push(rng.integer(1000))
      }
    this.cards = { rows: this.hairs.map(() => CARD_ROWS), pictures, kind: 'brow', mirrored: side === 'Right' }
  }

  /** Where the cards are on a posed closed head. @param positions its vertices */
  places(positions: Float32Array): CardPlace[] {
    const points = this.patch.at(positions)
    return this.hairs.map((hair) => laid(hair, points, this.cards.mirrored))
  }
}

/** A card on the patch: its root, its direction from along the brow upwards, its size. */
interface Hair {
  u: number
  v: number
  angle: number
  size: number
  tilt: number
}

const columnOf = (u: number): number => ((u - ALONG[0]) / (ALONG[1] - ALONG[0])) * (COLUMNS - 1)
const rowOf = (v: number): number => ((v - ACROSS[0]) / (ACROSS[1] - ACROSS[0])) * (ROWS - 1)

/** Points of the skin in columns and rows, and their texture coordinates. */
function patchOf({ mean, skin, triangles, uv, uvIndices }: BrowSkin, upper: Vec[], lower: Vec[]) {
  const tree = new TriangleTree({ positions: mean.positions, indices: skin })
  const corners: number[] = []
  const uvRows: number[] = []
  const weights: number[] = []
  const point = new Float32Array(3)
  for (let j = 0; j < ROWS; j++)
    for (let i = 0; i < COLUMNS; i++) {
      const u = ALONG[0] + (i / (COLUMNS - 1)) * (ALONG[1] - ALONG[0])
      const v = ACROSS[0] + (j / (ROWS - 1)) * (ACROSS[1] - ACROSS[0])
      const [a, b] = [lower, upper].map((line) => onLine(line, u))
      const at = plus(a, minus(b, a), v)
      const hit = tree.closest(at[0], at[1], at[2])
      const triangle = [0, 1, 2].map((c) => skin[3 * hit.triangle + c])
      point.set([hit.x, hit.y, hit.z])
      const share = [0, 0, 0]
      barycentric(mean.positions, triangle, point, 0, share)
      corners.push(...triangle)
      weights.push(...share)
      uvRows.push(...[0, 1, 2].map((c) => uvIndices[3 * triangles[hit.triangle] + c]))
    }
  const bound = new Bound(Uint32Array.from(corners), Float32Array.from(weights))
  return { bound, uv: bound.of(uv, Uint32Array.from(uvRows), 2) }
}

/** A point of a line at a share of its points, beyond its ends too. */
function onLine(line: Vec[], share: number): Vec {
  const at = share * (line.length - 1)
  const i = Math.min(line.length - 2, Math.max(0, Math.floor(at)))
  return plus(line[i], minus(line[i + 1], line[i]), at - i)
}

/** Finds the brow in the albedo. @param uv [patch points, 2] */
function lookAt(
  uv: Float32Array,
  { size, albedo, observed }: BrowPicture,
): { band: Band; colour: number[] | undefined } {
  const texel = (i: number): number =>
    Math.min(size - 1, Math.max(0, Math.floor(uv[2 * i + 1] * size))) * size +
    Math.min(size - 1, Math.max(0, Math.floor(uv[2 * i] * size)))
  const bright = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const t = 3 * texel(i)
    return 0.3 * albedo[t] + 0.6 * albedo[t + 1] + 0.1 * albedo[t + 2]
  })
  const raw = Array.from({ length: COLUMNS }, (_, i) => {
    // skin is what the brighter places of the neighbourhood are
    const about: number[] = []
    for (let c = Math.max(0, i - 4); c <= Math.min(COLUMNS - 1, i + 4); c++)
      for (let j = 0; j < ROWS; j++) about.push(bright[j * COLUMNS + c])
    about.sort((a, b) => a - b)
    const skin = about[Math.floor(0.75 * about.length)]
    let [sum, first, second, most] = [0, 0, 0, 0]
    for (let j = 0; j < ROWS; j++) {
      const v = ACROSS[0] + (j / (ROWS - 1)) * (ACROSS[1] - ACROSS[0])
      const near = Math.exp(-0.5 * ((v - 0.5) / SPREAD) ** 2)
      const darker = Math.max(0, 1 - bright[j * COLUMNS + i] / Math.max(0.02, skin) - DARKER[0])
      const weight = near * darker * observed[texel(j * COLUMNS + i)]
      sum += weight
      first += weight * v
      second += weight * v * v
      most = Math.max(most, near * darker)
    }
    return { sum, first, second, most }
  })
  const blur = (of: (column: (typeof raw)[number]) => number): number[] =>
    raw.map((_, i) => {
      let [total, weight] = [0, 0]
      for (let c = Math.max(0, i - 4); c <= Math.min(COLUMNS - 1, i + 4); c++) {
        const w = Math.exp(-0.5 * ((c - i) / 2) ** 2)
        total += w * of(raw[c])
        weight += w
      }
      return total / weight
    })
  const [sum, first, second, most] = [
    blur((c) => c.sum),
    blur((c) => c.first),
    blur((c) => c.second),
    blur((c) => c.most),
  ]
  const middle = sum.map((s, i) => (first[i] + PRIOR * USUAL.middle) / (s + PRIOR))
  const half = sum.map((s, i) => {
    const spread = Math.sqrt(Math.max(0, second[i] / Math.max(1e-6, s) - (first[i] / Math.max(1e-6, s)) ** 2))
    return Math.min(0.8, Math.max(0.2, (s * 1.7 * spread + PRIOR * USUAL.half) / (s + PRIOR)))
  })
  const density = most.map((m) => smoothstep(0, DARKER[1] - DARKER[0], m))
  return { band: { middle, half, density }, colour: hairColour(uv, texel, bright, albedo, middle, half) }
}

/** The darker part of what is in the band. */
function hairColour(
  uv: Float32Array,
  texel: (i: number) => number,
  bright: Float32Array,
  albedo: Float32Array,
  middle: number[],
  half: number[],
): number[] | undefined {
  const within: number[] = []
  for (let i = 0; i < uv.length / 2; i++) {
    const [column, v] = [i % COLUMNS, ACROSS[0] + (Math.floor(i / COLUMNS) / (ROWS - 1)) * (ACROSS[1] - ACROSS[0])]
    const u = ALONG[0] + (column / (COLUMNS - 1)) * (ALONG[1] - ALONG[0])
    if (u > 0.05 && u < 0.85 && Math.abs(v - middle[column]) < 0.7 * half[column]) within.push(i)
  }
  within.sort((a, b) => bright[a] - bright[b])
  const dark = within.slice(Math.floor(0.05 * within.length), Math.ceil(0.35 * within.length))
  if (dark.length === 0) return undefined
  return [0, 1, 2].map((k) => HAIR * dark.reduce((total, i) => total + albedo[3 * texel(i) + k] / dark.length, 0))
}

function valueAt(values: readonly number[], at: number): number {
  const i = Math.min(values.length - 2, Math.max(0, Math.floor(at)))
  return values[i] + Math.min(1, Math.max(0, at - i)) * (values[i + 1] - values[i])
}

/** Lays a card on the patch. @param points [ROWS, COLUMNS, 3] */
function laid({ u, v, angle, size, tilt }: Hair, points: Float32Array, mirrored: boolean): CardPlace {
  const sample = (column: number, line: number): Vec => {
    const i = Math.min(COLUMNS - 2, Math.max(0, Math.floor(column)))
    const j = Math.min(ROWS - 2, Math.max(0, Math.floor(line)))
    const [s, t] = [column - i, line - j]
    const [a, b, c, d] = [0, 1, COLUMNS, COLUMNS + 1].map((step) => row(points, j * COLUMNS + i + step))
    return plus(plus(scaled(a, (1 - s) * (1 - t)), b, s * (1 - t)), plus(scaled(c, (1 - s) * t), d, s * t))
  }
  let [column, line] = [columnOf(u), rowOf(v)]
  const middle: Vec[] = []
  const aside: Vec[] = []
  for (let r = 0; r < CARD_ROWS; r++) {
    const t = r / (CARD_ROWS - 1)
    const at = sample(column, line)
    const [right, up] = [
      minus(sample(column + 1, line), sample(column - 1, line)),
      minus(sample(column, line + 1), sample(column, line - 1)),
    ]
    const [perColumn, perRow] = [Math.hypot(...right) / 2, Math.hypot(...up) / 2]
    const normal = scaled(unit(cross(right, up)), mirrored ? -1 : 1)
    // they lie down towards their tips
    const lying = angle * (1 - 0.45 * t)
    const forward = plus(scaled(unit(right), Math.cos(lying)), unit(up), Math.sin(lying))
    const flat = unit(cross(normal, forward))
    const over = OVER[0] + (OVER[1] - OVER[0]) * Math.sin((Math.PI / 2) * t)
    middle.push(plus(at, normal, size * over))
    aside.push(scaled(plus(scaled(flat, Math.cos(tilt)), normal, Math.sin(tilt)), (mirrored ? 1 : -1) * size * HALF))
    const step = (size * LENGTH) / (CARD_ROWS - 1)
    column += (step * Math.cos(lying)) / Math.max(1e-5, perColumn)
    line += (step * Math.sin(lying)) / Math.max(1e-5, perRow)
  }
  return { middle, aside }
}

/** Brows: cards that lie along the skin where the photo has its brows (brow-band.ts), the larger the more hair it shows there. */
import type { Side } from '../evidence/layouts.js'
import { barycentric } from '../geometry/barycentric.js'
import { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Mesh } from '../stages.js'
import { ACROSS, ALONG, type BrowPicture, browBand, COLUMNS, ROWS } from './brow-band.js'
import { Bound, type CardPlace, type Cards, cross, minus, plus, row, scaled, unit, type Vec } from './cards.js'

/** Cards along the brow and across it, and rows of each. More would lie over each other in more layers than Cycles looks through (8). */
const CARDS = [24, 4] as const
const CARD_ROWS = 4
/** Metres: how long cards are, half their width, how high over the skin they are at root and tip. */
const LENGTH = 0.0073
const HALF = 0.0009
const OVER = [-0.0001, 0.0011] as const
/** Where there is no hair, cards are of this size: too small to be seen, but with an area, which some programs insist on. */
const LEAST = 0.02
const SEED = 31

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
    const { band, colour } = browBand(uv, picture)
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
        const v = valueAt(band.middle, at) + 0.72 * w * valueAt(band.half, at)
        const angle = rise + rng.uniform(-0.22, 0.22)
        // where the middle of the card will lie
        const hair = cellAt(band.density, at + 2 * Math.cos(angle), rowOf(v) + 2.5 * Math.sin(angle))
        const size = rng.uniform(0.7, 1.1) * (1 - 0.35 * share) * smoothstep(0, 0.15, hair)
        // thin hair is of thin hairs
        const length = Math.max(LEAST, size) * LENGTH
        const half = Math.max(LEAST, size * smoothstep(0, 0.9, hair)) * HALF
        this.hairs.push({ u, v, angle, length, half, tilt: rng.uniform(-0.35, 0.35) })
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
  /** Metres. */
  length: number
  half: number
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

/** Of [ROWS, COLUMNS], the nearest; nothing beyond. */
function cellAt(values: Float32Array, column: number, line: number): number {
  const [i, j] = [Math.round(column), Math.round(line)]
  return i >= 0 && j >= 0 && i < COLUMNS && j < ROWS ? values[j * COLUMNS + i] : 0
}

function valueAt(values: readonly number[], at: number): number {
  const i = Math.min(values.length - 2, Math.max(0, Math.floor(at)))
  return values[i] + Math.min(1, Math.max(0, at - i)) * (values[i + 1] - values[i])
}

/** Lays a card on the patch. @param points [ROWS, COLUMNS, 3] */
function laid({ u, v, angle, length, half, tilt }: Hair, points: Float32Array, mirrored: boolean): CardPlace {
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
    middle.push(plus(at, normal, (length / LENGTH) * over))
    aside.push(scaled(plus(scaled(flat, Math.cos(tilt)), normal, Math.sin(tilt)), (mirrored ? 1 : -1) * half))
    const step = length / (CARD_ROWS - 1)
    column += (step * Math.cos(lying)) / Math.max(1e-5, perColumn)
    line += (step * Math.sin(lying)) / Math.max(1e-5, perRow)
  }
  return { middle, aside }
}

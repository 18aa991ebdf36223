/** Brows: cards that lie along the skin where the photo has its brows (brow-band.ts), the larger the more hair it shows there. */
import type { Side } from '../evidence/layouts.js'
import { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { type BrowPicture, browBand } from './brow-band.js'
import {
  type BrowHair,
  type BrowPatch,
  COLUMNS,
  columnOf,
  directionAt,
  hairPath,
  onPatch,
  ROWS,
  riseAt,
  rowOf,
  valueAt,
} from './brow-patch.js'
import { type Bound, type CardPlace, type Cards, cross, plus, scaled, unit, type Vec } from './cards.js'

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

/** One brow's cards. */
export class Brow {
  readonly cards: Cards
  /** sRGB 0..1 of its hairs. */
  readonly colour: readonly number[] | undefined
  private readonly hairs: Hair[] = []
  readonly patch: Bound

  constructor(side: Side, { bound, uv }: BrowPatch, picture: BrowPicture) {
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
        // hairs begin in the band
        const v = valueAt(band.middle, at) + 0.72 * w * valueAt(band.half, at)
        const angle = riseAt(share, w) + rng.uniform(-0.22, 0.22)
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

/** A card on the patch. */
interface Hair extends BrowHair {
  half: number
  tilt: number
}

/** Of [ROWS, COLUMNS], the nearest; nothing beyond. */
function cellAt(values: Float32Array, column: number, line: number): number {
  const [i, j] = [Math.round(column), Math.round(line)]
  return i >= 0 && j >= 0 && i < COLUMNS && j < ROWS ? values[j * COLUMNS + i] : 0
}

/** Lays a card on the patch. @param points [ROWS, COLUMNS, 3] */
function laid({ half, tilt, ...hair }: Hair, points: Float32Array, mirrored: boolean): CardPlace {
  const middle: Vec[] = []
  const aside: Vec[] = []
  hairPath(hair, points, CARD_ROWS).forEach((here, r) => {
    const normal = scaled(unit(cross(here.right, here.up)), mirrored ? -1 : 1)
    const flat = unit(cross(normal, directionAt(here)))
    const over = OVER[0] + (OVER[1] - OVER[0]) * Math.sin((Math.PI / 2) * (r / (CARD_ROWS - 1)))
    middle.push(plus(onPatch(points, here.column, here.line), normal, (hair.length / LENGTH) * over))
    aside.push(scaled(plus(scaled(flat, Math.cos(tilt)), normal, Math.sin(tilt)), (mirrored ? 1 : -1) * half))
  })
  return { middle, aside }
}

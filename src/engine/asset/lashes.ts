/**
 * Lashes: cards that grow at the outer edge of the lids' rims and curl away from the eye. Their roots are bound to the skin, and they stand
 * out from the ball, so that they go with the lids in every key.
 */
import type { Side } from '../evidence/layouts.js'
import { barycentric } from '../geometry/barycentric.js'
import { vertexNormals } from '../geometry/normals.js'
import { Rng } from '../geometry/rng.js'
import { TriangleTree } from '../geometry/triangle-tree.js'
import type { Fineness, Mesh } from '../stages.js'
import { Bound, type CardPlace, type Cards, cross, dot, minus, plus, row, scaled, unit, type Vec } from './cards.js'
import { atShare, rimHalves } from './meeting.js'

interface Lid {
  cards: number
  /** Of each card, from the root to the tips. */
  rows: Readonly<Record<Fineness, number>>
  /** How thick the lid's rim is: lashes grow at its outer edge, metres from the ball. */
  rim: number
  /** From the inner to the outer corner, shares of the rim that have lashes. */
  from: number
  to: number
  /** Metres: the longest, and half of a card's width at the roots and at the tips. */
  length: number
  half: readonly [root: number, tip: number]
  /** Angle to the direction out of the eye at root and tip, towards the opening, radians. */
  rise: readonly [root: number, tip: number]
}

const LIDS: readonly [upper: Lid, lower: Lid] = [
  {
    cards: 46,
    rows: { fine: 6, coarse: 4 },
    rim: 0.0026,
    from: 0.1,
    to: 0.985,
    length: 0.0079,
    half: [0.00055, 0.0008],
    rise: [0.3, -1.45],
  },
  {
    cards: 34,
    rows: { fine: 5, coarse: 3 },
    rim: 0.0017,
    from: 0.16,
    to: 0.97,
    length: 0.0046,
    half: [0.00055, 0.0007],
    rise: [-0.15, -0.75],
  },
]
/** How lashes lean towards the corners, radians at the inner and at the outer one. */
const FAN = [-0.5, 0.85] as const
/** How much of the direction from the ball's middle to the side lashes keep: they all look more ahead than that. */
const AHEAD = 0.5
const SEED = 23

/** Steps along the rim outwards, metres; where one gets less than this share of itself away from the ball, the rim has turned into the lid. */
const STEP = 0.0002
const LEAST_GAIN = 0.45
/** Lashes that would pass through the lid are turned towards the opening, by steps, radians. */
const TURN = 0.12
const TURNS = 4
/** The rim of an upper lid turns by more than the way that it goes around the ball: lashes turn on by this share of it, radians at least and most. */
const FOLLOW = 1
const FOLLOWED = [-0.15, 0.75] as const
/** Metres that they keep off it; at their root they are on it. */
const KEEP = 0.00015

/** The outer edge of the rim over a point of its inner edge. @param most metres that it may be away */
function outerEdge(tree: TriangleTree, inner: Vec, out: Vec, most: number): { triangle: number; at: Vec } {
  let edge = { triangle: -1, at: inner }
  for (let way = 0; way < most; ) {
    const { triangle, x, y, z } = tree.closest(...plus(edge.at, out, STEP))
    const gain = dot(minus([x, y, z], edge.at), out)
    if (edge.triangle >= 0 && gain < LEAST_GAIN * STEP) break
    edge = { triangle, at: [x, y, z] }
    way += gain
  }
  return edge
}

/** A card by what does not depend on the face. */
interface Lash {
  length: number
  half: readonly [number, number]
  rise: readonly [number, number]
  /** Radians towards the outer corner, and about its own line. */
  fan: number
  twist: number
  rows: number
}

/** The lashes of one eye. */
export class Lashes {
  readonly cards: Cards
  private readonly lashes: { lid: 0 | 1; lash: Lash }[] = []
  readonly roots: Bound
  private readonly turns: number[] = []
  /** Radians that each root lies above the ball's middle, in the pose that is seen first: at rest. */
  private readonly heights: number[] = []

  /**
   * @param mean the closed head's mean, and @param skin its triangles without sheets, about the eye
   * @param loop the lids' rim @param ball the middle of the mean head's eyeball
   */
  constructor(
    private readonly side: Side,
    mean: Mesh,
    private readonly skin: Uint32Array,
    { loop, ball }: { loop: Uint32Array; ball: Vec },
    fineness: Fineness,
  ) {
    const tree = new TriangleTree({ positions: mean.positions, indices: skin })
    const corners: number[] = []
    const weights: number[] = []
    const pictures: number[] = []
    // the same on both sides
    const rng = new Rng(SEED)
    rimHalves(mean.positions, loop).forEach((half, lid) => {
      const { cards, rows, rim, from, to, length, half: width, rise } = LIDS[lid]
      // from the inner corner
      const line = (side === 'Left' ? half : half.toReversed()).map((i) => row(mean.positions, loop[i]))
      for (let i = 0; i < cards; i++) {
        const share = from + ((i + 0.5 + rng.uniform(-0.3, 0.3)) / cards) * (to - from)
        const at = atShare(line, share) as Vec
        const edge = outerEdge(tree, at, unit(minus(at, ball)), rim + rng.uniform(-0.0002, 0.0001))
        const triangle = [0, 1, 2].map((c) => skin[3 * edge.triangle + c])
        const share3 = [0, 0, 0]
        barycentric(mean.positions, triangle, Float32Array.from(edge.at), 0, share3)
        corners.push(...triangle)
        weights.push(...share3)
        // longest outwards of the middle, short at the corners
        const long =
          (0.45 + 0.55 * Math.sin(Math.PI * Math.min(1, share * 0.82 + 0.02)) ** 0.8) * rng.uniform(0.78, 1.05)
        this.lashes.push({
          lid: lid as 0 | 1,
          lash: {
            length: length * long,
            half: width,
            rise: [rise[0] + rng.uniform(-0.18, 0.18), rise[1] + rng.uniform(-0.25, 0.2)],
            fan: FAN[0] + share * (FAN[1] - FAN[0]) + rng.uniform(-0.16, 0.16),
            twist: rng.uniform(-0.5, 0.5),
            rows: rows[fineness],
          },
        })
        pictures.push(rng.integer(1000))
      }
    })
    this.roots = new Bound(Uint32Array.from(corners), Float32Array.from(weights))
    this.cards = { rows: this.lashes.map(({ lash }) => lash.rows), pictures, kind: 'lash', mirrored: side === 'Right' }
  }

  /** Turns lashes out of the lid of the head at rest. @param ball the middle of the eyeball */
  settle(positions: Float32Array, ball: ArrayLike<number>): void {
    const { skin } = this
    const tree = new TriangleTree({ positions, indices: skin })
    // smooth ones: at the rim's edge a triangle's own says little of where outside is
    const normals = vertexNormals({ positions, indices: skin })
    const weights = [0, 0, 0]
    const inside = (point: number[]): boolean => {
      const hit = tree.closest(point[0], point[1], point[2])
      const at = [hit.x, hit.y, hit.z]
      const corners = [0, 1, 2].map((c) => skin[3 * hit.triangle + c])
      barycentric(positions, corners, Float32Array.from(at), 0, weights)
      const normal = corners.reduce((sum, v, c) => plus(sum, row(normals, v), weights[c]), [0, 0, 0] as Vec)
      return dot(minus(point, at), unit(normal)) < KEEP
    }
    for (let turn = 0; turn <= TURNS; turn++) {
      const places = this.places(positions, ball)
      places.forEach(({ middle }, i) => {
        // the first row is the root
        if ((this.turns[i] ?? 0) === TURN * turn && middle.slice(1).some(inside)) this.turns[i] = TURN * (turn + 1)
      })
    }
  }

  /** Where the cards are on a posed closed head. @param ball the middle of the eyeball */
  places(positions: Float32Array, ball: ArrayLike<number>): CardPlace[] {
    const roots = this.roots.at(positions)
    return this.lashes.map(({ lid, lash }, i) => {
      const at = row(roots, i)
      const [x, y, z] = minus(at, ball)
      const out = unit([AHEAD * x, y, z])
      const others = [-3, 3].map((step) =>
        Math.min(Math.max(i + step, this.first(lid)), this.first(lid) + LIDS[lid].cards - 1),
      )
      const run = minus(row(roots, others[1]), row(roots, others[0]))
      const along = unit(plus(run, out, -dot(run, out)))
      const height = Math.asin(y / Math.hypot(x, y, z))
      this.heights[i] ??= height
      const sunk = lid === 0 ? Math.min(FOLLOWED[1], Math.max(FOLLOWED[0], FOLLOW * (this.heights[i] - height))) : 0
      // towards the opening
      const towards = cross(out, along)
      const turned = (lid === 0) === (this.side === 'Left') ? scaled(towards, -1) : towards
      return growing(lash, { root: this.turns[i] ?? 0, all: sunk }, at, { along, out, towards: turned })
    })
  }

  private first(lid: 0 | 1): number {
    return lid === 0 ? 0 : LIDS[0].cards
  }
}

function growing(
  { length, half, rise, fan, twist, rows }: Lash,
  turn: { root: number; all: number },
  root: Vec,
  { along, out, towards }: { along: Vec; out: Vec; towards: Vec },
): CardPlace {
  const middle: Vec[] = [root]
  const aside: Vec[] = []
  for (let r = 0; r < rows; r++) {
    const t = r / (rows - 1)
    const angle = turn.all + turn.root * (1 - t) + rise[0] + (rise[1] - rise[0]) * t ** 1.25
    const lean = fan * (0.5 + 0.5 * t)
    const straight = plus(scaled(out, Math.cos(angle)), towards, Math.sin(angle))
    const direction = plus(scaled(straight, Math.cos(lean)), along, Math.sin(lean))
    const flat = unit(plus(along, direction, -dot(along, direction)))
    const up = cross(direction, flat)
    const width = half[0] + t * (half[1] - half[0])
    aside.push(scaled(plus(scaled(flat, Math.cos(twist)), up, Math.sin(twist)), width))
    if (r + 1 < rows) middle.push(plus(middle[r], direction, length / (rows - 1)))
  }
  return { middle, aside }
}

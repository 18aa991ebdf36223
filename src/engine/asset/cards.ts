/**
 * Hair as cards: narrow strips with pictures of a few hairs each (hair-texture.ts). What a card is (its rows, its picture) is the same for
 * all faces, and mirrored on the other side; where it lies follows the skin.
 */
import type { Mesh } from '../stages.js'
import { cellsOf } from './hair-texture.js'
import { KeyMaker, type ShapeKey, STILL } from './keys.js'

/** One card's place: where its middle line runs, and to either side of it, [rows, 3] each, metres. */
export interface CardPlace {
  middle: number[][]
  /** From the middle to the edge. */
  aside: number[][]
}

export interface Cards {
  /** Rows of each card: from the root to the tips, at least two. */
  rows: readonly number[]
  /** Number of the picture of each. */
  pictures: readonly number[]
  kind: 'lash' | 'brow'
  /** Whether triangles run the other way around: on the side that is the mirror image. */
  mirrored: boolean
}

/** All cards as a mesh of quads in their order, with its texture coordinates. */
export interface CardMesh {
  mesh: Mesh
  quads: number
  normals: Float32Array
  uv: Float32Array
  keys: ShapeKey[]
}

/**
 * Builds the mesh and its keys.
 * @param rest where each card is at rest @param targets the same at the end of each key
 */
export function cardMesh(
  cards: Cards,
  rest: readonly CardPlace[],
  targets: Iterable<{ name: string; places: readonly CardPlace[] }>,
): CardMesh {
  const { rows, pictures, mirrored } = cards
  const cells = cellsOf(cards.kind)
  const indices: number[] = []
  const uv: number[] = []
  let first = 0
  rows.forEach((count, i) => {
    const { left, right, top, bottom } = cells[pictures[i] % cells.length]
    for (let row = 0; row < count; row++) {
      const v = bottom + (row / (count - 1)) * (top - bottom)
      uv.push(left, v, right, v)
      if (row === 0) continue
      const [a, b, c, d] = [-2, -1, 1, 0].map((k) => first + 2 * row + k)
      indices.push(...(mirrored ? [a, d, c, a, c, b] : [a, b, c, a, c, d]))
    }
    first += 2 * count
  })
  const mesh = { positions: positionsOf(rest), indices: Uint32Array.from(indices) }
  const maker = new KeyMaker(mesh)
  const keys: ShapeKey[] = []
  for (const { name, places } of targets) {
    const key = maker.key(name, positionsOf(places))
    if (key) keys.push(key)
  }
  return { mesh, quads: indices.length / 6, normals: maker.normals, uv: Float32Array.from(uv), keys }
}

/** Left and right edge of each row. */
function positionsOf(places: readonly CardPlace[]): Float32Array {
  const out: number[] = []
  for (const { middle, aside } of places)
    middle.forEach((m, row) => {
      for (const sign of [-1, 1]) for (let k = 0; k < 3; k++) out.push(m[k] + sign * aside[row][k])
    })
  return Float32Array.from(out)
}

/** Points of triangles, which go where these go. */
export class Bound {
  /** @param corners [n, 3] vertices @param weights [n, 3] barycentric */
  constructor(
    private readonly corners: Uint32Array,
    private readonly weights: Float32Array,
  ) {}

  /** Whether any of them goes elsewhere. */
  moves(from: Float32Array, to: Float32Array): boolean {
    for (const v of this.corners)
      for (let i = 3 * v; i < 3 * v + 3; i++) if (Math.abs(from[i] - to[i]) > STILL) return true
    return false
  }

  /** [n, 3] */
  at(positions: Float32Array): Float32Array {
    return this.of(positions, this.corners, 3)
  }

  /** Of an attribute whose rows each corner has, [n, dims]. @param rows [n, 3] */
  of(values: Float32Array, rows: Uint32Array, dims: number): Float32Array {
    const out = new Float32Array((rows.length / 3) * dims)
    for (let c = 0; c < rows.length; c++) {
      const to = Math.floor(c / 3) * dims
      for (let k = 0; k < dims; k++) out[to + k] += this.weights[c] * values[rows[c] * dims + k]
    }
    return out
  }
}

export type Vec = [number, number, number]
export const plus = (a: ArrayLike<number>, b: ArrayLike<number>, share = 1): Vec => [
  a[0] + share * b[0],
  a[1] + share * b[1],
  a[2] + share * b[2],
]
export const minus = (a: ArrayLike<number>, b: ArrayLike<number>): Vec => plus(a, b, -1)
export const scaled = (a: ArrayLike<number>, by: number): Vec => [by * a[0], by * a[1], by * a[2]]
export const cross = (a: ArrayLike<number>, b: ArrayLike<number>): Vec => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
]
export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
export const unit = (a: ArrayLike<number>): Vec => scaled(a, 1 / Math.max(1e-12, Math.hypot(a[0], a[1], a[2])))
export const row = (values: ArrayLike<number>, i: number): Vec => [values[3 * i], values[3 * i + 1], values[3 * i + 2]]

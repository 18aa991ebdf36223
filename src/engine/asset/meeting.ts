/** How lids and lips meet: brought together where they are all but shut, and back where they have passed each other. */
import { smoothstep } from '../geometry/smoothstep.js'

/** Rims that leave less than the first of these open are shut; more than the second, they are open, metres. */
const SLIT = [0.001, 0.002] as const
/** How far over lids and lips their meeting reaches, metres. */
const MEETING = 0.006
/** How far apart rims come to lie that had passed each other by more than they may, metres. */
const CLEAR = 0.0002
const PASSED = 0.00005
/** Times that rims are moved half way towards each other to be sealed: the second time they are all but there. */
const SEALING = 3
/** From the corners on rims are brought together more and more, up to this distance from them, metres. */
const CORNER = 0.005

/** Lids and lips where they meet: linear expressions leave slits between shut ones, and let them pass each other. */
export class Meeting {
  /** Places on the loop of the upper and of the lower rim, from its right to its left; corners are in both. */
  readonly halves: readonly [upper: number[], lower: number[]]
  /** Vertices about the opening with the place on the loop that they go with, and how far. */
  private readonly followers: { v: number; at: number; share: number }[]

  /** @param skin vertices that may move */
  constructor(
    positions: Float32Array,
    private readonly loop: Uint32Array,
    skin: Uint32Array,
  ) {
    this.halves = rimHalves(positions, loop)
    this.followers = Array.from(skin).flatMap((v) => {
      let at = 0
      let square = MEETING ** 2
      for (let i = 0; i < loop.length; i++) {
        const w = 3 * loop[i]
        const d =
          (positions[3 * v] - positions[w]) ** 2 +
          (positions[3 * v + 1] - positions[w + 1]) ** 2 +
          (positions[3 * v + 2] - positions[w + 2]) ** 2
        if (d >= square) continue
        at = i
        square = d
      }
      return square < MEETING ** 2 ? [{ v, at, share: smoothstep(MEETING, 0, Math.sqrt(square)) }] : []
    })
  }

  /** How far rims are open where they are most, metres. */
  gap(positions: Float32Array): number {
    const [upper, lower] = this.rims(positions)
    return Math.max(...upper.map((p) => p[1] - along(lower, p[0])[1]))
  }

  /** Brings rims together that are nearly shut along their whole length, in place. */
  shut(positions: Float32Array): void {
    this.seal(positions, 1 - smoothstep(SLIT[0], SLIT[1], this.gap(positions)))
  }

  /** Brings rims back together where the upper one is below the lower one, in place. */
  uncross(positions: Float32Array): void {
    this.move(positions, (p, other, side) => {
      const up = side === 0 ? 1 : -1
      return up * (p[1] - other[1]) < -PASSED ? [0, (other[1] - p[1] + up * CLEAR) / 2, 0] : undefined
    })
  }

  /** Lays the rims on each other along their whole length, in place. @param degree 0..1 how much of the way they go */
  seal(positions: Float32Array, degree = 1): void {
    for (let round = 0; degree > 0 && round < SEALING; round++) {
      const lines = this.rims(positions)
      const by: (number[] | undefined)[] = Array.from(this.loop, () => undefined)
      this.halves.forEach((half, side) => {
        const share = shares(lines[side])
        half.forEach((i, n) => {
          const other = atShare(lines[1 - side], share[n])
          by[i] = lines[side][n].map((x, k) => (degree * (other[k] - x)) / 2)
        })
      })
      this.follow(positions, by)
    }
  }

  private rims(positions: Float32Array): number[][][] {
    return this.halves.map((half) =>
      half.map((i) => Array.from(positions.subarray(3 * this.loop[i], 3 * this.loop[i] + 3))),
    )
  }

  /** Moves each place of the rims by what `move` says of it, of the other rim at its x, and of which rim it is on. */
  private move(
    positions: Float32Array,
    move: (p: number[], other: number[], side: number) => number[] | undefined,
  ): void {
    const lines = this.rims(positions)
    const by: (number[] | undefined)[] = Array.from(this.loop, () => undefined)
    this.halves.forEach((half, side) => {
      half.slice(1, -1).forEach((i, n) => {
        const p = lines[side][n + 1]
        // towards the corners rims are steep, and what lies at the same x does not belong together
        const inner = smoothstep(0, CORNER, Math.min(p[0] - lines[side][0][0], lines[side][half.length - 1][0] - p[0]))
        if (inner > 0) by[i] = move(p, along(lines[1 - side], p[0]), side)?.map((x) => inner * x)
      })
    })
    this.follow(positions, by)
  }

  /** Moves all that goes with the rims, in place. @param by of each place on the loop */
  private follow(positions: Float32Array, by: readonly (readonly number[] | undefined)[]): void {
    for (const { v, at, share } of this.followers) {
      const shift = by[at]
      if (shift) for (let k = 0; k < 3; k++) positions[3 * v + k] += share * shift[k]
    }
  }
}

/** A loop split at its ends in x: places of the upper and of the lower run, from low x to high. */
export function rimHalves(positions: Float32Array, loop: Uint32Array): [number[], number[]] {
  const x = (i: number): number => positions[3 * loop[i]]
  const places = [...loop.keys()]
  const right = places.reduce((a, b) => (x(b) < x(a) ? b : a))
  const left = places.reduce((a, b) => (x(b) > x(a) ? b : a))
  const run = (step: number): number[] => {
    const out = [right]
    for (let i = right; i !== left; ) {
      i = (i + step + loop.length) % loop.length
      out.push(i)
    }
    return out
  }
  const [one, other] = [run(1), run(-1)]
  const height = (list: number[]): number => list.reduce((sum, i) => sum + positions[3 * loop[i] + 1] / list.length, 0)
  return height(one) > height(other) ? [one, other] : [other, one]
}

/** The point of a line that runs along x, at x. */
function along(line: readonly number[][], x: number): number[] {
  let i = 1
  while (i < line.length - 1 && line[i][0] < x) i++
  const [a, b] = [line[i - 1], line[i]]
  const t = b[0] > a[0] ? Math.min(1, Math.max(0, (x - a[0]) / (b[0] - a[0]))) : 0
  return a.map((v, k) => v + t * (b[k] - v))
}

/** How far along a line each of its points is, 0..1. */
function shares(line: readonly number[][]): number[] {
  const out = [0]
  for (let i = 1; i < line.length; i++) out.push(out[i - 1] + Math.hypot(...line[i].map((x, k) => x - line[i - 1][k])))
  return out.map((length) => length / out[out.length - 1])
}

/** The point of a line at a share of its length. */
export function atShare(line: readonly number[][], share: number): number[] {
  const all = shares(line)
  let i = 1
  while (i < line.length - 1 && all[i] < share) i++
  const t = (share - all[i - 1]) / Math.max(1e-12, all[i] - all[i - 1])
  return line[i - 1].map((x, k) => x + t * (line[i][k] - x))
}

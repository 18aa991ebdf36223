/** The mouth's cavity stays behind the skin about the mouth, which expressions press inwards. */
import { edgeDistance } from '../geometry/edge-distance.js'
import type { Mesh } from '../stages.js'

/** The skin about the mouth begins behind the lips and ends at this distance from the rim, metres. */
const LIPS = 0.004
const ABOUT = 0.06
/** Places of the skin that each point of the cavity is compared with. */
const NEAREST = 32
/** A point that is further in front of a place has nothing to do with it, metres. */
const BEYOND = 0.008
/** Points look no further than this for the skin, metres. */
const REACH = 0.018

/** The lips on the skin's mesh, which is closed but for the neck. */
export interface LipRim {
  /** The skin's triangles without the sheet between the lips, [triangles, 3]. */
  skin: Uint32Array
  /** The loop of vertices around the mouth's opening. */
  loop: Uint32Array
  /** [n] the model's vertex that each of the skin's first vertices is. */
  modelVertices: Uint32Array
}

/** [points, NEAREST] numbers of the places that are nearest to each point, the nearest first. */
function nearestPlaces(points: Float32Array, about: readonly number[], p: Float32Array): Uint16Array {
  const out = new Uint16Array((points.length / 3) * NEAREST)
  const squares = new Float32Array(NEAREST)
  for (let i = 0; i < points.length / 3; i++) {
    squares.fill(Number.POSITIVE_INFINITY)
    const row = out.subarray(i * NEAREST, (i + 1) * NEAREST)
    for (let n = 0; n < about.length; n++) {
      const v = 3 * about[n]
      const d = (p[v] - points[3 * i]) ** 2 + (p[v + 1] - points[3 * i + 1]) ** 2 + (p[v + 2] - points[3 * i + 2]) ** 2
      if (d >= squares[NEAREST - 1]) continue
      let at = NEAREST - 1
      for (; at > 0 && squares[at - 1] > d; at--) {
        squares[at] = squares[at - 1]
        row[at] = row[at - 1]
      }
      squares[at] = d
      row[at] = n
    }
  }
  return out
}

/** Keeps points behind the skin about the mouth, wherever that goes. */
export class BehindSkin {
  /** The model's own vertices of the skin about the mouth; none of the lips, whose inner sides face the mouth. */
  private readonly about: number[]
  /** Triangles around each of them: where they start in `corners`. */
  private readonly starts: number[] = []
  private readonly corners: number[] = []

  /** [points, NEAREST] places in `about` that are nearest to each point with an open mouth: one of them is in any other pose. */
  private readonly nearest: Uint16Array

  /** @param points [n, 3] with an open mouth @param depths [n] how deep each is kept, metres */
  constructor(
    skin: Mesh,
    { loop, modelVertices }: LipRim,
    points: Float32Array,
    private readonly depths: readonly number[],
  ) {
    const seeds = new Uint8Array(skin.positions.length / 3)
    for (const v of loop) seeds[v] = 1
    const from = edgeDistance(skin, seeds, ABOUT)
    this.about = Array.from({ length: modelVertices.length }, (_, v) => v).filter(
      (v) => from[v] > LIPS && from[v] < ABOUT,
    )
    const triangles = new Map<number, number[]>(this.about.map((v) => [v, []]))
    skin.indices.forEach((v, c) => {
      triangles.get(v)?.push(c - (c % 3))
    })
    for (const v of this.about) {
      this.starts.push(this.corners.length)
      for (const t of triangles.get(v)!) this.corners.push(...skin.indices.subarray(t, t + 3))
    }
    this.starts.push(this.corners.length)
    this.nearest = nearestPlaces(points, this.about, skin.positions)
  }

  /** Moves points that are not deep enough, in place. */
  keep(points: Float32Array, skin: Float32Array): void {
    const normals = this.about.map((_, n) => this.normalAt(n, skin))
    for (let i = 0; i < this.depths.length; i++) {
      const x = points[3 * i]
      const y = points[3 * i + 1]
      const z = points[3 * i + 2]
      let best = -1
      let least = REACH ** 2
      for (let j = i * NEAREST; j < (i + 1) * NEAREST; j++) {
        const v = 3 * this.about[this.nearest[j]]
        const d = (skin[v] - x) ** 2 + (skin[v + 1] - y) ** 2 + (skin[v + 2] - z) ** 2
        if (d < least) {
          best = this.nearest[j]
          least = d
        }
      }
      if (best < 0) continue
      const at = 3 * this.about[best]
      const normal = normals[best]
      const depth = (skin[at] - x) * normal[0] + (skin[at + 1] - y) * normal[1] + (skin[at + 2] - z) * normal[2]
      const missing = this.depths[i] - depth
      if (missing > 0 && missing < BEYOND) for (let k = 0; k < 3; k++) points[3 * i + k] -= missing * normal[k]
    }
  }

  /** Unit normal at place n of `about`. */
  private normalAt(n: number, p: Float32Array): [number, number, number] {
    let x = 0
    let y = 0
    let z = 0
    for (let i = this.starts[n]; i < this.starts[n + 1]; i += 3) {
      const a = 3 * this.corners[i]
      const b = 3 * this.corners[i + 1]
      const c = 3 * this.corners[i + 2]
      const ux = p[b] - p[a]
      const uy = p[b + 1] - p[a + 1]
      const uz = p[b + 2] - p[a + 2]
      const vx = p[c] - p[a]
      const vy = p[c + 1] - p[a + 1]
      const vz = p[c + 2] - p[a + 2]
      x += uy * vz - uz * vy
      y += uz * vx - ux * vz
      z += ux * vy - uy * vx
    }
    const length = Math.hypot(x, y, z) || 1
    return [x / length, y / length, z / length]
  }
}

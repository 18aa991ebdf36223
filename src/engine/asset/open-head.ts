/**
 * The head's skin with real openings: without the sheets that close eyes and mouth, and with a narrow ledge from the lids' rim onto
 * the eyeball, the wet edge of the eye, so that nothing can be looked past.
 */
import { boundaryLoops, submesh } from '../geometry/mesh.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { corneaBulge, type Eye, gazeRotation, LID_GAP } from './eyes.js'

/** What is needed of the head's topology. */
export interface ClosedHead {
  /** [triangles, 3], those of quads first. */
  indices: Uint32Array
  quads: number
  /** [uvVertices, 2] and [triangles, 3] */
  uv: Float32Array
  uvIndices: Uint32Array
  /** [triangles] */
  faceRegion: Uint8Array
  /** [triangles] HEAD_PARTS of what a sheet closes, 0 for skin. */
  sheets: Uint8Array
}

/** A loop of vertices around an opening, in the direction of its triangles. */
export interface Opening {
  kind: 'eye' | 'mouth'
  loop: Uint32Array
}

/** How deep the ledge's inner edge lies in the ball, metres, and how far into the sheet's texture each of its rows reaches. */
const DEPTH = 0.0003
const ROWS = [0.12, 0.25] as const

/** Openings of the skin where its sheets are. @param vertices number of the head's vertices */
export function openingsOf({ indices, sheets }: ClosedHead, vertices: number): Opening[] {
  const ofSheet = new Uint8Array(vertices)
  for (let c = 0; c < indices.length; c++)
    if (sheets[Math.floor(c / 3)]) ofSheet[indices[c]] = sheets[Math.floor(c / 3)]
  const skin = submesh(
    { positions: new Float32Array(3 * vertices), indices },
    sheets.map((s) => (s ? 0 : 1)),
  )
  return boundaryLoops(skin.mesh).flatMap((inner) => {
    const loop = inner.map((v) => skin.vertexMap[v])
    // sheets of models that were looked up on the built-in head may end a little beside the opening
    if (loop.filter((v) => ofSheet[v]).length < loop.length / 2) return []
    const ofEye = loop.filter((v) => ofSheet[v] === HEAD_PARTS.eyeball).length
    const kind = ofEye > loop.filter((v) => ofSheet[v] === HEAD_PARTS.mouth).length ? 'eye' : 'mouth'
    return [{ kind, loop }]
  })
}

/** The skin with ledges. Vertices are those of the closed head, then the ledges'. */
export interface OpenHead {
  /** Triangles of quads come first (geometry/quads.ts). */
  indices: Uint32Array
  quads: number
  uv: Float32Array
  uvIndices: Uint32Array
  faceRegion: Uint8Array
  /** Positions of the closed head's vertices, with the ledges' appended. */
  extended(positions: Float32Array): Float32Array
}

/**
 * @param eyes by the loop around each, undefined where there is no eyeball: that eye stays closed by its sheet
 * @param mouth whether the mouth is opened
 */
export function openHead(head: ClosedHead, eyes: readonly { loop: Uint32Array; eye: Eye }[], mouth: boolean): OpenHead {
  const { indices, sheets, uvIndices } = head
  const opened = (t: number): boolean =>
    sheets[t] === HEAD_PARTS.eyeball ? eyes.length > 0 : sheets[t] === HEAD_PARTS.mouth && mouth
  const kept: number[] = []
  const keptUv: number[] = []
  const face: number[] = []
  const rowOf = new Map<number, number>()
  const keep = (from: number, end: number): void => {
    for (let t = from; t < end; t++) {
      if (opened(t)) continue
      face.push(head.faceRegion[t])
      for (let c = 3 * t; c < 3 * t + 3; c++) {
        kept.push(indices[c])
        keptUv.push(uvIndices[c])
      }
    }
  }
  keep(0, 2 * head.quads)
  for (let c = 0; c < indices.length; c++) if (!opened(Math.floor(c / 3))) rowOf.set(indices[c], uvIndices[c])
  const uv = Array.from(head.uv)
  const places: { from: number; eye: Eye; share: number }[] = []
  let vertices = indices.reduce((a, b) => Math.max(a, b), 0) + 1
  for (const { loop, eye } of eyes) {
    const n = loop.length
    const rim = Array.from(loop, (v) => rowOf.get(v)!)
    const middle = [0, 1].map((k) => rim.reduce((sum, row) => sum + head.uv[2 * row + k] / n, 0))
    let [before, beforeUv] = [Array.from(loop), rim]
    ROWS.forEach((share, row) => {
      const after = before.map((_, i) => vertices + i)
      const afterUv = rim.map((from) => {
        for (let k = 0; k < 2; k++) uv.push(head.uv[2 * from + k] + share * (middle[k] - head.uv[2 * from + k]))
        return uv.length / 2 - 1
      })
      loop.forEach((from) => {
        places.push({ from, eye, share: (row + 1) / ROWS.length })
      })
      for (let i = 0; i < n; i++) {
        const j = (i + 1) % n
        // the rim runs along its triangles; the ledge runs against it
        for (const [ring, list] of [
          [[before, after], kept],
          [[beforeUv, afterUv], keptUv],
        ] as const)
          list.push(ring[0][j], ring[0][i], ring[1][i], ring[0][j], ring[1][i], ring[1][j])
        face.push(0, 0)
      }
      vertices += n
      ;[before, beforeUv] = [after, afterUv]
    })
  }
  const quads = kept.length / 6
  keep(2 * head.quads, sheets.length)
  return {
    indices: Uint32Array.from(kept),
    quads,
    uv: Float32Array.from(uv),
    uvIndices: Uint32Array.from(keptUv),
    faceRegion: Uint8Array.from(face),
    extended: (positions) => {
      const out = new Float32Array(positions.length + 3 * places.length)
      out.set(positions)
      const open = new Map(
        eyes.map(({ loop, eye }) => [eye, smoothstep(NO_SLIT[0], NO_SLIT[1], slit(positions, loop))]),
      )
      places.forEach(({ from, eye, share }, i) => {
        const { centre, radius } = eye
        const p = positions.subarray(3 * from, 3 * from + 3)
        const d = [0, 1, 2].map((k) => p[k] - centre[k])
        const length = Math.hypot(d[0], d[1], d[2])
        // behind shut lids there is nothing to look past, and no room
        const deep = share * open.get(eye)!
        const to = (1 - deep) * length + deep * Math.min(length, radius - DEPTH)
        for (let k = 0; k < 3; k++) out[positions.length + 3 * i + k] = centre[k] + (to / length) * d[k]
      })
      return out
    },
  }
}

/** Mean width of the opening in a loop, metres: its area by half its length. */
function slit(p: Float32Array, loop: Uint32Array): number {
  const area = [0, 0, 0]
  let length = 0
  loop.forEach((v, i) => {
    const [a, b] = [3 * v, 3 * loop[(i + 1) % loop.length]]
    for (let k = 0; k < 3; k++) {
      const [y, z] = [(k + 1) % 3, (k + 2) % 3]
      area[k] += (p[a + y] * p[b + z] - p[a + z] * p[b + y]) / 2
    }
    length += Math.hypot(p[a] - p[b], p[a + 1] - p[b + 1], p[a + 2] - p[b + 2])
  })
  return (2 * Math.hypot(...area)) / length
}

/** Mean widths of shut and of open lids, metres. */
const NO_SLIT = [0.0004, 0.001] as const
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
  private readonly halves: [upper: number[], lower: number[]]
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

  /** Brings rims together that are nearly shut along their whole length, in place. */
  shut(positions: Float32Array): void {
    const [upper, lower] = this.rims(positions)
    const gap = Math.max(...upper.map((p) => p[1] - along(lower, p[0])[1]))
    this.seal(positions, 1 - smoothstep(SLIT[0], SLIT[1], gap))
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

/** About the eye, as a multiple of the ball's radius: vertices that are kept off it. */
const NEAR = 1.8

/** Moves vertices of the skin about the eyes that lie in a ball, or in its cornea, out of it, in place. @param skin vertices that may be */
export function keepOffBalls(positions: Float32Array, skin: ArrayLike<number>, eyes: readonly Eye[]): void {
  for (const eye of eyes) {
    const { centre, radius, irisRadius, gaze } = eye
    const m = gazeRotation(gaze)
    const ahead = [m[2], m[5], m[8]]
    const bulge = corneaBulge(eye)
    const limbus = irisRadius / radius
    for (let i = 0; i < skin.length; i++) {
      const v = 3 * skin[i]
      const [x, y, z] = [positions[v] - centre[0], positions[v + 1] - centre[1], positions[v + 2] - centre[2]]
      const length = Math.hypot(x, y, z)
      if (length > radius + bulge + LID_GAP) continue
      const cos = (x * ahead[0] + y * ahead[1] + z * ahead[2]) / length
      const beside = cos > 0 ? Math.sqrt(Math.max(0, 1 - cos * cos)) / limbus : 2
      const least = radius + LID_GAP + bulge * smoothstep(1.15, 0, beside)
      if (length >= least) continue
      for (let k = 0; k < 3; k++) positions[v + k] = centre[k] + (positions[v + k] - centre[k]) * (least / length)
    }
  }
}

/** Vertices of the skin near points, none of the sheets'. @param near whether a position is */
export function skinWhere(
  { positions, indices }: Mesh,
  sheets: Uint8Array,
  near: (x: number, y: number, z: number) => boolean,
): Uint32Array {
  const out = new Set<number>()
  for (let c = 0; c < indices.length; c++) {
    const v = 3 * indices[c]
    if (!sheets[Math.floor(c / 3)] && near(positions[v], positions[v + 1], positions[v + 2])) out.add(indices[c])
  }
  return Uint32Array.from(out)
}

/** Whether a place is about an eye. */
export function aboutEye({ centre, radius }: Eye, x: number, y: number, z: number): boolean {
  return z > centre[2] - radius / 2 && Math.hypot(x - centre[0], y - centre[1], z - centre[2]) < NEAR * radius
}

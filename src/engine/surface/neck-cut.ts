/**
 * The lower end of the neck: head models end wherever their body was cut off, in a rim that flares, tucks in or is ragged. The asset ends
 * in a plane a little above it, the same for every face of one model.
 */
import { boundaryLoops, meshEdges } from '../geometry/mesh.js'
import type { LinearRows } from '../geometry/refine.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'

/** How far above the model's rim the plane lies in front and at the nape, metres: there is less neck under a chin than behind it. */
const FRONT = 0.003
const NAPE = 0.018
/** Vertices that are nearer to the plane than this share of an edge move onto it, so that no slivers are cut off. */
const SNAP = 0.35

/** The head before the cut. */
export interface WholeNeck {
  /** The mean head. */
  mesh: Mesh
  /** [triangles] the other half of each one's quad, or -1. */
  partner: Int32Array
  /** [vertices] HEAD_PARTS */
  parts: Uint8Array
  /** [triangles] 1 in the face region. */
  faceRegion: Uint8Array
  /** [n, 2] and [triangles, 3], of models with a layout of their own. */
  uv: Float32Array | undefined
  uvIndices: Uint32Array | undefined
}

/** The head after it. */
export interface CutNeck extends Pick<WholeNeck, 'partner' | 'uv' | 'uvIndices'> {
  indices: Uint32Array
  /** [triangles] triangle that each comes from. */
  parents: Uint32Array
  /** New vertices from old ones: first those that stay, then those on cut edges. */
  rows: LinearRows
  /** [n] the old vertices that stay. */
  kept: Uint32Array
}

interface Corner {
  v: number
  uv: number
}

/** Cuts the neck; undefined where the head has none. */
export function cutNeck(head: WholeNeck): CutNeck | undefined {
  const { mesh, partner, faceRegion, uvIndices } = head
  const { indices } = mesh
  const height = heightOverCut(head)
  if (!height) return undefined
  // face and plane have nothing to do with each other; a model in which they do is left as it is
  for (let c = 0; c < indices.length; c++)
    if (faceRegion[Math.floor(c / 3)] && height[indices[c]] <= 0) return undefined
  const snapped = snap(mesh, height)
  const cuts = new Cuts(height, head.uv)
  const out: { corners: Corner[]; parent: number; half: boolean }[] = []
  const cornerAt = (c: number): Corner => ({ v: indices[c], uv: uvIndices?.[c] ?? 0 })
  for (let t = 0; t < partner.length; t++) {
    const u = partner[t]
    if (u >= 0 && u < t) continue
    const of = u < 0 ? [0, 1, 2].map((k) => 3 * t + k) : quadCorners(indices, t, u)
    const face = cuts.clip(of.map(cornerAt))
    for (let i = 1; i + 1 < face.length; i++)
      out.push({ corners: [face[0], face[i], face[i + 1]], parent: i > 1 && u >= 0 ? u : t, half: face.length === 4 })
  }
  const used = new Uint8Array(height.length)
  for (const { corners } of out) for (const { v } of corners) if (v < used.length) used[v] = 1
  const kept = Uint32Array.from(used.keys()).filter((v) => used[v])
  const place = new Int32Array(height.length)
  kept.forEach((v, i) => {
    place[v] = i
  })
  const renumbered = (v: number): number => (v < place.length ? place[v] : kept.length + v - place.length)
  const mixes = [...Array.from(kept, (v) => snapped.get(v) ?? { a: v, b: v, share: 0 }), ...cuts.edges]
  return {
    indices: Uint32Array.from(out.flatMap(({ corners }) => corners.map(({ v }) => renumbered(v)))),
    parents: Uint32Array.from(out, ({ parent }) => parent),
    partner: pairsInOrder(out.map(({ half }) => half)),
    kept,
    rows: rowsOf(mixes),
    uv: head.uv && Float32Array.from(cuts.uv),
    uvIndices: head.uvIndices && Uint32Array.from(out.flatMap(({ corners }) => corners.map(({ uv }) => uv))),
  }
}

/** [vertices] distance from the plane along y, metres; undefined without a neck that ends. */
function heightOverCut({ mesh, parts }: WholeNeck): Float64Array | undefined {
  const { positions: p } = mesh
  const rim = boundaryLoops(mesh).find(
    (loop) => loop.filter((v) => parts[v] === HEAD_PARTS.neck).length > loop.length / 2,
  )
  if (!rim) return undefined
  // the straight line through the rim seen from the side
  const n = rim.length
  const [z, y] = [2, 1].map((k) => Array.from(rim, (v) => p[3 * v + k]))
  const [meanZ, meanY] = [z, y].map((list) => list.reduce((a, b) => a + b) / n)
  const spread = z.reduce((sum, x) => sum + (x - meanZ) ** 2, 0)
  const slope = z.reduce((sum, x, i) => sum + (x - meanZ) * (y[i] - meanY), 0) / Math.max(1e-12, spread)
  const [front, nape] = [Math.max(...z), Math.min(...z)]
  return Float64Array.from({ length: p.length / 3 }, (_, v) => {
    const back = (front - p[3 * v + 2]) / Math.max(1e-6, front - nape)
    return p[3 * v + 1] - (meanY + slope * (p[3 * v + 2] - meanZ)) - (FRONT + (NAPE - FRONT) * back)
  })
}

/** A place on the edge from a to b. */
interface Mix {
  a: number
  b: number
  /** 0 at a, 1 at b. */
  share: number
}

/** Moves vertices near the plane onto it, along the edge on which that is nearest: their heights become 0. */
function snap({ indices }: Mesh, height: Float64Array): Map<number, Mix> {
  const out = new Map<number, Mix>()
  const { count, vertices } = meshEdges(indices)
  for (let e = 0; e < count; e++) {
    const [a, b] = [vertices[2 * e], vertices[2 * e + 1]]
    if (height[a] * height[b] >= 0) continue
    const share = height[a] / (height[a] - height[b])
    const mix = share < 0.5 ? { a, b, share } : { a: b, b: a, share: 1 - share }
    if (mix.share < Math.min(SNAP, out.get(mix.a)?.share ?? 1)) out.set(mix.a, mix)
  }
  for (const v of out.keys()) height[v] = 0
  return out
}

/** Corners of the quad of triangles t and u, in order: t is the first three, and the diagonal begins at the first. */
function quadCorners(indices: Uint32Array, t: number, u: number): number[] {
  const other = indices.subarray(3 * u, 3 * u + 3)
  const lone = [0, 1, 2].find((k) => !other.includes(indices[3 * t + k])) ?? 0
  const [a, b, c] = [0, 1, 2].map((k) => 3 * t + ((lone + k) % 3))
  const far = [0, 1, 2].find((k) => ![indices[a], indices[b], indices[c]].includes(other[k])) ?? 0
  return [c, a, b, 3 * u + far]
}

/** Clips faces at the plane. */
class Cuts {
  /** The new vertices, numbered after the old ones. */
  readonly edges: Mix[] = []
  readonly uv: number[]
  private readonly known = new Map<string, number>()

  constructor(
    private readonly height: Float64Array,
    uv: Float32Array | undefined,
  ) {
    this.uv = Array.from(uv ?? [])
  }

  /** What of a face lies above; of five corners the first is the one opposite the cut, so that mirrored faces are split alike. */
  clip(face: readonly Corner[]): Corner[] {
    const { height } = this
    if (face.every(({ v }) => height[v] >= 0)) return face.some(({ v }) => height[v] > 0) ? [...face] : []
    const out: Corner[] = []
    face.forEach((one, i) => {
      const next = face[(i + 1) % face.length]
      if (height[one.v] >= 0) out.push(one)
      if (height[one.v] * height[next.v] < 0) out.push(this.between(one, next))
    })
    if (out.length < 3 || out.every(({ v }) => !(height[v] > 0))) return []
    if (out.length !== 5) return out
    const first = (out.findIndex(({ v }, i) => v >= height.length && out[(i + 1) % 5].v >= height.length) + 3) % 5
    return [...out.slice(first), ...out.slice(0, first)]
  }

  private between(one: Corner, other: Corner): Corner {
    const [low, high] = one.v < other.v ? [one, other] : [other, one]
    const share = this.height[low.v] / (this.height[low.v] - this.height[high.v])
    const v = this.numbered(
      `${low.v} ${high.v}`,
      () => this.height.length - 1 + this.edges.push({ a: low.v, b: high.v, share }),
    )
    if (this.uv.length === 0) return { v, uv: 0 }
    const uv = this.numbered(`uv ${low.uv} ${high.uv}`, () => {
      for (let k = 0; k < 2; k++) this.uv.push((1 - share) * this.uv[2 * low.uv + k] + share * this.uv[2 * high.uv + k])
      return this.uv.length / 2 - 1
    })
    return { v, uv }
  }

  private numbered(key: string, make: () => number): number {
    const number = this.known.get(key) ?? make()
    this.known.set(key, number)
    return number
  }
}

/** Halves of quads come in pairs, one after the other. */
function pairsInOrder(half: readonly boolean[]): Int32Array {
  const out = new Int32Array(half.length).fill(-1)
  for (let t = 0; t < half.length; t++)
    if (half[t]) {
      out[t] = t + 1
      out[t + 1] = t
      t++
    }
  return out
}

function rowsOf(mixes: readonly Mix[]): LinearRows {
  const starts = new Uint32Array(mixes.length + 1)
  const columns: number[] = []
  const weights: number[] = []
  mixes.forEach(({ a, b, share }, i) => {
    columns.push(a, ...(share > 0 ? [b] : []))
    weights.push(1 - share, ...(share > 0 ? [share] : []))
    starts[i + 1] = columns.length
  })
  return { starts, columns: Uint32Array.from(columns), weights: Float32Array.from(weights) }
}

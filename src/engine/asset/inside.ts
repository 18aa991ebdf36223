/**
 * What is behind the lips: teeth with their gums, above and below, the tongue and the mouth's cavity, whose rim is the lips' own
 * and goes where the lips go.
 */
import { connectedComponents, gather, submesh } from '../geometry/mesh.js'
import { pairTriangles, quadsFirst } from '../geometry/quads.js'
import { splitSeams } from '../geometry/seams.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { type HeadInterior, INTERIOR_PARTS, type InteriorFaces, type Mesh } from '../stages.js'
import { BehindSkin, type LipRim } from './behind-skin.js'
import { KeyMaker, type KeyPose, type ShapeKey, STILL } from './keys.js'

export const INSIDE_NAMES = ['teethUpper', 'teethLower', 'tongue', 'mouth'] as const
export type InsideName = (typeof INSIDE_NAMES)[number]

export interface InsidePart {
  name: InsideName
  /** Triangles of quads come first. */
  mesh: Mesh
  quads: number
  normals: Float32Array
  /** Undefined for models without a layout of their own. */
  uv: Float32Array | undefined
  keys: ShapeKey[]
}

/** The inside and the skin in one pose; positions [n, 3], metres. */
export interface InsidePose {
  inside: Float32Array
  skin: Float32Array
}

/** Behind the lips, the cavity follows them over this distance, metres. */
const FOLLOW = 0.012
/** It stays at least this far behind the skin, metres; near the rim, by this share of the distance from it. */
const BEHIND = 0.0045
const SLOPE = 0.5

/**
 * Builds the parts and their keys.
 *
 * @param faces the interior's own, or fewer of them
 * @param mean the mean head, in which quads are found: they are the same in every head
 * @param open a pose with an open mouth, in which it is plain what of the skin the cavity is behind
 * @param poses what each key leads to
 */
export function insideParts(
  interior: HeadInterior,
  faces: InteriorFaces,
  rim: LipRim,
  { mean, rest, open }: Record<'mean' | 'rest' | 'open', InsidePose>,
  poses: Iterable<{ pose: KeyPose; at: InsidePose }>,
): InsidePart[] {
  const pieces = [...organs(interior, faces), cavity({ ...interior, ...faces }, rim, open)].map((given) => {
    const piece = { ...given, ...inQuads(given, mean) }
    const mesh = { positions: piece.place(rest), indices: piece.indices }
    // few triangles are shaded like the surface that they stand for
    const surface = { positions: mesh.positions, indices: given.surface ?? piece.indices }
    return { ...piece, mesh, maker: new KeyMaker(surface), keys: [] as ShapeKey[] }
  })
  for (const { pose, at } of poses) {
    if (!moves(at, rest, rim.loop)) continue
    for (const { maker, keys, place } of pieces) {
      const key = maker.key(pose.name, place(at))
      if (key) keys.push(key)
    }
  }
  return pieces.map(({ name, mesh, maker: { normals }, quads, uv, uvIndices, keys }) => {
    if (!uv) return { name, mesh, quads, normals, uv, keys }
    const split = splitSeams(mesh, uv, uvIndices)
    const each = (values: Float32Array): Float32Array => gather(values, split.vertexMap, 3)
    return {
      name,
      mesh: split.mesh,
      quads,
      normals: each(normals),
      uv: split.uv,
      keys: keys.map((key) => ({ ...key, displacements: each(key.displacements), normals: each(key.normals) })),
    }
  })
}

/** The piece's triangles with its quads first. */
function inQuads(
  { indices, uvIndices, place }: Piece,
  mean: InsidePose,
): Pick<Piece, 'indices' | 'uvIndices'> & { quads: number } {
  const shared = (t: number, u: number): number =>
    [0, 1, 2].filter((k) => uvIndices.subarray(3 * u, 3 * u + 3).includes(uvIndices[3 * t + k])).length
  const whole = (t: number, u: number): boolean => uvIndices.length === 0 || shared(t, u) === 2
  const { quads, corners } = quadsFirst(indices, pairTriangles({ positions: place(mean), indices }, undefined, whole))
  return {
    quads,
    indices: corners.map((c) => indices[c]),
    uvIndices: uvIndices.length === 0 ? uvIndices : corners.map((c) => uvIndices[c]),
  }
}

/** Whether anything inside the mouth, or the lips, are elsewhere. */
function moves(at: InsidePose, rest: InsidePose, loop: Uint32Array): boolean {
  const off = (a: Float32Array, b: Float32Array, i: number): boolean => Math.abs(a[i] - b[i]) > STILL
  for (let i = 0; i < at.inside.length; i++) if (off(at.inside, rest.inside, i)) return true
  return loop.some((v) => [0, 1, 2].some((k) => off(at.skin, rest.skin, 3 * v + k)))
}

interface Piece {
  name: InsideName
  indices: Uint32Array
  uv: Float32Array | undefined
  uvIndices: Uint32Array
  /** All triangles of the surface that `indices` stand for, of the same vertices; `uv` is there then, too. */
  surface?: Uint32Array
  place(pose: InsidePose): Float32Array
}

/** Teeth with the gums of their jaw, and the tongue. */
function organs(interior: HeadInterior, faces: InteriorFaces): Piece[] {
  const { indices, mean, parts } = interior
  const count = indices.length / 3
  const { labels, count: pieces } = connectedComponents({ positions: mean, indices })
  // gums go with the teeth that stand in them: those nearer in height
  const height = (wanted: (t: number) => boolean): number => {
    let [sum, n] = [0, 0]
    for (let t = 0; t < count; t++)
      if (wanted(t)) {
        sum += mean[3 * indices[3 * t] + 1]
        n++
      }
    return sum / n
  }
  const [upper, lower] = [INTERIOR_PARTS.upperTeeth, INTERIOR_PARTS.lowerTeeth].map((part) =>
    height((t) => parts[indices[3 * t]] === part),
  )
  const isUpper = Array.from({ length: pieces }, (_, c) => height((t) => labels[t] === c) > (upper + lower) / 2)
  const nameOf = (t: number): InsideName | undefined => {
    const part = parts[indices[3 * t]]
    if (part === INTERIOR_PARTS.lining) return undefined
    if (part === INTERIOR_PARTS.tongue) return 'tongue'
    return isUpper[labels[t]] ? 'teethUpper' : 'teethLower'
  }
  const nameAt: (InsideName | undefined)[] = []
  for (let c = 0; c < indices.length; c++) nameAt[indices[c]] ??= nameOf(Math.floor(c / 3))
  return INSIDE_NAMES.filter((name) => nameAt.includes(name)).map((name) => {
    const whole = submesh(
      { positions: mean, indices },
      Uint8Array.from({ length: count }, (_, t) => Number(nameAt[indices[3 * t]] === name)),
    )
    const place = new Map(Array.from(whole.vertexMap, (v, i) => [v, i]))
    const rows = [...faces.indices.keys()].filter((c) => place.has(faces.indices[c]))
    return {
      name,
      indices: Uint32Array.from(rows, (c) => place.get(faces.indices[c])!),
      uv: uvOf(interior),
      uvIndices: Uint32Array.from(faces.uvIndices.length > 0 ? rows : [], (c) => faces.uvIndices[c]),
      surface: whole.mesh.indices,
      place: ({ inside }) => gather(inside, whole.vertexMap, 3),
    }
  })
}

const uvOf = ({ uv }: HeadInterior): Float32Array | undefined => (uv.length > 0 ? uv : undefined)

/** The lining. Its rim has the lips' vertices, also those that refinement has put between the model's. */
function cavity(interior: HeadInterior, lips: LipRim, open: InsidePose): Piece {
  const { loop, modelVertices } = lips
  const { indices, parts, seam, uvIndices } = interior
  const place = new Map(Array.from(loop, (v, i) => [v, i]))
  const ofModel = new Map(Array.from(modelVertices, (m, v) => [m, v]))
  /** Position on the loop of the inside's vertices at the lips. */
  const onLoop = new Map<number, number>()
  for (let i = 0; i < seam.length; i += 2) {
    const at = place.get(ofModel.get(seam[i + 1]) ?? -1)
    if (at !== undefined) onLoop.set(seam[i], at)
  }
  // vertices of the piece: first the loop's, then the inside's own
  const own = new Map<number, number>()
  const numberOf = (v: number): number => {
    const at = onLoop.get(v)
    if (at !== undefined) return at
    if (!own.has(v)) own.set(v, loop.length + own.size)
    return own.get(v)!
  }
  const uv = [...interior.uv]
  const triangles: number[] = []
  const corners: number[] = []
  for (let t = 0; t < indices.length / 3; t++) {
    if (parts[indices[3 * t]] !== INTERIOR_PARTS.lining) continue
    const polygon: { v: number; uv: number }[] = []
    let start = 0
    for (let c = 0; c < 3; c++) {
      const [a, b] = [indices[3 * t + c], indices[3 * t + ((c + 1) % 3)]]
      const [ua, ub] = uvIndices.length > 0 ? [uvIndices[3 * t + c], uvIndices[3 * t + ((c + 1) % 3)]] : [0, 0]
      polygon.push({ v: numberOf(a), uv: ua })
      const between = alongLoop(onLoop.get(a), onLoop.get(b), loop, modelVertices.length)
      // a fan from the last of them has no flat triangle
      if (between.length > 0) start = polygon.length + between.length - 1
      between.forEach((v, i) => {
        const share = (i + 1) / (between.length + 1)
        if (uvIndices.length > 0)
          for (let k = 0; k < 2; k++) uv.push((1 - share) * interior.uv[2 * ua + k] + share * interior.uv[2 * ub + k])
        polygon.push({ v, uv: uv.length / 2 - 1 })
      })
    }
    for (let i = 1; i + 1 < polygon.length; i++)
      for (const j of [0, i, i + 1]) {
        const corner = polygon[(start + j) % polygon.length]
        triangles.push(corner.v)
        corners.push(corner.uv)
      }
  }
  const inner = Uint32Array.from(own.keys())
  const near = nearestOnRim(inner, onLoop, open.inside)
  const behind = new BehindSkin(
    { positions: open.skin, indices: lips.skin },
    lips,
    gather(open.inside, inner, 3),
    near.map(({ distance }) => Math.min(BEHIND, SLOPE * distance)),
  )
  return {
    name: 'mouth',
    indices: Uint32Array.from(triangles),
    uv: uvIndices.length > 0 ? Float32Array.from(uv) : undefined,
    uvIndices: Uint32Array.from(corners),
    place: ({ inside, skin }) => {
      const out = new Float32Array(3 * (loop.length + inner.length))
      loop.forEach((v, i) => {
        out.set(skin.subarray(3 * v, 3 * v + 3), 3 * i)
      })
      inner.forEach((v, i) => {
        const { rim, at, share } = near[i]
        for (let k = 0; k < 3; k++)
          out[3 * (loop.length + i) + k] = inside[3 * v + k] + share * (out[3 * at + k] - inside[3 * rim + k])
      })
      behind.keep(out.subarray(3 * loop.length), skin)
      return out
    },
  }
}

/** The loop's vertices between two of its places, in that order, where these are neighbours on the model; else none. */
function alongLoop(
  from: number | undefined,
  to: number | undefined,
  loop: Uint32Array,
  modelVertices: number,
): number[] {
  if (from === undefined || to === undefined) return []
  for (const step of [1, loop.length - 1]) {
    const out: number[] = []
    let i = (from + step) % loop.length
    // what refinement has added comes after the model's vertices
    for (; loop[i] >= modelVertices; i = (i + step) % loop.length) out.push(i)
    if (i === to) return out
  }
  return []
}

/** For each vertex the nearest one of the rim, its place on the loop, and how far the vertex goes with it. */
function nearestOnRim(
  inner: Uint32Array,
  onLoop: Map<number, number>,
  inside: Float32Array,
): { rim: number; at: number; distance: number; share: number }[] {
  return Array.from(inner, (v) => {
    let best = 0
    let square = Number.POSITIVE_INFINITY
    for (const rim of onLoop.keys()) {
      const d =
        (inside[3 * v] - inside[3 * rim]) ** 2 +
        (inside[3 * v + 1] - inside[3 * rim + 1]) ** 2 +
        (inside[3 * v + 2] - inside[3 * rim + 2]) ** 2
      if (d >= square) continue
      best = rim
      square = d
    }
    const least = Math.sqrt(square)
    return { rim: best, at: onLoop.get(best) ?? 0, distance: least, share: smoothstep(FOLLOW, 0, least) }
  })
}

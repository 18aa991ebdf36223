/**
 * Shape keys: for each expression of the head model, how the finished mesh moves as the expression becomes as strong as it can
 * be: on a neutral head by the whole expression, on a smiling one by what is missing from the smile. The detail rides along: it keeps its height over the skin and turns with it.
 */
import { vertexNeighbors } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { followJaw, type Mouth, mouthGap, mouthOf } from './mouth.js'

/** Movements below this do not count, metres: they would make files large. */
const STILL = 2e-5
/** The same for the change of a unit normal. */
const UNTURNED = 0.004
/** A key changes its coefficient by at least this, also where the photo shows the expression already. */
const LEAST_KEY = 0.1
/** How deep the closed mouth's sheet sinks in as the lips part, as a share of the gap. */
const CAVITY = 1.2
/** Coefficients that are too strong at the end of their range: the basis' jaw opens to a scream. */
export const STRONGEST: Readonly<Record<string, number>> = { jawOpen: 0.62 }

export interface ShapeKey {
  /** ARKit's name where the expression corresponds to one of its blend shapes, else the model's own. */
  name: string
  /** [vertices, 3] metres at weight 1. */
  displacements: Float32Array
  /** [vertices, 3] change of the unit normal at weight 1. */
  normals: Float32Array
}

/** The mesh of other coefficients, with the detail. */
type PoseMesh = (expression: Float64Array) => Float32Array

export interface KeySource {
  /** The finished mesh, in the expression of `expression`. */
  mesh: Mesh
  /** [vertices] HEAD_PARTS */
  parts: Uint8Array
  names: readonly string[]
  /** [expressions, 2] */
  range: Float32Array
  /** [expressions] what the mesh shows. */
  expression: Float64Array
  pose: PoseMesh
}

/** All keys that move anything, after those of `others`, which lead to whole expressions such as the neutral one. */
export function shapeKeys(source: KeySource, others: Record<string, Float64Array>): ShapeKey[] {
  const cavity = mouthDepth(source.mesh, source.parts)
  const mouth = mouthOf(source.mesh.positions, source.parts)
  // by area on both sides: faster, and what differs is only the change
  const before = vertexNormals(source.mesh, 'area')
  const single = source.names.map((name, k): [string, Float64Array] => {
    const changed = source.expression.slice()
    const most = Math.min(source.range[2 * k + 1], STRONGEST[name] ?? Number.POSITIVE_INFINITY)
    changed[k] = Number.isFinite(most) ? Math.max(most, changed[k] + LEAST_KEY) : changed[k] + 1
    return [name, changed]
  })
  return [...Object.entries(others), ...single].flatMap(([name, expression]) => {
    const displacements = difference(source, name, source.pose(expression), { cavity, mouth })
    if (!displacements.some((d) => d !== 0)) return []
    return [{ name, displacements, normals: turned(source.mesh, before, displacements) }]
  })
}

function turned({ positions, indices }: Mesh, before: Float32Array, displacements: Float32Array): Float32Array {
  const there = positions.slice()
  for (let i = 0; i < there.length; i++) there[i] += displacements[i]
  const change = vertexNormals({ positions: there, indices }, 'area')
  for (let i = 0; i < change.length; i++) change[i] -= before[i]
  return withoutSmall(change, UNTURNED)
}

/** Sets rows [n, 3] that are shorter than `least` to 0, in place. */
function withoutSmall(rows: Float32Array, least: number): Float32Array {
  for (let i = 0; i < rows.length; i += 3) {
    const [x, y, z] = [rows[i], rows[i + 1], rows[i + 2]]
    if (x * x + y * y + z * z < least * least) rows[i] = rows[i + 1] = rows[i + 2] = 0
  }
  return rows
}

interface Inside {
  cavity: Float32Array
  mouth: Mouth | undefined
}

function difference(
  { mesh: { positions } }: KeySource,
  name: string,
  target: Float32Array,
  { cavity, mouth }: Inside,
): Float32Array {
  const out = target.slice()
  for (let i = 0; i < out.length; i++) out[i] -= positions[i]
  if (mouth) {
    const gap = mouthGap(mouth, positions, out)
    if (gap > 0 && name === 'jawOpen') followJaw(out, positions, mouth, gap)
    // inwards as the lips part, so that there is a mouth and not a skin across it
    if (gap > 0) for (const v of mouth.sheet) out[3 * v + 2] -= CAVITY * gap * cavity[v]
  }
  return withoutSmall(out, STILL)
}

/** [vertices] 0 at the lips, 1 in the middle of the sheet between them. */
function mouthDepth(mesh: Mesh, parts: Uint8Array): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  const depth = new Float32Array(parts.length)
  let inside = [...parts.keys()].filter((v) => parts[v] === HEAD_PARTS.mouth)
  let most = 0
  for (let ring = 1; inside.length > 0; ring++) {
    const border = inside.filter((v) =>
      neighbors.subarray(start[v], start[v + 1]).some((w) => parts[w] !== HEAD_PARTS.mouth || depth[w] > 0),
    )
    if (border.length === 0) break
    for (const v of border) depth[v] = ring
    most = ring
    inside = inside.filter((v) => depth[v] === 0)
  }
  if (most === 0) return depth
  return depth.map((ring) => (ring === 0 ? 0 : Math.sin(((ring / most) * Math.PI) / 2)))
}

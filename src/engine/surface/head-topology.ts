/**
 * Topology of the head asset: the head model's triangles without what nobody sees, refined in the face and paired to quads, with a
 * texture layout that gives the face most of the texture. Everything linear (poses, blendshapes) passes through the same weights.
 */
import { connectedComponents, gather, submesh } from '../geometry/mesh.js'
import { pairTriangles, quadsFirst, refinedPairs } from '../geometry/quads.js'
import { applyRows, type LinearRows, refine, refineUv } from '../geometry/refine.js'
import { HEAD_PARTS, type HeadModel, type Mesh } from '../stages.js'
import { layOutBand } from './neck-rim.js'
import { type Layout, unwrapCylinder } from './unwrap.js'
import { stretchUv, unfoldUv } from './uv-layout.js'

export interface HeadTopology {
  /** [triangles, 3], those that are halves of quads first: geometry/quads.ts. */
  indices: Uint32Array
  quads: number
  /** [uvVertices, 2] glTF convention */
  uv: Float32Array
  /** [triangles, 3] rows of `uv` */
  uvIndices: Uint32Array
  /** [triangles] 1 in the face region. */
  faceRegion: Uint8Array
  /** [vertices] part of the nearest model vertex (HEAD_PARTS). */
  parts: Uint8Array
  /** [triangles] HEAD_PARTS of the sheets that close the eyes and the mouth; 0 elsewhere. */
  sheets: Uint8Array
  /** [n] the model's vertex that each of the first vertices is; what refinement adds comes after them. */
  modelVertices: Uint32Array
  /** Takes an attribute of the model's vertices [model vertices, dims] to the asset's [vertices, dims]. */
  refined(values: Float32Array, dims: number): Float32Array
}

/**
 * Builds the topology.
 * @param subdivisions how often the face's triangles are quartered
 */
export function headTopology(model: HeadModel, subdivisions: number): HeadTopology {
  const keep = seenTriangles(model)
  const part = submesh({ positions: model.mean, indices: model.indices }, keep)
  let indices = part.mesh.indices
  let faceRegion = Uint8Array.from(part.triangleMap, (t) => model.faceRegion[t])
  let parts = Uint8Array.from(part.vertexMap, (v) => model.parts[v])
  let sheets = Uint8Array.from(part.triangleMap, (t) => sheetOf(model, t))
  let vertices = part.vertexMap.length
  const levels: LinearRows[] = []
  const own = model.uv && model.uvIndices
  let { uv, uvIndices } = own
    ? layOut(model.uv!, pick(own, part.triangleMap), part.mesh, faceRegion, parts)
    : stretched(unwrapCylinder(part.mesh), faceRegion)
  let partner = pairTriangles(
    part.mesh,
    model.quads && keptPairs(model.quads, part.triangleMap),
    (t, u) => faceRegion[t] === faceRegion[u] && sheets[t] === sheets[u] && sharedCorners(uvIndices, t, u) === 2,
  )
  for (let level = 0; level < subdivisions; level++) {
    const step = refine(indices, vertices, faceRegion)
    ;({ uv, uvIndices } = refineUv(uv, uvIndices, step))
    const { starts, columns, weights } = step.rows
    vertices = starts.length - 1
    const before = parts
    const region = faceRegion
    const closing = sheets
    parts = Uint8Array.from({ length: vertices }, (_, v) =>
      heaviest(before, columns, weights, starts[v], starts[v + 1]),
    )
    faceRegion = Uint8Array.from(step.parents, (t) => region[t])
    sheets = Uint8Array.from(step.parents, (t) => closing[t])
    partner = refinedPairs(indices, partner, step.indices, step.parents)
    indices = step.indices
    levels.push(step.rows)
  }
  const { quads, corners } = quadsFirst(indices, partner)
  const ofTriangles = (values: Uint8Array): Uint8Array => values.map((_, t) => values[Math.floor(corners[3 * t] / 3)])
  return {
    indices: corners.map((c) => indices[c]),
    quads,
    uv,
    uvIndices: corners.map((c) => uvIndices[c]),
    faceRegion: ofTriangles(faceRegion),
    parts,
    sheets: ofTriangles(sheets),
    modelVertices: part.vertexMap,
    refined: (values, dims) => {
      let out = gather(values, part.vertexMap, dims)
      for (const rows of levels) out = applyRows(rows, out, dims)
      return out
    },
  }
}

/** The pairs of the model's triangles among those that are kept. */
function keptPairs(partner: Int32Array, triangleMap: Uint32Array): Int32Array {
  const place = new Map(Array.from(triangleMap, (t, i) => [t, i]))
  return Int32Array.from(triangleMap, (t) => place.get(partner[t]) ?? -1)
}

/** How many of the rows that triangles t and u have are the same. */
function sharedCorners(rows: Uint32Array, t: number, u: number): number {
  const other = rows.subarray(3 * u, 3 * u + 3)
  return [0, 1, 2].filter((k) => other.includes(rows[3 * t + k])).length
}

/** The mesh of model positions on this topology. */
export function headMeshOf(topology: HeadTopology, modelPositions: Float32Array): Mesh {
  return { positions: topology.refined(modelPositions, 3), indices: topology.indices }
}

/** Of a sheet's triangle what it closes: HEAD_PARTS.eyeball or .mouth; else 0. */
function sheetOf({ indices, parts, faceRegion }: HeadModel, t: number): number {
  if (!faceRegion[t]) return 0
  for (let c = 3 * t; c < 3 * t + 3; c++)
    if (parts[indices[c]] === HEAD_PARTS.eyeball || parts[indices[c]] === HEAD_PARTS.mouth) return parts[indices[c]]
  return 0
}

/** The part of the vertex that counts most. */
function heaviest(parts: Uint8Array, columns: Uint32Array, weights: Float32Array, from: number, to: number): number {
  let best = from
  for (let k = from + 1; k < to; k++) if (weights[k] > weights[best] + 1e-6) best = k
  return parts[columns[best]]
}

/** Rows of triangles [n, 3]. */
function pick(triangles: Uint32Array, which: Uint32Array): Uint32Array {
  return Uint32Array.from({ length: 3 * which.length }, (_, c) => triangles[3 * which[Math.floor(c / 3)] + (c % 3)])
}

/** The model's layout: stretched, with the neck's ragged island as a band, and without folds. */
function layOut(
  modelUv: Float32Array,
  corners: Uint32Array,
  mesh: Mesh,
  faceRegion: Uint8Array,
  parts: Uint8Array,
): Layout {
  const ragged = neckIslands(mesh, corners, parts)
  const layout = stretched({ uv: modelUv, uvIndices: corners }, faceRegion, ragged)
  const laid = ragged.includes(1) ? layOutBand(mesh, layout.uv, corners, ragged) : layout
  return { uv: unfoldUv(laid.uv, laid.uvIndices), uvIndices: laid.uvIndices }
}

/** Gives the face most of the texture. @param without [triangles] 1 for those that need not lie within it */
function stretched({ uv, uvIndices }: Layout, faceRegion: Uint8Array, without?: Uint8Array): Layout {
  const used = uvIndices.filter((_, c) => !without?.[Math.floor(c / 3)])
  const face = uvIndices.filter((_, c) => faceRegion[Math.floor(c / 3)])
  return { uv: stretchUv(uv, used, face), uvIndices }
}

/** [triangles] 1 for the neck's islands beside the largest one. */
function neckIslands({ indices }: Mesh, uvIndices: Uint32Array, parts: Uint8Array): Uint8Array {
  const rows = uvIndices.reduce((a, b) => Math.max(a, b), 0) + 1
  const islands = connectedComponents({ positions: new Float32Array(3 * rows), indices: uvIndices })
  const neckOnly = new Uint8Array(islands.count).fill(1)
  neckOnly[0] = 0
  for (let c = 0; c < indices.length; c++)
    if (parts[indices[c]] !== HEAD_PARTS.neck) neckOnly[islands.labels[Math.floor(c / 3)]] = 0
  return Uint8Array.from(islands.labels, (label) => neckOnly[label])
}

/** [triangles] 1 for what belongs to the asset: all but eyeballs behind the sheets that close the lids. */
function seenTriangles(model: HeadModel): Uint8Array {
  const { indices, parts, faceRegion } = model
  const count = indices.length / 3
  const keep = new Uint8Array(count).fill(1)
  const components = connectedComponents({ positions: model.mean, indices })
  const outer = new Uint8Array(components.count)
  for (let t = 0; t < count; t++) if (faceRegion[t]) outer[components.labels[t]] = 1
  const covered = faceRegion.some((inFace, t) => inFace && parts[indices[3 * t]] === HEAD_PARTS.eyeball)
  for (let t = 0; t < count; t++) {
    const eyeball = [0, 1, 2].every((c) => parts[indices[3 * t + c]] === HEAD_PARTS.eyeball)
    if (covered && eyeball && !outer[components.labels[t]]) keep[t] = 0
  }
  return keep
}

/**
 * Topology of the head asset: the head model's triangles without what nobody sees, refined in the face and paired to quads, with a
 * texture layout that gives the face most of the texture. Everything linear (poses, blendshapes) passes through the same weights.
 */
import {
  connectedComponents,
  gather,
  type Neighbors,
  submesh,
  trianglesWhere,
  vertexNeighbors,
} from '../geometry/mesh.js'
import { pairTriangles, quadsFirst, refinedPairs } from '../geometry/quads.js'
import { applyRows, type LinearRows, refine, refineUv } from '../geometry/refine.js'
import { HEAD_PARTS, type HeadModel, type Mesh } from '../stages.js'
import { cutNeck } from './neck-cut.js'
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
  /** Of the model's vertices. */
  modelNeighbors: Neighbors
  /** The model's own triangles, [triangles, 3]. */
  modelIndices: Uint32Array
  /** Takes an attribute of the model's vertices [model vertices, dims] to the asset's [vertices, dims]. */
  refined(values: Float32Array, dims: number): Float32Array
}

/**
 * Builds the topology.
 * @param subdivisions how often the face's triangles are quartered; those of the rest are once, if at all
 */
export function headTopology(model: HeadModel, subdivisions: number): HeadTopology {
  const keep = seenTriangles(model)
  const part = submesh({ positions: model.mean, indices: model.indices }, keep)
  const uncut = {
    mesh: part.mesh,
    parts: Uint8Array.from(part.vertexMap, (v) => model.parts[v]),
    faceRegion: Uint8Array.from(part.triangleMap, (t) => model.faceRegion[t]),
    uv: model.uv,
    uvIndices: model.uvIndices && pick(model.uvIndices, part.triangleMap),
  }
  const closing = Uint8Array.from(part.triangleMap, (t) => sheetOf(model, t))
  const known = model.quads && keptPairs(model.quads, part.triangleMap)
  const cut = cutNeck({ ...uncut, partner: paired(uncut.mesh, uncut.faceRegion, closing, uncut.uvIndices, known) })
  const levels: LinearRows[] = cut ? [cut.rows] : []
  const modelVertices = cut ? cut.kept.map((v) => part.vertexMap[v]) : part.vertexMap
  const mesh = cut ? { positions: applyRows(cut.rows, uncut.mesh.positions, 3), indices: cut.indices } : uncut.mesh
  const ofParents = (values: Uint8Array, parents: Uint32Array): Uint8Array => Uint8Array.from(parents, (t) => values[t])
  let { indices } = mesh
  let vertices = mesh.positions.length / 3
  let parts = cut ? partsOf(uncut.parts, cut.rows) : uncut.parts
  let faceRegion = cut ? ofParents(uncut.faceRegion, cut.parents) : uncut.faceRegion
  let sheets = cut ? ofParents(closing, cut.parents) : closing
  const { uv: ownUv, uvIndices: own } = cut ?? uncut
  let { uv, uvIndices } =
    ownUv && own ? layOut(ownUv, own, mesh, faceRegion, parts) : stretched(unwrapCylinder(mesh), faceRegion)
  let partner = paired(mesh, faceRegion, sheets, uvIndices, cut ? cut.partner : known)
  for (let level = 0; level < subdivisions; level++) {
    // all of the head once, so that its outline is round; then the face alone
    const step = refine(indices, vertices, level === 0 ? faceRegion.map(() => 1) : faceRegion)
    ;({ uv, uvIndices } = refineUv(uv, uvIndices, step))
    vertices = step.rows.starts.length - 1
    parts = partsOf(parts, step.rows)
    faceRegion = ofParents(faceRegion, step.parents)
    sheets = ofParents(sheets, step.parents)
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
    modelVertices,
    modelIndices: model.indices,
    modelNeighbors: vertexNeighbors({ positions: model.mean, indices: model.indices }),
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

/** [new vertices] the part of the old vertex that counts most in each. */
function partsOf(parts: Uint8Array, { starts, columns, weights }: LinearRows): Uint8Array {
  return Uint8Array.from({ length: starts.length - 1 }, (_, v) => {
    let best = starts[v]
    for (let k = best + 1; k < starts[v + 1]; k++) if (weights[k] > weights[best] + 1e-6) best = k
    return parts[columns[best]]
  })
}

/** Pairs triangles to quads, never over the border of a region or of the texture. @param known pairs that are known already */
function paired(
  mesh: Mesh,
  faceRegion: Uint8Array,
  sheets: Uint8Array,
  uvIndices: Uint32Array | undefined,
  known: Int32Array | undefined,
): Int32Array {
  return pairTriangles(
    mesh,
    known,
    (t, u) =>
      faceRegion[t] === faceRegion[u] &&
      sheets[t] === sheets[u] &&
      (!uvIndices || sharedCorners(uvIndices, t, u) === 2),
  )
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
  const used = without
    ? trianglesWhere(
        uvIndices,
        without.map((w) => 1 - w),
      )
    : uvIndices
  const face = trianglesWhere(uvIndices, faceRegion)
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

/**
 * Completes a head model that brings only its shapes: the face region, skin parts and landmarks are looked up on the
 * built-in head, which register.ts lays over the model's mean.
 */

import { invalidHead } from '../formats/pickle-values.js'
import { MeshDistance } from '../geometry/distance.js'
import { connectedComponents, meshEdges, submesh } from '../geometry/mesh.js'
import { triangleNormals } from '../geometry/normals.js'
import { HEAD_PARTS, type HeadModel, type LandmarkEmbedding } from '../stages.js'
import { loadBuiltInHead } from './builtin.js'
import { coverOpenings } from './covers.js'
import { embeddedPoints } from './embedding.js'
import { placeLandmarks } from './place-landmarks.js'
import { registerHead } from './register.js'

/** A model as its file has it. */
export type BareHead = Omit<
  HeadModel,
  'landmarks68' | 'landmarks478' | 'landmarkWeights478' | 'faceRegion' | 'parts'
> & {
  landmarks68: LandmarkEmbedding | undefined
  /** [vertices] where the file tells what is skin and what is not. */
  parts?: Uint8Array
  /** Landmarks of the 478 that the file places itself. */
  known478?: { landmark: ArrayLike<number>; embedding: LandmarkEmbedding }
}

/** Distance at which a triangle of the other head still takes over what the built-in head has there, metres. */
const REACH = 0.006
/** Trust in looked-up landmarks, against those the model places itself. */
const TRANSFERRED_WEIGHT = 0.7

/** The head that is laid over others, kept once it was needed. It is only read. */
let builtIn: Promise<HeadModel> | undefined

/**
 * Adds landmarks, face region and parts, closes the region's openings, and moves the origin between the ears at eye height.
 *
 * @param bare a model with the head frame's axes, metres
 */
export async function annotateHead(bare: BareHead): Promise<HeadModel> {
  builtIn ??= loadBuiltInHead()
  const source = await builtIn
  const mesh = { positions: bare.mean, indices: bare.indices }
  const skin = skinTriangles(bare)
  const skinMesh = submesh(mesh, skin)
  const points68 = bare.landmarks68 && embeddedPoints(bare.mean, bare.indices, bare.landmarks68)
  const laid = registerHead(source, skinMesh.mesh, points68)

  const { faceRegion, parts } = transferParts(source, laid, bare, skin)
  if (!faceRegion.includes(1))
    throw invalidHead(
      bare.name,
      'no face was found on this head',
      'The model must be in metres, +Y up, +Z out of the face; check its landmark embedding.',
    )
  const place = (layout: 68 | 478): LandmarkEmbedding => {
    const own = layout === 68 ? source.landmarks68 : source.landmarks478
    return placeLandmarks({ ...bare, parts }, faceRegion, embeddedPoints(laid, source.indices, own), layout)
  }
  const landmarks478 = place(478)
  const landmarkWeights478 = source.landmarkWeights478.map((w, i) =>
    landmarks478.barycentric.subarray(3 * i, 3 * i + 3).some((x) => x !== 0) ? w * TRANSFERRED_WEIGHT : 0,
  )
  if (bare.known478) {
    const { landmark, embedding } = bare.known478
    Array.from(landmark).forEach((i, n) => {
      landmarks478.triangles[i] = embedding.triangles[n]
      landmarks478.barycentric.set(embedding.barycentric.subarray(3 * n, 3 * n + 3), 3 * i)
      landmarkWeights478[i] = source.landmarkWeights478[i]
    })
  }
  const landmarks68 = bare.landmarks68 ?? place(68)
  const { known478: _, ...shapes } = bare
  const origin = laidOrigin(source, laid)
  const moved: HeadModel = {
    ...shapes,
    mean: movedBy(shapes.mean, origin),
    skinning: shapes.skinning && {
      ...shapes.skinning,
      rest: { ...shapes.skinning.rest, mean: movedBy(shapes.skinning.rest.mean, origin) },
    },
    interior: shapes.interior && { ...shapes.interior, mean: movedBy(shapes.interior.mean, origin) },
    landmarks68,
    landmarks478,
    landmarkWeights478,
    faceRegion,
    parts,
  }
  return coverOpenings(moved)
}

/** Positions [n, 3] as seen from another origin. */
const movedBy = (positions: Float32Array, origin: number[]): Float32Array => positions.map((x, i) => x - origin[i % 3])

/** Triangles of the outer skin: the largest component, unless the file says what is skin. */
function skinTriangles(bare: BareHead): Uint8Array {
  const mask = new Uint8Array(bare.indices.length / 3)
  const own = bare.parts
  if (own) return mask.map((_, t) => ([0, 1, 2].every((c) => own[bare.indices[3 * t + c]] === HEAD_PARTS.skin) ? 1 : 0))
  const { labels } = connectedComponents({ positions: bare.mean, indices: bare.indices })
  return mask.map((_, t) => (labels[t] === 0 ? 1 : 0))
}

function transferParts(
  source: HeadModel,
  laid: Float64Array,
  bare: BareHead,
  skin: Uint8Array,
): { faceRegion: Uint8Array; parts: Uint8Array } {
  const laidMesh = { positions: Float32Array.from(laid), indices: source.indices }
  const search = new MeshDistance(laidMesh)
  const sourceNormals = triangleNormals(laidMesh)
  const normals = triangleNormals({ positions: bare.mean, indices: bare.indices })
  const count = bare.indices.length / 3
  const centres = new Float64Array(count * 3)
  for (let t = 0; t < count; t++)
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 3; k++) centres[3 * t + k] += bare.mean[3 * bare.indices[3 * t + c] + k] / 3
  const hit = search.closest(centres)
  const faceRegion = new Uint8Array(count)
  for (let t = 0; t < count; t++) {
    if (!skin[t] || hit.distance[t] > REACH || !source.faceRegion[hit.triangle[t]]) continue
    let cosine = 0
    for (let k = 0; k < 3; k++) cosine += normals[3 * t + k] * sourceNormals[3 * hit.triangle[t] + k]
    faceRegion[t] = cosine > 0.1 ? 1 : 0
  }
  tidy(faceRegion, skin, bare)

  const vertices = bare.mean.length / 3
  const nearest = search.closest(bare.mean)
  const parts = new Uint8Array(vertices)
  for (let v = 0; v < vertices; v++) {
    const corner = source.indices[3 * nearest.triangle[v]]
    parts[v] = bare.parts && bare.parts[v] !== HEAD_PARTS.skin ? bare.parts[v] : source.parts[corner]
  }
  // Lids lie on the eyes, and are none.
  skin.forEach((inside, t) => {
    if (!inside) return
    for (let c = 0; c < 3; c++) {
      const v = bare.indices[3 * t + c]
      if (parts[v] === HEAD_PARTS.eyeball) parts[v] = HEAD_PARTS.skin
    }
  })
  // Loose pieces are eyeballs when they are where the eyes are, else something of the mouth.
  if (!bare.parts) {
    const loose = new Set<number>()
    skin.forEach((inside, t) => {
      if (!inside) for (let c = 0; c < 3; c++) loose.add(bare.indices[3 * t + c])
    })
    const mouthTop = laid[3 * source.indices[3 * source.landmarks68.triangles[33]] + 1]
    for (const v of loose) parts[v] = bare.mean[3 * v + 1] > mouthTop ? HEAD_PARTS.eyeball : HEAD_PARTS.mouth
  }
  faceRegion.forEach((inside, t) => {
    if (inside) for (let c = 0; c < 3; c++) parts[bare.indices[3 * t + c]] = HEAD_PARTS.skin
  })
  return { faceRegion, parts }
}

/** Fills notches, drops tabs, and keeps the largest piece. */
function tidy(faceRegion: Uint8Array, skin: Uint8Array, bare: BareHead): void {
  const edges = meshEdges(bare.indices)
  const inside = new Uint8Array(faceRegion.length)
  const facesOfEdge: number[][] = Array.from({ length: edges.count }, () => [])
  edges.ofTriangle.forEach((e, i) => {
    facesOfEdge[e].push(Math.floor(i / 3))
  })
  for (let pass = 0; pass < 4; pass++) {
    inside.fill(0)
    for (const faces of facesOfEdge)
      if (faces.length === 2) {
        inside[faces[0]] += faceRegion[faces[1]]
        inside[faces[1]] += faceRegion[faces[0]]
      }
    for (let t = 0; t < faceRegion.length; t++)
      if (inside[t] >= 2 && skin[t]) faceRegion[t] = 1
      else if (inside[t] <= 1) faceRegion[t] = 0
  }
  const piece = submesh({ positions: bare.mean, indices: bare.indices }, faceRegion)
  const { labels } = connectedComponents(piece.mesh)
  let n = 0
  for (let t = 0; t < faceRegion.length; t++) if (faceRegion[t] && labels[n++] !== 0) faceRegion[t] = 0
}

/** Where the built-in head's origin came to lie: level with the eyes, at the same distance behind them. */
function laidOrigin(source: HeadModel, laid: Float64Array): number[] {
  const corners = [36, 39, 42, 45]
  const [before, after] = [source.mean, laid].map((p) => {
    const all = embeddedPoints(p, source.indices, source.landmarks68)
    return [0, 1, 2].map((k) => corners.reduce((sum, i) => sum + all[3 * i + k] / corners.length, 0))
  })
  return [0, after[1] - before[1], after[2] - before[2]]
}

/**
 * The skin of a generated head as a fine mesh: the built-in head posed, bent by a smooth random deformation that its components
 * cannot express, smoothed, and cut until no edge in the face is longer than the finest relief needs. Each vertex keeps its place
 * on the mean head, where creases and colours are drawn.
 */
import { gather, meshEdges, submesh } from '../geometry/mesh.js'
import { noise } from '../geometry/noise.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { posedInterior } from '../head/interior.js'
import { crownHeights } from '../image/mouth-colours.js'
import { HEAD_PARTS, type HeadInterior, type HeadModel, INTERIOR_PARTS, type Mesh } from '../stages.js'
import { concat, cutLongEdges, DIMS, type Fineness, joined, type Piece, smoothed } from './fine-mesh.js'
import type { PortraitPlan } from './plan.js'

export interface FineHead {
  mesh: Mesh
  /** [vertices, 3] the same vertices on the mean head, metres. */
  canonical: Float32Array
  /** [vertices] 0..1: inside the face region, fading to 0 at its border. */
  face: Float32Array
  /** [vertices] of teeth: 0 at the root .. 1 at the edge. */
  crown: Float32Array
  /** [triangles] HEAD_PARTS of the triangle; in an open mouth INSIDE + INTERIOR_PARTS. */
  parts: Uint8Array
  /** [triangles] 1 in the face region's skin. */
  faceRegion: Uint8Array
}

/** Parts of a FineHead from here on are those of the mouth's inside. */
export const INSIDE = 8
/** Marks the face region's skin beside the part in a triangle's label. */
const REGION = 16

/** The deformation beyond the head's components: wavelengths in metres and amplitudes in metres of each axis. */
const BEYOND = [
  { wavelength: 0.07, amplitude: 0.0042 },
  { wavelength: 0.035, amplitude: 0.0017 },
  { wavelength: 0.018, amplitude: 0.0006 },
]

/**
 * @param positions of the model's vertices, posed by the plan's coefficients
 * @param mouthOpen whether what is inside the mouth shows
 */
export function buildHead(
  model: HeadModel,
  positions: Float32Array,
  mouthOpen: boolean,
  plan: PortraitPlan,
  fineness: Fineness,
): FineHead {
  const n = positions.length / 3
  const inside = mouthOpen ? model.interior : undefined
  const inFace = faceWeight(model)
  const skin = rows(positions, model.mean, plan.seed)
  for (let v = 0; v < n; v++) skin[v * DIMS + 6] = inFace[v]
  // Eyes are seen through the lids, not through the sheets that close them in the model; nor is a mouth that opens closed by one.
  const kept: number[] = []
  const labels: number[] = []
  for (let t = 0; t < model.indices.length / 3; t++) {
    const corners = model.indices.subarray(3 * t, 3 * t + 3)
    const parts = Array.from(corners, (v) => model.parts[v])
    if (model.faceRegion[t] && parts.includes(HEAD_PARTS.eyeball)) continue
    if (inside && parts.includes(HEAD_PARTS.mouth)) continue
    kept.push(...corners)
    labels.push(label(parts, model.faceRegion[t] === 1))
  }
  let values = skin
  let organs: Piece | undefined
  if (inside) {
    const mouth = mouthPieces(inside, plan, n)
    values = concat(skin, mouth.values)
    kept.push(...mouth.lining)
    for (let i = 0; i < mouth.lining.length; i += 3) labels.push(INSIDE + INTERIOR_PARTS.lining)
    organs = mouth.organs
  }
  let fine = smoothed({ values, indices: Uint32Array.from(kept), labels: Uint8Array.from(labels) })
  for (let round = 0; round < 5; round++) {
    const cut = cutLongEdges(fine, fineness)
    if (!cut) break
    fine = cut
  }
  if (organs) fine = joined(fine, smoothed(organs, 'keep'))
  const count = fine.values.length / DIMS
  const pick = (from: number, width: number): Float32Array => {
    const out = new Float32Array(count * width)
    for (let v = 0; v < count; v++)
      for (let k = 0; k < width; k++) out[v * width + k] = fine.values[v * DIMS + from + k]
    return out
  }
  return {
    mesh: { positions: pick(0, 3), indices: fine.indices },
    canonical: pick(3, 3),
    face: pick(6, 1),
    crown: pick(7, 1),
    parts: fine.labels.map((l) => l & (REGION - 1)),
    faceRegion: fine.labels.map((l) => (l & REGION ? 1 : 0)),
  }
}

/** Values of vertices: posed and shifted, and where they are on the mean head. `waves`: how many of the deformation's. */
function rows(positions: Float32Array, mean: Float32Array, seed: number, waves = BEYOND.length): Float32Array {
  const n = mean.length / 3
  const out = new Float32Array(n * DIMS)
  for (let v = 0; v < n; v++) {
    const [x, y, z] = mean.subarray(3 * v, 3 * v + 3)
    const shift = beyond(x, y, z, seed, waves)
    for (let k = 0; k < 3; k++) {
      out[v * DIMS + k] = positions[3 * v + k] + shift[k]
      out[v * DIMS + 3 + k] = mean[3 * v + k]
    }
  }
  return out
}

/**
 * The mouth's inside: the lining, whose rim is the lips' own, and the organs apart.
 * @param first number of the lining's first vertex behind the head's
 */
function mouthPieces(
  inside: HeadInterior,
  plan: PortraitPlan,
  first: number,
): { values: Float32Array; lining: number[]; organs: Piece } {
  const { indices, parts, mean } = inside
  const posed = posedInterior(inside, plan.identity, plan.expression, plan.tongueOut)
  const ofLining = (t: number): boolean => parts[indices[3 * t]] === INTERIOR_PARTS.lining
  const piece = (wanted: (t: number) => boolean) =>
    submesh(
      posed,
      Uint8Array.from({ length: indices.length / 3 }, (_, t) => (wanted(t) ? 1 : 0)),
    )

  const lining = piece(ofLining)
  const number = Uint32Array.from(lining.vertexMap, (_, v) => first + v)
  const headVertex = new Map(pairs(inside.seam))
  lining.vertexMap.forEach((v, i) => {
    number[i] = headVertex.get(v) ?? number[i]
  })
  const organs = piece((t) => !ofLining(t))
  // Narrow waves would bend teeth.
  const hard = rows(organs.mesh.positions, gather(mean, organs.vertexMap, 3), plan.seed, 1)
  const crown = crownHeights(inside)
  organs.vertexMap.forEach((v, i) => {
    hard[i * DIMS + 7] = crown[v]
  })
  return {
    values: rows(lining.mesh.positions, gather(mean, lining.vertexMap, 3), plan.seed),
    lining: Array.from(lining.mesh.indices, (v) => number[v]),
    organs: {
      values: hard,
      indices: organs.mesh.indices,
      labels: Uint8Array.from(organs.triangleMap, (t) => INSIDE + parts[indices[3 * t]]),
    },
  }
}

const pairs = (list: Uint32Array): [number, number][] =>
  Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]])

/** A triangle's part, and whether it is the face region's skin. */
function label(parts: number[], region: boolean): number {
  const special = parts.find((p) => p !== HEAD_PARTS.skin) ?? HEAD_PARTS.skin
  return region && special === HEAD_PARTS.skin ? REGION : special
}

/** Metres by which a point of the mean head is shifted, whatever the coefficients. */
export function beyond(x: number, y: number, z: number, seed: number, waves = BEYOND.length): [number, number, number] {
  const out: [number, number, number] = [0, 0, 0]
  BEYOND.slice(0, waves).forEach(({ wavelength: w, amplitude }, i) => {
    // Narrow waves stay off the lids and lips, whose two sides they would push through each other.
    const calm = i === 0 ? 1 : calmness(x, y, z)
    for (let k = 0; k < 3; k++) out[k] += calm * amplitude * noise(x / w, y / w, z / w, seed + 17 * i + 5 * k)
  })
  return out
}

/** 0 at the eyes and the mouth's slit, 1 away from them. */
function calmness(x: number, y: number, z: number): number {
  const eye = Math.hypot((Math.abs(x) - 0.03) / 1.4, y + 0.002, z - 0.096)
  const mouth = Math.hypot(x / 1.8, y + 0.0705, z - 0.112)
  return smoothstep(0.012, 0.028, eye) * smoothstep(0.006, 0.02, mouth)
}

/** [vertices] 1 in the face region, falling to 0 over the rings of vertices at its border with the rest of the skin. */
function faceWeight(model: HeadModel): Float32Array {
  const n = model.mean.length / 3
  const { indices, faceRegion } = model
  const outside = new Uint8Array(n)
  for (let t = 0; t < faceRegion.length; t++) {
    const eyeball = model.parts[indices[3 * t]] === HEAD_PARTS.eyeball
    if (!faceRegion[t] && !eyeball) for (let k = 0; k < 3; k++) outside[indices[3 * t + k]] = 1
  }
  let distance = Float32Array.from(outside, (o) => (o ? 0 : 1))
  const edges = meshEdges(indices)
  for (let round = 0; round < 3; round++) {
    const next = distance.slice()
    for (let e = 0; e < edges.count; e++) {
      const [a, b] = edges.vertices.subarray(2 * e, 2 * e + 2)
      next[a] = Math.min(next[a], distance[b] + 0.33)
      next[b] = Math.min(next[b], distance[a] + 0.33)
    }
    distance = next
  }
  return distance.map((d) => Math.min(1, d))
}

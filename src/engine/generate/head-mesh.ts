/**
 * The skin of a generated head as a fine mesh: the built-in head posed, bent by a smooth random deformation that its components
 * cannot express, smoothed, and cut until no edge in the face is longer than the finest relief needs. Each vertex keeps its place
 * on the mean head, where creases and colours are drawn.
 */
import { meshEdges } from '../geometry/mesh.js'
import { noise } from '../geometry/noise.js'
import { vertexNormals } from '../geometry/normals.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { subdivideLoop } from '../geometry/subdivide.js'
import { posedMesh } from '../head/fit-mesh.js'
import { HEAD_PARTS, type HeadModel, type Mesh } from '../stages.js'
import type { PortraitPlan } from './plan.js'

export interface FineHead {
  mesh: Mesh
  /** [vertices, 3] the same vertices on the mean head, metres. */
  canonical: Float32Array
  /** [vertices] 0..1: inside the face region, fading to 0 at its border. */
  face: Float32Array
  /** [triangles] HEAD_PARTS of the triangle. */
  parts: Uint8Array
  /** [triangles] 1 in the face region's skin. */
  faceRegion: Uint8Array
}

/** The deformation beyond the head's components: wavelengths in metres and amplitudes in metres of each axis. */
const BEYOND = [
  { wavelength: 0.07, amplitude: 0.0042 },
  { wavelength: 0.035, amplitude: 0.0017 },
  { wavelength: 0.018, amplitude: 0.0006 },
]

/** Longest edges after cutting, metres: in the face, and elsewhere. */
export interface Fineness {
  face: number
  elsewhere: number
}

/** Values a vertex: position 3, canonical 3, weight of the face 1. */
const DIMS = 7

export function buildHead(model: HeadModel, plan: PortraitPlan, fineness: Fineness): FineHead {
  const posed = posedMesh(model, plan.identity, plan.expression)
  const n = posed.positions.length / 3
  const inFace = faceWeight(model)
  const values = new Float32Array(n * DIMS)
  for (let v = 0; v < n; v++) {
    const [x, y, z] = model.mean.subarray(3 * v, 3 * v + 3)
    const shift = beyond(x, y, z, plan.seed)
    for (let k = 0; k < 3; k++) {
      values[v * DIMS + k] = posed.positions[3 * v + k] + shift[k]
      values[v * DIMS + 3 + k] = model.mean[3 * v + k]
    }
    values[v * DIMS + 6] = inFace[v]
  }
  // Eyes are seen through the lids, not through the sheets that close them in the model.
  const kept: number[] = []
  const labels: number[] = []
  for (let t = 0; t < model.indices.length / 3; t++) {
    const corners = model.indices.subarray(3 * t, 3 * t + 3)
    const parts = Array.from(corners, (v) => model.parts[v])
    if (model.faceRegion[t] && parts.includes(HEAD_PARTS.eyeball)) continue
    kept.push(...corners)
    labels.push(label(parts, model.faceRegion[t] === 1))
  }
  let triangles: Triangles = { indices: Uint32Array.from(kept), labels: Uint8Array.from(labels) }
  const smooth = subdivideLoop(values, DIMS, triangles.indices)
  triangles = { indices: smooth.indices, labels: triangles.labels }
  triangles.labels = Uint8Array.from({ length: smooth.indices.length / 3 }, (_, t) => labels[t >> 2])
  let fine = smooth.values
  for (let round = 0; round < 5; round++) {
    const cut = cutLongEdges(fine, triangles, fineness)
    if (!cut) break
    fine = cut.values
    triangles = cut.triangles
  }
  const count = fine.length / DIMS
  const pick = (from: number, width: number): Float32Array => {
    const out = new Float32Array(count * width)
    for (let v = 0; v < count; v++) for (let k = 0; k < width; k++) out[v * width + k] = fine[v * DIMS + from + k]
    return out
  }
  return {
    mesh: { positions: pick(0, 3), indices: triangles.indices },
    canonical: pick(3, 3),
    face: pick(6, 1),
    parts: triangles.labels.map((l) => l & 15),
    faceRegion: triangles.labels.map((l) => (l & 16 ? 1 : 0)),
  }
}

/** A triangle's part, and 16 more in the face region's skin. */
function label(parts: number[], region: boolean): number {
  const special = parts.find((p) => p !== HEAD_PARTS.skin) ?? HEAD_PARTS.skin
  return region && special === HEAD_PARTS.skin ? 16 : special
}

/** Metres by which a point of the mean head is shifted, whatever the coefficients. */
export function beyond(x: number, y: number, z: number, seed: number): [number, number, number] {
  const out: [number, number, number] = [0, 0, 0]
  BEYOND.forEach(({ wavelength: w, amplitude }, i) => {
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

interface Triangles {
  indices: Uint32Array
  labels: Uint8Array
}

/**
 * Splits every edge longer than allowed once, and the triangles about it into two, three or four. New vertices lie on the cubic
 * that the ends' normals suggest (PN triangles, Vlachos et al. 2001), so that the surface stays smooth. Undefined when all edges
 * are short enough.
 */
function cutLongEdges(
  values: Float32Array,
  { indices, labels }: Triangles,
  fineness: Fineness,
): { values: Float32Array; triangles: Triangles } | undefined {
  const n = values.length / DIMS
  const positions = new Float32Array(n * 3)
  for (let v = 0; v < n; v++) for (let k = 0; k < 3; k++) positions[3 * v + k] = values[v * DIMS + k]
  const normals = vertexNormals({ positions, indices }, 'area')
  const edges = meshEdges(indices)
  const middle = new Int32Array(edges.count).fill(-1)
  const length = (a: number, b: number): number => {
    const x = positions[3 * b] - positions[3 * a]
    const y = positions[3 * b + 1] - positions[3 * a + 1]
    const z = positions[3 * b + 2] - positions[3 * a + 2]
    return Math.sqrt(x * x + y * y + z * z)
  }
  let count = n
  for (let e = 0; e < edges.count; e++) {
    const a = edges.vertices[2 * e]
    const b = edges.vertices[2 * e + 1]
    const longest = values[a * DIMS + 6] + values[b * DIMS + 6] > 0 ? fineness.face : fineness.elsewhere
    if (length(a, b) > longest) middle[e] = count++
  }
  if (count === n) return undefined
  const grown = new Float32Array(count * DIMS)
  grown.set(values)
  for (let e = 0; e < edges.count; e++) {
    if (middle[e] < 0) continue
    const a = edges.vertices[2 * e]
    const b = edges.vertices[2 * e + 1]
    let la = 0
    let lb = 0
    if (edges.valence[e] === 2)
      for (let k = 0; k < 3; k++) {
        const d = (positions[3 * b + k] - positions[3 * a + k]) / 8
        la -= d * normals[3 * a + k]
        lb += d * normals[3 * b + k]
      }
    const to = middle[e] * DIMS
    for (let k = 0; k < DIMS; k++) {
      grown[to + k] = (values[a * DIMS + k] + values[b * DIMS + k]) / 2
      if (k < 3) grown[to + k] += la * normals[3 * a + k] + lb * normals[3 * b + k]
    }
  }
  const out: number[] = []
  const outLabels: number[] = []
  const corner = [0, 0, 0]
  const split = [0, 0, 0]
  for (let t = 0; t < indices.length / 3; t++) {
    const from = out.length
    for (let k = 0; k < 3; k++) {
      corner[k] = indices[3 * t + k]
      split[k] = middle[edges.ofTriangle[3 * t + k]]
    }
    splitTriangle(corner, split, out)
    for (let i = from; i < out.length; i += 3) outLabels.push(labels[t])
  }
  return { values: grown, triangles: { indices: Uint32Array.from(out), labels: Uint8Array.from(outLabels) } }
}

/** `split[k]` is the new vertex on the edge from corner k to k + 1, or -1. */
function splitTriangle(corner: number[], split: number[], out: number[]): void {
  const cuts = (split[0] >= 0 ? 1 : 0) + (split[1] >= 0 ? 1 : 0) + (split[2] >= 0 ? 1 : 0)
  if (cuts === 0) out.push(corner[0], corner[1], corner[2])
  else if (cuts === 3) {
    const [a, b, c] = corner
    const [ab, bc, ca] = split
    out.push(a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca)
  } else {
    // Turned so that the first edge is cut, and with two cuts the last one is not.
    const k = cuts === 1 ? split.findIndex((m) => m >= 0) : split.findIndex((m, i) => m >= 0 && split[(i + 1) % 3] >= 0)
    const [a, b, c] = [0, 1, 2].map((i) => corner[(k + i) % 3])
    const [ab, bc] = [split[k], split[(k + 1) % 3]]
    if (cuts === 1) out.push(a, ab, c, ab, b, c)
    else out.push(ab, b, bc, a, ab, bc, a, bc, c)
  }
}

/**
 * The head asset's mesh: the fitted head, refined in the face, with every vertex of the face moved along its normal onto the
 * detailed field's zero level. Towards the border of the face region and where the photo's camera sees nothing, the movement
 * fades; where triangles would fold over, it is taken back.
 */
import { cameraCenter, project } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { vertexNeighbors } from '../geometry/mesh.js'
import { triangleNormals, vertexNormals } from '../geometry/normals.js'
import { isHidden, type Raster, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Camera, Crop, HeadFit, ImplicitField, Mesh } from '../stages.js'
import { boundaryDistance } from './boundary-falloff.js'
import { type HeadTopology, headMeshOf } from './head-topology.js'
import { projectMesh } from './project-mesh.js'

/** Over this distance from the border of the face region the detail fades, metres. */
const FADE = 0.008
/** The same about parts of the face that the photo does not show, such as the inside of nostrils and of folds. */
const FADE_HIDDEN = 0.003
/**
 * The same before the rims of lids and lips, which keep the model's loops: from the rim on nothing, then more and more, metres. What a
 * photo shows there (lashes, the edge of an eye, teeth) is no relief of the skin.
 */
const RIM = 0.0015
const FADE_RIM = 0.005
/** Vertices move at most this far, metres. */
const LIMIT = 0.008
/** A vertex this far behind what the camera sees is hidden, metres: folds beside a smile are hardly deeper. */
const HIDDEN = 0.001
/**
 * Cosines of the skin's normal and the way to the camera: skin that is seen more flatly than the first has no detail, from the second on it
 * has all. The field is known along the photo's rays, which in a fold run along the skin, and vertices would go to and fro.
 */
const FLAT = [0.2, 0.4] as const
/** A triangle that turns by more than the angle of this cosine is about to fold over. */
const FOLD = 0.35
const UNFOLD_ROUNDS = 60
const PATIENT_ROUNDS = 15

/** The settled mesh, and what is needed to settle other expressions in the same way. */
export interface HeadMesh {
  topology: HeadTopology
  /** Final positions, head frame, metres. */
  mesh: Mesh
  /** [vertices, 3] of the fitted head, before any movement. */
  coarse: Float32Array
  /** [vertices] movement along the fitted head's normal, metres. */
  offset: Float32Array
  /** [vertices] 0..1 share of the field's detail that is applied: 1 well inside what the photo shows of the face. */
  weight: Float32Array
}

/** Moves the fitted head onto the field. Throws SURFACE_EMPTY where the field has no surface near the face. */
export async function settleHead(fit: HeadFit, topology: HeadTopology, field: ImplicitField): Promise<HeadMesh> {
  const base = headMeshOf(topology, fit.mesh.positions)
  const weight = detailWeight(base, topology, fit.camera, fit.crop)
  const normals = directionsOf(base)
  const moving = Uint32Array.from(weight.keys()).filter((v) => weight[v] > 0)
  const part = movingPart(base, moving)
  const directions = rows(normals, moving)
  const { offset: found } = await projectMesh(part, field, { directions, maxOffset: LIMIT })
  const offset = new Float32Array(weight.length)
  moving.forEach((v, i) => {
    offset[v] = found[i] * weight[v]
  })
  unfold(base, normals, offset, weight)
  return {
    topology,
    mesh: { positions: moved(base.positions, normals, offset), indices: base.indices },
    coarse: base.positions,
    offset,
    weight,
  }
}

/** Positions of another expression with the same detail: it rides along the normals. */
export function ride({ topology, offset }: HeadMesh, modelPositions: Float32Array): Float32Array {
  const base = headMeshOf(topology, modelPositions)
  return moved(base.positions, directionsOf(base), offset)
}

/** Along which vertices move: normals weighted by area, which cost least; the same for all expressions. */
const directionsOf = (base: Mesh): Float32Array => vertexNormals(base, 'area')

function moved(positions: Float32Array, normals: Float32Array, offset: Float32Array): Float32Array {
  const out = positions.slice()
  for (let v = 0; v < offset.length; v++)
    if (offset[v] !== 0) for (let i = 3 * v; i < 3 * v + 3; i++) out[i] += offset[v] * normals[i]
  return out
}

/** The submesh of triangles whose corners all move; vertices in the order of `moving`, all kept. */
function movingPart({ positions, indices }: Mesh, moving: Uint32Array): Mesh {
  const place = new Int32Array(positions.length / 3).fill(-1)
  moving.forEach((v, i) => {
    place[v] = i
  })
  const kept: number[] = []
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [place[indices[t]], place[indices[t + 1]], place[indices[t + 2]]]
    if (a >= 0 && b >= 0 && c >= 0) kept.push(a, b, c)
  }
  return { positions: rows(positions, moving), indices: Uint32Array.from(kept) }
}

function rows(values: Float32Array, which: Uint32Array): Float32Array {
  const out = new Float32Array(which.length * 3)
  which.forEach((v, i) => {
    out.set(values.subarray(3 * v, 3 * v + 3), 3 * i)
  })
  return out
}

/**
 * [vertices] how much detail each vertex gets: 0 off the face region and where the camera does not see, rising smoothly to 1.
 * Distances are measured along the mesh, so that the line where the detail ends is as smooth as the surface.
 */
function detailWeight(mesh: Mesh, { faceRegion, sheets }: HeadTopology, camera: Camera, crop: Crop): Float32Array {
  const facing = facingSeen(mesh, camera, crop)
  const region = fade(mesh, faceRegion, FADE)
  const { indices } = mesh
  const shown = faceRegion.map((inFace, t) =>
    inFace && [0, 1, 2].every((c) => facing[indices[3 * t + c]] > FLAT[0]) ? 1 : 0,
  )
  const hidden = fade(mesh, shown, FADE_HIDDEN)
  const rim = edgeDistance(mesh, onSheets(mesh, sheets), FADE_RIM)
  return smoothed(
    mesh,
    region.map((w, v) => w * hidden[v] * smoothstep(RIM, FADE_RIM, rim[v]) * smoothstep(FLAT[0], FLAT[1], facing[v])),
    3,
  )
}

/** [vertices] 1 on the sheets that close eyes and mouth, their rims included. */
function onSheets({ positions, indices }: Mesh, sheets: Uint8Array): Uint8Array {
  const out = new Uint8Array(positions.length / 3)
  for (let c = 0; c < indices.length; c++) if (sheets[Math.floor(c / 3)]) out[indices[c]] = 1
  return out
}

/** [vertices] 0 off the triangles of `inside` and at their border, rising smoothly to 1 at `width` metres from it. */
function fade(mesh: Mesh, inside: Uint8Array, width: number): Float32Array {
  const open = mesh.indices.filter((_, c) => inside[Math.floor(c / 3)])
  const distance = boundaryDistance({ positions: mesh.positions, indices: open }, width)
  const weight = new Float32Array(mesh.positions.length / 3)
  for (const v of open) weight[v] = smoothstep(0, width, distance[v])
  return weight
}

/** [vertices] cosine of the normal and the way to the camera where it sees the vertex within the crop; else 0. */
function facingSeen(mesh: Mesh, camera: Camera, crop: Crop): Float32Array {
  const scale = Math.min(1, 1024 / Math.max(crop.width, crop.height))
  const view = windowCamera(camera, crop, scale)
  return facingFrom(mesh, view, rasterize(mesh, view))
}

/** The camera that sees a box of the photo, `scale` of its pixels to a pixel. */
function windowCamera(
  camera: Camera,
  box: { x: number; y: number; width: number; height: number },
  scale: number,
): Camera {
  return {
    width: Math.max(1, Math.round(box.width * scale)),
    height: Math.max(1, Math.round(box.height * scale)),
    fx: camera.fx * scale,
    fy: camera.fy * scale,
    cx: (camera.cx - box.x) * scale,
    cy: (camera.cy - box.y) * scale,
    headToCamera: camera.headToCamera,
  }
}

/** [vertices] the same for vertices that have nothing in front of them. */
function facingFrom(mesh: Mesh, camera: Camera, raster: Raster): Float32Array {
  const { positions } = mesh
  const normals = vertexNormals(mesh)
  const eye = cameraCenter(camera)
  const uvz = project(camera, positions)
  const out = new Float32Array(positions.length / 3)
  for (let v = 0; v < out.length; v++) {
    const [x, y, z] = [uvz[3 * v], uvz[3 * v + 1], uvz[3 * v + 2]]
    if (!(x >= 0 && y >= 0 && x < camera.width && y < camera.height)) continue
    const way = eye.map((e, k) => e - positions[3 * v + k])
    const cos = way.reduce((sum, d, k) => sum + normals[3 * v + k] * d, 0) / Math.hypot(...way)
    if (!isHidden(raster.depth, raster.width, x, y, z, HIDDEN)) out[v] = Math.max(0, cos)
  }
  return out
}

/** Averages over neighbours; zeros stay zero, so that the detail never reaches further. */
function smoothed(mesh: Mesh, weight: Float32Array, rounds: number): Float32Array {
  const { start, neighbors } = vertexNeighbors(mesh)
  let now = weight
  for (let round = 0; round < rounds; round++) {
    const next = new Float32Array(now.length)
    for (let v = 0; v < now.length; v++) {
      if (weight[v] === 0) continue
      let sum = now[v]
      for (let i = start[v]; i < start[v + 1]; i++) sum += now[neighbors[i]]
      next[v] = sum / (start[v + 1] - start[v] + 1)
    }
    now = next
  }
  return now
}

/** Takes the movement back, round by round, about triangles that turn too far. */
function unfold(base: Mesh, normals: Float32Array, offset: Float32Array, weight: Float32Array): void {
  const { indices } = base
  const before = triangleNormals(base)
  const { start, neighbors } = vertexNeighbors(base)
  const positions = moved(base.positions, normals, offset)
  // only triangles of vertices that moved in the last round can have folded or opened
  const changed = new Uint8Array(offset.length).fill(1)
  for (let round = 0; round < UNFOLD_ROUNDS; round++) {
    const bad = new Set<number>()
    for (let t = 0; t < indices.length; t += 3) {
      const [a, b, c] = [indices[t], indices[t + 1], indices[t + 2]]
      if (!(changed[a] || changed[b] || changed[c]) || !(turnOf(positions, a, b, c, before, t) < FOLD)) continue
      for (const v of [a, b, c]) if (offset[v] !== 0) bad.add(v)
    }
    if (bad.size === 0) return
    const wide = new Set(bad)
    for (const v of bad) for (let i = start[v]; i < start[v + 1]; i++) wide.add(neighbors[i])
    for (const v of wide) {
      let [sum, count] = [offset[v], 1]
      for (let i = start[v]; i < start[v + 1]; i++) {
        sum += offset[neighbors[i]]
        count++
      }
      // slivers at the corners of the eyes may need all of it
      const share = !bad.has(v) ? 1 : round < PATIENT_ROUNDS ? 0.8 : 0
      offset[v] = (share * sum) / count
      weight[v] *= bad.has(v) ? share : 0.95
    }
    changed.fill(0)
    for (const v of wide) {
      changed[v] = 1
      for (let i = 3 * v; i < 3 * v + 3; i++) positions[i] = base.positions[i] + offset[v] * normals[i]
    }
  }
}

/** Cosine between the normal of the triangle (a, b, c) and row `at` of unit normals; 0 for triangles without area. */
function turnOf(p: Float32Array, a: number, b: number, c: number, normals: Float32Array, at: number): number {
  const [ux, uy, uz] = [p[3 * b] - p[3 * a], p[3 * b + 1] - p[3 * a + 1], p[3 * b + 2] - p[3 * a + 2]]
  const [vx, vy, vz] = [p[3 * c] - p[3 * a], p[3 * c + 1] - p[3 * a + 1], p[3 * c + 2] - p[3 * a + 2]]
  const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz)
  return length > 0 ? (nx * normals[at] + ny * normals[at + 1] + nz * normals[at + 2]) / length : 0
}

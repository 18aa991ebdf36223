/**
 * The head asset's mesh: the fitted head, refined in the face, with every vertex of the face moved along its normal onto the
 * detailed field's zero level. Towards the border of the face region and where the photo's camera sees nothing, the movement
 * fades; where triangles would fold over, it is taken back.
 */
import { cameraCenter, project } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { vertexNeighbors } from '../geometry/mesh.js'
import { normalizeRows, triangleNormals, vertexNormals } from '../geometry/normals.js'
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
/** Rounds in which skin that is not seen takes the mean with its neighbours: it goes along over some 10 mm. */
const CARRY_ROUNDS = 40
/** A vertex this far behind what the camera sees is hidden, metres: folds beside a smile are hardly deeper. */
const HIDDEN = 0.001
/**
 * Skin that the camera sees more flatly than this, by the cosine of its normal and the way there, is not seen: the field is known along
 * the photo's rays, which in a fold run along the skin, and vertices would go to and fro.
 */
const FLAT = 0.35
/** Radians that the head may turn from one pixel of the crop to the next, for pixels to tell what it is like. */
const SHARP = 0.45
/** A triangle that turns by more than the angle of this cosine is about to fold over. */
const FOLD = 0.35
/** From where movement was taken back on it rises by this share of the way at most. */
const RAMP = 0.25
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
  const { weight, shown, room } = detailWeights(base, topology, fit.camera, fit.crop)
  const normals = directionsOf(topology, fit.mesh.positions)
  const moving = Uint32Array.from(weight.keys()).filter((v) => weight[v] > 0)
  const part = movingPart(base, moving)
  const directions = rows(normals, moving)
  const { offset: found } = await projectMesh(part, field, { directions, maxOffset: LIMIT })
  const offset = new Float32Array(weight.length)
  moving.forEach((v, i) => {
    offset[v] = found[i]
  })
  carry(base, offset, shown, room)
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
  return moved(base.positions, directionsOf(topology, modelPositions), offset)
}

/** Rounds in which directions take the mean with their neighbours': over some 6 mm of the model's mesh. */
const CALM = 4

/**
 * [vertices, 3] unit, along which vertices move; found in the same way for every expression. They are the fitted head's normals, calmed: the two
 * sides of a crease (over a lid, beside a smile) then move side by side, where along their own normals they would run into each other.
 * @param positions the model's
 */
function directionsOf(topology: HeadTopology, positions: Float32Array): Float32Array {
  const { start, neighbors } = topology.modelNeighbors
  let now = vertexNormals({ positions, indices: topology.modelIndices }, 'area')
  for (let round = 0; round < CALM; round++) {
    const next = now.slice()
    for (let v = 0; v + 1 < start.length; v++)
      for (let i = start[v]; i < start[v + 1]; i++)
        for (let k = 0; k < 3; k++) next[3 * v + k] += now[3 * neighbors[i] + k]
    now = normalizeRows(next)
  }
  return normalizeRows(topology.refined(now, 3))
}

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

/** Shares of vertices, 0..1. */
interface DetailWeights {
  /** How much detail each gets: 0 off the face region and where the camera does not see, rising smoothly to 1. */
  weight: Float32Array
  /** How well the camera sees it. */
  shown: Float32Array
  /** How far it may move, seen or not: 0 off the face region and on the rims of lids and lips. */
  room: Float32Array
}

/** Distances are measured along the mesh, so that the line where the detail ends is as smooth as the surface. */
function detailWeights(mesh: Mesh, { faceRegion, sheets }: HeadTopology, camera: Camera, crop: Crop): DetailWeights {
  const seen = seenVertices(mesh, camera, crop)
  const region = fade(mesh, faceRegion, FADE)
  const { indices } = mesh
  const whole = faceRegion.map((inFace, t) => (inFace && [0, 1, 2].every((c) => seen[indices[3 * t + c]]) ? 1 : 0))
  const shown = fade(mesh, whole, FADE_HIDDEN)
  const rim = edgeDistance(mesh, onSheets(mesh, sheets), FADE_RIM)
  const room = region.map((w, v) => w * smoothstep(RIM, FADE_RIM, rim[v]))
  const weight = smoothed(
    mesh,
    room.map((w, v) => w * shown[v]),
    3,
  )
  return { weight, shown, room }
}

/**
 * Skin that the photo does not show goes along with what is beside it, less and less: the inside of a crease with its two sides. In place.
 * @param offset [vertices] where it was found, 0 elsewhere
 */
function carry(mesh: Mesh, offset: Float32Array, shown: Float32Array, room: Float32Array): void {
  const { start, neighbors } = vertexNeighbors(mesh)
  const found = offset.slice()
  const carried = Uint32Array.from(room.keys()).filter((v) => room[v] > 0 && shown[v] < 1)
  for (let round = 0; round < CARRY_ROUNDS; round++)
    for (const v of carried) {
      let sum = 0
      for (let i = start[v]; i < start[v + 1]; i++) sum += offset[neighbors[i]]
      offset[v] = shown[v] * found[v] + ((1 - shown[v]) * sum) / (start[v + 1] - start[v])
    }
  for (let v = 0; v < offset.length; v++) offset[v] *= room[v]
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

/** [vertices] 1 where the photo's camera sees the vertex within the crop, well enough to tell what it is like there. */
function seenVertices(mesh: Mesh, camera: Camera, crop: Crop): Uint8Array {
  const scale = Math.min(1, 1024 / Math.max(crop.width, crop.height))
  const view = windowCamera(camera, crop, scale)
  const seen = visibleFrom(mesh, view, rasterize(mesh, view))
  const sharp = creases(mesh, camera, crop)
  return seen.map((s, v) => (sharp[v] ? 0 : s))
}

/**
 * [vertices] 1 where the head turns within a pixel of the crop, as over a lid: what pixels say of such a crease has their own steps in it.
 */
function creases(mesh: Mesh, camera: Camera, crop: Crop): Uint8Array {
  const { positions: p } = mesh
  const normals = vertexNormals(mesh)
  const { start, neighbors } = vertexNeighbors(mesh)
  const uvz = project(camera, p)
  const perDepth = crop.width / crop.size / camera.fx
  const out = new Uint8Array(p.length / 3)
  for (let v = 0; v < out.length; v++) {
    const pixel = uvz[3 * v + 2] * perDepth
    for (let i = start[v]; i < start[v + 1] && !out[v]; i++) {
      const w = neighbors[i]
      let [turn, way] = [0, 0]
      for (let k = 0; k < 3; k++) {
        turn += (normals[3 * v + k] - normals[3 * w + k]) ** 2
        way += (p[3 * v + k] - p[3 * w + k]) ** 2
      }
      if (turn * pixel * pixel > SHARP * SHARP * way) out[v] = 1
    }
  }
  return out
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

/** [vertices] 1 for vertices that face the camera, not too flatly, and have nothing in front of them. */
function visibleFrom(mesh: Mesh, camera: Camera, raster: Raster): Uint8Array {
  const { positions } = mesh
  const normals = vertexNormals(mesh)
  const eye = cameraCenter(camera)
  const uvz = project(camera, positions)
  const out = new Uint8Array(positions.length / 3)
  for (let v = 0; v < out.length; v++) {
    const [x, y, z] = [uvz[3 * v], uvz[3 * v + 1], uvz[3 * v + 2]]
    if (!(x >= 0 && y >= 0 && x < camera.width && y < camera.height)) continue
    const way = eye.map((e, k) => e - positions[3 * v + k])
    const cos = way.reduce((sum, d, k) => sum + normals[3 * v + k] * d, 0) / Math.hypot(...way)
    const pixel = z / camera.fx
    const tolerance = Math.min(HIDDEN, 0.0002 + pixel * Math.sqrt(1 / (cos * cos) - 1))
    out[v] = cos > FLAT && !isHidden(raster.depth, raster.width, x, y, z, tolerance) ? 1 : 0
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

/** Takes the movement back, round by round, about triangles that turn too far, and from there on less and less. */
function unfold(base: Mesh, normals: Float32Array, offset: Float32Array, weight: Float32Array): void {
  const held = takeBack(base, normals, offset, weight)
  if (held.size > 0) ramp(base, offset, held)
}

/** Lets the movement rise by no more than RAMP times the way over the mesh from the vertices where it was taken back. */
function ramp({ positions: p, indices }: Mesh, offset: Float32Array, held: ReadonlySet<number>): void {
  const { start, neighbors } = vertexNeighbors({ positions: p, indices })
  const most = new Float32Array(offset.length).fill(Number.POSITIVE_INFINITY)
  for (const v of held) most[v] = Math.abs(offset[v])
  for (let front: Iterable<number> = held, size = held.size; size > 0; ) {
    const next = new Set<number>()
    for (const v of front)
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = neighbors[i]
        const way = Math.hypot(p[3 * v] - p[3 * w], p[3 * v + 1] - p[3 * w + 1], p[3 * v + 2] - p[3 * w + 2])
        const limit = most[v] + RAMP * way
        if (!(limit < Math.min(most[w], Math.abs(offset[w])))) continue
        most[w] = limit
        next.add(w)
      }
    front = next
    size = next.size
  }
  for (let v = 0; v < offset.length; v++) offset[v] = Math.max(-most[v], Math.min(most[v], offset[v]))
}

/** @returns the vertices of such triangles */
function takeBack(base: Mesh, normals: Float32Array, offset: Float32Array, weight: Float32Array): Set<number> {
  const held = new Set<number>()
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
    if (bad.size === 0) return held
    for (const v of bad) held.add(v)
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
  return held
}

/** Cosine between the normal of the triangle (a, b, c) and row `at` of unit normals; 0 for triangles without area. */
function turnOf(p: Float32Array, a: number, b: number, c: number, normals: Float32Array, at: number): number {
  const [ux, uy, uz] = [p[3 * b] - p[3 * a], p[3 * b + 1] - p[3 * a + 1], p[3 * b + 2] - p[3 * a + 2]]
  const [vx, vy, vz] = [p[3 * c] - p[3 * a], p[3 * c + 1] - p[3 * a + 1], p[3 * c + 2] - p[3 * a + 2]]
  const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]
  const length = Math.sqrt(nx * nx + ny * ny + nz * nz)
  return length > 0 ? (nx * normals[at] + ny * normals[at + 1] + nz * normals[at + 2]) / length : 0
}

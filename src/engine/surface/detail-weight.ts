/** Where the head's mesh takes on the field's detail, by what the photo shows, and where it may move at all. */
import { cameraCenter, project } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { type Neighbors, trianglesWhere } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { isHidden, type Raster, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Camera, Crop, HeadFit, Mesh } from '../stages.js'
import { boundaryDistance } from './boundary-falloff.js'
import type { HeadTopology } from './head-topology.js'

/** Over this distance from the border of the face region the detail fades, metres. */
const FADE = 0.008
/** The same about parts of the face that the photo does not show, such as the inside of nostrils and of folds. */
const FADE_HIDDEN = 0.005
/**
 * The same before the rims of lids and lips, which keep the model's loops: from the rim on nothing, then more and more, metres. What a
 * photo shows there (lashes, the edge of an eye, teeth) is no relief of the skin.
 */
const RIM = 0.0015
const FADE_RIM = 0.005
/** A vertex this far behind what the camera sees is hidden, metres: folds beside a smile are hardly deeper. */
const HIDDEN = 0.001
/**
 * Cosines of the skin's normal and the way to the camera: skin that is seen more flatly than the first has no detail, from the second on it
 * has all. The field is known along the photo's rays, which in a fold run along the skin, and vertices would go to and fro.
 */
const FLAT = [0.3, 0.5] as const
/** Radians that the head may turn from one pixel of the crop to the next, for pixels to tell what it is like. */
const SHARP = 0.3
/** Shares of vertices, 0..1. */
export interface DetailWeights {
  /** How much detail each gets: 0 off the face region and where the camera does not see, rising smoothly to 1. */
  weight: Float32Array
  /** How well the camera sees it. */
  shown: Float32Array
  /** How far it may move, seen or not: 0 off the face region and on the rims of lids and lips. */
  room: Float32Array
}

/** Distances are measured along the mesh, so that the line where the detail ends is as smooth as the surface. */
export function detailWeights(
  mesh: Mesh,
  around: Neighbors,
  { faceRegion, sheets }: HeadTopology,
  { camera, crop }: Pick<HeadFit, 'camera' | 'crop'>,
): DetailWeights {
  const facing = facingSeen(mesh, around, camera, crop)
  const region = fade(mesh, faceRegion, FADE)
  const { indices } = mesh
  const whole = faceRegion.map((inFace, t) =>
    inFace && [0, 1, 2].every((c) => facing[indices[3 * t + c]] > FLAT[0]) ? 1 : 0,
  )
  const shown = fade(mesh, whole, FADE_HIDDEN).map((w, v) => w * smoothstep(FLAT[0], FLAT[1], facing[v]))
  const rim = edgeDistance(mesh, onSheets(mesh, sheets), FADE_RIM)
  const room = region.map((w, v) => w * smoothstep(RIM, FADE_RIM, rim[v]))
  const weight = smoothed(
    around,
    room.map((w, v) => w * shown[v]),
    3,
  )
  return { weight, shown, room }
}

/** [vertices] 1 on the sheets that close eyes and mouth, their rims included. */
function onSheets({ positions, indices }: Mesh, sheets: Uint8Array): Uint8Array {
  const out = new Uint8Array(positions.length / 3)
  for (let c = 0; c < indices.length; c++) if (sheets[Math.floor(c / 3)]) out[indices[c]] = 1
  return out
}

/** [vertices] 0 off the triangles of `inside` and at their border, rising smoothly to 1 at `width` metres from it. */
function fade(mesh: Mesh, inside: Uint8Array, width: number): Float32Array {
  const open = trianglesWhere(mesh.indices, inside)
  const distance = boundaryDistance({ positions: mesh.positions, indices: open }, width)
  const weight = new Float32Array(mesh.positions.length / 3)
  for (const v of open) weight[v] = smoothstep(0, width, distance[v])
  return weight
}

/** [vertices] cosine of the normal and the way to the camera where it sees the vertex within the crop, and no sharp crease; else 0. */
function facingSeen(mesh: Mesh, around: Neighbors, camera: Camera, crop: Crop): Float32Array {
  const scale = Math.min(1, 1024 / Math.max(crop.width, crop.height))
  const view = windowCamera(camera, crop, scale)
  const normals = vertexNormals(mesh)
  const facing = facingFrom(mesh, normals, view, rasterize(mesh, view))
  const sharp = creases({ mesh, normals, around }, camera, crop)
  return facing.map((cos, v) => (sharp[v] ? 0 : cos))
}

/**
 * [vertices] 1 where the head turns within a pixel of the crop, as over a lid: what pixels say of such a crease has their own steps in it.
 */
function creases(
  { mesh, normals, around }: { mesh: Mesh; normals: Float32Array; around: Neighbors },
  camera: Camera,
  crop: Crop,
): Uint8Array {
  const { positions: p } = mesh
  const { start, neighbors } = around
  const uvz = project(camera, p)
  const perDepth = crop.width / crop.size / camera.fx
  const out = new Uint8Array(p.length / 3)
  for (let v = 0; v < out.length; v++) {
    const pixel = uvz[3 * v + 2] * perDepth
    for (let i = start[v]; i < start[v + 1] && !out[v]; i++) {
      const w = neighbors[i]
      let turn = 0
      let way = 0
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

/** [vertices] the same for vertices that have nothing in front of them. */
function facingFrom({ positions }: Mesh, normals: Float32Array, camera: Camera, raster: Raster): Float32Array {
  const eye = cameraCenter(camera)
  const uvz = project(camera, positions)
  const out = new Float32Array(positions.length / 3)
  for (let v = 0; v < out.length; v++) {
    const x = uvz[3 * v]
    const y = uvz[3 * v + 1]
    const z = uvz[3 * v + 2]
    if (!(x >= 0 && y >= 0 && x < camera.width && y < camera.height)) continue
    const way = eye.map((e, k) => e - positions[3 * v + k])
    const cos = way.reduce((sum, d, k) => sum + normals[3 * v + k] * d, 0) / Math.hypot(...way)
    if (!isHidden(raster.depth, raster.width, x, y, z, HIDDEN)) out[v] = Math.max(0, cos)
  }
  return out
}

/** Averages over neighbours; zeros stay zero, so that the detail never reaches further. */
function smoothed({ start, neighbors }: Neighbors, weight: Float32Array, rounds: number): Float32Array {
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

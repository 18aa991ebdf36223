/**
 * A mesh of the face while it is still being optimised, for looking at: the fitted head's face region with every vertex moved
 * along its line of sight by as much as the depth map has changed. It costs a few milliseconds where projecting onto the
 * field costs seconds, and sees what the photo's camera sees: vertices that it does not see stay where the head fit put them.
 */
import { cropCamera, invertRigid, transformPoints } from '../geometry/camera.js'
import type { Camera, CoarseMaps, Crop, FaceView, Mesh } from '../stages.js'

/** A vertex this far behind the coarse surface (metres) is hidden from the camera. */
const HIDDEN = 0.003

export interface PreviewScene {
  /** The undisturbed mesh, head frame, metres. */
  mesh: Mesh
  /** [vertices] share of the movement that is applied. */
  weight: ArrayLike<number>
  camera: Camera
  crop: Crop
  coarse: Pick<CoarseMaps, 'depth'>
}

/** The scene's mesh, moved to where `view` sees the face. Same triangles and vertex order. */
export function previewMesh({ mesh, weight, camera, crop, coarse }: PreviewScene, view: Pick<FaceView, 'depth'>): Mesh {
  const { fx, fy, cx, cy, headToCamera } = cropCamera(camera, crop)
  const points = transformPoints(headToCamera, mesh.positions)
  for (let v = 0; v < weight.length; v++) {
    const z = points[3 * v + 2]
    const [x, y] = [(fx * points[3 * v]) / z + cx, (fy * points[3 * v + 1]) / z + cy]
    const before = sample(coarse.depth, crop.size, x, y)
    const now = sample(view.depth, crop.size, x, y)
    const moved = (now - before) * weight[v]
    // NaN off the face compares false
    if (!(Math.abs(z - before) < HIDDEN) || !Number.isFinite(moved)) continue
    for (let k = 0; k < 3; k++) points[3 * v + k] *= 1 + moved / z
  }
  const positions = transformPoints(invertRigid(headToCamera), points, new Float32Array(points.length))
  return { positions, indices: mesh.indices }
}

/** Bilinear sample of a map [size, size] at crop pixel (x, y); NaN where one of the four pixels has no value. */
function sample(map: Float32Array, size: number, x: number, y: number): number {
  const [u, v] = [x - 0.5, y - 0.5]
  const [i, j] = [Math.floor(u), Math.floor(v)]
  if (i < 0 || j < 0 || i + 1 >= size || j + 1 >= size) return Number.NaN
  const [s, t] = [u - i, v - j]
  const o = j * size + i
  return (map[o] * (1 - s) + map[o + 1] * s) * (1 - t) + (map[o + size] * (1 - s) + map[o + size + 1] * s) * t
}

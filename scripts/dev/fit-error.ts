/** How far a fitted head is from a scan: normals in the picture, and distance of the scan from the mesh after alignment. */
import { backProject, cropCamera, transformPoints } from '../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../src/engine/geometry/distance.js'
import { submesh } from '../../src/engine/geometry/mesh.js'
import { rasterize, rasterNormals } from '../../src/engine/geometry/rasterize.js'
import { gaussianBlur } from '../../src/engine/image/filter.js'
import type { HeadFit } from '../../src/engine/stages.js'
import { cropTruth, type ScanTruth } from './scan-truth.js'

export interface FitError {
  /** Angle between fitted and true normals over the face seen by both, degrees. */
  normalMean: number
  normalMedian: number
  /** The same against the truth blurred over 1.5 % of the crop: what a mesh without wrinkles could reach. */
  smoothMean: number
  /** Distance from scan vertices to the fitted face region after similarity alignment, mm. */
  scanMedian: number
  scanMean: number
  /** Turn about the camera's x, y, z axes that would bring the fitted surface onto the true one, degrees: pitch, yaw, roll. */
  turn: [number, number, number]
  /** Estimated over true focal length. */
  focal: number
  /** [size, size] angle per crop pixel, degrees; NaN outside. */
  angles: Float32Array
}

/** Measures a fit. The full face region is compared, through the fitted camera. */
export function fitError(fit: HeadFit, truth: ScanTruth): FitError {
  const region = submesh(fit.mesh, fit.model.faceRegion).mesh
  const camera = cropCamera(fit.camera, fit.crop)
  const raster = rasterize(region, camera)
  const normals = rasterNormals(raster, region, camera)
  const crop = cropTruth(truth, fit.crop)
  const angles = new Float32Array(raster.depth.length).fill(Number.NaN)
  const seen: number[] = []
  for (let i = 0; i < angles.length; i++) {
    if (raster.triangle[i] < 0 || !crop.mask[i] || Number.isNaN(crop.depth[i])) continue
    let cosine = 0
    for (let k = 0; k < 3; k++) cosine += normals[3 * i + k] * crop.normals[3 * i + k]
    angles[i] = (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI
    seen.push(i)
  }
  const smooth = gaussianBlur(crop.normals, fit.crop.size, fit.crop.size, 3, 0.015 * fit.crop.size, crop.mask)
  let smoothSum = 0
  for (const i of seen) {
    const b = smooth.subarray(3 * i, 3 * i + 3)
    let cosine = 0
    for (let k = 0; k < 3; k++) cosine += normals[3 * i + k] * b[k]
    smoothSum += (Math.acos(Math.max(-1, Math.min(1, cosine / Math.hypot(b[0], b[1], b[2])))) * 180) / Math.PI
  }
  const sorted = angles.filter((a) => !Number.isNaN(a)).sort()
  const pixels = Float64Array.from(
    seen.flatMap((i) => [(i % fit.crop.size) + 0.5, Math.floor(i / fit.crop.size) + 0.5]),
  )
  const take = (depth: Float32Array): Float64Array => Float64Array.from(seen, (i) => depth[i])
  const from = backProject(camera, pixels, take(raster.depth))
  const to = backProject(cropCamera(truth.camera, fit.crop), pixels, take(crop.depth))
  const { distances, aligned } = scanDistances(new MeshDistance(region), alignment(from, to), truth.face)
  return {
    normalMean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
    normalMedian: sorted[sorted.length >> 1],
    smoothMean: smoothSum / seen.length,
    scanMedian: distances[distances.length >> 1],
    scanMean: distances.reduce((a, b) => a + b, 0) / distances.length,
    turn: cameraTurn(aligned, fit, truth),
    focal: fit.camera.fx / truth.camera.fx,
    angles,
  }
}

/** Similarity y = scale R x + t as a 4x4 matrix. */
type Similarity = Float64Array

/** Sorted distances (mm) of scan points from the mesh, the similarity refined on the closest points (trimmed ICP). */
function scanDistances(
  mesh: MeshDistance,
  start: Similarity,
  scan: Float32Array,
): { distances: Float64Array; aligned: Similarity } {
  const step = Math.max(1, Math.floor(scan.length / 3 / 4000))
  const points: number[] = []
  for (let i = 0; i < scan.length; i += 3 * step) points.push(scan[i], scan[i + 1], scan[i + 2])
  const q = Float64Array.from(points)
  let s = start
  const near = (): { inFrame: Float32Array; distance: Float64Array } => {
    const { distance, point } = mesh.closest(transformPoints(invert(s), q))
    return { inFrame: point, distance: Float64Array.from(distance, (d) => d * scaleOf(s)) }
  }
  for (let iteration = 0; iteration < 25; iteration++) {
    const { inFrame, distance } = near()
    const limit = distance.slice().sort()[Math.floor(0.95 * distance.length)]
    const a: number[] = []
    const b: number[] = []
    for (let i = 0; i < distance.length; i++) {
      if (distance[i] > limit) continue
      for (let k = 0; k < 3; k++) {
        a.push(inFrame[3 * i + k])
        b.push(q[3 * i + k])
      }
    }
    s = alignment(Float64Array.from(a), Float64Array.from(b))
  }
  const distances = near()
    .distance.map((d) => 1000 * d)
    .sort()
  return { distances, aligned: s }
}

/** Rotation vector, in the camera frame and degrees, from the fitted to the aligned surface. */
function cameraTurn(aligned: Similarity, fit: HeadFit, truth: ScanTruth): [number, number, number] {
  const k = 1 / scaleOf(aligned)
  // true camera · alignment · inverse of the fitted camera
  const m = new Float64Array(9)
  for (let r = 0; r < 3; r++)
    for (let c = 0; c < 3; c++)
      for (let a = 0; a < 3; a++)
        for (let b = 0; b < 3; b++)
          m[3 * r + c] +=
            truth.camera.headToCamera[4 * r + a] * aligned[4 * a + b] * k * fit.camera.headToCamera[4 * c + b]
  const angle = Math.acos(Math.min(1, (m[0] + m[4] + m[8] - 1) / 2))
  const f = angle < 1e-9 ? 0 : ((angle / (2 * Math.sin(angle))) * 180) / Math.PI
  return [f * (m[7] - m[5]), f * (m[2] - m[6]), f * (m[3] - m[1])]
}

function scaleOf(s: Similarity): number {
  return Math.hypot(s[0], s[4], s[8])
}

function invert(s: Similarity): Similarity {
  const k = 1 / scaleOf(s) ** 2
  const out = new Float64Array(16)
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out[4 * i + j] = s[4 * j + i] * k
    out[4 * i + 3] = -(s[i] * s[3] + s[4 + i] * s[7] + s[8 + i] * s[11]) * k
  }
  out[15] = 1
  return out
}

/**
 * Least squares similarity from points a to points b (Umeyama 1991). The rotation is the polar factor of the covariance,
 * found by Newton's iteration (Higham 1986).
 */
export function alignment(a: Float64Array, b: Float64Array): Similarity {
  const n = a.length / 3
  const ma = [0, 0, 0]
  const mb = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ma[i % 3] += a[i] / n
    mb[i % 3] += b[i] / n
  }
  const h = new Float64Array(9)
  let spread = 0
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++) {
      const x = a[3 * i + c] - ma[c]
      spread += x * x
      for (let r = 0; r < 3; r++) h[3 * r + c] += (b[3 * i + r] - mb[r]) * x
    }
  const norm = Math.hypot(...h)
  let rotation = h.map((x) => x / norm)
  for (let iteration = 0; iteration < 60; iteration++) {
    const inverse = inverseTranspose(rotation)
    rotation = rotation.map((x, i) => (x + inverse[i]) / 2)
  }
  const scale = rotation.reduce((sum, r, i) => sum + r * h[i], 0) / spread
  const out = new Float64Array(16)
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) out[4 * r + c] = scale * rotation[3 * r + c]
    out[4 * r + 3] = mb[r] - out[4 * r] * ma[0] - out[4 * r + 1] * ma[1] - out[4 * r + 2] * ma[2]
  }
  out[15] = 1
  return out
}

function inverseTranspose(m: Float64Array): Float64Array {
  const [a, b, c, d, e, f, g, h, i] = m
  const cofactors = [e * i - f * h, f * g - d * i, d * h - e * g, c * h - b * i, a * i - c * g, b * g - a * h]
  cofactors.push(b * f - c * e, c * d - a * f, a * e - b * d)
  const det = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
  return Float64Array.from(cofactors, (x) => x / det)
}

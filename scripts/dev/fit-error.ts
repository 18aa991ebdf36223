/** How far a fitted head is from a scan: normals in the picture, and distance of the scan from the mesh after alignment. */
import { scanDistances } from '../../src/engine/evaluate/scan-distance.js'
import { statistics } from '../../src/engine/evaluate/statistics.js'
import { cropTruth } from '../../src/engine/evaluate/truth.js'
import { backProject, cropCamera } from '../../src/engine/geometry/camera.js'
import { submesh } from '../../src/engine/geometry/mesh.js'
import { rasterize, rasterNormals } from '../../src/engine/geometry/rasterize.js'
import { alignPoints, type Similarity, scaleOf } from '../../src/engine/geometry/similarity.js'
import { gaussianBlur } from '../../src/engine/image/filter.js'
import type { HeadFit } from '../../src/engine/stages.js'
import type { ScanTruth } from './scan-truth.js'

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
  const { distances, transform } = scanDistances(region, truth.face, alignPoints(from, to), { keep: 0.95 })
  const scan = statistics(distances.map((d) => 1000 * d))
  return {
    normalMean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
    normalMedian: sorted[sorted.length >> 1],
    smoothMean: smoothSum / seen.length,
    scanMedian: scan.median,
    scanMean: scan.mean,
    turn: cameraTurn(transform, fit, truth),
    focal: fit.camera.fx / truth.camera.fx,
    angles,
  }
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

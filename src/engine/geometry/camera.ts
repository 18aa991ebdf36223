/**
 * The pinhole camera. Head frame in metres; camera frame OpenCV (x right, y down, z forward); pixel centres at +0.5.
 *
 *   [X Y Z 1] = headToCamera [x y z 1],   u = fx X / Z + cx,   v = fy Y / Z + cy
 *
 * 4x4 matrices are row-major Float64Array(16).
 */
import type { Camera, Crop } from '../stages.js'

/** Flat [n, 3] (or [n, 2]) coordinates in single or double precision. */
export type Points = Float32Array | Float64Array

/** Inverse of a rigid 4x4 transform (rotation and translation only). */
export function invertRigid(m: Float64Array): Float64Array {
  const out = new Float64Array(16)
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out[i * 4 + j] = m[j * 4 + i]
    out[i * 4 + 3] = -(m[i] * m[3] + m[4 + i] * m[7] + m[8 + i] * m[11])
  }
  out[15] = 1
  return out
}

/** Product `a b` of two 4x4 matrices: applies b first. */
export function multiply4(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(16)
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 4; j++)
      out[i * 4 + j] = a[i * 4] * b[j] + a[i * 4 + 1] * b[4 + j] + a[i * 4 + 2] * b[8 + j] + a[i * 4 + 3] * b[12 + j]
  return out
}

/** Applies a 4x4 affine transform to points [n, 3]. Writes to `out` if given (may be `points` itself). */
export function transformPoints<T extends Points = Float64Array>(m: Float64Array, points: Points, out?: T): T {
  const result = (out ?? new Float64Array(points.length)) as T
  for (let i = 0; i < points.length; i += 3) {
    const x = points[i]
    const y = points[i + 1]
    const z = points[i + 2]
    result[i] = m[0] * x + m[1] * y + m[2] * z + m[3]
    result[i + 1] = m[4] * x + m[5] * y + m[6] * z + m[7]
    result[i + 2] = m[8] * x + m[9] * y + m[10] * z + m[11]
  }
  return result
}

/** Applies only the 3x3 part of a 4x4 transform to directions [n, 3] (normals, under a rigid transform). */
export function transformDirections<T extends Points = Float64Array>(m: Float64Array, directions: Points, out?: T): T {
  const result = (out ?? new Float64Array(directions.length)) as T
  for (let i = 0; i < directions.length; i += 3) {
    const x = directions[i]
    const y = directions[i + 1]
    const z = directions[i + 2]
    result[i] = m[0] * x + m[1] * y + m[2] * z
    result[i + 1] = m[4] * x + m[5] * y + m[6] * z
    result[i + 2] = m[8] * x + m[9] * y + m[10] * z
  }
  return result
}

/**
 * Projects head-frame points [n, 3] to [n, 3]: u, v in the camera's pixels and depth along the optical axis in metres.
 * Points behind the camera keep their non-positive depth; their u, v are meaningless.
 */
export function project(camera: Camera, points: Points): Float64Array {
  const out = transformPoints(camera.headToCamera, points)
  const { fx, fy, cx, cy } = camera
  for (let i = 0; i < out.length; i += 3) {
    const w = 1 / out[i + 2]
    out[i] = fx * out[i] * w + cx
    out[i + 1] = fy * out[i + 1] * w + cy
  }
  return out
}

/**
 * Head-frame points [n, 3] of pixels [n, 2] at depths [n] (metres along the optical axis). NaN depth gives NaN points.
 * Inverse of `project`.
 */
export function backProject(camera: Camera, pixels: Points, depth: Points): Float64Array {
  const n = depth.length
  const out = new Float64Array(n * 3)
  for (let i = 0; i < n; i++) {
    const z = depth[i]
    out[i * 3] = ((pixels[i * 2] - camera.cx) / camera.fx) * z
    out[i * 3 + 1] = ((pixels[i * 2 + 1] - camera.cy) / camera.fy) * z
    out[i * 3 + 2] = z
  }
  return transformPoints(invertRigid(camera.headToCamera), out, out)
}

/** Position of the camera in the head frame, metres [3]. */
export function cameraCenter(camera: Camera): Float64Array {
  const inverse = invertRigid(camera.headToCamera)
  return Float64Array.of(inverse[3], inverse[7], inverse[11])
}

/** Unit viewing directions [n, 3] in the head frame of pixels [n, 2], from the camera into the scene. */
export function pixelRays(camera: Camera, pixels: Points): Float64Array {
  const n = pixels.length / 2
  const out = new Float64Array(n * 3)
  for (let i = 0; i < n; i++) {
    const x = (pixels[i * 2] - camera.cx) / camera.fx
    const y = (pixels[i * 2 + 1] - camera.cy) / camera.fy
    const f = 1 / Math.sqrt(x * x + y * y + 1)
    out[i * 3] = x * f
    out[i * 3 + 1] = y * f
    out[i * 3 + 2] = f
  }
  return transformDirections(invertRigid(camera.headToCamera), out, out)
}

/** Centres [width * height, 2] of all pixels of an image, row by row. */
export function pixelCenters(width: number, height: number): Float64Array {
  const out = new Float64Array(width * height * 2)
  let o = 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      out[o++] = x + 0.5
      out[o++] = y + 0.5
    }
  return out
}

/** The same camera seen through a crop: intrinsics in crop pixels, image size crop.size squared. */
export function cropCamera(camera: Camera, crop: Crop): Camera {
  const sx = crop.size / crop.width
  const sy = crop.size / crop.height
  return {
    width: crop.size,
    height: crop.size,
    fx: camera.fx * sx,
    fy: camera.fy * sy,
    cx: (camera.cx - crop.x) * sx,
    cy: (camera.cy - crop.y) * sy,
    headToCamera: camera.headToCamera,
  }
}

/** The same camera with `factor` times as many pixels a side (supersampling). */
export function scaleCamera(camera: Camera, factor: number): Camera {
  return {
    width: Math.round(camera.width * factor),
    height: Math.round(camera.height * factor),
    fx: camera.fx * factor,
    fy: camera.fy * factor,
    cx: camera.cx * factor,
    cy: camera.cy * factor,
    headToCamera: camera.headToCamera,
  }
}

/** Product `a b` of two 3x3 row-major matrices. */
export function multiply3(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(9)
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) out[i * 3 + j] = a[i * 3] * b[j] + a[i * 3 + 1] * b[3 + j] + a[i * 3 + 2] * b[6 + j]
  return out
}

/** Rotation matrix [3, 3] of an axis-angle vector in radians (Rodrigues), exact also near 0. */
export function rotationFromAxisAngle(x: number, y: number, z: number): Float64Array {
  const squared = x * x + y * y + z * z
  const angle = Math.sqrt(squared)
  // R = I + sin a / a [w]x + (1 - cos a) / a² [w]x²; the series avoid 0 / 0 and cancellation
  const s = angle < 1e-4 ? 1 - squared / 6 : Math.sin(angle) / angle
  const c = angle < 1e-4 ? 0.5 - squared / 24 : (2 * Math.sin(angle / 2) ** 2) / squared
  return Float64Array.of(
    1 - c * (y * y + z * z),
    c * x * y - s * z,
    c * x * z + s * y,
    c * x * y + s * z,
    1 - c * (x * x + z * z),
    c * y * z - s * x,
    c * x * z - s * y,
    c * y * z + s * x,
    1 - c * (x * x + y * y),
  )
}

/** 4x4 rigid transform of a rotation [3, 3] and a translation [3]. */
export function rigidTransform(rotation: Float64Array, translation: ArrayLike<number>): Float64Array {
  const out = new Float64Array(16)
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out[i * 4 + j] = rotation[i * 3 + j]
    out[i * 4 + 3] = translation[i]
  }
  out[15] = 1
  return out
}

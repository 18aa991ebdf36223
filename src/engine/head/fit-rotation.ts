/** Rotations of the head fit. 3x3 matrices are flat and row-major. */
import { cameraCenter } from '../geometry/camera.js'
import type { Camera } from '../stages.js'

/**
 * Derivative of a rotation matrix by its axis-angle vector (Gallego & Yezzi 2015), as the angular velocity it causes:
 * column k holds ω_k with ∂R/∂θ_k = [ω_k]× R. This is the left Jacobian of SO(3).
 *
 * @returns [3, 3]
 */
export function leftJacobian(x: number, y: number, z: number): Float64Array {
  const squared = x * x + y * y + z * z
  const angle = Math.sqrt(squared)
  // J = I + (1 − cos a)/a² [θ]× + (a − sin a)/a³ [θ]ײ
  const b = angle < 1e-4 ? 0.5 - squared / 24 : (1 - Math.cos(angle)) / squared
  const c = angle < 1e-3 ? 1 / 6 - squared / 120 : (angle - Math.sin(angle)) / (squared * angle)
  return Float64Array.of(
    1 - c * (y * y + z * z),
    -b * z + c * x * y,
    b * y + c * x * z,
    b * z + c * x * y,
    1 - c * (x * x + z * z),
    -b * x + c * y * z,
    -b * y + c * x * z,
    b * x + c * y * z,
    1 - c * (x * x + y * y),
  )
}

/**
 * How far the face is turned from looking straight into the camera, in degrees, whatever place it has in the picture.
 * Yaw is positive when the subject turns to their own left, pitch when they look up, roll when the head tilts clockwise
 * in the picture.
 *
 * @param target [3] head-frame point taken as the middle of the face, metres
 */
export function headAngles(camera: Camera, target: ArrayLike<number>): { yaw: number; pitch: number; roll: number } {
  const center = cameraCenter(camera)
  const dx = center[0] - target[0]
  const dy = center[1] - target[1]
  const dz = center[2] - target[2]
  const degrees = 180 / Math.PI
  const m = camera.headToCamera
  return {
    // The camera stands on the subject's right (-x of the head frame) when the head is turned to its left.
    yaw: Math.atan2(-dx, dz) * degrees,
    pitch: Math.atan2(-dy, Math.hypot(dx, dz)) * degrees,
    roll: Math.atan2(m[4], m[0]) * degrees,
  }
}

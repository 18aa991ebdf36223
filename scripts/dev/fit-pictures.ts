/** Pictures of a head fit: the mesh's lines and the landmarks over the photo, and the normal error. */
import { project } from '../../src/engine/geometry/camera.js'
import { mapColor } from '../../src/engine/image/colors.js'
import { newPicture, type Picture, resampleBox } from '../../src/engine/image/picture.js'
import type { HeadFit, Landmarks } from '../../src/engine/stages.js'

/** The photo around the face, enlarged, with visible mesh lines (white), landmarks (green) and where the fit puts them (red). */
export function fitOverlay(photo: Picture, fit: HeadFit, landmarks: Landmarks, size = 900): Picture {
  const margin = 0.15 * fit.crop.width
  const box = {
    x: fit.crop.x - margin,
    y: fit.crop.y - margin,
    width: fit.crop.width + 2 * margin,
    height: fit.crop.height + 2 * margin,
  }
  const picture = resampleBox(photo, box, size, size)
  const scale = size / box.width
  const pixels = project(fit.camera, fit.mesh.positions)
  const at = (v: number): [number, number] => [(pixels[3 * v] - box.x) * scale, (pixels[3 * v + 1] - box.y) * scale]
  const { indices } = fit.mesh
  for (let t = 0; t < fit.model.faceRegion.length; t++) {
    if (!fit.model.faceRegion[t]) continue
    const corners = [0, 1, 2].map((c) => at(indices[3 * t + c]))
    const [a, b, c] = corners
    const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if (area > 0) continue
    for (let c = 0; c < 3; c++) line(picture, corners[c], corners[(c + 1) % 3], [255, 255, 255], 0.25)
  }
  const { triangles, barycentric } = landmarks.layout === 68 ? fit.model.landmarks68 : fit.model.landmarks478
  for (let i = 0; i < landmarks.layout; i++) {
    const given: [number, number] = [
      (landmarks.points[2 * i] - box.x) * scale,
      (landmarks.points[2 * i + 1] - box.y) * scale,
    ]
    const sum = barycentric[3 * i] + barycentric[3 * i + 1] + barycentric[3 * i + 2]
    if (sum > 0.5) {
      const model: [number, number] = [0, 0]
      for (let c = 0; c < 3; c++) {
        const corner = at(indices[3 * triangles[i] + c])
        for (let k = 0; k < 2; k++) model[k] += barycentric[3 * i + c] * corner[k]
      }
      line(picture, given, model, [255, 220, 0], 0.9)
      dot(picture, model, [255, 40, 40])
    }
    dot(picture, given, [0, 220, 0])
  }
  return picture
}

/** Angles per crop pixel as colours, 0 to 40 degrees; grey outside. */
export function errorPicture(angles: Float32Array, size: number): Picture {
  const picture = newPicture(size, size, [90, 90, 90])
  for (let i = 0; i < angles.length; i++)
    if (!Number.isNaN(angles[i])) picture.data.set(mapColor('rainbow', Math.min(1, angles[i] / 40)), 3 * i)
  return picture
}

function blend(picture: Picture, x: number, y: number, rgb: number[], alpha: number): void {
  const column = Math.floor(x)
  const row = Math.floor(y)
  if (column < 0 || row < 0 || column >= picture.width || row >= picture.height) return
  const i = 3 * (row * picture.width + column)
  for (let k = 0; k < 3; k++) picture.data[i + k] = (1 - alpha) * picture.data[i + k] + alpha * rgb[k]
}

function line(picture: Picture, a: [number, number], b: [number, number], rgb: number[], alpha: number): void {
  const steps = Math.ceil(Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1])))
  for (let s = 0; s < steps; s++)
    blend(picture, a[0] + ((b[0] - a[0]) * s) / steps, a[1] + ((b[1] - a[1]) * s) / steps, rgb, alpha)
}

function dot(picture: Picture, at: [number, number], rgb: number[]): void {
  for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) blend(picture, at[0] + dx, at[1] + dy, rgb, 1)
}

/** The square of the photo around the fitted face region. */
import { project } from '../geometry/camera.js'
import type { Camera, Crop, HeadModel, Mesh } from '../stages.js'

/** Room around the projected face region, as a share of its larger side. */
const MARGIN = 0.06

/** Sides of the photo beyond which less of the face lies are not spoken of. */
const SIDE_SHARE = 0.01

/** The crop and how much of the face region lies outside the photo. */
export interface FaceCrop {
  crop: Crop
  /** Share of the face region's area in the picture that lies outside the photo, 0..1. */
  outside: number
  /** The sides of the photo beyond which it lies. */
  sides: string[]
}

/**
 * Square crop that holds the whole projected face region (forehead to chin, cheek to cheek) with a margin. It is moved into
 * the photo as far as the face allows; what then still hangs over the border is left to the reader of the photo to fill.
 *
 * @param mesh posed head, head frame
 * @param size crop pixels per side
 */
export function faceCrop(model: HeadModel, mesh: Mesh, camera: Camera, size: number): FaceCrop {
  const pixels = project(camera, mesh.positions)
  const { indices } = mesh
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
  let [area, outside] = [0, 0]
  const beyond = { top: 0, bottom: 0, left: 0, right: 0 }
  for (let t = 0; t < model.faceRegion.length; t++) {
    if (!model.faceRegion[t]) continue
    const corners = [0, 1, 2].map((c) => 3 * indices[3 * t + c])
    const [xs, ys] = [0, 1].map((k) => corners.map((v) => pixels[v + k]))
    x0 = Math.min(x0, ...xs)
    y0 = Math.min(y0, ...ys)
    x1 = Math.max(x1, ...xs)
    y1 = Math.max(y1, ...ys)
    // y counts downwards: triangles that are seen from outside turn the other way
    const seen = Math.max(0, (xs[2] - xs[0]) * (ys[1] - ys[0]) - (xs[1] - xs[0]) * (ys[2] - ys[0]))
    const [x, y] = [xs, ys].map(([a, b, c]) => (a + b + c) / 3)
    area += seen
    if (x < 0 || y < 0 || x > camera.width || y > camera.height) outside += seen
    if (y < 0) beyond.top += seen
    if (y > camera.height) beyond.bottom += seen
    if (x < 0) beyond.left += seen
    if (x > camera.width) beyond.right += seen
  }
  const side = Math.ceil(Math.max(x1 - x0, y1 - y0) * (1 + 2 * MARGIN))
  const place = (low: number, high: number, limit: number): number => {
    const start = Math.round((low + high - side) / 2)
    const inside = side <= limit ? Math.min(Math.max(start, 0), limit - side) : start
    // The face matters more than staying inside the photo.
    return inside <= low && inside + side >= high ? inside : start
  }
  return {
    crop: { x: place(x0, x1, camera.width), y: place(y0, y1, camera.height), width: side, height: side, size },
    outside: area > 0 ? outside / area : 1,
    sides: Object.entries(beyond)
      .filter(([, there]) => there > SIDE_SHARE * area)
      .map(([name]) => name),
  }
}

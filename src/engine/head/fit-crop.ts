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
  /** Share of the face region's projected vertices outside the photo, 0..1, and the sides of the photo beyond which they are. */
  outside: number
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
  const used = new Uint8Array(mesh.positions.length / 3)
  for (let t = 0; t < model.faceRegion.length; t++)
    if (model.faceRegion[t]) for (let c = 0; c < 3; c++) used[mesh.indices[3 * t + c]] = 1
  const pixels = project(camera, mesh.positions)
  let x0 = Number.POSITIVE_INFINITY
  let y0 = Number.POSITIVE_INFINITY
  let x1 = Number.NEGATIVE_INFINITY
  let y1 = Number.NEGATIVE_INFINITY
  let count = 0
  let outside = 0
  const beyond = { top: 0, bottom: 0, left: 0, right: 0 }
  for (let v = 0; v < used.length; v++) {
    if (!used[v]) continue
    const x = pixels[3 * v]
    const y = pixels[3 * v + 1]
    x0 = Math.min(x0, x)
    x1 = Math.max(x1, x)
    y0 = Math.min(y0, y)
    y1 = Math.max(y1, y)
    count++
    if (x < 0 || y < 0 || x > camera.width || y > camera.height) outside++
    if (y < 0) beyond.top++
    if (y > camera.height) beyond.bottom++
    if (x < 0) beyond.left++
    if (x > camera.width) beyond.right++
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
    outside: count > 0 ? outside / count : 1,
    sides: Object.entries(beyond)
      .filter(([, there]) => there > SIDE_SHARE * count)
      .map(([side]) => side),
  }
}

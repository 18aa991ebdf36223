/** The fitted head as the photo's camera sees it. */
import { cropCamera } from '../geometry/camera.js'
import { interpolate, rasterize, rasterNormals } from '../geometry/rasterize.js'
import { regionShare } from '../geometry/region.js'
import { type CoarseMaps, HEAD_PARTS, type HeadFit } from '../stages.js'

/** Rasterises the fitted head; ears or neck in front of the face hide it, eyeballs and teeth never do. */
export function viewCoarse(fit: HeadFit): CoarseMaps {
  const camera = cropCamera(fit.camera, fit.crop)
  const { positions, indices } = fit.mesh
  const { parts, faceRegion } = fit.model
  const inner = (v: number): boolean => parts[v] === HEAD_PARTS.eyeball || parts[v] === HEAD_PARTS.mouth
  // An inner triangle is drawn as a point, so that triangle numbers stay those of the model.
  const drawn = indices.map((v, i) => {
    const corner = i - (i % 3)
    return !faceRegion[corner / 3] && inner(indices[corner]) && inner(v) ? indices[corner] : v
  })
  const mesh = { positions, indices: drawn }
  const raster = rasterize(mesh, camera)
  const normals = rasterNormals(raster, mesh, camera)
  const within = interpolate(raster, indices, regionShare(fit.mesh, faceRegion), 1)
  const mask = new Uint8Array(raster.depth.length)
  for (let i = 0; i < mask.length; i++) {
    mask[i] = within[i] > 0.5 ? 1 : 0
    if (!mask[i]) {
      raster.depth[i] = Number.NaN
      normals.fill(0, 3 * i, 3 * i + 3)
    }
  }
  return { depth: raster.depth, normals, mask }
}

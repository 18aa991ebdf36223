/**
 * The generated head as a ring of scanners about it would deliver it: what can be seen from outside. The truth's mesh is this,
 * because distances are measured from every point of it: backs of eyeballs and what is inside the mouth are no part of a face.
 */
import { submesh } from '../geometry/mesh.js'
import { rasterize } from '../geometry/rasterize.js'
import { boundingSphere, orbitCamera } from '../image/views.js'
import type { Camera, Mesh } from '../stages.js'

/** Yaw and pitch of the scanners, degrees. */
const SCANNERS = [
  ...[-130, -75, -35, 0, 35, 75, 130, 180].map((yaw) => [yaw, 0] as const),
  ...[-40, 40].flatMap((pitch) => [-25, 25].map((yaw) => [yaw, pitch] as const)),
]
/** Pixels a side: finer than the mesh. */
const RESOLUTION = 1024

/**
 * The triangles of `mesh` (head frame, metres) that a scanner or the photo's camera sees, and those between them.
 * @param wanted which triangles may be kept; the others hide what is behind them all the same
 */
export function scan(mesh: Mesh, photo: Camera, wanted: (triangle: number) => boolean): Mesh {
  const { indices } = mesh
  const { center, radius } = boundingSphere([{ mesh }])
  const orbit = SCANNERS.map(([yaw, pitch]) => orbitCamera(center, radius, yaw, pitch, RESOLUTION))
  const seen = new Uint8Array(mesh.positions.length / 3)
  for (const camera of [photo, ...orbit])
    for (const t of rasterize(mesh, camera).triangle)
      if (t >= 0) for (let k = 0; k < 3; k++) seen[indices[3 * t + k]] = 1
  const kept = Uint8Array.from({ length: indices.length / 3 }, (_, t) =>
    wanted(t) && [0, 1, 2].every((k) => seen[indices[3 * t + k]]) ? 1 : 0,
  )
  return submesh(mesh, kept).mesh
}

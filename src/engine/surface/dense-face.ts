/** The face region of the fitted head, subdivided evenly: what previews while training are drawn on. */
import { regionShare } from '../geometry/region.js'
import { subdivideLoop } from '../geometry/subdivide.js'
import type { HeadModel, Mesh } from '../stages.js'
import { clipMesh } from './clip-mesh.js'

/**
 * Cuts the face region out of the posed head, along a smooth line, and subdivides it.
 * @param leastTriangles subdivided until there are at least this many
 * @returns head frame, metres
 */
export function denseFace(head: Mesh, { faceRegion }: Pick<HeadModel, 'faceRegion'>, leastTriangles: number): Mesh {
  let mesh = clipMesh(head, regionShare(head, faceRegion), 0.5)
  while (mesh.indices.length > 0 && mesh.indices.length / 3 < leastTriangles) {
    const fine = subdivideLoop(mesh.positions, 3, mesh.indices, 'keep')
    mesh = { positions: fine.values, indices: fine.indices }
  }
  return mesh
}

/** The face region of the fitted head, subdivided evenly: what previews while training are drawn on. */
import { submesh } from '../geometry/mesh.js'
import { subdivideLoop } from '../geometry/subdivide.js'
import type { HeadModel, Mesh } from '../stages.js'

/**
 * Cuts the face region out of the posed head and subdivides it; the border stays the polygon it is.
 * @param leastTriangles subdivided until there are at least this many
 * @returns head frame, metres
 */
export function denseFace(head: Mesh, { faceRegion }: Pick<HeadModel, 'faceRegion'>, leastTriangles: number): Mesh {
  let { mesh } = submesh(head, faceRegion)
  while (mesh.indices.length > 0 && mesh.indices.length / 3 < leastTriangles) {
    const fine = subdivideLoop(mesh.positions, 3, mesh.indices, 'keep')
    mesh = { positions: fine.values, indices: fine.indices }
  }
  return mesh
}

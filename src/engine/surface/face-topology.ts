/** The face region of the fitted head, subdivided evenly: what previews while training are drawn on. */
import { type Submesh, submesh } from '../geometry/mesh.js'
import { subdivideLoop, subdivideMidpoint } from '../geometry/subdivide.js'
import type { HeadModel, Mesh } from '../stages.js'

/** The dense face mesh, and what is left of the head. */
export interface FaceTopology {
  /** Head frame, metres. */
  mesh: Mesh
  /** UVs of the head model with their own triangle corners, if the model has them. */
  uv: Float32Array | undefined
  uvIndices: Uint32Array | undefined
  /** [triangles] triangle of the head model that each dense triangle lies on. */
  headTriangles: Uint32Array
  /** The head's other triangles, not subdivided; its border with the face coincides with the dense mesh's. */
  rest: Submesh
}

/**
 * Cuts the face region out of the posed head and subdivides it (Loop's scheme inside; the border stays the polygon it is,
 * so that it still fits the rest of the head).
 * @param targetTriangles subdivided until there are at least this many (default 100,000)
 */
export function faceTopology(
  head: Mesh,
  model: Pick<HeadModel, 'faceRegion' | 'uv' | 'uvIndices'>,
  targetTriangles = 100_000,
): FaceTopology {
  const part = submesh(head, model.faceRegion)
  const rest = submesh(
    head,
    model.faceRegion.map((f) => (f ? 0 : 1)),
  )
  let { mesh } = part
  let headTriangles = part.triangleMap
  let uv = model.uv
  let uvIndices: Uint32Array | undefined
  if (uv !== undefined && model.uvIndices !== undefined) {
    const all = model.uvIndices
    uvIndices = Uint32Array.from({ length: headTriangles.length * 3 }, (_, c) => {
      return all[headTriangles[Math.floor(c / 3)] * 3 + (c % 3)]
    })
  }
  while (mesh.indices.length > 0 && mesh.indices.length / 3 < targetTriangles) {
    const fine = subdivideLoop(mesh.positions, 3, mesh.indices, 'keep')
    mesh = { positions: fine.values, indices: fine.indices }
    if (uv !== undefined && uvIndices !== undefined) {
      const fineUv = subdivideMidpoint(uv, 2, uvIndices)
      uv = fineUv.values
      uvIndices = fineUv.indices
    }
    const coarse = headTriangles
    headTriangles = Uint32Array.from({ length: coarse.length * 4 }, (_, t) => coarse[t >> 2])
  }
  return { mesh, uv, uvIndices, headTriangles, rest }
}

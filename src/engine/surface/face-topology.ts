/** The face region of the fitted head, subdivided until it can carry wrinkles, and the photo as its texture. */
import { project } from '../geometry/camera.js'
import { type Submesh, submesh } from '../geometry/mesh.js'
import { subdivideLoop, subdivideMidpoint } from '../geometry/subdivide.js'
import { encodeJpeg, resampleBox } from '../image/picture.js'
import type { Box, Camera, HeadModel, Mesh, Photo } from '../stages.js'

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

/** UVs [vertices, 2] that show a part of the photo on the mesh as the photo's camera sees it (glTF convention). */
export function photoUv(positions: Float32Array, camera: Camera, box: Box): Float32Array {
  const uvz = project(camera, positions)
  const out = new Float32Array((uvz.length / 3) * 2)
  for (let v = 0; v < uvz.length / 3; v++) {
    out[v * 2] = (uvz[v * 3] - box.x) / box.width
    out[v * 2 + 1] = (uvz[v * 3 + 1] - box.y) / box.height
  }
  return out
}

/** The box of the photo that a set of vertices covers, with a margin (share of its size), within the photo. */
export function photoBox(positions: Float32Array, camera: Camera, margin = 0.02): Box {
  const uvz = project(camera, positions)
  let [x0, y0, x1, y1] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0]
  for (let v = 0; v < uvz.length; v += 3) {
    x0 = Math.min(x0, uvz[v])
    x1 = Math.max(x1, uvz[v])
    y0 = Math.min(y0, uvz[v + 1])
    y1 = Math.max(y1, uvz[v + 1])
  }
  const m = margin * Math.max(x1 - x0, y1 - y0)
  x0 = Math.max(0, Math.floor(x0 - m))
  y0 = Math.max(0, Math.floor(y0 - m))
  x1 = Math.min(camera.width, Math.ceil(x1 + m))
  y1 = Math.min(camera.height, Math.ceil(y1 + m))
  return { x: x0, y: y0, width: Math.max(1, x1 - x0), height: Math.max(1, y1 - y0) }
}

/** JPEG of a part of the photo at its own resolution, at most `maxSize` pixels a side. */
export async function photoTexture(photo: Photo, box: Box, maxSize = 2048): Promise<Uint8Array> {
  const scale = Math.min(1, maxSize / Math.max(box.width, box.height))
  const width = Math.max(1, Math.round(box.width * scale))
  const height = Math.max(1, Math.round(box.height * scale))
  return encodeJpeg(resampleBox(photo, box, width, height))
}

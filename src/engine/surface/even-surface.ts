/** The field's own surface as an evenly meshed sheet with the head asset's texture coordinates. */
import { barycentric } from '../geometry/barycentric.js'
import { MeshDistance } from '../geometry/distance.js'
import { submesh } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { vertexTangents } from '../geometry/tangents.js'
import type { HeadFit, ImplicitField, Mesh } from '../stages.js'
import { marchingCubes, snapToZero } from './extract.js'
import { faceSheet } from './face-sheet.js'
import type { HeadMesh } from './head-mesh.js'
import { sampleNarrowBand } from './narrow-band.js'

/** Cells further than this from the fitted face are not looked at, metres. */
const NEAR = 0.01

/** The front of the field's sheet. Throws SURFACE_EMPTY where there is none. */
export async function evenSurface(
  head: HeadMesh,
  fit: HeadFit,
  field: ImplicitField,
  resolution: number,
): Promise<{
  mesh: Mesh
  quads: number
  normals: Float32Array
  tangents: Float32Array
  uv: Float32Array
}> {
  const reference = submesh(fit.mesh, fit.model.faceRegion).mesh
  const band = await sampleNarrowBand(field, { resolution, near: { mesh: reference, distance: NEAR } })
  const shell = await snapToZero(marchingCubes(band, field), field, band.spacing * field.frame.scale)
  const mesh = faceSheet(shell, reference)
  const uv = transferUv(mesh.positions, head)
  const normals = vertexNormals(mesh)
  return { mesh, quads: 0, normals, tangents: vertexTangents(mesh, normals, uv), uv }
}

/** Texture coordinates of the closest points of the head's face region, which has no seams. */
function transferUv(positions: Float32Array, { mesh, topology }: HeadMesh): Float32Array {
  const face = submesh(mesh, topology.faceRegion)
  const { triangle, point } = new MeshDistance(face.mesh).closest(positions)
  const out = new Float32Array((positions.length / 3) * 2)
  const weights = [0, 0, 0]
  for (let v = 0; v < triangle.length; v++) {
    const corners = face.mesh.indices.subarray(3 * triangle[v], 3 * triangle[v] + 3)
    barycentric(face.mesh.positions, corners, point, 3 * v, weights)
    const t = 3 * face.triangleMap[triangle[v]]
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 2; k++) out[2 * v + k] += weights[c] * topology.uv[2 * topology.uvIndices[t + c] + k]
  }
  return out
}

/**
 * How much of the light skin mirrors: what its refractive index says, and less in hollows (wrinkles, beside the nose, about lids), into which
 * little of the surroundings shines.
 */
import { vertexNeighbors } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { interpolate } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { coarserRaster, fillBetween } from '../geometry/texels.js'
import type { Mesh } from '../stages.js'
import type { PaintMesh } from './compose.js'
import type { GreyMap } from './roughness.js'
import type { TexelGrid } from './see.js'

/** Share of the light that skin mirrors when it comes straight on (refractive index 1.4), and what a specular of 1 stands for in glTF. */
const SKIN = 0.028
const DIELECTRIC = 0.04
/** A hollow's mean curvature, 1/m, at which it begins to mirror less, and from which on it mirrors least; and how much less that is. */
const HOLLOW = [15, 200] as const
const LESS = 0.6
/** Texels along a side at most: as fine as the mesh. */
const LARGEST = 512

/** [vertices] 0..1 of what a surface with glTF's specular of 1 mirrors. */
export function skinSpecular(mesh: Mesh): Float32Array {
  const { positions: p } = mesh
  const { start, neighbors } = vertexNeighbors(mesh)
  const n = vertexNormals(mesh)
  const hollow = Float32Array.from({ length: p.length / 3 }, (_, v) => {
    // how much normals lean apart along edges: the mean of normal curvatures, negative in hollows
    let sum = 0
    for (let i = start[v]; i < start[v + 1]; i++) {
      const w = neighbors[i]
      let lean = 0
      let square = 0
      for (let k = 0; k < 3; k++) {
        const way = p[3 * w + k] - p[3 * v + k]
        lean += way * (n[3 * w + k] - n[3 * v + k])
        square += way * way
      }
      if (square > 0) sum -= lean / square
    }
    return sum / Math.max(1, start[v + 1] - start[v])
  })
  // the bottom of a fold is not seen edge by edge
  return hollow.map((own, v) => {
    let sum = own
    for (let i = start[v]; i < start[v + 1]; i++) sum += hollow[neighbors[i]]
    const mean = sum / (1 + start[v + 1] - start[v])
    return (SKIN / DIELECTRIC) * (1 - LESS * smoothstep(HOLLOW[0], HOLLOW[1], mean))
  })
}

/** Paints it. */
export function paintSpecular({ mesh }: Pick<PaintMesh, 'mesh'>, grid: Pick<TexelGrid, 'raster' | 'size'>): GreyMap {
  const { raster, size } = coarserRaster(grid, LARGEST)
  const values = interpolate(raster, mesh.indices, skinSpecular(mesh), 1)
  fillBetween(values, 1, size, raster.triangle)
  return { size, values }
}

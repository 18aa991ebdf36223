/** A streamed distance grid as a surface at any level: surface nets (Gibson 1998), one vertex in each cell that the level crosses. */
import { BufferAttribute, BufferGeometry, DataUtils } from 'three'
import type { Artifact } from '../../../src/rpc/client/index.js'

export interface Grid {
  /** Samples along x, y, z. */
  dims: readonly number[]
  /** Centre of the first sample, metres. */
  origin: readonly number[]
  spacing: number
  /** x fastest, metres, negative inside. */
  values: Float32Array
}

export function readGrid({ sdf }: Artifact, bytes: Uint8Array): Grid | undefined {
  if (sdf?.dtype !== 'float16') return undefined
  const halves = new Uint16Array(bytes.slice().buffer)
  const { dims, origin, spacing } = sdf
  return { dims, origin, spacing, values: Float32Array.from(halves, (half) => DataUtils.fromHalfFloat(half)) }
}

/** The corners of a cell are numbered by bits: 1 is +x, 2 is +y, 4 is +z. */
const EDGES = [0, 1, 2].flatMap((axis) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((c) => !(c & (1 << axis))).map((c) => [c, c | (1 << axis)] as const),
)

/** @param level metres; 0 is the face, positive in front of it */
export function isoSurface({ dims, origin, spacing, values }: Grid, level: number): BufferGeometry {
  const [nx, ny, nz] = dims
  const stride = [1, nx, nx * ny]
  const vertexOf = new Int32Array(values.length).fill(-1)
  const positions: number[] = []
  const corner = (c: number): number => (c & 1) * stride[0] + ((c >> 1) & 1) * stride[1] + (c >> 2) * stride[2]
  for (let z = 0; z + 1 < nz; z++)
    for (let y = 0; y + 1 < ny; y++)
      for (let x = 0; x + 1 < nx; x++) {
        const cell = x + y * stride[1] + z * stride[2]
        const sum = [0, 0, 0]
        let crossings = 0
        for (const [a, b] of EDGES) {
          const [fa, fb] = [values[cell + corner(a)] - level, values[cell + corner(b)] - level]
          if (fa < 0 === fb < 0) continue
          const t = fa / (fa - fb)
          for (let k = 0; k < 3; k++) sum[k] += ((a >> k) & 1) * (1 - t) + ((b >> k) & 1) * t
          crossings++
        }
        if (crossings === 0) continue
        vertexOf[cell] = positions.length / 3
        const base = [x, y, z]
        for (let k = 0; k < 3; k++) positions.push(origin[k] + spacing * (base[k] + sum[k] / crossings))
      }
  const indices: number[] = []
  for (let z = 1; z + 1 < nz; z++)
    for (let y = 1; y + 1 < ny; y++)
      for (let x = 1; x + 1 < nx; x++) {
        const here = x + y * stride[1] + z * stride[2]
        for (let axis = 0; axis < 3; axis++) {
          const inside = values[here] < level
          if (inside === values[here + stride[axis]] < level) continue
          const [u, v] = [stride[(axis + 1) % 3], stride[(axis + 2) % 3]]
          const quad = [here, here - u, here - u - v, here - v].map((cell) => vertexOf[cell])
          const [a, b, c, d] = inside ? [quad[0], quad[1], quad[2], quad[3]] : [quad[0], quad[3], quad[2], quad[1]]
          indices.push(a, b, c, a, c, d)
        }
      }
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(new Float32Array(positions), 3))
  geometry.setIndex(indices)
  geometry.computeVertexNormals()
  return geometry
}

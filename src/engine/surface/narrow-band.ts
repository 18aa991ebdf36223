/**
 * Samples of a field only near its zero level. From a coarse grid downwards, a cell is split when the distance at its centre
 * does not exclude a surface inside: |f| <= safety * half diagonal (f changes by about 1 a unit of length, Eq. 7's eikonal
 * term). The finest cells' corners are then sampled.
 */
import { MeshDistance } from '../geometry/distance.js'
import type { Mesh } from '../stages.js'
import { emptySurface, type ImplicitField, toField } from './field.js'
import { IntMap } from './int-map.js'

/** Samples at the corners of the finest cells near the surface. Field units. */
export interface NarrowBand {
  /** Cells along each side of the whole cube. */
  resolution: number
  /** Lower corner of the cube. */
  origin: readonly [number, number, number]
  /** Size of a cell. */
  spacing: number
  /** [n, 3] integer lower corners of the cells through which the surface passes. */
  cells: Uint32Array
  /** Number of a lattice point's sample: key x + (y + z * (resolution + 1)) * (resolution + 1). */
  lattice: IntMap
  /** [lattice.size] signed distances. */
  values: Float32Array
  /** Points at which the field was evaluated. */
  evaluations: number
}

export interface NarrowBandOptions {
  /** Cells along each side, at most 1024; default 256. Odd multiples of powers of two between 16 and 31 are natural. */
  resolution?: number
  /** Half side of the cube about the field's origin, field units (default 1.1). */
  halfSide?: number
  /** Tolerance for fields that are steeper than a true distance (default 1.3). */
  safety?: number
  /** Only near this mesh (head frame): cells further than `distance` metres from it are left out. */
  near?: { mesh: Mesh; distance: number }
}

/** Samples `field` near its zero level. Throws SURFACE_EMPTY if it has none in the cube. */
export async function sampleNarrowBand(field: ImplicitField, options: NarrowBandOptions = {}): Promise<NarrowBand> {
  const resolution = options.resolution ?? 256
  if (!Number.isInteger(resolution) || resolution < 4 || resolution > 1024)
    throw new RangeError(`resolution ${resolution} is not an integer between 4 and 1024`)
  const half = options.halfSide ?? 1.1
  const safety = options.safety ?? 1.3
  const spacing = (2 * half) / resolution
  let levels = 0
  while (resolution % 2 ** (levels + 1) === 0 && resolution / 2 ** (levels + 1) >= 16) levels++
  let side = resolution / 2 ** levels
  let cells = new Uint32Array(side ** 3 * 3)
  for (let i = 0; i < side ** 3; i++)
    cells.set([i % side, Math.floor(i / side) % side, Math.floor(i / side ** 2)], i * 3)
  let evaluations = 0
  const nearby = options.near && nearMesh(field, options.near)
  while (side < resolution) {
    const size = (2 * half) / side
    const reach = (Math.sqrt(3) / 2) * size
    let centers = Float32Array.from(cells, (c) => -half + (c + 0.5) * size)
    // the mesh test pays only while cells are large
    if (nearby !== undefined && side <= 64) {
      cells = selectRows(cells, nearby(centers, reach))
      centers = Float32Array.from(cells, (c) => -half + (c + 0.5) * size)
    }
    const sdf = await field.sdf(centers)
    evaluations += sdf.length
    cells = split(
      selectRows(
        cells,
        Uint8Array.from(sdf, (f) => (Math.abs(f) <= safety * reach ? 1 : 0)),
      ),
    )
    side *= 2
  }
  const stride = resolution + 1
  const lattice = new IntMap(cells.length / 2)
  const corners = new Uint32Array((cells.length / 3) * 8)
  for (let c = 0; c < cells.length; c += 3)
    for (let k = 0; k < 8; k++) {
      const key = cells[c] + (k & 1) + (cells[c + 1] + ((k >> 1) & 1) + (cells[c + 2] + (k >> 2)) * stride) * stride
      corners[(c / 3) * 8 + k] = lattice.add(key)
    }
  const points = new Float32Array(lattice.size * 3)
  for (let i = 0; i < lattice.size; i++) {
    const key = lattice.keys[i]
    points[i * 3] = -half + (key % stride) * spacing
    points[i * 3 + 1] = -half + (Math.floor(key / stride) % stride) * spacing
    points[i * 3 + 2] = -half + Math.floor(key / stride ** 2) * spacing
  }
  const values = await field.sdf(points)
  evaluations += values.length
  const crossed = new Uint8Array(cells.length / 3)
  for (let c = 0; c < crossed.length; c++) {
    let inside = 0
    for (let k = 0; k < 8; k++) if (values[corners[c * 8 + k]] < 0) inside++
    crossed[c] = inside > 0 && inside < 8 ? 1 : 0
  }
  if (!crossed.includes(1)) throw emptySurface('the field does not change its sign anywhere near the face')
  return {
    resolution,
    origin: [-half, -half, -half],
    spacing,
    cells: selectRows(cells, crossed),
    lattice,
    values,
    evaluations,
  }
}

function nearMesh(field: ImplicitField, near: { mesh: Mesh; distance: number }) {
  const { scale } = field.frame
  const mesh = { positions: toField(field.frame, near.mesh.positions), indices: near.mesh.indices }
  const distance = new MeshDistance(mesh)
  return (centers: Float32Array, reach: number): Uint8Array =>
    Uint8Array.from(distance.distances(centers), (d) => (d <= near.distance / scale + reach ? 1 : 0))
}

function selectRows(cells: Uint32Array, mask: Uint8Array): Uint32Array<ArrayBuffer> {
  let count = 0
  for (const m of mask) count += m
  const out = new Uint32Array(count * 3)
  let o = 0
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    out[o++] = cells[i * 3]
    out[o++] = cells[i * 3 + 1]
    out[o++] = cells[i * 3 + 2]
  }
  return out
}

function split(cells: Uint32Array): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(cells.length * 8)
  let o = 0
  for (let c = 0; c < cells.length; c += 3)
    for (let k = 0; k < 8; k++) {
      out[o++] = 2 * cells[c] + (k & 1)
      out[o++] = 2 * cells[c + 1] + ((k >> 1) & 1)
      out[o++] = 2 * cells[c + 2] + (k >> 2)
    }
  return out
}

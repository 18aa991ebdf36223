/** The field on a regular grid in the head frame, for export: raw float16 with a JSON header, `.npz` and `.nrrd`. */
import { gzipSync } from 'node:zlib'
import { fromHalf, toHalf } from '../formats/half.js'
import { encodeNpz } from '../formats/npy.js'
import type { SdfGrid } from '../inspect.js'
import { task } from '../threads/task.js'
import { type ImplicitField, toField } from './field.js'

export interface SdfGridOptions {
  /** Samples along the longest side, at least 9 (default 129; 4 n + 1 is natural). */
  resolution?: number
  /** Where |sdf| is below this (metres), and around there, every sample is exact; elsewhere it is interpolated (default 4 mm). */
  band?: number
}

const BLOCK = 4
/** Fields are hardly steeper than this: a true distance has slope 1, detail adds a little. */
const STEEPEST = 1.2

/**
 * Samples the field over a box of the head frame. A grid four times coarser is evaluated first; samples that may be near the
 * surface, as far as the corners of their block tell, are then evaluated one by one, the others interpolated linearly: distances
 * are almost linear there.
 * @param low lower and @param high upper corner, metres; the grid covers at least this box
 * @returns grid in metres, and how many points were evaluated
 */
export async function sampleSdfGrid(
  field: ImplicitField,
  low: ArrayLike<number>,
  high: ArrayLike<number>,
  options: SdfGridOptions = {},
): Promise<{ grid: SdfGrid; evaluations: number }> {
  const { scale } = field.frame
  const band = options.band ?? 0.004
  const extent = [0, 1, 2].map((k) => high[k] - low[k])
  const spacing = Math.max(...extent) / (Math.max(9, options.resolution ?? 129) - 1)
  const blocks = extent.map((e) => Math.max(1, Math.ceil(e / spacing / BLOCK - 1e-6)))
  const size = blocks.map((b) => b * BLOCK + 1) as [number, number, number]
  const origin = [0, 1, 2].map((k) => (low[k] + high[k] - (size[k] - 1) * spacing) / 2) as [number, number, number]
  const evaluate = async (lattice: Uint32Array): Promise<Float32Array> => {
    const points = new Float32Array(lattice.length)
    for (let i = 0; i < points.length; i++) points[i] = origin[i % 3] + lattice[i] * spacing
    const sdf = await field.sdf(toField(field.frame, points))
    for (let i = 0; i < sdf.length; i++) sdf[i] *= scale
    return sdf
  }
  const corners = new Uint32Array(3 * blocks.reduce((product, b) => product * (b + 1), 1))
  let at = 0
  for (let z = 0; z <= blocks[2]; z++)
    for (let y = 0; y <= blocks[1]; y++)
      for (let x = 0; x <= blocks[0]; x++) {
        corners[at++] = x * BLOCK
        corners[at++] = y * BLOCK
        corners[at++] = z * BLOCK
      }
  const coarse = await evaluate(corners)
  const values = new Float32Array(size[0] * size[1] * size[2])
  const exact = new Uint8Array(values.length)
  const places = blockPlaces(spacing)
  const reaching = Math.max(...places.flatMap(({ reach }) => reach))
  const c = new Float64Array(8)
  for (let z = 0; z < blocks[2]; z++)
    for (let y = 0; y < blocks[1]; y++)
      for (let x = 0; x < blocks[0]; x++) {
        for (let k = 0; k < 8; k++) {
          const row = y + ((k >> 1) & 1) + (z + (k >> 2)) * (blocks[1] + 1)
          c[k] = coarse[x + (k & 1) + row * (blocks[0] + 1)]
        }
        const first = x * BLOCK + (y * BLOCK + z * BLOCK * size[1]) * size[0]
        let nearest = Number.POSITIVE_INFINITY
        for (let corner = 0; corner < 8; corner++) nearest = Math.min(nearest, Math.abs(c[corner]))
        const far = nearest - reaching > band
        for (let place = 0; place < places.length; place++) {
          const { i, j, k, weights, reach } = places[place]
          const o = first + i + (j + k * size[1]) * size[0]
          let value = 0
          for (let corner = 0; corner < 8; corner++) value += weights[corner] * c[corner]
          values[o] = value
          if (far || (i % BLOCK === 0 && j % BLOCK === 0 && k % BLOCK === 0)) continue
          let least = 0
          for (let corner = 0; corner < 8; corner++) least = Math.max(least, Math.abs(c[corner]) - reach[corner])
          if (least <= band) exact[o] = 1
        }
      }
  let count = 0
  for (let o = 0; o < exact.length; o++) count += exact[o]
  const order = new Uint32Array(count)
  const points = new Uint32Array(3 * count)
  for (let o = 0, n = 0; o < exact.length; o++) {
    if (!exact[o]) continue
    order[n] = o
    points[3 * n] = o % size[0]
    points[3 * n + 1] = Math.floor(o / size[0]) % size[1]
    points[3 * n + 2] = Math.floor(o / (size[0] * size[1]))
    n++
  }
  const fine = await evaluate(points)
  for (let i = 0; i < count; i++) values[order[i]] = fine[i]
  return { grid: { size, origin, spacing, values }, evaluations: coarse.length + fine.length }
}

/** Samples of a block: place, linear weights of its corners, and how much nearer to the surface than each corner it may be. */
function blockPlaces(spacing: number) {
  const side = Array.from({ length: BLOCK + 1 }, (_, i) => i)
  return side.flatMap((k) =>
    side.flatMap((j) =>
      side.map((i) => {
        const away = Array.from({ length: 8 }, (_, corner) =>
          [i, j, k].map((p, axis) => Math.abs(p - BLOCK * ((corner >> axis) & 1))),
        )
        return {
          i,
          j,
          k,
          weights: away.map((steps) => steps.reduce((product, step) => product * (1 - step / BLOCK), 1)),
          reach: away.map((steps) => STEEPEST * spacing * Math.hypot(...steps)),
        }
      }),
    ),
  )
}

/** What a reader needs to place the samples. */
export interface SdfHeader {
  version: 1
  /** Samples along x, y, z. */
  dims: [number, number, number]
  /** Order of the samples in memory, slowest axis first. */
  axisOrder: 'zyx'
  dtype: 'float16'
  endian: 'little'
  /** Centre of the first sample, metres. */
  origin: [number, number, number]
  /** Metres between samples. */
  spacing: number
  units: 'm'
  /** The sign inside the surface. */
  sign: 'negative-inside'
  isoLevel: 0
  /** 4x4 row-major, from grid space (metres, head frame) to glTF space: the same. */
  toGltf: number[]
}

/** A grid as a JSON header and raw little-endian float16 samples. */
export function sdfSnapshot(grid: SdfGrid): { header: SdfHeader; payload: Uint16Array } {
  const header: SdfHeader = {
    version: 1,
    dims: grid.size,
    axisOrder: 'zyx',
    dtype: 'float16',
    endian: 'little',
    origin: grid.origin,
    spacing: grid.spacing,
    units: 'm',
    sign: 'negative-inside',
    isoLevel: 0,
    toGltf: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
  }
  return { header, payload: toHalf(grid.values) }
}

/** The grid's files, by name. A task for threads. */
export function gridFiles(grid: SdfGrid): Record<string, Uint8Array> {
  return { 'sdf.npz': encodeSdfNpz(grid), 'sdf.nrrd': encodeSdfNrrd(grid) }
}
export const GRID_FILES = task(import.meta.url, gridFiles)

/** `.npz` with `sdf` (float16 [z, y, x], metres), `origin`, `spacing` and `header` (JSON as bytes). */
export function encodeSdfNpz(grid: SdfGrid): Uint8Array {
  const { header, payload } = sdfSnapshot(grid)
  const json = new TextEncoder().encode(JSON.stringify(header))
  return encodeNpz({
    sdf: { data: { half: payload }, shape: [grid.size[2], grid.size[1], grid.size[0]] },
    origin: { data: Float64Array.from(grid.origin), shape: [3] },
    spacing: { data: Float64Array.of(grid.spacing), shape: [1] },
    header: { data: json, shape: [json.length] },
  })
}

/**
 * `.nrrd`, gzip-compressed float32 millimetres (the format has no half floats; its readers expect millimetres), the space
 * left undeclared: the axes are the head frame.
 */
export function encodeSdfNrrd(grid: SdfGrid): Uint8Array {
  const mm = grid.spacing * 1000
  // values are rounded to half precision so that they compress and equal the .npz
  const values = fromHalf(toHalf(grid.values)).map((v) => v * 1000)
  const header = [
    'NRRD0004',
    '# signed distance to the face surface in millimetres, negative inside; axes as in glTF: +X subject left, +Y up, +Z front',
    'type: float',
    'dimension: 3',
    'space dimension: 3',
    `sizes: ${grid.size.join(' ')}`,
    `space directions: (${mm},0,0) (0,${mm},0) (0,0,${mm})`,
    'kinds: domain domain domain',
    'endian: little',
    'encoding: gzip',
    `space origin: (${grid.origin.map((o) => o * 1000).join(',')})`,
    '',
    '',
  ].join('\n')
  const data = gzipSync(new Uint8Array(values.buffer), { level: 6 })
  const text = new TextEncoder().encode(header)
  const out = new Uint8Array(text.length + data.length)
  out.set(text)
  out.set(data, text.length)
  return out
}

import { NRRDLoader } from 'three/examples/jsm/loaders/NRRDLoader.js'
import { describe, expect, test } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../src/engine/surface/safetensors.js'
import {
  decodeSdfNpz,
  encodeSdfNpz,
  encodeSdfNrrd,
  sampleSdfGrid,
  sdfSnapshot,
} from '../src/engine/surface/sdf-grid.js'
import { analyticField, sphere, testFrame } from './fields.js'

describe('SDF grid', async () => {
  const { grid, evaluations } = await sampleSdfGrid(
    analyticField(sphere(0.5)),
    [-0.09, -0.1, -0.08],
    [0.1, 0.08, 0.12],
    {
      resolution: 65,
    },
  )
  const [cx, cy, cz] = testFrame.center
  const exact = (i: number, j: number, k: number) => {
    const [x, y, z] = [i, j, k].map((c, a) => grid.origin[a] + c * grid.spacing)
    return Math.hypot(x - cx, y - cy, z - cz) - 0.5 * testFrame.scale
  }
  test('is exact near the surface, close elsewhere, and evaluates only a part', () => {
    let near = 0
    let far = 0
    for (let k = 0; k < grid.size[2]; k++)
      for (let j = 0; j < grid.size[1]; j++)
        for (let i = 0; i < grid.size[0]; i++) {
          const truth = exact(i, j, k)
          const error = Math.abs(grid.values[i + (j + k * grid.size[1]) * grid.size[0]] - truth)
          if (Math.abs(truth) < 0.004) near = Math.max(near, error)
          // the kink at the centre of the sphere is the worst place for interpolation
          else far = Math.max(far, error)
        }
    expect(near).toBeLessThan(1e-7)
    expect(far).toBeLessThan(0.012)
    expect(evaluations).toBeLessThan(grid.values.length * 0.6)
    for (const [a, low, high] of [
      [0, -0.09, 0.1],
      [1, -0.1, 0.08],
      [2, -0.08, 0.12],
    ]) {
      expect(grid.origin[a]).toBeLessThanOrEqual(low + 1e-9)
      expect(grid.origin[a] + (grid.size[a] - 1) * grid.spacing).toBeGreaterThanOrEqual(high - 1e-9)
    }
  })
  test('npz round-trips to half precision', () => {
    const back = decodeSdfNpz(encodeSdfNpz(grid))
    expect(back.size).toEqual(grid.size)
    expect(back.origin).toEqual(grid.origin)
    expect(back.spacing).toBe(grid.spacing)
    const worst = back.values.reduce((m, v, i) => Math.max(m, Math.abs(v - grid.values[i])), 0)
    expect(worst).toBeLessThan(1e-4)
    const { header, payload } = sdfSnapshot(grid)
    expect(header.dims[0] * header.dims[1] * header.dims[2]).toBe(payload.length)
  })
  test('nrrd opens in the NRRD loader of three.js with the right values and place', () => {
    const bytes = encodeSdfNrrd(grid)
    // three's types say string, its code wants an ArrayBuffer; the header is not in the types at all
    const volume = new NRRDLoader().parse(bytes.buffer as unknown as string) as ReturnType<NRRDLoader['parse']> & {
      header: { space_origin: string[] }
    }
    expect([volume.xLength, volume.yLength, volume.zLength]).toEqual(grid.size)
    expect(volume.spacing[0]).toBeCloseTo(grid.spacing * 1000, 6)
    expect(volume.header.space_origin.map(Number)[1]).toBeCloseTo(grid.origin[1] * 1000, 6)
    const o = 20 + (30 + 25 * grid.size[1]) * grid.size[0]
    expect(volume.data[o]).toBeCloseTo(exact(20, 30, 25) * 1000, 1)
  })
})

describe('safetensors', () => {
  const tensors = {
    flags: { shape: [3], data: Uint8Array.of(1, 2, 3) },
    'layer0.weight': { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 4, 5, 6) },
    counts: { shape: [2], data: Int32Array.of(-7, 8) },
    scalar: { shape: [], data: Float64Array.of(Math.PI) },
  }
  const file = encodeSafetensors(tensors, { made: 'by a test' })
  test('round-trips tensors and metadata; the header follows the format', () => {
    const back = decodeSafetensors(file)
    expect({ ...back.tensors }).toEqual(tensors)
    expect(back.metadata).toEqual({ made: 'by a test' })
    // a Buffer that lies within a larger one, as readFileSync may give
    const shifted = Buffer.concat([Buffer.from('x'), file]).subarray(1)
    expect({ ...decodeSafetensors(shifted).tensors }).toEqual(tensors)
    const length = Number(new DataView(file.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))
    expect(header['layer0.weight']).toMatchObject({ dtype: 'F32', shape: [2, 3] })
    const [from, to] = header['layer0.weight'].data_offsets
    expect(to - from).toBe(24)
    expect(new DataView(file.buffer).getFloat32(8 + length + from + 8, true)).toBe(3.5)
  })
  test('damaged files are refused', () => {
    expect(() => decodeSafetensors(file.subarray(0, file.length - 1))).toThrow('beyond the file')
    expect(() => decodeSafetensors(file.subarray(0, 5))).toThrow('too short')
    const huge = file.slice()
    new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true)
    expect(() => decodeSafetensors(huge)).toThrow('header')
    const garbled = file.slice()
    garbled[9] = 0
    expect(() => decodeSafetensors(garbled)).toThrow('not JSON')
    expect(() => encodeSafetensors({ x: { shape: [5], data: Float32Array.of(1) } })).toThrow('does not hold')
  })
})

import { NRRDLoader } from 'three/examples/jsm/loaders/NRRDLoader.js'
import { describe, expect, test } from 'vitest'
import { PreviewGrid } from '../../../src/engine/surface/preview-grid.js'
import { encodeSdfNpz, encodeSdfNrrd, sampleSdfGrid, sdfSnapshot } from '../../../src/engine/surface/sdf-grid.js'
import { npzNumbers } from '../../support/numpy.js'
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
  test('the grid of previews covers the box, is exact at every sample, and asks for the same array every time', async () => {
    const low = [-0.09, -0.1, -0.08]
    const high = [0.1, 0.08, 0.12]
    const preview = new PreviewGrid(testFrame, low, high, 17)
    const field = analyticField(sphere(0.5))
    const asked: Float32Array[] = []
    const spy = {
      ...field,
      sdf: (points: Float32Array) => {
        asked.push(points)
        return field.sdf(points)
      },
    }
    const { size, origin, spacing, values } = await preview.sample(spy)
    await preview.sample(spy)
    expect(asked[0]).toBe(asked[1])
    expect(Math.max(...size)).toBe(17)
    for (let a = 0; a < 3; a++) {
      expect(origin[a]).toBeLessThanOrEqual(low[a] + 1e-9)
      expect(origin[a] + (size[a] - 1) * spacing).toBeGreaterThanOrEqual(high[a] - 1e-9)
    }
    for (let k = 0; k < size[2]; k += 3)
      for (let j = 0; j < size[1]; j++)
        for (let i = 0; i < size[0]; i++) {
          const [x, y, z] = [i, j, k].map((c, a) => origin[a] + c * spacing)
          const truth = Math.hypot(x - cx, y - cy, z - cz) - 0.5 * testFrame.scale
          expect(Math.abs(values[i + (j + k * size[1]) * size[0]] - truth)).toBeLessThan(1e-7)
        }
  })
  test('npz round-trips to half precision', () => {
    const { sdf, origin, spacing } = npzNumbers(encodeSdfNpz(grid))
    expect(sdf.shape).toEqual([...grid.size].reverse())
    expect([...origin.data]).toEqual(grid.origin)
    expect([...spacing.data]).toEqual([grid.spacing])
    const worst = Array.from(sdf.data).reduce((m, v, i) => Math.max(m, Math.abs(v - grid.values[i])), 0)
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

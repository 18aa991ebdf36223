import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeIO } from '@gltf-transform/core'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Inspector, type InspectRecord, type SdfGrid } from '../../../src/engine/inspect.js'
import { dumpTo } from '../../../src/engine/outputs/dump.js'

describe('the inspector', () => {
  test('builds nothing when nobody listens, or nobody to this name', () => {
    const inspector = new Inspector()
    const build = vi.fn(() => ({ kind: 'json', value: 1 }) as const)
    inspector.record('a', build)
    inspector.subscribe(
      () => {},
      (name) => name === 'b',
    )
    inspector.record('a', build)
    expect(build).not.toHaveBeenCalled()
    expect([inspector.wants('a'), inspector.wants('b')]).toEqual([false, true])
  })

  test('hands records to those who want them until they stop', () => {
    const inspector = new Inspector()
    const seen: InspectRecord[] = []
    const stop = inspector.subscribe(
      (record) => seen.push(record),
      (_, stage) => stage === 'coarse',
    )
    inspector.record('early', { kind: 'json', value: 0 })
    inspector.stage = 'coarse'
    inspector.record('loss', { kind: 'json', value: 1 }, 30)
    stop()
    inspector.record('late', { kind: 'json', value: 2 })
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ name: 'loss', stage: 'coarse', step: 30, value: { kind: 'json', value: 1 } })
    expect(seen[0].seconds).toBeGreaterThanOrEqual(0)
  })
})

describe('the dump', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sider-dump-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('writes each kind in its format', async () => {
    const inspector = new Inspector()
    const end = dumpTo(folder, inspector)
    inspector.stage = 'head'
    inspector.record('depth', { kind: 'image', width: 2, height: 1, data: Float32Array.of(0.5, 0.75) })
    inspector.record('mask', { kind: 'image', width: 1, height: 2, data: Uint8Array.of(0, 200) }, 12)
    inspector.record('normals', { kind: 'image', width: 1, height: 1, data: Float32Array.of(-1, 0, 1), range: [-1, 1] })
    inspector.record('mesh', {
      kind: 'mesh',
      mesh: { positions: Float32Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0), indices: Uint32Array.of(0, 1, 2) },
    })
    inspector.record('loss', {
      kind: 'table',
      columns: ['step', 'what, why'],
      rows: [
        [1, 'say "hi"'],
        [2, 0.5],
      ],
    })
    inspector.record('fit', { kind: 'json', value: { points: Float64Array.of(1, 2) } })
    await end()

    const file = (name: string) => readFileSync(join(folder, 'head', name))
    expect(readdirSync(join(folder, 'head')).sort()).toEqual(
      ['depth.png', 'fit.json', 'loss.csv', 'mask-000012.png', 'mesh.glb', 'normals.png'].sort(),
    )
    const pixels = async (name: string) => [...(await sharp(file(name)).raw().toBuffer())]
    expect(await pixels('depth.png')).toEqual([0, 0, 0, 255, 255, 255])
    expect(await pixels('mask-000012.png')).toEqual([0, 0, 0, 200, 200, 200])
    expect(await pixels('normals.png')).toEqual([0, 128, 255])
    expect(file('loss.csv').toString()).toBe('step,"what, why"\n1,"say ""hi"""\n2,0.5\n')
    expect(JSON.parse(file('fit.json').toString())).toEqual({ points: [1, 2] })
    const document = await new NodeIO().readBinary(file('mesh.glb'))
    expect(document.getRoot().listMeshes()[0].listPrimitives()[0].getIndices()!.getCount()).toBe(3)
  })

  test('a distance grid shows its middle slices: black surface, blue inside, red outside', async () => {
    const n = 33
    const spacing = 0.01
    const values = new Float32Array(n ** 3)
    for (let i = 0; i < values.length; i++) {
      const [x, y, z] = [i % n, Math.floor(i / n) % n, Math.floor(i / n / n)].map((k) => (k - 16) * spacing)
      values[i] = Math.hypot(x, y, z) - 10 * spacing
    }
    const grid: SdfGrid = { size: [n, n, n], origin: [0, 0, 0], spacing, values }
    const inspector = new Inspector()
    const end = dumpTo(folder, inspector)
    inspector.record('sdf', { kind: 'sdf', grid })
    await end()
    const { data, info } = await sharp(join(folder, 'setup', 'sdf.png'))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([3 * n + 4, n])
    for (let slice = 0; slice < 3; slice++) {
      const pixel = (u: number, v: number) => [
        ...data.subarray((v * info.width + slice * (n + 2) + u) * 3).subarray(0, 3),
      ]
      expect(pixel(26, 16)).toEqual([0, 0, 0])
      const [inside, outside] = [pixel(16, 16), pixel(0, 0)]
      expect(inside[2]).toBeGreaterThan(inside[0] + 50)
      expect(outside[0]).toBeGreaterThan(outside[2] + 50)
    }
  })

  test('a failure to write is thrown at the end, not into the stages', async () => {
    writeFileSync(join(folder, 'setup'), 'a file where the folder should be')
    const inspector = new Inspector()
    const end = dumpTo(folder, inspector)
    inspector.record('fit', { kind: 'json', value: 1 })
    await expect(end()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
  })
})

import { WebIO } from '@gltf-transform/core'
import validator from 'gltf-validator'
import { describe, expect, test } from 'vitest'
import { compareKeys } from '../../../scripts/round-trips/compare.js'
import { parseGlb } from '../../../src/engine/formats/read-mesh.js'
import { type GlbPart, writeGlb } from '../../../src/engine/formats/write-glb.js'
import { splitSeams } from '../../../src/engine/geometry/seams.js'
import { encodeJpeg, newPicture } from '../../../src/engine/image/picture.js'
import { gridMesh, sphereMesh } from '../../support/shapes.js'

async function issues(glb: Uint8Array): Promise<{ errors: number; warnings: number; messages: unknown[] }> {
  const report = await validator.validateBytes(glb)
  return { errors: report.issues.numErrors, warnings: report.issues.numWarnings, messages: report.issues.messages }
}

describe('writeGlb', () => {
  const grid = gridMesh(0.2, 6)
  const uv = Float32Array.from({ length: (grid.positions.length / 3) * 2 }, (_, i) =>
    i % 2 === 0 ? grid.positions[(i / 2) * 3] / 0.2 + 0.5 : 0.5 - grid.positions[((i - 1) / 2) * 3 + 1] / 0.2,
  )
  const face = async (): Promise<GlbPart> => ({
    name: 'face',
    mesh: grid,
    uv,
    texture: { bytes: await encodeJpeg(newPicture(64, 48, [180, 140, 120])), mimeType: 'image/jpeg' },
    morphTargets: [{ name: 'jawOpen', displacements: grid.positions.map((v, i) => (i % 3 === 1 ? -v / 10 : 0)) }],
    extras: { source: 'test', metres: true },
  })
  test('passes gltf-validator and reads back with its names, material and provenance', async () => {
    const glb = await writeGlb(
      [await face(), { name: 'head', mesh: sphereMesh(0.1, 8, 12), baseColor: [0.5, 0.4, 0.3] }],
      {
        generator: 'sider test',
      },
    )
    expect(await issues(glb)).toMatchObject({ errors: 0, warnings: 0 })
    const document = await new WebIO().readBinary(glb)
    const root = document.getRoot()
    const jsonLength = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true)
    const json = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + jsonLength)))
    expect(json.asset).toEqual({ version: '2.0', generator: 'sider test' })
    expect(root.listNodes().map((n) => n.getName())).toEqual(['face', 'head'])
    expect(root.listNodes()[0].getExtras()).toEqual({ source: 'test', metres: true })
    const mesh = root.listMeshes()[0]
    expect(mesh.getExtras()).toEqual({ targetNames: ['jawOpen'] })
    const primitive = mesh.listPrimitives()[0]
    expect(primitive.getIndices()?.getArray()).toEqual(grid.indices)
    expect(primitive.getIndices()?.getComponentType()).toBe(5125)
    expect(primitive.getAttribute('POSITION')?.getArray()).toEqual(grid.positions)
    expect(primitive.getAttribute('NORMAL')?.getArray()?.slice(0, 3)).toEqual(Float32Array.of(0, 0, 1))
    const material = primitive.getMaterial()
    expect([material?.getMetallicFactor(), material?.getDoubleSided()]).toEqual([0, true])
    expect(material?.getBaseColorTexture()?.getMimeType()).toBe('image/jpeg')
  })
  test.each(['quantize', 'meshopt'] as const)('packed by %s, keys lead where they led', async (compression) => {
    const plain = await writeGlb([await face()])
    const packed = await writeGlb([await face()], { compression })
    const [{ lost, restMm, keysMm }] = await compareKeys(plain, packed)
    expect(lost).toEqual([])
    expect([restMm, keysMm].every((mm) => mm < 0.01)).toBe(true)
    // the key moves vertices by 10 mm: one that is lost would be seen
    const still = {
      ...(await face()),
      morphTargets: [{ name: 'jawOpen', displacements: new Float32Array(grid.positions.length) }],
    }
    expect((await compareKeys(plain, await writeGlb([still])))[0].keysMm).toBeGreaterThan(9)
  })
  test('cards with hairs are seen through, and no part of a surface that is measured', async () => {
    const part = await face()
    const cards = { ...part, name: 'lashes', material: 'lashes', cutOut: true, morphTargets: [] }
    const glb = await writeGlb([part, cards])
    expect(await issues(glb)).toMatchObject({ errors: 0, warnings: 0 })
    const materials = (await new WebIO().readBinary(glb)).getRoot().listMaterials()
    expect(materials.map((one) => one.getAlphaMode())).toEqual(['OPAQUE', 'BLEND'])
    expect((await parseGlb(glb)).indices.length).toBe(grid.indices.length)
    expect((await parseGlb(await writeGlb([cards]))).indices.length).toBe(grid.indices.length)
  })
  test('drops unused vertices and collapsed triangles from every array', async () => {
    const part = await face()
    const mesh = { positions: grid.positions, indices: Uint32Array.of(3, 4, 11, 5, 5, 6) }
    const glb = await writeGlb([{ ...part, mesh }])
    expect(await issues(glb)).toMatchObject({ errors: 0, warnings: 0 })
    const primitive = (await new WebIO().readBinary(glb)).getRoot().listMeshes()[0].listPrimitives()[0]
    expect([...(primitive.getIndices()?.getArray() ?? [])]).toEqual([0, 1, 2])
    expect(primitive.getAttribute('TEXCOORD_0')?.getArray()).toEqual(
      Float32Array.of(...uv.slice(6, 10), ...uv.slice(22, 24)),
    )
    expect(primitive.listTargets()[0].getAttribute('POSITION')?.getCount()).toBe(3)
  })
  test('refuses what no viewer could show', async () => {
    const broken = { positions: grid.positions.slice(), indices: grid.indices }
    broken.positions[5] = Number.NaN
    await expect(writeGlb([{ name: 'x', mesh: broken }])).rejects.toThrow('not finite')
    await expect(writeGlb([{ name: 'x', mesh: grid, uv: new Float32Array(4) }])).rejects.toThrow('wrong length')
    const empty = { positions: grid.positions, indices: new Uint32Array(0) }
    await expect(writeGlb([{ name: 'x', mesh: empty }])).rejects.toThrow('no triangles')
  })
})

test('splitSeams splits only the vertices on a seam', () => {
  const grid = gridMesh(1, 2)
  // the right column of quads has UVs of its own
  const uvIndices = grid.indices.map((v, c) => (Math.floor(c / 6) % 2 === 1 ? v + 9 : v))
  const uv = Float32Array.from({ length: 36 }, (_, i) => i)
  const split = splitSeams(grid, uv, uvIndices)
  expect(split.vertexMap.length).toBe(9 + 3)
  for (let c = 0; c < uvIndices.length; c++) {
    expect(split.vertexMap[split.mesh.indices[c]]).toBe(grid.indices[c])
    expect(split.uv[split.mesh.indices[c] * 2]).toBe(uvIndices[c] * 2)
  }
})

/** The files of the asset, made of a small run and of a scan: valid, readable, and true to the photo. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebIO } from '@gltf-transform/core'
import {
  EXTMeshoptCompression,
  KHRMaterialsSpecular,
  KHRMeshQuantization,
  type Specular,
} from '@gltf-transform/extensions'
import { strFromU8, unzipSync } from 'fflate'
import validator from 'gltf-validator'
import { MeshoptDecoder } from 'meshoptimizer'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { throughBlender } from '../../../scripts/round-trips/blender.js'
import { compareKeys, type Difference } from '../../../scripts/round-trips/compare.js'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import { readMesh } from '../../../src/engine/formats/read-mesh.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { boundaryLoops, joinMeshes } from '../../../src/engine/geometry/mesh.js'
import { interpolate, rasterize } from '../../../src/engine/geometry/rasterize.js'
import { sampleBilinear } from '../../../src/engine/image/filter.js'
import { decodePicture } from '../../../src/engine/image/picture.js'
import {
  type Mesh,
  type Reconstruction,
  reconstruct,
  resolveSettings,
  writeOutputs,
} from '../../../src/engine/index.js'
import { assetFiles, isSolid } from '../../../src/engine/outputs/asset-files.js'
import { blenders } from '../../plugins/blender/blender.js'

const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const SCAN = fileURLToPath(new URL('../../../../shared/data/scans/lpsw/L1/image.png', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sider-asset-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** No key is lost, and none is further off than a twentieth of a millimetre. */
function expectSameKeys(differences: Difference[]): void {
  expect(differences.length).toBeGreaterThan(9)
  for (const { node, lost, restMm, keysMm } of differences) {
    expect(lost, node).toEqual([])
    expect(restMm, node).toBeLessThan(0.05)
    expect(keysMm, node).toBeLessThan(0.05)
  }
}

describe('a small run', () => {
  let result: Reconstruction
  beforeAll(async () => {
    result = await reconstruct({
      photo: PHOTO,
      settings: resolveSettings({
        preset: 'preview',
        overrides: {
          'photo.cropSize': 64,
          'photo.face': 0,
          'relief.steps': 20,
          'output.sdfGrid': 16,
          'output.obj': true,
          'output.ply': true,
          'output.usdz': true,
          'surface.textureSize': 500,
          'surface.mesh': 'both',
          'surface.resolution': 64,
          'surface.neutralize': true,
          'surface.brows': true,
          'head.ipdMm': 60,
        },
      }),
    })
    await writeOutputs(result, folder)
  })

  test('the GLBs hold material, maps and named keys, and are clean', async () => {
    for (const name of ['face.glb', 'surface.glb']) {
      const bytes = await readFile(join(folder, name))
      const { issues } = await validator.validateBytes(bytes)
      expect([issues.numErrors, issues.numWarnings], `${name}: ${JSON.stringify(issues.messages)}`).toEqual([0, 0])
      const io = new WebIO().registerExtensions([KHRMaterialsSpecular])
      const root = (await io.readBinary(bytes)).getRoot()
      expect(root.listExtensionsUsed()).toEqual([expect.objectContaining({ extensionName: 'KHR_materials_specular' })])
      const [node] = root.listNodes()
      expect(node.getName()).toBe('face')
      const { provenance, metric } = node.getExtras() as Record<string, Record<string, unknown>>
      expect(provenance).toMatchObject({ photoSha256: result.photo.sha256, seed: 0 })
      expect(provenance['quality']).toMatchObject({ landmarkRmsPx: result.quality.landmarkRmsPx })
      expect(metric).toMatchObject({ ipdMm: 60, source: 'given' })
      const material = root.listMaterials()[0]
      expect(material.getBaseColorTexture()?.getSize()).toEqual([512, 512])
      expect(material.getMetallicRoughnessTexture()?.getSize()).toEqual([256, 256])
      // the map is the roughness, and nothing is metal
      expect([material.getRoughnessFactor(), material.getMetallicFactor()]).toEqual([1, 0])
      const specular = material.getExtension<Specular>('KHR_materials_specular')
      expect(specular?.getSpecularTexture()?.getSize()).toEqual([256, 256])
      expect(specular?.getSpecularFactor()).toBe(1)
      if (name === 'surface.glb') continue
      expect(material.getNormalTexture()?.getSize()).toEqual([256, 256])
      expect(node.getMesh()?.listPrimitives()[0].getAttribute('TANGENT')).not.toBeNull()
      expect(root.listNodes().map((one) => one.getName())).toEqual([
        'face',
        ...['eyeRight', 'corneaRight', 'eyeLeft', 'corneaLeft', 'teethUpper', 'teethLower', 'tongue', 'mouth'],
        ...['lashesRight', 'browRight', 'lashesLeft', 'browLeft'],
      ])
      const keys = new Set<string>()
      for (const one of root.listNodes()) {
        const primitives = one.getMesh()!.listPrimitives()
        const names = (one.getMesh()!.getExtras()['targetNames'] ?? []) as string[]
        expect(primitives).toHaveLength(1)
        expect(primitives[0].listTargets()).toHaveLength(names.length)
        for (const key of names) keys.add(key)
      }
      expect([...keys].sort()).toEqual(ARKIT.map((key) => key.name).sort())
      const clear = root.listMaterials().filter((one) => one.getAlphaMode() === 'BLEND')
      expect(clear.map((one) => one.getName())).toEqual(['cornea', 'lashes', 'brows'])
    }
  })

  test('the GLB says which of its triangles are quads, and which mesh it is', async () => {
    const nodes = (await new WebIO().readBinary(await readFile(join(folder, 'face.glb')))).getRoot().listNodes()
    for (const node of nodes) {
      const quads = node.getExtras()['quads'] as number
      const indices = node.getMesh()!.listPrimitives()[0].getIndices()!.getArray()!
      // what is inside the mouth has triangles where it was thinned out
      const most = node.getName() === 'face' ? 0.95 : 0.5
      expect(quads / (indices.length / 3 - quads), node.getName()).toBeGreaterThan(most)
      // each a pair (a, b, c), (a, c, d)
      for (let c = 0; c < 6 * quads; c += 6)
        expect([indices[c], indices[c + 2]]).toEqual([indices[c + 3], indices[c + 4]])
    }
    expect(nodes[0].getExtras()['topology']).toMatch(/^[0-9a-f]{16}$/)
  })

  test('OBJ, PLY and USDZ hold the same head and its parts', async () => {
    const { head, parts } = result.asset
    const whole = [head, ...parts]
    const text = await readFile(join(folder, 'face.obj'), 'utf8')
    const names = ['face', ...parts.map(({ name }) => name)]
    expect([...text.matchAll(/^o (\w+)$/gm)].map(([, name]) => name)).toEqual(names)
    const quads = [...text.matchAll(/^f \S+ \S+ \S+ \S+$/gm)].length
    const triangles = [...text.matchAll(/^f \S+ \S+ \S+$/gm)].length
    expect(quads).toBe(whole.reduce((sum, part) => sum + part.quads, 0))
    expect(2 * quads + triangles).toBe(whole.reduce((sum, { mesh }) => sum + mesh.indices.length / 3, 0))
    for (const [name, listed] of [
      ['face.obj', whole],
      // the format knows no clear material
      ['face.ply', whole.filter((part) => !('look' in part) || isSolid(part))],
    ] as const) {
      const mesh = await readMesh(join(folder, name), 'RESULT_INVALID')
      const joined = listed.map((part) => part.mesh).reduce(joinMeshes)
      expect(mesh.indices.length, name).toBe(joined.indices.length)
      const at = ({ positions, indices }: Mesh, c: number): Float32Array =>
        positions.subarray(3 * indices[c], 3 * indices[c] + 3)
      let worst = 0
      for (let c = 0; c < mesh.indices.length; c++)
        worst = Math.max(worst, ...[0, 1, 2].map((k) => Math.abs(at(mesh, c)[k] - at(joined, c)[k])))
      expect(worst, name).toBeLessThan(1e-6)
    }
    // over texture seams the OBJ is closed: nowhere but at the neck, the eyes and the mouth
    const { positions, indices } = await readMesh(join(folder, 'face.obj'), 'RESULT_INVALID')
    const skin = { positions, indices: indices.subarray(0, head.mesh.indices.length) }
    expect(boundaryLoops(skin)).toHaveLength(4)
    const mtl = await readFile(join(folder, 'face.mtl'), 'utf8')
    for (const [, file] of mtl.matchAll(/(textures\/\S+)/g)) expect(existsSync(join(folder, file)), file).toBe(true)
    // each file of a USDZ starts at a multiple of 64 bytes and is stored as it is
    const zip = await readFile(join(folder, 'face.usdz'))
    const files: string[] = []
    for (let o = 0; zip.readUInt32LE(o) === 0x04034b50; ) {
      const [size, nameLength, extra] = [zip.readUInt32LE(o + 18), zip.readUInt16LE(o + 26), zip.readUInt16LE(o + 28)]
      files.push(zip.toString('utf8', o + 30, o + 30 + nameLength))
      const data = o + 30 + nameLength + extra
      expect([zip.readUInt16LE(o + 8), data % 64]).toEqual([0, 0])
      o = data + size
    }
    expect(mtl).toContain('map_Pr textures/roughness.jpg')
    expect(mtl).toContain('map_Ks textures/specular.png')
    expect(files).toEqual([
      'face.usda',
      'albedo.jpg',
      'normal.png',
      'roughness.jpg',
      'eye.jpg',
      'mouth.jpg',
      'hair.png',
    ])
    const usda = strFromU8(unzipSync(zip)['face.usda'])
    expect(usda).toContain('float inputs:roughness.connect = </face/Materials/face_skin/roughness.outputs:r>')
    expect([...usda.matchAll(/def Mesh "(\w+)"/g)].map(([, name]) => name)).toEqual(names)
    const bound = [...usda.matchAll(/material:binding = <\/face\/Materials\/(\w+)>/g)].map(([, name]) => name)
    expect(bound).toEqual(['face_skin', ...parts.map(({ look }) => look)])
    for (const name of bound) expect(usda).toContain(`def Material "${name}"`)
    expect(usda).toContain('opacity.connect = </face/Materials/lashes/albedo.outputs:a>')
    expect(mtl).toMatch(/newmtl brows[^#]*map_d textures\/hair.png/)
  })

  test('displacement has 16 bits about its middle', async () => {
    const { info, data } = await sharp(join(folder, 'textures/displacement.png'))
      .toColourspace('grey16')
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true })
    const meta = await sharp(join(folder, 'textures/displacement.png')).metadata()
    expect([info.width, meta.depth, meta.channels]).toEqual([256, 'ushort', 1])
    const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
    const [node] = (await new WebIO().readBinary(await readFile(join(folder, 'face.glb')))).getRoot().listNodes()
    const { midlevel, scaleMetres } = node.getExtras()['displacement'] as Record<string, number>
    const step = scaleMetres / 65535
    for (let i = 0; i < values.length; i += 97)
      expect(Math.abs((values[i] / 65535 - midlevel) * scaleMetres - result.asset.baked.displacement[i])).toBeLessThan(
        1.1 * step,
      )
    expect(new Set(values).size).toBeGreaterThan(300)
  })

  test('compressed GLBs are smaller and hold the same mesh', async () => {
    const plain = (await readFile(join(folder, 'face.glb'))).length
    for (const compression of ['quantize', 'meshopt'] as const) {
      const settings = { ...result.settings, output: { ...result.settings.output, compression } }
      const bytes = (await assetFiles({ ...result, settings }, {}))['face.glb'] as Uint8Array
      expect(bytes.length).toBeLessThan(0.75 * plain)
      await MeshoptDecoder.ready
      const io = new WebIO()
        .registerExtensions([KHRMeshQuantization, EXTMeshoptCompression])
        .registerDependencies({ 'meshopt.decoder': MeshoptDecoder })
      // the validator does not unpack meshopt: it sees the same document written again. The other one it sees as it is: the library would
      // write its sparse integers cut to nothing.
      const document = await io.readBinary(bytes)
      for (const extension of document.getRoot().listExtensionsUsed())
        if (extension.extensionName === 'EXT_meshopt_compression') extension.dispose()
      const { issues } = await validator.validateBytes(
        compression === 'meshopt' ? await io.writeBinary(document) : bytes,
      )
      expect([issues.numErrors, issues.numWarnings], JSON.stringify(issues.messages.slice(0, 5))).toEqual([0, 0])
      const [node] = document.getRoot().listNodes()
      const primitive = node.getMesh()!.listPrimitives()[0]
      const accessor = primitive.getAttribute('POSITION')!
      const [scale, move] = [node.getScale(), node.getTranslation()]
      const points = new Float32Array(accessor.getCount() * 3)
      for (let v = 0; v < accessor.getCount(); v++)
        points.set(
          accessor.getElement(v, [0, 0, 0]).map((p, k) => p * scale[k] + move[k]),
          3 * v,
        )
      const off = new MeshDistance(result.asset.head.mesh).distances(points)
      expect(Math.max(...off)).toBeLessThan(2e-5)
      expect(primitive.listTargets()).toHaveLength(result.asset.keys.length)
      // the same vertices and triangles in the same order, so the same quads; meshopt may begin a triangle with another corner
      const corners = (list: ArrayLike<number>): string[] =>
        Array.from({ length: list.length / 3 }, (_, t) => {
          const three = [list[3 * t], list[3 * t + 1], list[3 * t + 2]]
          const least = three.indexOf(Math.min(...three))
          return [0, 1, 2].map((k) => three[(least + k) % 3]).join()
        })
      expect(corners(primitive.getIndices()!.getArray()!)).toEqual(corners(result.asset.head.mesh.indices))
      const straight = points.map((p, i) => Math.abs(p - result.asset.head.mesh.positions[i]))
      expect(Math.max(...straight)).toBeLessThan(2e-5)
      expectSameKeys(await compareKeys(await readFile(join(folder, 'face.glb')), bytes))
    }
  }, 60_000)

  // Blender's importer and exporter weld and split vertices, and have the last word on names
  for (const { name, command, missing } of blenders())
    test.skipIf(missing !== undefined)(
      missing === undefined ? `${name} hands all keys on` : `${name}: skipped, ${missing}`,
      async () => {
        const file = join(folder, 'face.glb')
        expectSameKeys(await compareKeys(await readFile(file), throughBlender(command[0], file)))
      },
      120_000,
    )
})

describe.skipIf(!existsSync(SCAN))('a scan (needs ../shared/data/scans)', () => {
  test("from the photo's camera, the textured head is the photo", async () => {
    const result = await reconstruct({
      photo: SCAN,
      settings: resolveSettings({
        preset: 'preview',
        overrides: {
          'relief.steps': 40,
          'output.sdfGrid': 16,
          'surface.textureSize': 0,
          'surface.shapeKeys': false,
        },
      }),
    })
    const files = await assetFiles(result, {})
    const texture = await decodePicture(files['textures/photo.jpg'] as Uint8Array)
    const { head, textures } = result.asset
    const raster = rasterize(head.mesh, result.fit.camera)
    const uv = interpolate(raster, head.mesh.indices, head.uv, 2)
    const [texel, seen] = [[0, 0, 0], [0]]
    let [squares, count] = [0, 0]
    for (let i = 0; i < raster.triangle.length; i++) {
      if (raster.triangle[i] < 0) continue
      const [x, y] = [uv[2 * i] * texture.width, uv[2 * i + 1] * texture.height]
      sampleBilinear(textures.observed, textures.size, textures.size, 1, x, y, seen)
      if (seen[0] < 0.5) continue
      sampleBilinear(texture.data, texture.width, texture.height, 3, x, y, texel)
      for (let k = 0; k < 3; k++) squares += ((texel[k] - result.photo.data[3 * i + k]) / 255) ** 2
      count += 3
    }
    const psnr = -10 * Math.log10(squares / count)
    console.info(`textured head against the photo: ${psnr.toFixed(1)} dB over ${count / 3} pixels`)
    expect(count / 3).toBeGreaterThan(0.1 * raster.triangle.length)
    expect(psnr).toBeGreaterThan(27)
  })
})

/** What the tests of the Blender bridge feed to it: a small asset with all that an asset can have, and previews of one topology. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Document, WebIO } from '@gltf-transform/core'
import { KHRMaterialsSpecular } from '@gltf-transform/extensions'
import { writeGlb } from '../../../src/engine/formats/write-glb.js'
import { vertexNormals } from '../../../src/engine/geometry/normals.js'
import { encodeGreyPng16, encodePng, newPicture } from '../../../src/engine/image/picture.js'
import { encodeSdfNpz } from '../../../src/engine/surface/sdf-grid.js'
import { gridMesh, sphereMesh } from '../../support/shapes.js'

export const SPHERE_RADIUS = 0.05

export interface BlenderFixture {
  /** Files of preview meshes, of one topology. */
  meshes: string[]
  /** A result's folder: face.glb, camera.json, report.json, textures, sdf.npz. */
  resultFolder: string
}

/** A sheet of 16 cm that bulges by `height` metres towards the viewer. */
function bulge(height: number) {
  const mesh = gridMesh(0.16, 12)
  const positions = mesh.positions.slice()
  for (let i = 0; i < positions.length; i += 3) {
    const r2 = (positions[i] ** 2 + positions[i + 1] ** 2) / 0.08 ** 2
    positions[i + 2] = height * Math.exp(-2 * r2)
  }
  return { positions, indices: mesh.indices }
}

export async function blenderFixture(): Promise<BlenderFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'sider-blender-'))
  const write = (name: string, data: Uint8Array | string): string => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, data)
    return path
  }
  const meshes: string[] = []
  for (const height of [0.01, 0.02, 0.03, 0.04])
    meshes.push(write(`preview-${height}.glb`, await writeGlb([{ name: 'mesh', mesh: bulge(height) }])))
  write('result/face.glb', await asset())
  const camera = {
    ...{ width: 640, height: 480, fx: 900, fy: 900, cx: 350, cy: 220, units: 'metres' },
    headToCamera: [
      [1, 0, 0, 0.01],
      [0, -1, 0, -0.02],
      [0, 0, -1, 0.6],
      [0, 0, 0, 1],
    ],
  }
  write('result/camera.json', JSON.stringify(camera))
  write('result/report.json', JSON.stringify({ generator: 'sider', settings: { seed: 7 }, quality: { psnr: 30 } }))
  const ramp = Float32Array.from({ length: 32 * 32 }, (_, i) => ((i % 32) / 31 - 0.5) * 0.002)
  write('result/textures/displacement.png', await encodeGreyPng16(ramp, 32, 32, -0.001, 0.001))
  write('result/sdf.npz', encodeSdfNpz(sphereGrid()))
  return { meshes, resultFolder: join(folder, 'result') }
}

/** A sheet with texture coordinates, both textures and two shape keys, and a ball that stands for the rest of the head. */
async function asset(): Promise<Uint8Array> {
  const document = new Document()
  const buffer = document.createBuffer()
  document.getRoot().getAsset().generator = 'sider test'
  const scene = document.createScene()
  document.getRoot().setDefaultScene(scene)
  const add = (name: string, mesh: { positions: Float32Array; indices: Uint32Array }) => {
    const accessor = (type: 'VEC2' | 'VEC3' | 'SCALAR', array: Float32Array | Uint32Array) =>
      document
        .createAccessor()
        .setType(type)
        .setArray(array as Float32Array<ArrayBuffer>)
        .setBuffer(buffer)
    const material = document.createMaterial(`${name} skin`).setMetallicFactor(0).setRoughnessFactor(0.6)
    const primitive = document
      .createPrimitive()
      .setIndices(accessor('SCALAR', mesh.indices))
      .setAttribute('POSITION', accessor('VEC3', mesh.positions))
      .setAttribute('NORMAL', accessor('VEC3', vertexNormals(mesh)))
      .setMaterial(material)
    const made = document.createMesh(name).addPrimitive(primitive)
    const node = document.createNode(name).setMesh(made)
    scene.addChild(node)
    return { accessor, material, primitive, made, node }
  }
  const picture = async (rgb: number[]) => (await encodePng(newPicture(8, 8, rgb))) as Uint8Array<ArrayBuffer>
  const texture = async (name: string, rgb: number[]) =>
    document
      .createTexture(name)
      .setMimeType('image/png')
      .setImage(await picture(rgb))
  const mesh = bulge(0.04)
  const face = add('face', mesh)
  const uv = Float32Array.from({ length: (mesh.positions.length / 3) * 2 }, (_, i) => {
    const at = mesh.positions[3 * Math.floor(i / 2) + (i % 2)] / 0.16
    return i % 2 === 0 ? at + 0.5 : 0.5 - at
  })
  face.primitive.setAttribute('TEXCOORD_0', face.accessor('VEC2', uv))
  face.material
    .setDoubleSided(true)
    .setBaseColorTexture(await texture('albedo', [200, 150, 120]))
    .setNormalTexture(await texture('normal', [128, 128, 255]))
    .setRoughnessFactor(1)
    .setMetallicRoughnessTexture(await texture('roughness', [102, 102, 102]))
  const specular = document.createExtension(KHRMaterialsSpecular).createSpecular()
  face.material.setExtension(
    KHRMaterialsSpecular.EXTENSION_NAME,
    specular.setSpecularTexture(await texture('specular', [179, 179, 179])),
  )
  for (const [name, axis] of [
    ['jawOpen', 1],
    ['mouthSmileLeft', 2],
  ] as const) {
    const moved = Float32Array.from(mesh.positions, (_, i) => (i % 3 === axis ? 0.005 : 0))
    const target = document.createPrimitiveTarget(name).setAttribute('POSITION', face.accessor('VEC3', moved))
    face.primitive.addTarget(target)
  }
  face.made.setWeights([0, 0]).setExtras({ targetNames: ['jawOpen', 'mouthSmileLeft'] })
  face.node.setExtras({
    provenance: { generator: 'sider test', photoSha256: 'f'.repeat(64), head: 'built-in', seed: 2 ** 40 },
    displacement: { file: 'textures/displacement.png', midlevel: 0.5, scaleMetres: 0.002 },
    quads: mesh.indices.length / 6 - 1, // of the grid, but for the last
  })
  // a part with a key that the face has too, and one of its own; it lets light through
  const ball = sphereMesh(0.05, 6, 8, [0, 0, -0.1])
  const head = add('head', ball)
  head.node.setExtras({ observed: false })
  head.material.setBaseColorFactor([0, 0, 0, 0.25]).setAlphaMode('BLEND')
  for (const name of ['jawOpen', 'eyeLookInLeft']) {
    const moved = Float32Array.from(ball.positions, (_, i) => (i % 3 === 0 ? 0.004 : 0))
    head.primitive.addTarget(
      document.createPrimitiveTarget(name).setAttribute('POSITION', head.accessor('VEC3', moved)),
    )
  }
  head.made.setWeights([0, 0]).setExtras({ targetNames: ['jawOpen', 'eyeLookInLeft'] })
  return new WebIO().registerExtensions([KHRMaterialsSpecular]).writeBinary(document)
}

function sphereGrid() {
  const size: [number, number, number] = [25, 27, 29]
  const spacing = 0.005
  const values = new Float32Array(size[0] * size[1] * size[2])
  let at = 0
  for (let z = 0; z < size[2]; z++)
    for (let y = 0; y < size[1]; y++)
      for (let x = 0; x < size[0]; x++)
        values[at++] =
          spacing * Math.hypot(x - (size[0] - 1) / 2, y - (size[1] - 1) / 2, z - (size[2] - 1) / 2) - SPHERE_RADIUS
  const origin = size.map((s) => (-(s - 1) / 2) * spacing) as [number, number, number]
  return { size, origin, spacing, values }
}

/** What each profile promises, checked on files made of one small run each. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WebIO } from '@gltf-transform/core'
import validator from 'gltf-validator'
import { GLTFLoader } from 'three/examples/jsm/loaders/GLTFLoader.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import { parseObj } from '../../../src/engine/formats/read-obj.js'
import { PRESET_EXPRESSIONS } from '../../../src/engine/formats/vrm.js'
import { type Reconstruction, reconstruct, resolveSettings } from '../../../src/engine/index.js'
import { assetFiles } from '../../../src/engine/outputs/asset-files.js'
import { PROFILES } from '../../../src/engine/presets.js'

const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const SMALL = {
  'photo.cropSize': 64,
  'photo.face': 0,
  'relief.steps': 5,
  'output.sdfGrid': 16,
}
const NAMES = ARKIT.map(({ name }) => name).sort()

const UNTANGENT = 'MESH_PRIMITIVE_GENERATED_TANGENT_SPACE'

type Files = Record<string, Uint8Array | string>
const results = new Map<string, Reconstruction>()
const made = new Map<string, Files>()

beforeAll(async () => {
  for (const profile of Object.keys(PROFILES)) {
    const settings = resolveSettings({ preset: 'preview', overrides: { ...SMALL, 'output.profile': profile } })
    // textures of this size tell nothing about the profile
    settings.surface.textureSize = 256
    // profiles that ask the same of the mesh share a run
    const key = JSON.stringify(settings.surface)
    const result = results.get(key) ?? (await reconstruct({ photo: PHOTO, settings }))
    results.set(key, result)
    made.set(profile, await assetFiles({ ...result, settings }, {}))
  }
}, 180_000)

const bytes = (profile: string, file: string): Uint8Array => made.get(profile)![file] as Uint8Array
const document = (profile: string, file: string) => new WebIO().readBinary(bytes(profile, file))

/** The names of a GLB's keys over all parts. */
async function keysOf(profile: string, file = 'face.glb'): Promise<string[]> {
  const meshes = (await document(profile, file)).getRoot().listMeshes()
  return [...new Set(meshes.flatMap((mesh) => (mesh.getExtras()['targetNames'] ?? []) as string[]))].sort()
}

describe.each(Object.keys(PROFILES))('%s', (profile) => {
  test('is clean under the Khronos validator', async () => {
    for (const [name, content] of Object.entries(made.get(profile)!)) {
      if (!/\.(glb|vrm)$/.test(name)) continue
      const { issues } = await validator.validateBytes(content as Uint8Array)
      // errors and warnings; VRM wants tangents made by its readers
      const wrong = issues.messages.filter(
        ({ code, severity }) => severity < 2 && !(code === UNTANGENT && name === 'face.vrm'),
      )
      expect(wrong, name).toEqual([])
    }
  })

  test('opens in three.js with all its parts', async () => {
    // pictures need a browser: the loader is given a GLB without them
    const plain = await document(profile, 'face.glb')
    for (const texture of plain.getRoot().listTextures()) texture.dispose()
    const buffer = (await new WebIO().writeBinary(plain)).slice().buffer
    const { scene } = await new GLTFLoader().parseAsync(buffer, '')
    const names: string[] = []
    scene.traverse((node) => {
      if ('isMesh' in node) names.push(node.name)
    })
    expect(names).toEqual([
      'face',
      ...['eyeRight', 'corneaRight', 'eyeLeft', 'corneaLeft', 'teethUpper', 'teethLower', 'tongue', 'mouth'],
      ...['lashesRight', 'lashesLeft'],
    ])
  })

  test('has the keys that it says, by their exact names', async () => {
    const settings = PROFILES[profile as keyof typeof PROFILES].settings
    expect(await keysOf(profile)).toEqual(settings.surface?.shapeKeys === false ? [] : NAMES)
  })
})

test('a profile sets defaults: what is said by hand counts', () => {
  const { surface, output } = resolveSettings({ overrides: { 'output.profile': 'vrm', 'surface.subdivisions': 2 } })
  expect([surface.neutralize, surface.subdivisions, output.profile]).toEqual([true, 2, 'vrm'])
  expect(resolveSettings({ overrides: { output: { profile: 'metahuman' } } }).output.obj).toBe(true)
  expect(() => resolveSettings({ overrides: { 'output.profile': 'maya' } })).toThrow(/output.profile/)
})

describe('VRM', () => {
  const vrmJson = () => {
    const file = bytes('vrm', 'face.vrm')
    const length = new DataView(file.buffer, file.byteOffset).getUint32(12, true)
    return JSON.parse(new TextDecoder().decode(file.subarray(20, 20 + length)))
  }

  test('has the bones that the specification requires, in their order, feet on the ground', () => {
    const { extensions, nodes, scenes, extensionsUsed } = vrmJson()
    const { humanoid, specVersion, meta } = extensions.VRMC_vrm
    expect([specVersion, extensionsUsed]).toEqual(['1.0', ['VRMC_vrm']])
    expect(meta.name).toBeTruthy()
    expect(meta.authors[0]).toBeTruthy()
    expect(meta.licenseUrl).toBe('https://vrm.dev/licenses/1.0/')
    const required = ['hips', 'spine', 'head']
    for (const side of ['left', 'right'])
      for (const bone of ['UpperArm', 'LowerArm', 'Hand', 'UpperLeg', 'LowerLeg', 'Foot'])
        required.push(`${side}${bone}`)
    expect(Object.keys(humanoid.humanBones).sort()).toEqual(required.sort())
    /** World place of each node. */
    const places = new Map<number, number[]>()
    const visit = (node: number, from: number[]): void => {
      const at = from.map((x, k) => x + (nodes[node].translation?.[k] ?? 0))
      places.set(node, at)
      for (const child of nodes[node].children ?? []) visit(child, at)
    }
    for (const root of scenes[0].nodes) visit(root, [0, 0, 0])
    const at = (bone: string): number[] => places.get(humanoid.humanBones[bone].node)!
    expect(places.size).toBe(nodes.length)
    // the subject's left is +X; arms held out, straight
    expect(at('leftHand')[0]).toBeGreaterThan(at('leftLowerArm')[0])
    expect(at('rightHand')[0]).toBeCloseTo(-at('leftHand')[0], 6)
    expect(at('leftHand')[1]).toBeCloseTo(at('leftUpperArm')[1], 6)
    expect(at('leftFoot')[1]).toBeLessThan(0.12)
    expect(at('head')[1]).toBeGreaterThan(at('spine')[1])
    // the parts go with the head
    for (const node of places.keys())
      if (nodes[node].mesh !== undefined) expect(places.get(node)![1]).toBeGreaterThan(1.4)
  })

  test('binds its expressions to keys that exist; no tangents', () => {
    const { extensions, nodes, meshes } = vrmJson()
    const { preset, custom } = extensions.VRMC_vrm.expressions
    expect(Object.keys(preset).sort()).toEqual(Object.keys(PRESET_EXPRESSIONS).sort())
    expect(Object.keys(custom).sort()).toEqual(NAMES)
    type Bind = { node: number; index: number; weight: number }
    const named = (binds: Bind[]): string[] =>
      binds.map(({ node, index }) => meshes[nodes[node].mesh].extras.targetNames[index])
    for (const [name, { morphTargetBinds }] of Object.entries<{ morphTargetBinds: Bind[] }>(custom)) {
      expect(morphTargetBinds.length, name).toBeGreaterThan(0)
      expect(new Set(named(morphTargetBinds))).toEqual(new Set([name]))
    }
    for (const [name, keys] of Object.entries(PRESET_EXPRESSIONS))
      expect(new Set(named(preset[name].morphTargetBinds)), name).toEqual(new Set(Object.keys(keys)))
    for (const { primitives } of meshes)
      for (const { attributes } of primitives) expect(attributes.TANGENT).toBeUndefined()
  })
})

test('Unreal: every part is skinned to one joint, all weights on it', async () => {
  const root = (await document('unreal', 'face.glb')).getRoot()
  const [skin] = root.listSkins()
  expect(skin.listJoints().map((one) => one.getName())).toEqual(['root'])
  for (const node of root.listNodes()) {
    if (!node.getMesh()) continue
    expect(node.getSkin(), node.getName()).toBe(skin)
    const [primitive] = node.getMesh()!.listPrimitives()
    expect(new Set(primitive.getAttribute('JOINTS_0')!.getArray()!)).toEqual(new Set([0]))
    expect(primitive.getAttribute('WEIGHTS_0')!.getElement(7, [])).toEqual([1, 0, 0, 0])
  }
})

describe('OBJ', () => {
  const obj = (profile: string): string => made.get(profile)!['face.obj'] as string
  /** Height of the mesh in the file's units. */
  const height = (profile: string): number => {
    const { positions } = parseObj(obj(profile), 'face.obj')
    const ys = positions.filter((_, i) => i % 3 === 1)
    return ys.reduce((a, b) => Math.max(a, b)) - ys.reduce((a, b) => Math.min(a, b))
  }

  test.each(['unreal', 'metahuman', 'headshot'])('%s is in centimetres', (profile) => {
    expect(height(profile)).toBeGreaterThan(20)
    expect(height(profile)).toBeLessThan(35)
    expect(obj(profile)).toContain('# centimetres')
  })

  test.each(['metahuman', 'headshot'])(
    '%s is one object with filled eyes of their own material, nothing behind the lips',
    (profile) => {
      expect([...obj(profile).matchAll(/^o (\w+)$/gm)]).toHaveLength(1)
      expect([...obj(profile).matchAll(/^usemtl (\w+)$/gm)].map(([, name]) => name)).toEqual([
        'face_skin',
        'eye',
        'eye',
      ])
    },
  )

  test.each(['metahuman', 'headshot'])('%s has no hair', (profile) => {
    expect(obj(profile)).not.toMatch(/lashes|brow/)
  })

  test('faceit is in metres, with all parts', () => {
    expect(height('faceit')).toBeLessThan(0.35)
    expect([...obj('faceit').matchAll(/^o (\w+)$/gm)]).toHaveLength(11)
  })
})

test('hairs are seen through where their picture is clear', async () => {
  for (const file of ['face.glb', 'face.vrm']) {
    const materials = (await document('vrm', file)).getRoot().listMaterials()
    const modes = new Map(materials.map((one) => [one.getName(), one.getAlphaMode()]))
    expect(modes.get('lashes')).toBe('BLEND')
    expect(modes.get('face skin')).toBe('OPAQUE')
  }
  expect(made.get('faceit')!['face.mtl']).toMatch(/newmtl lashes[^#]*map_d textures\/hair.png/)
})

test('each profile has a page, and the table leads to it', () => {
  const table = readFileSync(new URL('../../../docs/asset.md', import.meta.url), 'utf8')
  for (const name of Object.keys(PROFILES)) {
    const page = readFileSync(new URL(`../../../docs/profiles/${name}.md`, import.meta.url), 'utf8')
    expect(table).toContain(`(profiles/${name}.md)`)
    const [, picture] = /!\[[^\]]+\]\(\.\.\/(images\/[^)]+)\)/.exec(page)!
    expect(existsSync(new URL(`../../../docs/${picture}`, import.meta.url)), picture).toBe(true)
    for (const heading of ['## What it writes', '## How to import it']) expect(page, name).toContain(heading)
  }
})

test('neutral profiles show a neutral face, the default the photo', () => {
  for (const [name, { settings }] of Object.entries(PROFILES))
    expect(settings.surface?.neutralize === true, name).toBe(name !== 'arkit')
})

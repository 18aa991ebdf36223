/** Landmarks mean the same on every head model: they are known by how they move (landmark-rules.ts). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { loadHead } from '../../../src/engine/head/load.js'
import type { HeadModel, LandmarkEmbedding } from '../../../src/engine/stages.js'
import { MOVEMENTS, type Movement, writeFlameLike, writeIctLike } from './head-variants.js'
import { LAYOUTS, Moved, RULES } from './landmark-rules.js'

/** A model, and its positions in each movement. */
interface Head {
  model: HeadModel
  pose(movement: Movement): Float32Array
}

function byName(model: HeadModel, names: Readonly<Record<Movement, string>>): Head {
  return {
    model,
    pose: (movement) => {
      const coefficients = new Float64Array(model.expressionCount)
      const k = model.expressionNames.indexOf(names[movement])
      if (k < 0) throw new Error(`${model.name} has no expression ${names[movement]}`)
      coefficients[k] = 1
      return posedMesh(model, [], coefficients).positions
    },
  }
}

const OWN = Object.fromEntries(MOVEMENTS.map((name) => [name, name])) as Record<Movement, string>
/** GNM's names in test/fixtures/make_gnm.py. */
const GNM: Record<Movement, string> = {
  browUpLeft: 'left_eye_region_000',
  eyeBlinkLeft: 'left_eye_region_001',
  mouthSmileLeft: 'lower_face_region_000',
  mouthSmileRight: 'lower_face_region_001',
  jawOpen: 'lower_face_region_002',
}
/** The order of make_gnm.py, in a container without names. */
const GNMW = Object.fromEntries(
  Object.entries({ browUpLeft: 0, eyeBlinkLeft: 1, mouthSmileLeft: 4, mouthSmileRight: 5, jawOpen: 6 }).map(
    ([name, k]) => [name, `expression_${k}`],
  ),
) as Record<Movement, string>
const FLAME = Object.fromEntries(MOVEMENTS.map((name, k) => [name, `expression${k + 1}`])) as Record<Movement, string>

const FIXTURES = fileURLToPath(new URL('../../fixtures/gnm/', import.meta.url))
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-meaning-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const unpacked = (name: string): string => {
  const path = join(folder, name)
  writeFileSync(path, gunzipSync(readFileSync(join(FIXTURES, `${name}.gz`))))
  return path
}

const HEADS: Record<string, () => Promise<Head>> = {
  'the built-in head': async () => byName(await loadHead(), OWN),
  'an ICT-FaceKit folder': async () => {
    await writeIctLike(join(folder, 'ict'))
    return byName(await loadHead(join(folder, 'ict')), OWN)
  },
  'a FLAME file without landmarks': async () =>
    byName(await loadHead(await writeFlameLike(join(folder, 'flame'))), FLAME),
  "a FLAME file's jaw joint": async () => {
    const model = await loadHead(await writeFlameLike(join(folder, 'flame')))
    const { pose } = byName(model, FLAME)
    const angles = new Float64Array(15)
    angles[3 * model.skinning!.joints.findIndex(({ name }) => name === 'jaw')] = 0.35
    return { model, pose: (m) => (m === 'jawOpen' ? posedMesh(model, [], [], angles).positions : pose(m)) }
  },
  'GNM Head': async () => byName(await loadHead(join(FIXTURES, 'gnm_head.npz')), GNM),
  "GNM Head in XR Blocks' container": async () => byName(await loadHead(unpacked('gnm_head_web.bin')), GNM),
  "GNM Head in google/GNM's container, without names and landmarks": async () =>
    byName(await loadHead(unpacked('gnm_model.gnmw')), GNMW),
}

describe.each(Object.entries(HEADS))('%s', (_, load) => {
  let head: Head
  beforeAll(async () => {
    head = await load()
  })

  describe.each([68, 478] as const)('the %i landmarks', (layout) => {
    test.each(Object.entries(RULES))('%s', (_, { movement, broken }) => {
      const positions = movement ? head.pose(movement) : head.model.mean
      expect(broken(new Moved(head.model, positions, layout))).toEqual([])
    })
  })
})

describe.each(["a FLAME file's jaw joint", 'GNM Head', "GNM Head in XR Blocks' container"])('%s', (name) => {
  test('eyes that turn take their irises with them, and nothing else', async () => {
    const { model } = await HEADS[name]()
    const { joints } = model.skinning!
    const angles = new Float64Array(3 * joints.length)
    angles[3 * joints.findIndex((joint) => /^left_?eye$/i.test(joint.name)) + 1] = 0.3 // about +y: to the subject's left
    const moved = new Moved(model, posedMesh(model, [], [], angles).positions, 478)
    expect(moved.left(473)).toBeGreaterThan(1)
    expect(moved.far(468)).toBe(0)
    for (const i of [...LAYOUTS[478].left.upperLid, ...LAYOUTS[478].left.lowerLid]) expect(moved.far(i)).toBe(0)
  })
})

describe('the rules find landmarks that were exchanged', () => {
  const { innerLips, left, right, corners } = LAYOUTS[478]
  test.each([
    ['inner lips', 'an opening jaw takes the lower lip down and leaves the upper one', innerLips],
    [
      'lids of an eye',
      'closing the left eye moves the left lids alone, and the upper one more',
      zip(left.upperLid, left.lowerLid),
    ],
    [
      'eyes',
      'closing the left eye moves the left lids alone, and the upper one more',
      zip(left.upperLid, right.upperLid),
    ],
    ['brows', 'raising the left brow moves the left brow up', zip(left.brow, right.brow)],
    ['corners of the mouth', 'a smile on the left takes the left corner of the mouth out and up', [corners]],
  ])('%s', async (_, rule, pairs) => {
    const head = await HEADS['the built-in head']()
    const exchanged = { ...head.model, landmarks478: exchange(head.model.landmarks478, pairs) }
    const { movement, broken } = RULES[rule]
    expect(broken(new Moved(exchanged, head.pose(movement!), 478)).length).toBeGreaterThanOrEqual(pairs.length)
  })
})

function zip(a: readonly number[], b: readonly number[]): [number, number][] {
  return a.map((x, k) => [x, b[k]])
}

function exchange(
  { triangles, barycentric }: LandmarkEmbedding,
  pairs: readonly (readonly [number, number])[],
): LandmarkEmbedding {
  const out = { triangles: triangles.slice(), barycentric: barycentric.slice() }
  for (const [a, b] of pairs)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      out.triangles[to] = triangles[from]
      out.barycentric.set(barycentric.subarray(3 * from, 3 * from + 3), 3 * to)
    }
  return out
}

/** Loading head models: FLAME's files without executing them, ICT-FaceKit folders, and what happens with anything else. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SiderError } from '../../../src/engine/errors.js'
import { readNpz } from '../../../src/engine/formats/npy.js'
import { readPickle } from '../../../src/engine/formats/pickle.js'
import type { PickleBytes, PickleValue } from '../../../src/engine/formats/pickle-values.js'
import { toArray } from '../../../src/engine/formats/pickled-arrays.js'
import { parseObj, parseObjPositions } from '../../../src/engine/formats/read-obj.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { HEAD_PARTS, type HeadModel } from '../../../src/engine/stages.js'
import { checkInvariants } from './head-invariants.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/flame/', import.meta.url))
const fixture = (name: string): Uint8Array => readFileSync(join(FIXTURES, name))

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-head-'))
  mkdirSync(join(folder, 'flame'))
  writeFileSync(join(folder, 'flame', 'generic_model.pkl'), gunzipSync(fixture('generic_model.pkl.gz')))
  cpSync(join(FIXTURES, 'landmark_embedding.npy'), join(folder, 'flame', 'landmark_embedding.npy'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function failure(spec: string): Promise<SiderError> {
  try {
    await loadHead(spec)
  } catch (error) {
    expect(error).toBeInstanceOf(SiderError)
    return error as SiderError
  }
  throw new Error(`${spec} was loaded`)
}

describe('pickles', () => {
  test('a program in a pickle is refused by name and not executed', async () => {
    for (const protocol of [0, 2, 4]) {
      const path = join(FIXTURES, `unsafe-${protocol}.pkl`)
      const error = await failure(path)
      expect(error.code).toBe('HEAD_INVALID')
      expect(error.message).toMatch(/(posix|nt|os)\.system/)
      expect(error.data['global']).toMatch(/system/)
    }
    expect(existsSync('pickle-was-executed')).toBe(false)
    expect(existsSync(join(FIXTURES, 'pickle-was-executed'))).toBe(false)
  })

  test('arrays of protocol 5 in all the kinds that models use', () => {
    const root = readPickle(fixture('values.pkl'), 'values.pkl') as Map<string, PickleValue>
    const array = (name: string) => toArray(root.get(name), 'values.pkl')!
    expect([...array('f8').data]).toEqual([0, 1, 2, 3, 4, 5])
    expect(array('f8').shape).toEqual([2, 3])
    expect([...array('fortran').data]).toEqual([0, 1, 2, 3, 4, 5])
    expect([...array('big').data]).toEqual([1, 2, 300])
    expect([...array('i8').data]).toEqual([-1, 2 ** 40])
    expect([...array('half').data]).toEqual([0.5, -2])
    expect([...array('scalar').data]).toEqual([2.5])
    expect([...array('csr').data]).toEqual([0, 2, 0, 1, 0, 3])
    expect(root.get('list')).toEqual([1, 2.5, true, null, 'é'])
    expect(root.get('long')).toBe(2n ** 70n)
    expect(root.get('negative')).toBe(-5)
    expect([...(root.get('bytes') as PickleBytes).bytes]).toEqual([0, 255])
    expect(root.get('nested')).toEqual(new Map([['a', [1, 2]]]))
  })

  test('truncated at any place: a typed error, never a crash or an endless loop', () => {
    const bytes = fixture('values.pkl')
    for (let length = 0; length < bytes.length; length += 7)
      expect(() => readPickle(bytes.subarray(0, length), 'cut.pkl')).toThrow(SiderError)
  })

  test('lengths that lie, unknown opcodes, missing memo entries', () => {
    const pickle =
      (...bytes: number[]) =>
      () =>
        readPickle(Uint8Array.from(bytes), 'bad.pkl')
    expect(pickle(0x80, 2, 0x54, 0xff, 0xff, 0xff, 0x7f, 0x2e)).toThrow(/ends too early/) // BINSTRING of 2 GB
    expect(pickle(0x8e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x2e)).toThrow(/ends too early/)
    expect(pickle(0x80, 9, 0x2e)).toThrow(/protocol/)
    expect(pickle(0x51)).toThrow(/opcode 0x51/) // BINPERSID
    expect(pickle(0x68, 3, 0x2e)).toThrow(/entry 3/)
    expect(pickle(0x2e)).toThrow(/stack is empty/)
    expect(pickle(0x4e, 0x52, 0x2e)).toThrow(SiderError) // REDUCE of nothing
  })

  test('names that merely begin like allowed ones are refused', () => {
    for (const name of [
      'numpy.core.multiarray\nfromstring',
      'builtins\neval',
      'numpy\nload',
      'chumpy.ch\nChX',
      'os\nsystem',
    ])
      expect(() => readPickle(Buffer.from(`c${name}\n.`), 'x.pkl')).toThrow(/not run/)
  })
})

describe('FLAME', () => {
  let flame: HeadModel
  beforeAll(async () => {
    flame = await loadHead(join(folder, 'flame', 'generic_model.pkl'))
  })

  test('Python 2 pickle with chumpy and scipy objects gives the numbers of the npz', async () => {
    checkInvariants(flame)
    const expected = readNpz(fixture('flame2023.npz'))
    const numbers = (name: string) => expected.get(name) as { data: Float64Array; shape: number[] }
    const template = numbers('v_template').data
    const n = template.length / 3
    // the loader moves the origin and appends cover vertices
    const shift = [0, 1, 2].map((k) => flame.mean[k] - template[k])
    expect(shift[0]).toBeCloseTo(0, 6)
    for (let i = 0; i < template.length; i++) expect(flame.mean[i]).toBeCloseTo(template[i] + shift[i % 3], 6)
    expect(flame.identityCount).toBe(300)
    expect(flame.expressionCount).toBe(2)
    const size = flame.mean.length
    const directions = numbers('shapedirs').data
    for (const i of [0, 77, 3 * n - 1]) {
      for (const k of [0, 1, 2]) expect(flame.identity[k * size + i]).toBeCloseTo(directions[i * 302 + k], 7)
      for (const k of [0, 1]) expect(flame.expression[k * size + i]).toBeCloseTo(directions[i * 302 + 300 + k], 7)
    }
    const skinning = flame.skinning!
    expect(skinning.joints.map((j) => j.parent)).toEqual([-1, 0, 1, 1, 1])
    expect(skinning.joints[2].name).toBe('jaw')
    const regressor = numbers('J_regressor').data
    const regressed = (field: (v: number) => number, j: number) =>
      Array.from({ length: n }, (_, v) => regressor[j * n + v] * field(v)).reduce((a, b) => a + b)
    for (let j = 0; j < 5; j++)
      for (let k = 0; k < 3; k++) {
        const rest = regressed((v) => template[3 * v + k], j) + shift[k] // the origin moves the joints too
        expect(skinning.rest.mean[3 * j + k]).toBeCloseTo(rest, 6)
        expect(skinning.rest.identity[15 + 3 * j + k]).toBeCloseTo(
          regressed((v) => directions[(3 * v + k) * 302 + 1], j),
          7,
        )
        expect(skinning.rest.expression[15 + 3 * j + k]).toBeCloseTo(
          regressed((v) => directions[(3 * v + k) * 302 + 301], j),
          7,
        )
      }
    const pose = numbers('posedirs').data
    for (const i of [3, 500]) expect(skinning.poseBlendshapes![9 * size + i]).toBeCloseTo(pose[i * 36 + 9], 7)
  })

  test('the same head from an .npz file', async () => {
    writeFileSync(join(folder, 'flame', 'flame2023.npz'), fixture('flame2023.npz'))
    const other = await loadHead(join(folder, 'flame', 'flame2023.npz'))
    expect(other.name).toBe('FLAME 2023')
    expect(other.mean.length).toBe(flame.mean.length)
    for (let i = 0; i < other.mean.length; i++) expect(other.mean[i]).toBeCloseTo(flame.mean[i], 6)
    expect(other.landmarks68.triangles).toEqual(flame.landmarks68.triangles)
  })

  test('landmarks are those of landmark_embedding.npy', () => {
    const points = embeddedPoints(flame.mean, flame.indices, flame.landmarks68)
    const at = (i: number) => [...points.subarray(3 * i, 3 * i + 3)]
    expect(at(27)[0]).toBeCloseTo(0, 3) // bridge of the nose on the midline
    expect(at(36)[0]).toBeLessThan(at(39)[0]) // right eye's outer corner
    expect(at(8)[1]).toBeLessThan(at(57)[1]) // chin below the lower lip
    expect(at(45)[0]).toBeGreaterThan(0) // the subject's left is +X
    expect(flame.provenance).not.toMatch(/by shape alone/)
  })

  test('face region: one piece around the nose, without the back', () => {
    const share = flame.faceRegion.reduce((a, b) => a + b, 0) / flame.faceRegion.length
    expect(share).toBeGreaterThan(0.1)
    expect(share).toBeLessThan(0.9)
    expect(flame.faceRegion[flame.landmarks68.triangles[30]]).toBe(1)
    flame.faceRegion.forEach((inside, t) => {
      if (inside) expect(flame.mean[3 * flame.indices[3 * t] + 2]).toBeGreaterThan(-0.03)
    })
    expect(flame.parts[flame.indices[3 * flame.landmarks68.triangles[30]]]).toBe(HEAD_PARTS.skin)
  })

  test('the jaw joint opens the mouth', () => {
    const angles = new Float64Array(15)
    angles[6] = 0.25
    const open = posedMesh(flame, [], [], angles)
    const [rest, moved] = [flame.mean, open.positions].map((p) => embeddedPoints(p, flame.indices, flame.landmarks68))
    expect(rest[3 * 8 + 1] - moved[3 * 8 + 1]).toBeGreaterThan(0.003) // the chin goes down
    expect(Math.abs(rest[3 * 27 + 1] - moved[3 * 27 + 1])).toBeLessThan(0.001) // the nose stays
  })

  test('without the landmark file the model still loads, and says what to add', async () => {
    mkdirSync(join(folder, 'alone'))
    writeFileSync(join(folder, 'alone', 'flame2023.npz'), fixture('flame2023.npz'))
    const alone = await loadHead(join(folder, 'alone', 'flame2023.npz'))
    checkInvariants(alone)
    expect(alone.provenance).toMatch(/landmark_embedding\.npy/)
    const [a, b] = [alone, flame].map((m) => embeddedPoints(m.mean, m.indices, m.landmarks68))
    const noseTips = Math.hypot(...[0, 1, 2].map((k) => a[90 + k] - b[90 + k]))
    expect(noseTips).toBeLessThan(0.02)
  })

  test('missing arrays and wrong shapes are named', async () => {
    mkdirSync(join(folder, 'bad'), { recursive: true })
    const path = join(folder, 'bad', 'values.pkl')
    writeFileSync(path, fixture('values.pkl'))
    const error = await failure(path)
    expect(error.code).toBe('HEAD_INVALID')
    expect(error.message).toMatch(/v_template/)
    writeFileSync(join(folder, 'bad', 'x.npz'), 'PK not a zip')
    expect((await failure(join(folder, 'bad', 'x.npz'))).code).toBe('HEAD_INVALID')
    writeFileSync(join(folder, 'bad', 'cut.pkl'), gunzipSync(fixture('generic_model.pkl.gz')).subarray(0, 100_000))
    expect((await failure(join(folder, 'bad', 'cut.pkl'))).message).toMatch(/ends too early/)
  })
})

describe('ICT-FaceKit', () => {
  /** A tiny folder in ICT's layout, its meshes made of the invented FLAME head: quads, centimetres, texture coordinates. */
  function writeFolder(path: string): { template: Float64Array; n: number } {
    mkdirSync(path, { recursive: true })
    const flame = readNpz(fixture('flame2023.npz'))
    const template = (flame.get('v_template') as { data: Float64Array }).data
    const faces = (flame.get('f') as { data: Uint32Array }).data
    const obj = (dx: number): string => {
      const lines = ['# test']
      for (let i = 0; i < template.length; i += 3)
        lines.push(`v ${(template[i] + dx) * 100} ${template[i + 1] * 100} ${template[i + 2] * 100}`)
      for (let i = 0; i < template.length; i += 3)
        lines.push(`vt ${0.5 + 3 * template[i]} ${0.6 + 3 * template[i + 1]}`)
      // pairs of triangles (a, a+1, b), (a+1, b+1, b) are quads (a, a+1, b+1, b)
      for (let t = 0; t < faces.length; t += 6) {
        const quad = [faces[t], faces[t + 1], faces[t + 4], faces[t + 2]].map((v) => `${v + 1}/${v + 1}`)
        lines.push(`f ${quad.join(' ')}`)
      }
      return `${lines.join('\n')}\n`
    }
    writeFileSync(join(path, 'generic_neutral_mesh.obj'), obj(0))
    writeFileSync(join(path, 'identity000.obj'), obj(0.001))
    writeFileSync(join(path, 'identity001.obj'), obj(-0.002))
    writeFileSync(join(path, 'jawOpen.obj'), obj(0.003))
    writeFileSync(join(path, 'eyeBlink_L.obj'), obj(0.004))
    return { template, n: template.length / 3 }
  }

  function writeLandmarks(path: string, flameHead: HeadModel): void {
    // the vertices nearest to the 68 points
    const points = embeddedPoints(flameHead.mean, flameHead.indices, flameHead.landmarks68)
    const vertices = Array.from({ length: 68 }, (_, i) => {
      let best = [0, Infinity]
      for (let v = 0; v < 667; v++) {
        const d = Math.hypot(...[0, 1, 2].map((k) => flameHead.mean[3 * v + k] - points[3 * i + k]))
        if (d < best[1]) best = [v, d]
      }
      return best[0]
    })
    writeFileSync(join(path, 'vertex_indices.json'), JSON.stringify({ idx_to_landmark_verts: vertices }))
  }

  test('reads meshes, names, units and landmarks', async () => {
    const path = join(folder, 'ict', 'FaceXModel')
    const { template, n } = writeFolder(path)
    writeLandmarks(path, await loadHead(join(folder, 'flame', 'generic_model.pkl')))
    const m = await loadHead(join(folder, 'ict'))
    checkInvariants(m)
    expect(m.identityCount).toBe(2)
    expect(m.expressionNames).toEqual(['eyeBlinkLeft', 'jawOpen'])
    const size = m.mean.length
    for (const v of [0, 100, n - 1]) {
      expect(m.mean[3 * v]).toBeCloseTo(template[3 * v], 6)
      expect(m.identity[3 * v]).toBeCloseTo(0.001, 6)
      expect(m.identity[size + 3 * v]).toBeCloseTo(-0.002, 6)
      expect(m.expression[3 * v]).toBeCloseTo(0.004, 6)
    }
    expect(m.uv![1]).toBeCloseTo(1 - (0.6 + 3 * template[1]), 5) // v counts downwards
    expect(m.uvIndices).toHaveLength(m.indices.length)
  })

  test('incomplete folders say what is missing', async () => {
    const path = join(folder, 'ict-broken')
    writeFolder(path)
    expect((await failure(path)).message).toMatch(/vertex_indices\.json/)
    writeFileSync(join(path, 'vertex_indices.json'), '{"idx_to_landmark_verts": [1, 2]}')
    expect((await failure(path)).code).toBe('HEAD_INVALID')
    writeFileSync(join(path, 'identity000.obj'), 'v 1 2 3\n')
    expect((await failure(path)).message).toMatch(/1 vertices where the neutral mesh has/)
    writeFileSync(join(path, 'identity000.obj'), 'v 1 nonsense 3\n')
    expect((await failure(path)).message).toMatch(/damaged/)
  })

  test('OBJ numbers: signs, exponents, fans, negative corners', () => {
    const text = 'v 1 -2.5 +3\r\nv 1e-3 .5 -0.25e2\nv 0 0 0\nv 0 1 0\nf 1 2 3 4\nf -4 -3 -2\n'
    const mesh = parseObj(text, 'x.obj')
    expect([...mesh.indices]).toEqual([0, 1, 2, 0, 2, 3, 0, 1, 2])
    expect([...parseObjPositions(Buffer.from(text), 'x.obj')]).toEqual([...mesh.positions])
    expect([...mesh.positions.subarray(0, 6)]).toEqual([1, -2.5, 3, 0.001, 0.5, -25])
    expect(() => parseObj('v 0 0 0\nf 1 2 3\n', 'x.obj')).toThrow(SiderError)
  })
})

describe('what is no head model', () => {
  test('missing files, unknown kinds, folders without a model, empty files', async () => {
    expect((await failure(join(folder, 'nothing.pkl'))).code).toBe('HEAD_UNKNOWN')
    writeFileSync(join(folder, 'head.docx'), 'x')
    const kind = await failure(join(folder, 'head.docx'))
    expect(kind.code).toBe('HEAD_UNKNOWN')
    expect(kind.hint).toMatch(/built-in/)
    mkdirSync(join(folder, 'empty'))
    expect((await failure(join(folder, 'empty'))).code).toBe('HEAD_UNKNOWN')
    writeFileSync(join(folder, 'empty.pkl'), '')
    expect((await failure(join(folder, 'empty.pkl'))).code).toBe('HEAD_INVALID')
  })
})

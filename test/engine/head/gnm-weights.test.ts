/**
 * What is said of GNM Head in src/engine/head/gnm/data.ts, checked on the weights themselves, which are not part of this project:
 *
 *   sider head add gnm
 *   SIDER_GNM=~/.local/share/sider/heads/gnm/gnm_head.npz npx vitest run test/engine/head/gnm-weights.test.ts
 */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Npz, readNpz } from '../../../src/engine/formats/npy.js'
import { embeddedPoint } from '../../../src/engine/head/embedding.js'
import { MAX_EXPRESSION, MAX_IDENTITY } from '../../../src/engine/head/fit.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { HEAD_PARTS, type HeadModel, INTERIOR_PARTS } from '../../../src/engine/stages.js'
import { checkInvariants } from './head-invariants.js'
import { Moved, RULES } from './landmark-rules.js'

const PATH = process.env['SIDER_GNM'] ?? ''

describe.skipIf(PATH === '')("GNM Head's weights", () => {
  let file: Npz
  let model: HeadModel
  beforeAll(async () => {
    file = readNpz(readFileSync(PATH))
    model = await loadHead(PATH)
  })

  const numbers = (name: string): ArrayLike<number> => (file.get(name) as { data: Float32Array }).data
  const shape = (name: string): number[] => (file.get(name) as { shape: number[] }).shape
  const texts = (name: string): string[] => (file.get(name) as { texts: string[] }).texts

  test('sizes, names and order of the arrays', () => {
    expect(texts('version')).toEqual(['3.0'])
    expect(shape('template_vertex_positions')).toEqual([17821, 3])
    expect(shape('triangles')).toEqual([35324, 3])
    expect(texts('joint_names')).toEqual(['neck', 'head', 'left_eye', 'right_eye'])
    const counts = (name: string): Record<string, number> => {
      const out: Record<string, number> = {}
      for (const one of texts(name)) out[one.replace(/_[^_]*$/, '')] = (out[one.replace(/_[^_]*$/, '')] ?? 0) + 1
      return out
    }
    expect(counts('identity_names')).toEqual({ head: 170, eyes: 3, teeth: 80 })
    expect(counts('expression_names')).toEqual({
      left_eye_region: 100,
      right_eye_region: 100,
      lower_face_region: 150,
      tongue: 32,
      pupils: 1,
    })
    expect(new Set(texts('mesh_component_names'))).toEqual(
      new Set(['skin', 'left_eye', 'right_eye', 'upper_teeth_and_gums', 'lower_teeth_and_gums', 'tongue']),
    )
    for (const group of ['mouth_sock', 'teeth', 'gums', 'eye_interiors', 'eye_exteriors'])
      expect(texts('vertex_group_names')).toContain(group)
  })

  test("metres; +X is the subject's left, +Y up, +Z out of the face", () => {
    const joints = numbers('template_joint_positions')
    const [left, right] = [2, 3].map((j) => [0, 1, 2].map((k) => joints[3 * j + k]))
    expect(left[0] - right[0]).toBeGreaterThan(0.05)
    expect(left[0] - right[0]).toBeLessThan(0.075)
    const template = numbers('template_vertex_positions')
    const rows = Array.from({ length: template.length / 3 }, (_, v) => [0, 1, 2].map((k) => template[3 * v + k]))
    const nose = rows.reduce((a, b) => (b[2] > a[2] ? b : a))
    expect(Math.abs(nose[0])).toBeLessThan(0.01)
    expect(nose[2] - left[2]).toBeGreaterThan(0.02)
    expect(Math.max(...rows.map(([, y]) => y)) - left[1]).toBeGreaterThan(0.08) // the crown
    expect(left[1] - Math.min(...rows.map(([, y]) => y))).toBeGreaterThan(0.1) // the neck
  })

  test('the head model made of it', () => {
    checkInvariants(model)
    expect([model.identityCount, model.expressionCount]).toEqual([MAX_IDENTITY, MAX_EXPRESSION + 33])
    expect(model.expressionNames.slice(MAX_EXPRESSION).every((name) => /^(tongue|pupils)_/.test(name))).toBe(true)
    expect(new Set(model.parts)).toEqual(new Set(Object.values(HEAD_PARTS)))
    expect(new Set(model.interior!.parts)).toEqual(new Set(Object.values(INTERIOR_PARTS)))
    expect(model.interior!.seam.length).toBeGreaterThan(40)
    const share = model.faceRegion.reduce((a, b) => a + b) / model.faceRegion.length
    expect(share).toBeGreaterThan(0.15)
    expect(share).toBeLessThan(0.7)
  })

  describe.each([68, 478] as const)('the %i landmarks', (layout) => {
    test("left is the subject's left", () => {
      const { broken } = RULES["what is named left lies at +x, the subject's left"]
      expect(broken(new Moved(model, model.mean, layout))).toEqual([])
    })

    test.each([
      ['an opening jaw takes the lower lip down and leaves the upper one', /^lower_face/, [62], [66], 8],
      ['closing the left eye moves the left lids alone, and the upper one more', /^left_eye/, [46, 47], [43, 44], 4],
    ])('%s', (rule, names, up, down, sigma) => {
      // the components have no names: the steepest way to part these points, or to bring them together
      const size = model.mean.length
      const slope = model.expressionNames.map((name, k) => {
        if (!names.test(name)) return 0
        const field = model.expression.subarray(k * size, (k + 1) * size)
        const y = (i: number): number => embeddedPoint(field, model.indices, model.landmarks68, i)[1]
        return up.reduce((sum, i) => sum + y(i), 0) - down.reduce((sum, i) => sum + y(i), 0)
      })
      const length = Math.hypot(...slope)
      const { positions } = posedMesh(
        model,
        [],
        slope.map((x) => (sigma * x) / length),
      )
      expect(RULES[rule].broken(new Moved(model, positions, layout))).toEqual([])
    })
  })
})

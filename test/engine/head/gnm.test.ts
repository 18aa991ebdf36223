/** GNM Head: what becomes of its file. The fixtures are written by Python (test/fixtures/make_gnm.py). */
import { dirname } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { encodeNpy, readNpz } from '../../../src/engine/formats/npy.js'
import { project, rotationFromAxisAngle } from '../../../src/engine/geometry/camera.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { fitHead, MAX_EXPRESSION } from '../../../src/engine/head/fit.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { HEAD_PARTS, type HeadModel, INTERIOR_PARTS } from '../../../src/engine/stages.js'
import { bytesOf, encodeTexts, failure, LANDMARKS, NPZ, numbers, texts, variant } from './gnm-fixture.js'
import { lookingAt } from './head-fixture.js'
import { checkInvariants } from './head-invariants.js'

let model: HeadModel
beforeAll(async () => {
  model = await loadHead(NPZ)
})

/** GNM's number of each of the head's vertices: those at the same place, but for the origin. */
function numbersInFile(head: HeadModel): { vertices: number[]; shift: number[] } {
  const template = numbers('template_vertex_positions')
  const places = new Map<string, number[]>()
  const key = (x: number, y: number, z: number): string => [x, y, z].map((n) => Math.round(n * 1e5)).join()
  for (let v = 0; v < template.length / 3; v++) {
    const at = key(template[3 * v], template[3 * v + 1], template[3 * v + 2])
    places.set(at, [...(places.get(at) ?? []), v])
  }
  // the first vertex of the skin is the first of the file
  const shift = [0, 1, 2].map((k) => template[k] - head.mean[k])
  const own = head.mean.length / 3
  const vertices = Array.from({ length: own }, (_, v) => {
    const [first, ...others] =
      places.get(key(...([0, 1, 2].map((k) => head.mean[3 * v + k] + shift[k]) as [number, number, number]))) ?? []
    return others.length > 0 ? -1 : (first ?? -1)
  })
  return { vertices, shift }
}

describe('gnm_head.npz', () => {
  test('is a head model like the others, known by its content', async () => {
    checkInvariants(model)
    expect(model.name).toBe('GNM Head')
    expect(model.provenance).toBe('GNM Head (version 3.0) from gnm_head.npz, Google; Apache-2.0')
    expect(new Set(model.parts)).toEqual(new Set(Object.values(HEAD_PARTS)))
    const inFolder = await loadHead(dirname(variant({}))) // a folder with the file is as good
    expect(inFolder.indices).toEqual(model.indices)
  })

  test("poses like GNM's own equations: shape, expression, joints and skinning", () => {
    const truth = readNpz(bytesOf('posed.npz'))
    const names = texts('expression_names')
    const expression = Float64Array.from(
      model.expressionNames,
      (name) => numbers('expression', truth)[names.indexOf(name)],
    )
    // in the model's order, and without the eyes' and teeth's own shapes
    const size = numbers('template_vertex_positions').length
    const identity = Array.from({ length: model.identityCount }, (_, k) => {
      const first = model.identity.subarray(k * model.mean.length, k * model.mean.length + 9)
      const same = (of: number): boolean => first.every((x, i) => numbers('vertex_identity_basis')[of * size + i] === x)
      return numbers('identity', truth)[texts('identity_names').findIndex((_, of) => same(of))]
    })
    const { positions } = posedMesh(model, identity, expression, numbers('rotations', truth))
    const { vertices, shift } = numbersInFile(model)
    const posed = numbers('vertices', truth)
    const skin = vertices.map((v, i) => [v, i]).filter(([v, i]) => v >= 0 && model.parts[i] !== HEAD_PARTS.eyeball)
    expect(skin.length).toBeGreaterThan(1600)
    for (const [v, i] of skin)
      for (let k = 0; k < 3; k++) expect(positions[3 * i + k] + shift[k]).toBeCloseTo(posed[3 * v + k], 5)
    // eyes turn about the joints: they are off by their own shape component alone
    const eyes = vertices.map((v, i) => [v, i]).filter(([v, i]) => v >= 0 && model.parts[i] === HEAD_PARTS.eyeball)
    expect(eyes.length).toBeGreaterThan(200)
    for (const [v, i] of eyes)
      for (let k = 0; k < 3; k++)
        expect(Math.abs(positions[3 * i + k] + shift[k] - posed[3 * v + k])).toBeLessThan(0.0003)
  })

  test('the components that move the skin most come first, then those that leave it alone; no more than are fitted', async () => {
    const size = model.mean.length
    const strength = model.expressionNames.map((_, k) => {
      const field = model.expression.subarray(k * size, (k + 1) * size)
      return Math.sqrt(
        field.reduce((sum, x, i) => sum + (model.parts[Math.floor(i / 3)] === HEAD_PARTS.eyeball ? 0 : x * x), 0),
      )
    })
    expect(model.expressionNames.slice(7)).toEqual(['tongue_mean', 'tongue_000', 'pupils_000'])
    for (let k = 1; k < 7; k++) expect(strength[k]).toBeLessThanOrEqual(strength[k - 1] * 1.01) // covers count a little
    expect(model.identityCount).toBe(4) // neither eyes_000 nor teeth_000

    const count = MAX_EXPRESSION + 20
    const many = new Float32Array(count * numbers('template_vertex_positions').length)
    for (let k = 0; k < count; k++) many[k * (many.length / count) + 3 * k] = 0.001 * (k + 1)
    const changed = variant({
      expression_basis: encodeNpy(many, [count, many.length / count / 3, 3]),
      expression_names: encodeTexts(Array.from({ length: count }, (_, k) => `e${k}`)),
    })
    const { expressionNames } = await loadHead(changed)
    expect(expressionNames).toEqual(Array.from({ length: MAX_EXPRESSION }, (_, k) => `e${count - 1 - k}`))
  })

  test("teeth, gums, tongue and lining are the head's interior, joined to its lips", () => {
    const { interior } = model
    const { mean, indices, parts, seam, uv, uvIndices, identity, expression } = interior!
    const count = mean.length / 3
    expect(new Set(parts)).toEqual(new Set(Object.values(INTERIOR_PARTS)))
    expect(indices.every((v) => v < count)).toBe(true)
    expect(uvIndices).toHaveLength(indices.length)
    expect(identity).toHaveLength(model.identityCount * mean.length)
    expect(expression).toHaveLength(model.expressionCount * mean.length)
    expect(seam.length / 2).toBeGreaterThan(20)
    // in rest and in any expression the seam is closed
    const coefficients = Float64Array.from(model.expressionNames, (_, k) => 0.3 + 0.1 * k)
    const posed = posedMesh(model, [0.5, -0.5], coefficients).positions
    const inside = mean.map((x, i) => {
      let sum = x + 0.5 * identity[i] - 0.5 * identity[mean.length + i]
      for (let k = 0; k < coefficients.length; k++) sum += coefficients[k] * expression[k * mean.length + i]
      return sum
    })
    for (let n = 0; n < seam.length; n += 2)
      for (let k = 0; k < 3; k++) {
        expect(parts[seam[n]]).toBe(INTERIOR_PARTS.lining)
        expect(inside[3 * seam[n] + k]).toBeCloseTo(posed[3 * seam[n + 1] + k], 6)
      }
    // the lower jaw goes down with the chin, the tongue's own components move the tongue
    const jaw = model.expressionNames.indexOf('lower_face_region_002')
    const moved = (k: number, part: number): number[] =>
      [...parts.keys()].filter((v) => parts[v] === part).map((v) => expression[k * mean.length + 3 * v + 1])
    expect(Math.max(...moved(jaw, INTERIOR_PARTS.lowerTeeth))).toBeLessThan(-0.02)
    expect(Math.max(...moved(jaw, INTERIOR_PARTS.upperTeeth).map(Math.abs))).toBe(0)
    const tongue = model.expressionNames.indexOf('tongue_000')
    expect(moved(tongue, INTERIOR_PARTS.lowerTeeth).every((y) => y === 0)).toBe(true)
    const size = model.mean.length
    expect(model.expression.subarray(tongue * size, (tongue + 1) * size).every((x) => x === 0)).toBe(true)
    expect(uv.every((x) => x >= 0 && x <= 1)).toBe(true)
  })

  test('texture layouts that lie over each other in the file do not in the model', () => {
    const { uv, uvIndices, indices, parts, mean } = model
    const boxes = new Map<string, number[]>()
    for (let c = 0; c < indices.length; c++) {
      const v = indices[c]
      if (model.faceRegion[Math.floor(c / 3)] && parts[v] === HEAD_PARTS.eyeball) continue // covers have the skin's
      const name = parts[v] !== HEAD_PARTS.eyeball ? 'skin' : mean[3 * v] > 0 ? 'left eye' : 'right eye'
      const [x, y] = [uv![2 * uvIndices![c]], uv![2 * uvIndices![c] + 1]]
      const [left, top, right, bottom] = boxes.get(name) ?? [1, 1, 0, 0]
      boxes.set(name, [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)])
    }
    const all = [...boxes.values()]
    expect(all).toHaveLength(3)
    for (const [i, a] of all.entries())
      for (const b of all.slice(0, i)) expect(a[0] >= b[2] || b[0] >= a[2] || a[1] >= b[3] || b[1] >= a[3]).toBe(true)
    // v counts downwards: the chin is below the brows
    const row = (i: number): number => uv![2 * uvIndices![3 * model.landmarks68.triangles[i]] + 1]
    expect(row(8)).toBeGreaterThan(row(19))
  })

  test('a face seen by a camera is found again', () => {
    const identity = [1, -0.8, 0.6, -0.5]
    const expression = Float64Array.from(model.expressionNames, (name) =>
      name === 'lower_face_region_002' ? 0.5 : name === 'left_eye_region_001' ? 0.8 : 0,
    )
    const { positions } = posedMesh(model, identity, expression)
    const rotation = rotationFromAxisAngle(0.1, 0.15, 0.05)
    const camera = lookingAt(
      Float64Array.from(rotation, (x, i) => (i >= 3 ? -x : x)),
      0.8,
      2000,
    )
    const pixels = project(camera, embeddedPoints(positions, model.indices, model.landmarks478))
    const points = Float64Array.from({ length: 2 * 478 }, (_, i) => pixels[3 * Math.floor(i / 2) + (i % 2)])
    const fit = fitHead(
      model,
      { box: { x: 0, y: 0, width: 1, height: 1 }, landmarks: { layout: 478, points }, score: 1 },
      { width: 1024, height: 1024, exifFocalPx: 2000 },
      resolveSettings({ overrides: { head: { expressionPrior: 0.1, identityPrior: 0.1 } } }),
    )
    expect(fit.residualRelative).toBeLessThan(0.02)
    const found = (name: string): number => fit.expression[model.expressionNames.indexOf(name)]
    expect(found('lower_face_region_002')).toBeCloseTo(0.5, 1)
    expect(Math.abs(found('left_eye_region_001') - 0.8)).toBeLessThan(0.1)
    expect(Math.abs(found('right_eye_region_001'))).toBeLessThan(0.1)
  })

  test('a root that names itself as its parent is a root', async () => {
    const { skinning } = await loadHead(variant({ joint_parent_indices: encodeNpy(Int32Array.of(0, 0, 1, 1), [4]) }))
    expect(skinning).toEqual(model.skinning)
  })

  test('pose correctives of the joints but the root become pose blendshapes', async () => {
    const regressor = new Float32Array(numbers('pose_correctives_regressor').length)
    const row = regressor.length / 36
    regressor[5 * row] = 1 // of the root: its turn is the pose of the whole head
    regressor[(9 + 4) * row + 1] = 0.25
    const npy = encodeNpy(regressor, [36, row])
    const { skinning, mean } = await loadHead(variant({ pose_correctives_regressor: npy }))
    const { poseBlendshapes } = skinning!
    expect(poseBlendshapes).toHaveLength(27 * mean.length)
    expect(poseBlendshapes![4 * mean.length + 1]).toBe(0.25)
    expect(poseBlendshapes!.filter((x) => x !== 0)).toHaveLength(1)
    expect(model.skinning!.poseBlendshapes).toBeUndefined()
  })
})

describe('landmarks', () => {
  const lines = LANDMARKS.trimEnd().split('\n')
  const points = (m: HeadModel): Float64Array => embeddedPoints(m.mean, m.indices, m.landmarks68)

  test('are those of the file beside the model', async () => {
    const rows = lines.map((line) => line.split(' ').map(Number))
    const template = numbers('template_vertex_positions')
    const { shift } = numbersInFile(model)
    const found = points(model)
    rows.forEach(([v], i) => {
      for (let k = 0; k < 3; k++) expect(found[3 * i + k] + shift[k]).toBeCloseTo(template[3 * v + k], 5)
    })
  })

  test('a jaw listed backwards, as early versions of the file have it, is turned round', async () => {
    const old = [...lines.slice(0, 2), ...lines.slice(2, 7).reverse(), ...lines.slice(7)].join('\n')
    expect(points(await loadHead(variant({}, old)))).toEqual(points(model))
  })

  test("a point that is of the mouth's lining is put on the lips nearby", async () => {
    const sock = numbers('vertex_groups').length / texts('vertex_group_names').length
    const row = texts('vertex_group_names').indexOf('mouth_sock')
    const lining = Array.from({ length: sock }, (_, v) => v).find(
      (v) => numbers('vertex_groups')[row * sock + v] === 1,
    )!
    const changed = lines.map((line, i) =>
      i === 62 ? `${lining} 1.000 ${lining + 1} 0.000 ${lining + 2} 0.000` : line,
    )
    const m = await loadHead(variant({}, changed.join('\n')))
    const t = m.landmarks68.triangles[62]
    expect(m.faceRegion[t]).toBe(1)
    expect(Math.hypot(...[0, 1, 2].map((k) => points(m)[186 + k] - points(model)[186 + k]))).toBeLessThan(0.03)
  })

  test('without them the head is found by its shape, and the report says what to add', async () => {
    const alone = await loadHead(variant({}, ''))
    checkInvariants(alone)
    expect(alone.provenance).toMatch(/put head_sparse_68\.txt of google\/GNM beside/)
    const [a, b] = [points(alone), points(model)]
    for (const i of [30, 36, 45, 48, 54])
      expect(Math.hypot(...[0, 1, 2].map((k) => a[3 * i + k] - b[3 * i + k]))).toBeLessThan(0.01)
  })

  test.each([
    ['too few lines', () => lines.slice(1).join('\n'), /68 lines/],
    ['no numbers', () => lines.map((line, i) => (i === 3 ? 'a b c d e f' : line)).join('\n'), /68 lines/],
    [
      'vertices that do not exist',
      () => lines.map((l, i) => (i === 3 ? '99999 1 0 0 0 0' : l)).join('\n'),
      /landmark 3/,
    ],
    [
      'a point off the head',
      () => lines.map((l, i) => (i === 3 ? '2281 1 2281 0 2281 0' : l)).join('\n'),
      /landmark 3/,
    ],
  ])('%s: refused', async (_, text, message) => {
    expect((await failure(variant({}, text()))).message).toMatch(message)
  })
})

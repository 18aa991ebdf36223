/** Openings of mouth and lids, contours, and whose face it is: on made-up faces with known answers, and beside another's scorer. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  contoursOfPoints,
  type ExpressionScore,
  expressionScore,
  expressionSummary,
  type FoundOpenings,
  readTrueOpenings,
  type TrueOpenings,
} from '../../../src/engine/evaluate/expression.js'
import { headDistance, identityScore } from '../../../src/engine/evaluate/identity.js'
import { landmarksOfResult } from '../../../src/engine/evaluate/landmark-files.js'
import { restingFace } from '../../../src/engine/evaluate/rest.js'
import { parseCamera, readJson } from '../../../src/engine/evaluate/truth.js'
import { project, rigidTransform, rotationFromAxisAngle, transformPoints } from '../../../src/engine/geometry/camera.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import type { ContourName } from '../../../src/engine/head/contours.js'
import { type Camera, HEAD_PARTS } from '../../../src/engine/stages.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-openings-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const camera: Camera = {
  width: 800,
  height: 800,
  fx: 2000,
  fy: 2000,
  cx: 400,
  cy: 400,
  headToCamera: Float64Array.of(1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 1, 0, 0, 0, 1),
}

/** A face in the plane z = 0.1 with a mouth and lids that are open by so many metres, as 68 points. */
function face(mouth: number, right: number, left = right, width = 1): Float64Array {
  const points = new Float64Array(68 * 3)
  const set = (i: number, x: number, y: number): void => points.set([width * x, width * y, 0.1], 3 * i)
  for (let i = 0; i < 68; i++) set(i, 0, 0)
  set(48, -0.026, -0.07)
  set(54, 0.026, -0.07)
  const lip = [60, 61, 62, 63, 64]
  lip.forEach((i, n) => {
    set(i, -0.024 + 0.012 * n, -0.07 + (mouth / 2) * Math.sin((Math.PI * n) / 4))
  })
  ;[67, 66, 65].forEach((i, n) => {
    set(i, -0.012 + 0.012 * n, -0.07 - (mouth / 2) * Math.sin((Math.PI * (n + 1)) / 4))
  })
  for (const [ring, side, open] of [
    [[36, 37, 38, 39, 40, 41], -1, right],
    [[45, 44, 43, 42, 47, 46], 1, left],
  ] as const) {
    const x = [0.045, 0.035, 0.025, 0.015, 0.025, 0.035]
    ring.forEach((i, n) => {
      set(i, side * x[n], n === 0 || n === 3 ? 0 : n < 3 ? open / 2 : -open / 2)
    })
  }
  return points
}

function found(points: Float64Array): FoundOpenings {
  return { points, contours: contoursOfPoints(points) }
}

function truthOf(points: Float64Array): TrueOpenings {
  const pixels = project(camera, points)
  const pixel = (i: number): number[] => [pixels[3 * i], pixels[3 * i + 1]]
  const place = (i: number): number[] => [...points.subarray(3 * i, 3 * i + 3)]
  const numbers = [...Array.from({ length: 13 }, (_, i) => 36 + i), 54, 60, 61, 62, 63, 64, 65, 66, 67]
  const contours = Object.fromEntries(
    Object.entries(contoursOfPoints(points)).map(([name, places]) => {
      const flat = project(camera, Float64Array.from(places.flat()))
      return [name, { places, pixels: places.map((_, i) => [flat[3 * i], flat[3 * i + 1]]) }]
    }),
  ) as unknown as TrueOpenings['contours']
  return { points: new Map(numbers.map((i) => [i, { place: place(i), pixel: pixel(i), visible: true }])), contours }
}

const score = (truth: Float64Array, result: FoundOpenings, depth?: Float32Array): ExpressionScore =>
  expressionScore(truthOf(truth), camera, depth, result, camera)

describe('openings', () => {
  test('of the truth itself are right, and its contours lie on themselves', () => {
    const s = score(face(0.02, 0.009), found(face(0.02, 0.009)))
    expect(s.mouth.trueMm).toBeCloseTo(20, 6)
    expect(s.mouth.foundMm).toBeCloseTo(20, 6)
    expect(s.rightLids).toEqual(s.leftLids)
    expect(s.rightLids.foundMm).toBeCloseTo(9, 6)
    for (const percent of [s.lipsPercent, s.lidsPercent, s.pointsPercent]) expect(percent).toBeCloseTo(0, 6)
  })

  test('are measured at the true size of the face', () => {
    const s = score(face(0.02, 0.009), found(face(0.03, 0.009, 0.009, 0.5)))
    expect(s.mouth.foundMm).toBeCloseTo(30, 6)
    expect(s.rightLids.foundMm).toBeCloseTo(9, 6)
  })

  test('tell one eye from the other, and crossed edges are shut', () => {
    const s = score(face(0, 0.009, 0), found(face(-0.004, 0, 0.009)))
    expect(s.mouth).toEqual({ trueMm: 0, foundMm: 0 })
    expect([s.rightLids.trueMm, s.rightLids.foundMm]).toEqual([expect.closeTo(9, 6), 0])
    expect([s.leftLids.trueMm, s.leftLids.foundMm]).toEqual([0, expect.closeTo(9, 6)])
  })

  test('contours that lie beside each other are as far apart as they are, whichever points they are drawn through', () => {
    const truth = face(0.02, 0.009)
    // The whole face 1 mm higher: 1 mm is 2000 / 0.9 / 1000 pixels, the eyes are 90 mm apart.
    const lifted = truth.map((x, i) => (i % 3 === 1 ? x + 0.001 : x))
    const plain = score(truth, found(lifted))
    expect(plain.pointsPercent).toBeCloseTo(100 / 90, 2)
    expect(plain.lipsPercent!).toBeLessThan(100 / 90)
    expect(plain.lipsPercent!).toBeGreaterThan(60 / 90)
    // The same curves with points in between.
    const denser = Object.fromEntries(
      Object.entries(contoursOfPoints(lifted)).map(([name, line]) => [
        name,
        line.flatMap((p, i) => (i === 0 ? [p] : [p.map((x, k) => 0.3 * x + 0.7 * line[i - 1][k]), p])),
      ]),
    ) as Record<ContourName, number[][]>
    const other = score(truth, { points: lifted, contours: denser })
    expect(other.lipsPercent).toBeCloseTo(plain.lipsPercent!, 3)
    expect(other.lidsPercent).toBeCloseTo(plain.lidsPercent!, 3)
  })

  test('contours that the truth hides do not count', () => {
    const truth = face(0.02, 0.009)
    const result = found(face(0.03, 0.009))
    expect(score(truth, result).lipsPercent).toBeGreaterThan(1)
    // Something stands 20 cm before the mouth.
    const depth = new Float32Array(800 * 800).fill(0.9)
    for (let i = 500 * 800; i < depth.length; i++) depth[i] = 0.7
    const s = score(truth, result, depth)
    expect(s.lipsPercent).toBeUndefined()
    expect(s.lidsPercent).toBeCloseTo(0, 6)
  })

  test('are averaged over cases as absolute errors', () => {
    const cases = [
      score(face(0.02, 0.009), found(face(0.024, 0.009))),
      score(face(0.02, 0.009), found(face(0.018, 0.006, 0.01))),
    ]
    const summary = expressionSummary(cases)!
    expect(summary.cases).toBe(2)
    expect(summary.mouthMm).toBeCloseTo(3, 6)
    expect(summary.lidsMm).toBeCloseTo(1, 6)
    expect(expressionSummary([])).toBeUndefined()
  })

  test('a damaged regions.json is a typed error that names the file', async () => {
    for (const [name, text] of [
      ['none.json', undefined],
      ['text.json', 'mouth'],
      ['empty.json', '{}'],
      ['short.json', JSON.stringify({ ibug: { 36: { point3d: [0, 0], px: [1, 2] } }, outlines: {} })],
    ] as const) {
      const path = join(folder, name)
      if (text !== undefined) writeFileSync(path, text)
      await expect(readTrueOpenings(path)).rejects.toMatchObject({
        code: 'TRUTH_INVALID',
        message: expect.stringContaining(name),
      })
    }
  })

  const SCORER = fileURLToPath(new URL('../../../../shared/eval/expression.py', import.meta.url))
  const SCANS = fileURLToPath(new URL('../../../../shared/data/scans', import.meta.url))
  const ready = existsSync(SCORER) && spawnSync('python3', ['-c', 'import numpy']).status === 0
  test.skipIf(!ready)(
    'agree with the scorer of others (skipped without ../shared/eval and NumPy)',
    async () => {
      const rng = new Rng(11)
      for (const view of ['ict-d/D1', 'ict-g/G1', 'ict-g/G2', 'ict-g/G4']) {
        const truth = await readTrueOpenings(join(SCANS, view, 'regions.json'))
        const path = join(SCANS, view, 'camera.json')
        const trueCamera = parseCamera(await readJson(path, 'TRUTH_INVALID'), path, 'TRUTH_INVALID')
        // A result of another size, with points some millimetres off, seen from a little elsewhere.
        const points = new Float64Array(68 * 3)
        for (const [i, { place }] of truth.points)
          points.set(
            place.map((x) => 0.93 * x + rng.normal(0, 0.002)),
            3 * i,
          )
        const moved = {
          ...trueCamera,
          fx: 1.02 * trueCamera.fx,
          cx: trueCamera.cx + 3,
          headToCamera: trueCamera.headToCamera.slice(),
        }
        for (const k of [3, 7, 11]) moved.headToCamera[k] *= 0.93
        const out = join(folder, view.replace('/', '-'))
        mkdirSync(out)
        const rows = (values: Float64Array, width: number): number[][] =>
          Array.from({ length: values.length / width }, (_, i) => [...values.subarray(width * i, width * (i + 1))])
        writeFileSync(join(out, 'landmarks.json'), JSON.stringify({ points3d: rows(points, 3) }))
        writeFileSync(join(out, 'camera.json'), JSON.stringify({ ...moved, headToCamera: rows(moved.headToCamera, 4) }))
        const { stdout, stderr, status } = spawnSync('python3', [SCORER, join(SCANS, view), out])
        expect(status, String(stderr)).toBe(0)
        const theirs = JSON.parse(String(stdout)) as Record<string, { true: number; pred: number }> & {
          mean_2d_percent: number
        }
        const ours = expressionScore(
          truth,
          trueCamera,
          undefined,
          (await landmarksOfResult(join(out, 'landmarks.json')))!,
          moved,
        )
        for (const [name, opening] of [
          ['mouth', ours.mouth],
          ['lid_right', ours.rightLids],
          ['lid_left', ours.leftLids],
        ] as const) {
          expect(opening.trueMm).toBeCloseTo(theirs[`${name}_gap_mm`].true, 1)
          expect(Math.abs(opening.foundMm - theirs[`${name}_gap_mm`].pred)).toBeLessThan(0.006)
        }
        expect(Math.abs(ours.pointsPercent - theirs.mean_2d_percent)).toBeLessThan(0.006)
      }
    },
    60_000,
  )
})

describe('whose face it is', () => {
  const rng = new Rng(5)
  const person = (): Float64Array => Float64Array.from({ length: 900 }, () => rng.normal(0, 0.05))
  /** The same face elsewhere, turned, with errors of so many metres. */
  const seen = (who: Float64Array, error: number): Float64Array =>
    transformPoints(
      rigidTransform(rotationFromAxisAngle(rng.normal(), rng.normal(), rng.normal()), [rng.normal(), rng.normal(), 1]),
      who.map((x) => x + rng.normal(0, error)),
    )

  test('the distance of heads does not know where they are, but their size', () => {
    const who = person()
    expect(headDistance(who, seen(who, 0))).toBeLessThan(1e-9)
    const larger = who.map((x) => 1.1 * x)
    expect(headDistance(who, larger)).toBeGreaterThan(4)
  })

  test('is told apart where results of one person agree', () => {
    const people = [person(), person(), person()]
    const heads = people.flatMap((who, i) => [0, 1, 2].map(() => ({ subject: `s${i}`, face: seen(who, 0.002) })))
    const found = identityScore(heads)!
    expect(found).toMatchObject({ results: 9, subjects: 3, ordered: 1, nearest: 1 })
    expect(found.sameMm).toBeGreaterThan(2)
    expect(found.sameMm).toBeLessThan(8)
    expect(found.differentMm).toBeGreaterThan(50)
  })

  test('is chance where they do not', () => {
    const heads = Array.from({ length: 60 }, (_, i) => ({ subject: `s${i % 20}`, face: seen(person(), 0) }))
    const found = identityScore(heads)!
    expect(Math.abs(found.ordered - 0.5)).toBeLessThan(0.15)
    expect(found.nearest).toBeLessThan(0.2)
  })

  test('counts pairs as they are ordered', () => {
    // Two of a, 2 mm apart in a stretched direction; b lies 1 mm from one of them and 3 mm from the other.
    const grown = (mm: number): Float64Array =>
      Float64Array.from({ length: 600 }, (_, i) => [0.05, 0.03, 0.02][i % 3] * Math.sin(i) + (i === 0 ? mm / 1000 : 0))
    const found = identityScore([
      { subject: 'a', face: grown(0) },
      { subject: 'a', face: grown(20) },
      { subject: 'b', face: grown(30) },
    ])!
    expect(found.ordered).toBe(0.5)
    expect(found.nearest).toBe(0.5)
  })

  test('is not asked of one person, or of one result of each', () => {
    const one = person()
    expect(identityScore([])).toBeUndefined()
    expect(identityScore([0, 1].map(() => ({ subject: 'a', face: seen(one, 0) })))).toBeUndefined()
    expect(identityScore(['a', 'b'].map((subject) => ({ subject, face: person() })))).toBeUndefined()
  })

  test("is read from a result's coefficients: the face at rest, at the result's size", async () => {
    const model = await loadBuiltInHead()
    const path = join(folder, 'head.json')
    writeFileSync(path, JSON.stringify({ head: 'built-in', scale: 2, identity: [1, -1], expression: { jawOpen: 1 } }))
    const { face } = (await restingFace(path))!
    const skin = new Set<number>()
    model.faceRegion.forEach((region, t) => {
      for (let k = 0; k < 3; k++) if (region) skin.add(model.indices[3 * t + k])
    })
    const first = [...skin].filter((v) => model.parts[v] === HEAD_PARTS.skin).sort((a, b) => a - b)
    expect(face).toHaveLength(3 * first.length)
    const size = model.mean.length
    first.slice(0, 50).forEach((v, i) => {
      for (let k = 0; k < 3; k++) {
        const at = 3 * v + k
        expect(face[3 * i + k]).toBeCloseTo(2 * (model.mean[at] + model.identity[at] - model.identity[size + at]), 6)
      }
    })
    expect(await restingFace(join(folder, 'nowhere.json'))).toBeUndefined()
    writeFileSync(path, JSON.stringify({ head: '/nowhere/flame.pkl', scale: 1, identity: [] }))
    expect(await restingFace(path)).toBeUndefined()
    writeFileSync(path, JSON.stringify({ head: 'built-in', identity: 'no' }))
    await expect(restingFace(path)).rejects.toMatchObject({ code: 'RESULT_INVALID' })
  })
})

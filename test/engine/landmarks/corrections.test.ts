/** Single landmarks put in their places by a person, and what the fitted head then does. */
import { beforeAll, describe, expect, it } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { ibugPoints, LEFT_EYE, RIGHT_EYE } from '../../../src/engine/evidence/layouts.js'
import { LABELS } from '../../../src/engine/evidence/network.js'
import { project } from '../../../src/engine/geometry/camera.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { HeadFitter } from '../../../src/engine/head/fit.js'
import { correctLandmarks, namedLandmarks } from '../../../src/engine/landmarks/correct.js'
import { fitLandmarks } from '../../../src/engine/pipeline/landmark-fit.js'
import type { Face, HeadModel } from '../../../src/engine/stages.js'
import { thrown } from '../../support/thrown.js'
import { lookingAt } from '../head/head-fixture.js'

const PHOTO = { width: 1000, height: 1000, exifFocalPx: 2000 }
const FRONTAL = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)

/** The mean head from the front, as a detector without errors sees it. */
let head: HeadModel
let face: Face
let eyes: number
beforeAll(async () => {
  head = await loadBuiltInHead()
  face = seen(478)
  const p = face.landmarks.points
  eyes = Math.hypot(p[2 * 263] - p[2 * 33], p[2 * 263 + 1] - p[2 * 33 + 1])
})

function seen(layout: 68 | 478): Face {
  const camera = lookingAt(FRONTAL, 0.8, 2000, 1000, [0, 0])
  const embedding = layout === 68 ? head.landmarks68 : head.landmarks478
  const at = project(camera, embeddedPoints(head.mean, head.indices, embedding))
  const points = Float64Array.from({ length: 2 * layout }, (_, i) => at[3 * (i >> 1) + (i % 2)])
  return { box: { x: 200, y: 200, width: 600, height: 600 }, score: 1, landmarks: { layout, points } }
}
const ibug = (points: Float64Array, i: number): [number, number] => {
  const all = points.length === 136 ? points : ibugPoints(points)
  return [all[2 * i], all[2 * i + 1]]
}
const distance = ([ax, ay]: readonly number[], [bx, by]: readonly number[]): number => Math.hypot(ax - bx, ay - by)
const moved = (i: number, dx: number, dy: number): [number, number] => {
  const [x, y] = ibug(face.landmarks.points, i)
  return [x + dx * eyes, y + dy * eyes]
}

describe('correctLandmarks', () => {
  it('puts every landmark of iBUG exactly where it is wanted, alone and all together', () => {
    const all = Object.fromEntries(
      Array.from({ length: 68 }, (_, i) => [String(i), moved(i, 0.03 * Math.sin(i), 0.03 * Math.cos(3 * i))]),
    )
    for (const corrections of [...Object.entries(all).map((one) => Object.fromEntries([one])), all]) {
      const { points } = correctLandmarks(face, corrections, PHOTO).landmarks
      for (const [name, place] of Object.entries(corrections))
        expect(distance(ibug(points, Number(name)), place), name).toBeLessThan(0.01)
    }
  })

  it('knows the same landmark as 37 and 68:37, and a point of the face mesh by its own number', () => {
    const place = moved(37, 0, 0.05)
    const short = correctLandmarks(face, { 37: place }, PHOTO)
    expect(correctLandmarks(face, { '68:37': place }, PHOTO)).toEqual(short)
    const { points, corrected } = correctLandmarks(face, { '478:13': [500, 510] }, PHOTO).landmarks
    expect([...points.subarray(26, 28)]).toEqual([500, 510])
    expect(corrected).toEqual([13])
  })

  it('takes the rest of a lid along, and leaves the other eye and the given face alone', () => {
    const before = face.landmarks.points.slice()
    const { points } = correctLandmarks(face, { 37: moved(37, 0, 0.05), 38: moved(38, 0, 0.05) }, PHOTO).landmarks
    const fall = (i: number): number => (points[2 * i + 1] - before[2 * i + 1]) / eyes
    expect(fall(159)).toBeCloseTo(0.05, 3) // between the two
    for (const i of [161, 157]) expect(fall(i)).toBeGreaterThan(0.015) // on the way to the corners
    for (const i of [33, 133, 145, ...LEFT_EYE]) expect(fall(i)).toBe(0)
    expect(RIGHT_EYE.filter((i) => fall(i) > 0).length).toBe(7)
    expect(face.landmarks.points).toEqual(before)
  })

  it('drops the depths that were guessed for the old place', () => {
    const deep = { ...face, landmarks: { ...face.landmarks, depths: new Float64Array(478).fill(3) } }
    const { depths } = correctLandmarks(deep, { '478:13': [500, 510] }, PHOTO).landmarks
    expect(depths![13]).toBeNaN()
    expect(depths!.filter(Number.isFinite).length).toBe(477)
    expect(deep.landmarks.depths.every(Number.isFinite)).toBe(true)
  })

  it('corrects landmarks that were given as 68', () => {
    const given = seen(68)
    const { points, corrected } = correctLandmarks(given, { 57: [400, 700] }, PHOTO).landmarks
    expect([...points.subarray(114, 116)]).toEqual([400, 700])
    expect(corrected).toEqual([57])
  })

  it.each([
    [{ 68: [5, 5] }, 'no landmark 68'],
    [{ '478:478': [5, 5] }, 'no landmark 478:478'],
    [{ '12:3': [5, 5] }, "'12:3' is no number"],
    [{ chin: [5, 5] }, "'chin' is no number"],
    [{ 8: [5, 1001] }, 'outside the photo of 1000x1000'],
    [{ 8: [-1, 5] }, 'outside the photo'],
    [{ 8: [5] }, 'not two numbers'],
    [{ 8: ['5', 5] }, 'not two numbers'],
    [{ 8: [Number.NaN, 5] }, 'not two numbers'],
    [[1, 2], 'not an object'],
    [null, 'not an object'],
    ['8', 'not an object'],
  ])('%j is refused in words that say what to do', (corrections, words) => {
    const error = thrown(() => correctLandmarks(face, corrections, PHOTO))
    expect(error.code).toBe('LANDMARKS_INVALID')
    expect(error.message).toContain(words)
    expect(error.hint).toContain('--overlay')
  })

  it('refuses points of the face mesh where 68 landmarks were given', () => {
    expect(thrown(() => correctLandmarks(seen(68), { '478:13': [5, 5] }, PHOTO)).message).toContain('68 landmarks')
  })

  it('names the landmarks it knows', () => {
    const named = namedLandmarks(face.landmarks)
    expect(named.length).toBe(70)
    const same = correctLandmarks(face, Object.fromEntries(named.map(({ name, x, y }) => [name, [x, y]])), PHOTO)
    for (const [i, x] of same.landmarks.points.entries()) expect(x).toBeCloseTo(face.landmarks.points[i], 6)
  })
})

describe('the fit believes what was corrected', () => {
  it.each([
    ['the lower lip', { 57: [0, 0.08] }],
    ['an upper lid', { 37: [0, 0.03], 38: [0, 0.03] }],
    ['a corner of the mouth', { 48: [-0.06, 0] }],
    ['the chin', { 8: [0, 0.08] }],
    ['a brow', { 19: [0, -0.06] }],
  ] as [string, Record<number, [number, number]>][])('%s goes where it is put', (_, shifts) => {
    const corrections = Object.fromEntries(Object.entries(shifts).map(([i, [x, y]]) => [i, moved(Number(i), x, y)]))
    const before = fitLandmarks(head, face, PHOTO, undefined, resolveSettings()).fit
    const { fit } = fitLandmarks(head, face, PHOTO, corrections, resolveSettings())
    for (const [name, place] of Object.entries(corrections)) {
      const away = distance(ibug(before.shown, Number(name)), place)
      expect(distance(ibug(fit.shown, Number(name)), place)).toBeLessThan(0.2 * away)
    }
    // What has nothing to do with it stays.
    const others = Array.from({ length: 68 }, (_, i) => distance(ibug(before.shown, i), ibug(fit.shown, i)))
    expect(others.reduce((sum, d) => sum + d, 0) / 68).toBeLessThan(0.015 * eyes)
  })

  it('whichever number the face has in its photo', () => {
    const settings = resolveSettings({ overrides: { 'photo.face': 3 } })
    expect(fitLandmarks(head, face, PHOTO, { 8: moved(8, 0, 0.02) }, settings).face.landmarks.corrected).toEqual([152])
  })

  it('the same place said by a detector alone is an outlier', () => {
    const place = moved(57, 0, 0.2)
    const points = face.landmarks.points.slice()
    points.set(place, 2 * 17)
    const lone = { ...face, landmarks: { layout: 478 as const, points } }
    const doubted = fitLandmarks(head, lone, PHOTO, undefined, resolveSettings()).fit
    const believed = fitLandmarks(head, face, PHOTO, { '478:17': place }, resolveSettings()).fit
    const off = (shown: Float64Array): number => distance([shown[34], shown[35]], place) / eyes
    expect(off(doubted.shown)).toBeGreaterThan(0.15)
    expect(off(believed.shown)).toBeLessThan(0.05)
  })

  it('holds against evidence of pixels that would have it back', () => {
    const place = moved(57, 0, 0.1)
    const corrected = correctLandmarks(face, { 57: place }, PHOTO)
    const fitter = new HeadFitter(head, corrected, PHOTO, resolveSettings())
    const { shown, crop } = fitter.fit()
    const lip = [shown[2 * 17], shown[2 * 17 + 1]]
    const size = 64
    const scale = crop.width / size
    const move = new Float32Array(3 * size * size)
    for (let k = 0; k < size * size; k++) {
      const at = [crop.x + ((k % size) + 0.5) * scale, crop.y + (Math.floor(k / size) + 0.5) * scale]
      if (distance(at, lip) < 0.15 * eyes) move[3 * k + 1] = (-0.1 * eyes) / scale
    }
    const none = new Float32Array(0)
    fitter.refine({
      ...{ crop: { ...crop, size }, labels: none, normals: none, doubt: none, albedo: none, move },
      moveDoubt: new Float32Array(2 * size * size).fill(3 / scale),
      triangle: new Int32Array(size * size),
    })
    const after = fitter.fit().shown
    expect(distance([after[2 * 17], after[2 * 17 + 1]], place)).toBeLessThan(0.03 * eyes)
  })

  it('an eye whose lid a person has placed stays open, although evidence shows both shut', () => {
    const corrected = correctLandmarks(face, { 37: moved(37, 0, 0), 38: moved(38, 0, 0) }, PHOTO)
    const fitter = new HeadFitter(head, corrected, PHOTO, resolveSettings())
    const { crop, shown: before } = fitter.fit()
    const size = 64
    const none = new Float32Array(0)
    fitter.refine({
      ...{ crop: { ...crop, size }, normals: none, doubt: none, albedo: none },
      labels: new Float32Array(LABELS.length * size * size), // nothing of an eye is to be seen
      move: new Float32Array(3 * size * size),
      moveDoubt: new Float32Array(2 * size * size).fill(1000),
      triangle: new Int32Array(size * size),
    })
    const { shown: after } = fitter.fit()
    const open = (shown: Float64Array, upper: number, lower: number): number =>
      shown[2 * lower + 1] - shown[2 * upper + 1]
    expect(open(after, 159, 145) / open(before, 159, 145)).toBeGreaterThan(0.8)
    expect(open(after, 386, 374) / open(before, 386, 374)).toBeLessThan(0.5)
  })
})

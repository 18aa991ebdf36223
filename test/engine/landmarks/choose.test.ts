import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/engine/errors.js'
import { LEFT_EYE_OUTER, RIGHT_EYE_OUTER } from '../../../src/engine/evidence/layouts.js'
import { chooseFace, landmarkWarnings } from '../../../src/engine/landmarks/choose.js'
import type { Face } from '../../../src/engine/stages.js'
import { thrown } from '../../support/thrown.js'

/** A face whose eyes, nose and mouth stand in the middle of its box; its outline is the box. */
const someFace = (x: number, y: number, side: number): Face => {
  const points = Array.from({ length: 68 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 68
    const reach = i < 27 ? 0.5 : 0.2
    return [x + side * (0.5 + reach * Math.cos(angle)), y + side * (0.5 + reach * Math.sin(angle))]
  })
  return {
    box: { x, y, width: side, height: side },
    landmarks: { layout: 68, points: Float64Array.from(points.flat()) },
    score: 1,
  }
}

describe('chooseFace', () => {
  const photo = { width: 1000, height: 800 }
  const faces = [someFace(100, 100, 300), someFace(600, 100, 200), someFace(920, 50, 150), someFace(10, 10, 30)]

  it('takes the first by default and any by its number', () => {
    expect(chooseFace(faces, -1, photo)).toBe(faces[0])
    expect(chooseFace(faces, 1, photo)).toBe(faces[1])
  })

  it('takes a face whose outline lies outside, as long as eyes, nose and mouth are in the photo', () => {
    for (const [x, y] of [
      [-80, 100],
      [780, 100],
      [300, -80],
      [300, 580],
    ]) {
      const close = someFace(x, y, 300)
      expect(chooseFace([close], -1, photo)).toBe(close)
    }
  })

  it.each<[ErrorCode, RegExp, Face[], number]>([
    ['NO_FACE', /no face/, [], -1],
    ['FACE_NOT_LISTED', /4 faces, numbers 0 to 3/, faces, 4],
    ['FACE_NOT_LISTED', /one face, number 0/, faces.slice(0, 1), 1],
    ['FACE_CUT', /cuts off a part of the face’s mouth/, faces, 2],
    ['FACE_TOO_SMALL', /30 pixels large, at least 48/, faces, 3],
  ])('%s: %s', (code, message, list, index) => {
    const error = thrown(() => chooseFace(list, index, photo))
    expect([error.code, error.stage]).toEqual([code, 'landmarks'])
    expect(error.message).toMatch(message)
    expect(error.hint).toBeTruthy()
  })
})

describe('networks that disagree', () => {
  const photo = { width: 1000, height: 1000 }
  const face = (disagreement?: number): Face => {
    const points = Float64Array.from({ length: 956 }, (_, i) => 300 + ((i * 37) % 400))
    points.set([400, 450], 2 * RIGHT_EYE_OUTER)
    points.set([600, 450], 2 * LEFT_EYE_OUTER)
    const box = { x: 300, y: 300, width: 400, height: 400 }
    return { box, score: 0.9, landmarks: { layout: 478, points, ...(disagreement !== undefined && { disagreement }) } }
  }

  it('are spoken of above 8 %, and refused above 25 %, with what to do; given landmarks never', () => {
    for (const fine of [undefined, 0, 0.03, 0.08]) {
      expect(chooseFace([face(fine)], -1, photo)).toBeTruthy()
      expect(landmarkWarnings(face(fine))).toEqual([])
    }
    for (const doubtful of [0.09, 0.25]) expect(chooseFace([face(doubtful)], -1, photo)).toBeTruthy()
    const [warning] = landmarkWarnings(face(0.11))
    expect(warning).toContain('disagree by 11 % of the distance of the eyes')
    expect(warning).toContain('--landmark')
    const error = thrown(() => chooseFace([face(0.26)], -1, photo))
    expect([error.code, error.stage, error.exitCode]).toEqual(['FACE_UNCLEAR', 'landmarks', 4])
    expect(error.hint).toContain('--landmarks FILE')
  })
})

describe('faces that lie on their side', () => {
  const turned = (degrees: number): Face => {
    const points = new Float64Array(956)
    const [x, y] = [100 * Math.cos((degrees * Math.PI) / 180), 100 * Math.sin((degrees * Math.PI) / 180)]
    points.set([500 - x, 500 - y], 2 * RIGHT_EYE_OUTER)
    points.set([500 + x, 500 + y], 2 * LEFT_EYE_OUTER)
    return { box: { x: 300, y: 300, width: 400, height: 400 }, score: 0.9, landmarks: { layout: 478, points } }
  }

  it.each([90, -90, 180, 60])('by %i° are spoken of, with what to do', (degrees) => {
    expect(landmarkWarnings(turned(degrees)).join()).toMatch(
      new RegExp(`turned by ${Math.abs(degrees)}°.*turn the photo`),
    )
  })

  it.each([0, 25, -45])('by %i° only lean', (degrees) => {
    expect(landmarkWarnings(turned(degrees))).toEqual([])
  })
})

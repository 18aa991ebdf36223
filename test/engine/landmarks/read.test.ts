import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { drawFaces } from '../../../src/engine/landmarks/draw.js'
import { readLandmarks } from '../../../src/engine/landmarks/read.js'
import type { Photo } from '../../../src/engine/stages.js'
import { thrown } from '../../support/thrown.js'

describe('readLandmarks', () => {
  const photo = { width: 640, height: 480 }
  const list = (count: number): number[][] => Array.from({ length: count }, (_, i) => [100 + (i % 20) * 10, 50 + i / 2])

  it('reads every wrapping to the same points', () => {
    for (const count of [68, 478]) {
      const plain = readLandmarks(list(count), photo)
      expect(plain.landmarks.layout).toBe(count)
      expect([...plain.landmarks.points]).toEqual(list(count).flat())
      expect(plain.score).toBe(1)
      expect(plain.box.x).toBe(100)
      expect(plain.box.width).toBe(190)
      for (const other of [
        list(count).flat(),
        { points: list(count) },
        { landmarks: list(count).flat() },
        { face: 0, landmarks: { layout: count, points: list(count) } },
        list(count).map(([x, y]) => ({ x, y, z: 1 })),
        list(count).map(([x, y]) => [x, y, -3]),
      ]) {
        expect(readLandmarks(other, photo)).toEqual(plain)
      }
    }
  })

  it.each<[string, RegExp, (points: unknown[]) => unknown]>([
    ['not a list', /not a list/, () => 'face'],
    ['an object without points', /not a list/, () => ({ mesh: [] })],
    ['a wrong count', /67 landmarks/, (p) => p.slice(1)],
    ['none', /0 landmarks/, () => []],
    ['half a pair', /135 numbers/, (p) => p.flat().slice(1)],
    ['NaN', /landmark 7 is \(NaN/, (p) => p.with(7, [Number.NaN, 3])],
    ["JSON's null", /landmark 9 is \(5, null/, (p) => p.with(9, [5, null])],
    ['null in a flat list', /landmark 1 is \(null/, (p) => p.flat().with(2, null)],
    ['Infinity', /landmark 0 is .*Infinity/, (p) => p.with(0, [3, Number.POSITIVE_INFINITY])],
    ['a string', /landmark 2 is \(5, 6/, (p) => p.with(2, ['5', '6'])],
    ['a point of one number', /landmark 4 is \[5\]/, (p) => p.with(4, [5])],
    ['far outside', /landmark 3 .*outside the photo of 640x480/, (p) => p.with(3, [100, 5000])],
    ['shares instead of pixels', /shares of the photo/, (p) => (p as number[][]).map(([x, y]) => [x / 640, y / 480])],
    ['one place', /at one place/, (p) => p.map(() => [300, 200])],
  ])('refuses %s', (_, message, change) => {
    const error = thrown(() => readLandmarks(change(list(68)), photo))
    expect([error.code, error.stage]).toEqual(['LANDMARKS_INVALID', 'landmarks'])
    expect(error.message).toMatch(message)
    expect(error.hint).toBeTruthy()
  })
})

describe('pictures', () => {
  const width = 320
  const height = 240
  const photo: Photo = {
    width,
    height,
    data: new Uint8Array(width * height * 3).fill(90),
    exifFocalPx: undefined,
    format: 'png',
    sha256: '',
    warnings: [],
  }
  const face = readLandmarks(
    Array.from({ length: 68 }, (_, i) => [120 + (i % 9) * 10, 60 + i]),
    photo,
  )

  it.each([
    ['boxes', false, 200],
    ['boxes and landmarks', true, 1200],
  ])('%s are drawn on the face and nowhere else', async (_, landmarks, least) => {
    const { data, info } = await sharp(await drawFaces(photo, [face], landmarks))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([width, height])
    let [inside, outside] = [0, 0]
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (y * width + x) * 3
        if (data[at] === 90 && data[at + 1] === 90 && data[at + 2] === 90) continue
        const { box } = face
        const near = x > box.x - 4 && y > box.y - 4 && x < box.x + box.width + 4 && y < box.y + box.height + 4
        if (near) inside++
        else outside++
      }
    }
    expect(inside).toBeGreaterThan(least)
    expect(outside).toBe(0)
  })
})

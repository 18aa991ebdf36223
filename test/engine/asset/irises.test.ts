/** What is taken from the photo's eyes, on pictures of one eye that are drawn here. */
import { describe, expect, test } from 'vitest'
import { eyesSeen } from '../../../src/engine/asset/irises.js'
import { LEFT_IRIS } from '../../../src/engine/evidence/layouts.js'
import type { Camera, Landmarks, Photo } from '../../../src/engine/stages.js'

const SIZE = 200
const RADIUS = 20

/** Head and camera frame are one: a metre in front of the camera a pixel is a millimetre. */
const CAMERA: Camera = {
  width: SIZE,
  height: SIZE,
  fx: 1000,
  fy: 1000,
  cx: 100,
  cy: 100,
  headToCamera: Float64Array.from({ length: 16 }, (_, i) => Number(i % 5 === 0)),
}
/** Lids that are open 80 mm wide and 50 mm high, so that rounding does not count. */
const RIM = Float32Array.from({ length: 3 * 40 }, (_, i) => {
  const angle = (2 * Math.PI * Math.floor(i / 3)) / 40
  return [0.04 * Math.cos(angle), 0.025 * Math.sin(angle), 1][i % 3]
})
const LANDMARKS: Landmarks = { layout: 478, points: new Float64Array(956) }
LEFT_IRIS.forEach((i, k) => {
  const [dx, dy] = [
    [0, 0],
    [RADIUS, 0],
    [0, -RADIUS],
    [-RADIUS, 0],
    [0, RADIUS],
  ][k]
  LANDMARKS.points.set([100 + dx, 100 + dy], 2 * i)
})

/** Whites and an iris of these brightnesses, 0..255. */
function eye(white: number, iris: number): Photo {
  const data = new Uint8Array(3 * SIZE * SIZE)
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3)
    const [x, y] = [(pixel % SIZE) - 100, Math.floor(pixel / SIZE) - 100]
    data[i] = Math.hypot(x, y) < RADIUS ? iris : white
  }
  return { width: SIZE, height: SIZE, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
}
const seen = (photo: Photo, open = true) =>
  eyesSeen({
    photo,
    camera: CAMERA,
    landmarks: LANDMARKS,
    rims: { Left: RIM, Right: undefined },
    light: () => [1, 1, 1],
    open: () => open,
  })

describe('an eye', () => {
  test('tells where it looks, and how bright and of what colour it is', () => {
    const { irises, colour, white } = seen(eye(200, 90))
    expect(irises.Left?.radius).toBeCloseTo(0.02, 4)
    expect(white).toBeCloseTo(200 / 255, 2)
    for (const c of colour) expect(c).toBeCloseTo(90 / 255, 2)
  })

  test('in the dark is still one', () => {
    expect(seen(eye(60, 25)).irises.Left).toBeDefined()
  })

  test('that is shut tells nothing, also where the fitted lids leave a slit', () => {
    const { irises, white } = seen(eye(200, 90), false)
    expect([irises, white]).toEqual([{}, undefined])
  })

  test('behind black glasses tells nothing: brown eyes that look straight ahead, in usual light', () => {
    const { irises, colour, white } = seen(eye(12, 10))
    expect([irises, white]).toEqual([{}, undefined])
    expect(colour[0]).toBeGreaterThan(1.2 * colour[2])
  })
})

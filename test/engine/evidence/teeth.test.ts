import { describe, expect, test } from 'vitest'
import { mouthCrop, teethMeet } from '../../../src/engine/evidence/teeth.js'
import { cropImage } from '../../../src/engine/photo/crop.js'
import type { Photo } from '../../../src/engine/stages.js'

const SIZE = 600
const SKIN = [176, 128, 106]
const LIPS = [150, 84, 80]
const TOOTH = [222, 212, 196]
const DARK = [34, 16, 14]
const TONGUE = [178, 104, 100]

/** iBUG's landmarks of a mouth that is parted by a height in pixels, 100 wide, and of the lids above. */
function landmarks(height: number, turn = 0): { layout: 68; points: Float64Array } {
  const points = new Float64Array(2 * 68)
  const at = (i: number, x: number, y: number): void => {
    points[2 * i] = 300 + x * Math.cos(turn) - y * Math.sin(turn)
    points[2 * i + 1] = 400 + x * Math.sin(turn) + y * Math.cos(turn)
  }
  at(48, -50, 0)
  at(54, 50, 0)
  at(60, -45, 0)
  at(64, 45, 0)
  ;[-25, 0, 25].forEach((x, k) => {
    at(61 + k, x, -height / 2)
    at(67 - k, x, height / 2)
  })
  for (const i of [40, 41]) at(i, -45, -110)
  for (const i of [46, 47]) at(i, 45, -110)
  return { layout: 68, points }
}

/** A face of plain skin whose mouth shows these bands from the upper to the lower lip: [share of the height, colour]. */
function face(
  height: number,
  bands: [number, number[]][],
  { turn = 0, grey = false, light = 1 } = {},
): { photo: Photo; marks: ReturnType<typeof landmarks> } {
  const data = new Uint8Array(3 * SIZE * SIZE)
  for (let py = 0; py < SIZE; py++)
    for (let px = 0; px < SIZE; px++) {
      const [dx, dy] = [px + 0.5 - 300, py + 0.5 - 400]
      const [x, y] = [dx * Math.cos(turn) + dy * Math.sin(turn), -dx * Math.sin(turn) + dy * Math.cos(turn)]
      let colour = Math.hypot(x / 60, y / (height / 2 + 16)) < 1 ? LIPS : SKIN
      if (Math.abs(x) < 40 && Math.abs(y) < height / 2) {
        let share = y / height + 0.5
        for (const [band, inside] of bands) {
          colour = inside
          share -= band
          if (share < 0) break
        }
      }
      const mean = (colour[0] + colour[1] + colour[2]) / 3
      data.set(
        colour.map((c) => light * (grey ? mean : c)),
        3 * (py * SIZE + px),
      )
    }
  const photo = { width: SIZE, height: SIZE, data } as Photo
  return { photo, marks: landmarks(height, turn) }
}

function met({ photo, marks }: ReturnType<typeof face>): number {
  const crop = mouthCrop(marks)
  return teethMeet(cropImage(photo, crop), crop, marks)
}

describe('teeth that meet', () => {
  test('fill the opening, in any light, level or not', () => {
    expect(met(face(24, [[1, TOOTH]]))).toBe(1)
    expect(met(face(24, [[1, TOOTH]], { light: 0.4 }))).toBe(1)
    expect(met(face(24, [[1, TOOTH]], { turn: 0.5 }))).toBe(1)
    // the shade of an upper lip, and the line between the rows
    const rows: [number, number[]][] = [
      [0.15, DARK],
      [0.5, TOOTH],
      [0.04, DARK],
      [0.31, TOOTH],
    ] // prettier-ignore
    expect(met(face(28, rows))).toBe(1)
  })

  test('are not those with a gap below them, dark or red', () => {
    expect(
      met(
        face(24, [
          [0.6, TOOTH],
          [0.4, DARK],
        ]),
      ),
    ).toBe(0) // prettier-ignore
    expect(
      met(
        face(40, [
          [0.4, TOOTH],
          [0.3, DARK],
          [0.3, TOOTH],
        ]),
      ),
    ).toBe(0) // prettier-ignore
    expect(
      met(
        face(40, [
          [0.4, TOOTH],
          [0.6, TONGUE],
        ]),
      ),
    ).toBe(0) // prettier-ignore
  })

  test('are not claimed where none are seen', () => {
    expect(met(face(40, [[1, DARK]]))).toBe(0)
    expect(met(face(30, [[1, TONGUE]]))).toBe(0)
    // a gloss on shut lips
    expect(met(face(3, [[1, TOOTH]]))).toBe(0)
    // lips of a grey photo may be as bright as teeth
    expect(met(face(24, [[1, TOOTH]], { grey: true }))).toBe(0)
  })

  test('landmarks of no width say nothing', () => {
    const { photo } = face(24, [[1, TOOTH]])
    const none = { layout: 68 as const, points: new Float64Array(2 * 68).fill(300) }
    expect(met({ photo, marks: none })).toBe(0)
  })
})

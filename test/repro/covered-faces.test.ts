/** Beards that vanished from the texture, and brows that did beside thin frames of glasses: drawn labels of such faces. */
import { describe, expect, test } from 'vitest'
import { withinSeen } from '../../src/engine/asset/reach.js'
import { labelledFace } from '../../src/engine/evidence/trust.js'
import { HEAD_PARTS } from '../../src/engine/stages.js'
import { gridMesh } from '../support/shapes.js'

const SIZE = 256

/** [SIZE, SIZE] 1 in a box of pixels. */
const box = (left: number, right: number, top: number, bottom: number): Float32Array =>
  Float32Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)]
    return +(x >= left && x < right && y >= top && y < bottom)
  })

/** A face with a fringe, brows, glasses with thin frames about open eyes, and a beard about the mouth. */
function drawn() {
  const fringe = box(0, SIZE, 0, 40)
  const brows = box(60, 110, 80, 90).map((b, i) => b + box(146, 196, 80, 90)[i])
  const rim = (left: number) => {
    const inner = box(left + 3, left + 57, 97, 137)
    return box(left, left + 60, 94, 140).map((b, i) => b - inner[i])
  }
  const [one, other] = [rim(56), rim(140)]
  const glasses = one.map((b, i) => b + other[i])
  const eyes = box(76, 96, 112, 122).map((b, i) => b + box(160, 180, 112, 122)[i])
  const beard = box(80, 176, 180, 256)
  const cover = fringe.map((f, i) => Math.min(1, f + glasses[i] + beard[i]))
  const skin = cover.map((c, i) => 1 - Math.min(1, c + eyes[i]))
  return { skin, cover, beard, glasses, brows, eyes }
}

describe('a face with a fringe, glasses and a beard', () => {
  const labels = drawn()
  const none = new Float32Array(SIZE * SIZE)
  const face = Uint8Array.from(box(48, 208, 0, 240))
  const shown = labelledFace(labels, { mask: face }, { spoilt: none, torn: false })
  const trusted = (x: number, y: number) => shown.trusted[y * SIZE + x]
  const uncovered = (x: number, y: number) => shown.uncovered[y * SIZE + x]

  test('the beard is of the face, and no bare skin', () => {
    for (const y of [182, 200, 235]) expect([uncovered(128, y), trusted(128, y)]).toEqual([1, 0])
    // skin beside it is not matched, but painted
    expect([uncovered(128, 177), trusted(128, 177)]).toEqual([1, 0])
  })

  test('frames hide themselves and little more: brows above them and skin behind clear lenses stay', () => {
    // the upper rim, a brow 4 pixels over it
    for (const mask of [trusted, uncovered]) expect([mask(85, 95), mask(85, 88)]).toEqual([0, 1])
    expect([uncovered(85, 102), uncovered(64, 117), uncovered(85, 132)]).toEqual([1, 1, 1])
    const frames = labels.glasses.reduce((sum, g) => sum + g, 0)
    const lost = labels.skin.reduce(
      (sum, s, i) => sum + (labels.glasses[i] || (s && face[i] && !shown.uncovered[i] && i > 60 * SIZE) ? 1 : 0),
      0,
    )
    expect(lost).toBeLessThan(3 * frames)
  })

  test('the fringe and its shadow are neither', () => {
    for (const mask of [trusted, uncovered]) expect([mask(128, 20), mask(128, 43), mask(128, 60)]).toEqual([0, 0, 1])
  })
})

test('the arms of glasses are no border of what the photo shows', () => {
  // a sheet of 9 by 9 points 4 mm apart, its left edge an ear; an unseen row leads from there into the middle
  const mesh = gridMesh(0.032, 8)
  const parts = new Uint8Array(81).map((_, v) => (v % 9 === 0 ? HEAD_PARTS.ear : HEAD_PARTS.skin))
  const row = Uint8Array.from(parts, (_, v) => +(Math.floor(v / 9) === 4 && v % 9 > 0))
  const belief = Float32Array.from(parts, (part, v) => (part === HEAD_PARTS.ear || row[v] ? 0 : 1))
  const beside = 5 * 9 + 6
  expect(withinSeen(mesh, parts, belief, new Uint8Array(81))[beside]).toBeLessThan(0.3)
  expect(withinSeen(mesh, parts, belief, row)[beside]).toBe(1)
})

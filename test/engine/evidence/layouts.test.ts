import { describe, expect, it } from 'vitest'
import {
  ATTENTION_EYE,
  ATTENTION_LIPS,
  FACE_OVAL,
  ibugSources,
  LEFT_BROW,
  LEFT_EYE,
  LEFT_IRIS,
  LIPS_INNER,
  LIPS_OUTER,
  MIDLINE,
  MIRROR_478,
  RIGHT_BROW,
  RIGHT_EYE,
  RIGHT_IRIS,
} from '../../../src/engine/evidence/layouts.js'

describe('topology', () => {
  it('mirrors to itself, and right lists to left lists', () => {
    for (let i = 0; i < 478; i++) expect(MIRROR_478[MIRROR_478[i]]).toBe(i)
    for (let i = 0; i < 478; i++) expect(MIRROR_478[i] === i).toBe(MIDLINE.includes(i))
    const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b)
    const mirrored = (list: readonly number[]): number[] => sorted(list.map((i) => MIRROR_478[i]))
    for (const [right, left] of [
      [RIGHT_EYE, LEFT_EYE],
      [RIGHT_BROW, LEFT_BROW],
      [RIGHT_IRIS, LEFT_IRIS],
      [LIPS_INNER, LIPS_INNER],
      [LIPS_OUTER, LIPS_OUTER],
      [FACE_OVAL, FACE_OVAL],
    ]) {
      expect(mirrored(right)).toEqual(sorted(left))
      expect(new Set(right).size).toBe(right.length)
    }
    expect(new Set(ATTENTION_EYE).size).toBe(71)
    expect(new Set(ATTENTION_LIPS).size).toBe(80)
    expect(mirrored(ATTENTION_LIPS)).toEqual(sorted(ATTENTION_LIPS))
    for (const ring of [LIPS_OUTER, LIPS_INNER]) for (const i of ring) expect(ATTENTION_LIPS).toContain(i)
    // iBUG numbers its eyes, brows and mouth symmetrically: 36 and 45 are the outer corners, 48 and 54 the mouth's.
    for (const [a, b] of [
      [36, 45],
      [39, 42],
      [48, 54],
      [31, 35],
      [0, 16],
      [21, 22],
    ]) {
      expect(ibugSources(a).map((i) => MIRROR_478[i])).toEqual(ibugSources(b))
    }
  })
})

/** What ARKit's keys are made of, on the built-in head. */
import { beforeAll, describe, expect, test } from 'vitest'
import { arkitPoses } from '../../../src/engine/asset/keys.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import type { HeadModel } from '../../../src/engine/stages.js'

let model: HeadModel
beforeAll(async () => {
  model = await loadBuiltInHead()
})

describe('eyes that look up', () => {
  /** Strength of the unit that raises the upper lid at the end of eyeLookUpLeft. */
  const lid = (blink: number, wide = 0): number => {
    const names = model.expressionNames
    const shown = new Float64Array(names.length)
    shown[names.indexOf('eyeBlinkLeft')] = blink
    shown[names.indexOf('eyeWideLeft')] = wide
    const board = { mean: model.mean, landmarks: new Float64Array(478 * 3), jaw: new Float32Array(model.mean.length) }
    const poses = arkitPoses({ names, range: model.expressionRange, shown }, board)
    return poses.find(({ name }) => name === 'eyeLookUpLeft')!.expression[names.indexOf('eyeWideLeft')]
  }

  test('take open lids along, and leave shut ones and wide ones as they are', () => {
    expect(lid(0)).toBeGreaterThan(0.8)
    expect(lid(0.5)).toBeCloseTo(lid(0) / 2)
    expect(lid(1)).toBe(0)
    expect(lid(0, 1)).toBe(1)
  })
})

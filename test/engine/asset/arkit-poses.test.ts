/** What ARKit's keys are made of, on the built-in head. */
import { beforeAll, describe, expect, test } from 'vitest'
import { arkitPoses, type KeyPose } from '../../../src/engine/asset/keys.js'
import { type Lid, lidOf } from '../../../src/engine/asset/lids.js'
import type { Side } from '../../../src/engine/evidence/layouts.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import type { HeadModel } from '../../../src/engine/stages.js'

let model: HeadModel
beforeAll(async () => {
  model = await loadBuiltInHead()
})

const lid = (side: Side, expression: Float64Array): Lid => {
  const { positions } = posedMesh(model, new Float64Array(model.identityCount), expression, new Float64Array(0))
  return lidOf(embeddedPoints(positions, model.indices, model.landmarks478), side)
}

/** The left lid at rest and at the end of a key, on eyes that show an expression; the right one does the same. */
function lids(key: 'eyeLookUp' | 'eyeWide', units: Record<string, number>): { rest: Lid; end: Lid } {
  const names = model.expressionNames
  const shown = new Float64Array(names.length)
  for (const [unit, strength] of Object.entries(units))
    for (const side of ['Left', 'Right']) shown[names.indexOf(unit + side)] = strength
  const board = { mean: model.mean, landmarks: new Float64Array(478 * 3), jaw: new Float32Array(model.mean.length) }
  const poses = arkitPoses({ names, range: model.expressionRange, shown }, board, { lid, gap: () => 0 })
  const end = (side: Side): KeyPose => poses.find(({ name }) => name === key + side)!
  const [left, right] = (['Left', 'Right'] as const).map((side) => lid(side, end(side).expression))
  expect(right.open).toBeCloseTo(left.open, 4)
  return { rest: lid('Left', shown), end: left }
}

test('eyes that the unit leaves open are shut by more of it, others by as much of it as there is', () => {
  const names = model.expressionNames
  const k = names.indexOf('eyeBlinkLeft')
  const board = { mean: model.mean, landmarks: new Float64Array(478 * 3), jaw: new Float32Array(model.mean.length) }
  const shown = new Float64Array(names.length)
  const strength = (wide: number): number => {
    const gap = (_: Side, expression: Float64Array): number => wide - 0.009 * expression[k]
    const poses = arkitPoses({ names, range: model.expressionRange, shown }, board, { lid, gap })
    return poses.find(({ name }) => name === 'eyeBlinkLeft')!.expression[k]
  }
  expect(strength(0.0095)).toBe(1)
  expect(strength(0.012)).toBeCloseTo((0.012 - 0.001) / 0.009, 6)
  expect(strength(0.03)).toBeCloseTo(1.6, 6)
})

test('a mouth that is drawn round or down no longer smiles', () => {
  const names = model.expressionNames
  const shown = new Float64Array(names.length)
  for (const unit of ['mouthSmile', 'mouthLaugh'])
    for (const side of ['Left', 'Right']) shown[names.indexOf(unit + side)] = 0.5
  const board = { mean: model.mean, landmarks: new Float64Array(478 * 3), jaw: new Float32Array(model.mean.length) }
  const poses = arkitPoses({ names, range: model.expressionRange, shown }, board, { lid, gap: () => 0 })
  const at = (key: string, unit: string): number =>
    poses.find(({ name }) => name === key)!.expression[names.indexOf(unit)]
  for (const key of ['mouthPucker', 'mouthFunnel'])
    for (const unit of ['mouthSmileLeft', 'mouthSmileRight', 'mouthLaughLeft', 'mouthLaughRight'])
      expect(at(key, unit)).toBe(0)
  expect(at('mouthFrownLeft', 'mouthLaughLeft')).toBe(0)
  expect(at('mouthFrownLeft', 'mouthLaughRight')).toBe(0.5)
  expect(at('mouthLeft', 'mouthSmileLeft')).toBe(0.5)
})

const NARROW = { eyeSquint: 0.8 }
const WIDE = { eyeBlink: -0.2 }
const WIDEST = { eyeBlink: -0.2, eyeWide: 0.5 }

describe('upper lids', () => {
  test('go up with eyes that look up, the less the wider they are open, and never inside out', () => {
    const [narrow, open, wide, widest] = [NARROW, {}, WIDE, WIDEST].map((units) => lids('eyeLookUp', units))
    const raised = ({ rest, end }: { rest: Lid; end: Lid }): number => end.open - rest.open
    expect(raised(narrow)).toBeGreaterThan(0.0025)
    expect(raised(open)).toBeGreaterThan(0.001)
    expect(raised(wide)).toBeLessThan(0.7 * raised(open))
    expect(raised(widest)).toBeCloseTo(0, 5)
    for (const { rest, end } of [narrow, open, wide, widest])
      expect(end.above).toBeGreaterThan(Math.min(0.006, rest.above - 1e-6))
  })

  test('stay shut over eyes that look up', () => {
    const { rest, end } = lids('eyeLookUp', { eyeBlink: 1 })
    expect(rest.open).toBeLessThan(0.001)
    expect(end.open).toBeCloseTo(rest.open, 5)
  })

  test('that are widened go as far up as they can, and a millimetre at least', () => {
    expect(lids('eyeWide', NARROW).end.above).toBeGreaterThan(0.006)
    for (const units of [{}, WIDE, NARROW]) {
      const { rest, end } = lids('eyeWide', units)
      expect(end.open - rest.open).toBeGreaterThan(0.001)
    }
  })
})

import { beforeAll, describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import type { MovedHead } from '../../../src/engine/pipeline/build-parts.js'
import type { OpenedHead } from '../../../src/engine/pipeline/open-face.js'
import type { HeadModel } from '../../../src/engine/stages.js'
import { deepestIntersection } from '../../support/self-intersection.js'
import type { AssetScene } from './asset-fixture.js'
import { faceKey, movedHead, withKeys } from './moved-head.js'

let scene: AssetScene
let opened: OpenedHead
let moved: MovedHead
beforeAll(async () => {
  ;({ scene, opened, moved } = await movedHead())
}, 120_000)

describe('keys', () => {
  /** Triangles about eyes and mouth. */
  const aboutRims = (rest: Float32Array, indices: Uint32Array): number[] =>
    Array.from({ length: indices.length / 3 }, (_, t) => t).filter((t) => {
      const [x, y, z] = rest.subarray(3 * indices[3 * t], 3 * indices[3 * t] + 3)
      const eye = Math.abs(Math.abs(x) - 0.031) < 0.024 && Math.abs(y) < 0.02
      const mouth = Math.abs(x) < 0.036 && y < -0.045 && y > -0.1
      return z > 0.06 && (eye || mouth)
    })
  test('nothing is torn or passes through itself about eyes and mouth', () => {
    const rest = moved.positions
    const { indices } = opened
    const near = aboutRims(rest, indices)
    const found: [string, number, number][] = []
    for (const { name } of ARKIT) {
      const key = faceKey(moved, name)
      if (!key) continue
      // closing lips is meant for an open jaw
      const p = withKeys(rest, name === 'mouthClose' ? [key, faceKey(moved, 'jawOpen')!] : [key])
      let stretch = 0
      for (let c = 0; c < indices.length; c++) {
        const [a, b] = [indices[c], indices[c % 3 === 2 ? c - 2 : c + 1]]
        const length = (q: Float32Array): number =>
          Math.hypot(q[3 * a] - q[3 * b], q[3 * a + 1] - q[3 * b + 1], q[3 * a + 2] - q[3 * b + 2])
        if (length(rest) > 3e-4) stretch = Math.max(stretch, length(p) / length(rest))
      }
      found.push([name, 1000 * deepestIntersection({ positions: p, indices }, near).depth, stretch])
    }
    console.info(
      found.map(([name, depth, stretch]) => `${name} ${depth.toFixed(2)} mm, ${stretch.toFixed(1)}x`).join('; '),
    )
    for (const [name, depth, stretch] of found) {
      expect(depth, name).toBeLessThan(0.2)
      expect(stretch, name).toBeLessThan(8)
    }
  }, 120_000)

  const drawn = async (seed: number): Promise<(names: readonly string[]) => number> => {
    const { opened: head, moved: other } = await movedHead(drawnHead(scene.fit.model, seed))
    const { positions } = other
    const near = aboutRims(positions, head.indices)
    return (names) => {
      const mesh = {
        positions: withKeys(
          positions,
          names.map((name) => faceKey(other, name)!),
        ),
        indices: head.indices,
      }
      return 1000 * deepestIntersection(mesh, near).depth
    }
  }

  test.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    'on other faces neither (face %i)',
    async (seed) => {
      const depth = await drawn(seed)
      const found = CROWDING.map((name): [string, number] => [name, depth([name])])
      console.info(found.map(([name, mm]) => `${name} ${mm.toFixed(2)} mm`).join('; '))
      for (const [name, mm] of found) expect(mm, name).toBeLessThan(0.2)
    },
    120_000,
  )

  test.each([1, 2])(
    'nor by more than half a millimetre in pairs of keys that go together (face %i)',
    async (seed) => {
      const depth = await drawn(seed)
      const found = TOGETHER.map((names): [string, number] => [names.join('+'), depth(names)])
      console.info(found.map(([name, mm]) => `${name} ${mm.toFixed(2)} mm`).join('; '))
      for (const [name, mm] of found) expect(mm, name).toBeLessThan(0.5)
    },
    120_000,
  )
})

/** Keys that bring skin nearest to itself. */
const CROWDING = [
  ...['eyeBlinkLeft', 'eyeBlinkRight', 'eyeSquintRight', 'cheekSquintLeft', 'mouthSmileLeft', 'mouthFrownRight'],
  ...[
    'mouthDimpleRight',
    'mouthStretchRight',
    'mouthLowerDownRight',
    'mouthUpperUpRight',
    'mouthRollUpper',
    'mouthPucker',
  ],
]

/** Keys that faces show at once. */
const TOGETHER = [
  ['mouthSmileLeft', 'mouthSmileRight'],
  ['mouthFrownLeft', 'mouthFrownRight'],
  ['mouthStretchLeft', 'mouthStretchRight'],
  ['mouthDimpleLeft', 'mouthDimpleRight'],
  ['mouthPressLeft', 'mouthPressRight'],
  ['mouthRollLower', 'mouthRollUpper'],
  ['jawOpen', 'mouthClose'],
  ['jawOpen', 'mouthFunnel'],
  ['jawOpen', 'mouthSmileLeft'],
  ['eyeBlinkLeft', 'eyeSquintLeft'],
  ['eyeBlinkLeft', 'eyeLookDownLeft'],
  ['eyeBlinkLeft', 'cheekSquintLeft'],
] as const

/** A drawn person as a model's mean. */
function drawnHead(model: HeadModel, seed: number): HeadModel {
  const rng = new Rng(seed)
  const drawn = Array.from({ length: model.identityCount }, () => rng.normal())
  const of = (mean: Float32Array, components: Float32Array): Float32Array =>
    mean.map((x, i) => drawn.reduce((sum, c, k) => sum + c * components[k * mean.length + i], x))
  const interior = model.interior!
  return {
    ...model,
    mean: of(model.mean, model.identity),
    interior: { ...interior, mean: of(interior.mean, interior.identity) },
  }
}

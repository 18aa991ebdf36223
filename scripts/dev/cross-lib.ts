import { Rng } from '../../src/engine/geometry/rng.js'
import type { HeadModel } from '../../src/engine/stages.js'
/** Keys that faces show at once. */
export const TOGETHER = [
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
export function drawnHead(model: HeadModel, seed: number): HeadModel {
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
export const aboutRims = (rest: Float32Array, indices: Uint32Array): number[] =>
    Array.from({ length: indices.length / 3 }, (_, t) => t).filter((t) => {
      const [x, y, z] = rest.subarray(3 * indices[3 * t], 3 * indices[3 * t] + 3)
      const eye = Math.abs(Math.abs(x) - 0.031) < 0.024 && Math.abs(y) < 0.02
      const mouth = Math.abs(x) < 0.036 && y < -0.045 && y > -0.1
      return z > 0.06 && (eye || mouth)
    })
  
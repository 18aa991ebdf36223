/** The fitted head model, skin and mouth's inside, at metric size in any expression. */
import { JAW_OPEN } from '../asset/arkit.js'
import type { KeyPose } from '../asset/keys.js'
import { transformPoints } from '../geometry/camera.js'
import { gather } from '../geometry/mesh.js'
import { alignPoints } from '../geometry/similarity.js'
import { posedMesh } from '../head/fit-mesh.js'
import { posedInterior } from '../head/interior.js'
import type { Metric } from '../head/metric.js'
import type { HeadFit } from '../stages.js'
import type { HeadMesh } from '../surface/head-mesh.js'

/** The model's vertices at metric size in any expression. Without joints only the coefficients that differ cost time. */
export function poser(
  fit: HeadFit,
  { scale }: Metric,
): (pose: Pick<KeyPose, 'expression' | 'movement'>) => Float32Array {
  const { model, identity, jointRotations } = fit
  const start = fit.mesh.positions
  const expressed = (expression: Float64Array): Float32Array => {
    if (model.skinning) return posedMesh(model, identity, expression, jointRotations).positions.map((p) => p * scale)
    const out = start.slice()
    for (let k = 0; k < expression.length; k++) {
      const change = scale * (expression[k] - fit.expression[k])
      if (change === 0) continue
      const basis = model.expression.subarray(k * out.length, (k + 1) * out.length)
      for (let i = 0; i < out.length; i++) out[i] += change * basis[i]
    }
    return out
  }
  return ({ expression, movement }) => {
    const out = expressed(expression)
    if (movement) for (let i = 0; i < out.length; i++) out[i] += scale * movement[i]
    return out
  }
}

/** The same for the mouth's inside; undefined for models without. */
export function insidePoser(
  { model, identity, expression: fitted, mesh }: HeadFit,
  { scale }: Metric,
): ((pose: Pick<KeyPose, 'expression' | 'tongueOut'>) => Float32Array) | undefined {
  if (!model.interior) return undefined
  // the person's own, as in the photo: each pose costs only what differs from it
  const interior = model.interior
  const own = { ...interior, mean: posedInterior(interior, identity, fitted).positions }
  const { seam } = own
  const at = ({ expression, tongueOut }: Pick<KeyPose, 'expression' | 'tongueOut'>): Float32Array => {
    // a tongue goes by where the jaw has turned to from its place in the mean head
    const { positions } =
      tongueOut > 0
        ? posedInterior(interior, identity, expression, tongueOut)
        : posedInterior(
            own,
            [],
            expression.map((c, k) => c - fitted[k]),
          )
    return positions.map((p) => p * scale)
  }
  if (!model.skinning) return at
  // joints carry the skin alone: the inside goes with the lips
  const rows = (of: number): Uint32Array => Uint32Array.from({ length: seam.length / 2 }, (_, i) => seam[2 * i + of])
  const carried = alignPoints(
    Float64Array.from(gather(at({ expression: fitted, tongueOut: 0 }), rows(0), 3)),
    Float64Array.from(gather(mesh.positions, rows(1), 3)),
  )
  return (pose) => transformPoints(carried, at(pose))
}

/** [vertices of the closed head, 3] the fitted head as it is in the photo, but with a face at rest and, where its model can, its eyes shut. */
export function restingHead(fit: HeadFit, metric: Metric, { topology }: HeadMesh): Float32Array {
  const expression = new Float64Array(fit.expression.length)
  for (const side of ['Left', 'Right']) {
    const blink = fit.model.expressionNames.indexOf(`eyeBlink${side}`)
    if (blink >= 0) expression[blink] = 1
  }
  return topology.refined(poser(fit, metric)({ expression }), 3)
}

/** Nothing but an open jaw; for models without such a unit, what the photo shows. */
export function openMouth({ model, expression }: HeadFit): Pick<KeyPose, 'expression' | 'tongueOut'> {
  const k = model.expressionNames.indexOf('jawOpen')
  return {
    expression: k < 0 ? expression : Float64Array.from(expression, (_, i) => (i === k ? JAW_OPEN : 0)),
    tongueOut: 0,
  }
}

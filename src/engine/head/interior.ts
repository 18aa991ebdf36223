/** The mouth's inside, posed with the head. */
import { transformDirections } from '../geometry/camera.js'
import { alignPoints } from '../geometry/similarity.js'
import { type HeadInterior, INTERIOR_PARTS, type Mesh } from '../stages.js'

/**
 * @param identity @param expression the head's coefficients; missing ones are 0
 * @param tongueOut 0 to 1: how far the tongue is put out; it needs a mouth that opens by a centimetre
 * @returns all vertices and triangles of the interior, head frame, metres
 */
export function posedInterior(
  interior: HeadInterior,
  identity: ArrayLike<number>,
  expression: ArrayLike<number>,
  tongueOut = 0,
): Mesh {
  const { mean, indices } = interior
  const positions = Float64Array.from(mean)
  add(positions, interior.identity, identity)
  add(positions, interior.expression, expression)
  if (tongueOut > 0 && interior.tongueOut) {
    const turned = transformDirections(jawMotion(interior, positions), interior.tongueOut)
    for (let i = 0; i < positions.length; i++) positions[i] += tongueOut * turned[i]
  }
  return { positions: Float32Array.from(positions), indices }
}

function add(positions: Float64Array, basis: Float32Array, coefficients: ArrayLike<number>): void {
  for (let k = 0; k < coefficients.length; k++) {
    const c = coefficients[k]
    if (c === 0) continue
    const offset = k * positions.length
    for (let i = 0; i < positions.length; i++) positions[i] += c * basis[offset + i]
  }
}

/** The similarity that the lower teeth have moved by. */
function jawMotion({ mean, parts }: HeadInterior, posed: Float64Array): Float64Array {
  const teeth = [...parts.keys()].filter((v) => parts[v] === INTERIOR_PARTS.lowerTeeth)
  const pick = (values: ArrayLike<number>): Float64Array =>
    Float64Array.from(teeth.flatMap((v) => [values[3 * v], values[3 * v + 1], values[3 * v + 2]]))
  return alignPoints(pick(mean), pick(posed))
}

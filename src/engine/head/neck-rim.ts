/** MakeHuman's neck ends in a ragged rim: here it is made even. */
import { boundaryLoops } from '../geometry/mesh.js'
import { HEAD_PARTS, type HeadModel } from '../stages.js'

/** Times each vertex of the rim is moved half way towards the middle of its neighbours there. */
const ROUNDS = 40

/** Evens the neck's rim in the mean head and in all components alike, so that it is even in every head. Changes the model's arrays. */
export function evenNeckRim({ mean, identity, expression, indices, parts }: HeadModel): void {
  const rims = boundaryLoops({ positions: mean, indices }).filter((loop) =>
    loop.every((v) => parts[v] === HEAD_PARTS.neck),
  )
  for (const rim of rims) {
    const n = rim.length
    // the weights of one vertex are those of all, turned round the rim
    let weights = new Float64Array(n)
    weights[0] = 1
    for (let round = 0; round < ROUNDS; round++)
      weights = weights.map((w, i) => w / 2 + (weights[(i + n - 1) % n] + weights[(i + 1) % n]) / 4)
    const before = new Float64Array(3 * n)
    for (const values of [mean, identity, expression])
      for (let from = 0; from < values.length; from += mean.length) {
        for (let i = 0; i < 3 * n; i++) before[i] = values[from + 3 * rim[Math.floor(i / 3)] + (i % 3)]
        for (let i = 0; i < 3 * n; i++) {
          let sum = 0
          for (let k = 0; k < n; k++) sum += weights[k] * before[(i + 3 * k) % (3 * n)]
          values[from + 3 * rim[Math.floor(i / 3)] + (i % 3)] = sum
        }
      }
  }
}

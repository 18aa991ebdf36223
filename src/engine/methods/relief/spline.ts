/** Uniform cubic B-splines over an image, as matrices: values and derivatives at the pixel centres are U c Uᵀ. */
import * as tf from '@tensorflow/tfjs-core'

export interface SplineMatrices {
  /** [size, knots] values at the pixel centres */
  value: Float32Array
  /** [size, knots] derivative per pixel */
  slope: Float32Array
}

function basis(t: number): number {
  const a = Math.abs(t)
  if (a < 1) return (4 - 6 * a * a + 3 * a ** 3) / 6
  return a < 2 ? (2 - a) ** 3 / 6 : 0
}

function basisSlope(t: number): number {
  const a = Math.abs(t)
  if (a < 1) return Math.sign(t) * (1.5 * a * a - 2 * a)
  return a < 2 ? (-Math.sign(t) * (2 - a) ** 2) / 2 : 0
}

/** Matrices for an image of `size` pixels a side and `knots` coefficients a side. */
export function splineMatrices(size: number, knots: number): SplineMatrices {
  const value = new Float32Array(size * knots)
  const slope = new Float32Array(size * knots)
  const spacing = size / knots
  for (let i = 0; i < size; i++) {
    const x = (i + 0.5) / spacing - 0.5
    for (let j = Math.max(0, Math.floor(x) - 2); j < Math.min(knots, Math.ceil(x) + 3); j++) {
      value[i * knots + j] = basis(x - j)
      slope[i * knots + j] = basisSlope(x - j) / spacing
    }
  }
  return { value, slope }
}

/** Coefficient counts per side: doubling from `coarsest` up to one coefficient per `finest` pixels. */
export function pyramid(size: number, coarsest: number, finest: number): number[] {
  const levels: number[] = []
  for (let n = coarsest; n < size / finest; n *= 2) levels.push(n)
  return [...levels, Math.round(size / finest)]
}

/** Values, or derivatives per pixel, along an axis. */
type Part = 'value' | 'slope'

/** Sums of splines of several spacings, for tensor programs. */
export class SplineSum {
  private readonly matrices: SplineMatrices[]

  /** @param levels coefficients a side of each level */
  constructor(
    private readonly size: number,
    readonly levels: readonly number[],
  ) {
    this.matrices = levels.map((n) => splineMatrices(size, n))
  }

  /**
   * Images one below the other, [images * size, size], of their coefficients, an [n, n] for each level n. All levels of all images
   * take part in one product with the levels' matrices side by side.
   */
  images(coefficients: tf.Tensor2D[][], down: Part = 'value', across: Part = 'value'): tf.Tensor2D {
    const rows = coefficients.map((levels) =>
      tf.concat2d(
        levels.map((c, level) => tf.matMul(this.matrix(level, down), c) as tf.Tensor2D),
        1,
      ),
    )
    const all = tf.concat2d(
      this.levels.map((_, level) => this.matrix(level, across)),
      1,
    )
    return tf.matMul(tf.concat2d(rows, 0), all, false, true)
  }

  /** [size, knots] */
  private matrix(level: number, part: Part): tf.Tensor2D {
    return tf.tensor2d(this.matrices[level][part], [this.size, this.levels[level]])
  }
}

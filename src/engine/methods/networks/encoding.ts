/**
 * Positional encoding φ of NeRF: φ(x) = [x, a_k sin(2^k x), a_k cos(2^k x)], k = 0..bands-1, written as products with one
 * constant matrix so that values and derivatives are a few vectorised operations.
 *
 * NeRF's amplitudes a_k are 1. Falling ones describe the same functions (the first layer's weights can undo them), but a step of
 * Adam, which moves all weights alike, then changes low bands more than high ones: a field becomes smooth first and fine later.
 */
import * as tf from '@tensorflow/tfjs-core'

/** Numbers in φ(x) for a 3-vector. */
const encodedSize = (bands: number): number => 3 + 6 * bands

/** [3, 3 * bands]: column 3k + i holds 2^k * `scale` in row i. */
function frequencies(bands: number, scale: number): Float32Array {
  const matrix = new Float32Array(9 * bands)
  for (let k = 0; k < bands; k++) for (let i = 0; i < 3; i++) matrix[i * 3 * bands + 3 * k + i] = scale * 2 ** k
  return matrix
}

export interface Encoded {
  /** φ(x), [points, encodedSize] */
  value: tf.Tensor2D
  /** a_k sin and a_k cos, [points, 3 bands] */
  sin: tf.Tensor2D
  cos: tf.Tensor2D
}

/** The encoding of points, with the derivatives that normals and their gradients need. */
export class Encoding {
  readonly size: number

  /**
   * @param scale multiplies x before encoding: π puts the lowest band's period at the unit cube's edge
   * @param decay amplitude of a band over that of the band below
   */
  constructor(
    readonly bands: number,
    readonly scale: number,
    readonly decay = 1,
  ) {
    this.size = encodedSize(bands)
  }

  private amplitudes(): tf.Tensor2D {
    return tf.tensor2d(
      Float32Array.from({ length: 3 * this.bands }, (_, i) => this.decay ** Math.floor(i / 3)),
      [1, 3 * this.bands],
    )
  }

  private matrix(): tf.Tensor2D {
    return tf.tensor2d(frequencies(this.bands, this.scale), [3, 3 * this.bands])
  }

  /** φ(x) for x [n, 3]. */
  encode(x: tf.Tensor2D): Encoded {
    const angles: tf.Tensor2D = tf.matMul(x, this.matrix())
    const amplitudes = this.amplitudes()
    const sin: tf.Tensor2D = tf.mul(tf.sin(angles), amplitudes)
    const cos: tf.Tensor2D = tf.mul(tf.cos(angles), amplitudes)
    return { value: tf.concat2d([x, sin, cos], 1), sin, cos }
  }

  /** φ'(x)ᵀ g: pulls a gradient on φ back to x. `g` [n, size] → [n, 3]. */
  pullBack(encoded: Encoded, g: tf.Tensor2D): tf.Tensor2D {
    const [gx, gSin, gCos] = this.split(g)
    const angles = tf.sub(tf.mul(gSin, encoded.cos), tf.mul(gCos, encoded.sin)) as tf.Tensor2D
    return tf.add(gx, tf.matMul(angles, this.matrix(), false, true))
  }

  /** φ'(x) d: pushes a direction d [n, 3] forward to φ, [n, size]. */
  pushForward(encoded: Encoded, d: tf.Tensor2D): tf.Tensor2D {
    const angles = tf.matMul(d, this.matrix())
    return tf.concat2d(
      [d, tf.mul(angles, encoded.cos) as tf.Tensor2D, tf.neg(tf.mul(angles, encoded.sin)) as tf.Tensor2D],
      1,
    )
  }

  /** ∂/∂x of dᵀ φ'(x)ᵀ g: the encoding's share of the Hessian product, [n, 3]. */
  curvature(encoded: Encoded, g: tf.Tensor2D, d: tf.Tensor2D): tf.Tensor2D {
    const [, gSin, gCos] = this.split(g)
    const bend = tf.add(tf.mul(gSin, encoded.sin), tf.mul(gCos, encoded.cos))
    const angles = tf.neg(tf.mul(bend, tf.matMul(d, this.matrix()))) as tf.Tensor2D
    return tf.matMul(angles, this.matrix(), false, true)
  }

  private split(g: tf.Tensor2D): [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D] {
    const half = 3 * this.bands
    return tf.split(g, [3, half, half], 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
  }
}

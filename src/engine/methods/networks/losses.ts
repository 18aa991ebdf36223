/** Loss terms shared by the coarse and the detail stage. */
import * as tf from '@tensorflow/tfjs-core'

/** mean (‖∇f‖ - 1)² over points; normal [n, 3]. Eq. 6. */
export function eikonal(normal: tf.Tensor): tf.Scalar {
  const length = tf.sqrt(tf.add(tf.sum(tf.square(normal), 1), 1e-12))
  return tf.mean(tf.square(tf.sub(length, 1)))
}

/** mean |a - b|. Eq. 5. */
export const meanAbsolute = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => tf.mean(tf.abs(tf.sub(a, b)))

/** Rows scaled to unit length, [n, 3]. */
export function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)))
}

/** Points in triangles by the weights of the corners. */

/** Barycentric coordinates of the point at `at` of `points` in a triangle that holds it. */
export function barycentric(
  positions: ArrayLike<number>,
  corners: ArrayLike<number>,
  points: ArrayLike<number>,
  at: number,
  out: Float32Array | Float64Array | number[],
): void {
  const [a, b, c] = [3 * corners[0], 3 * corners[1], 3 * corners[2]]
  let [uu, uv, vv, ud, vd] = [0, 0, 0, 0, 0]
  for (let k = 0; k < 3; k++) {
    const u = positions[b + k] - positions[a + k]
    const v = positions[c + k] - positions[a + k]
    const d = points[at + k] - positions[a + k]
    uu += u * u
    uv += u * v
    vv += v * v
    ud += u * d
    vd += v * d
  }
  const determinant = Math.max(uu * vv - uv * uv, 1e-30)
  out[1] = Math.min(1, Math.max(0, (vv * ud - uv * vd) / determinant))
  out[2] = Math.min(1 - out[1], Math.max(0, (uu * vd - uv * ud) / determinant))
  out[0] = 1 - out[1] - out[2]
}

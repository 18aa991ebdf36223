/** Small dense linear algebra of the head fit: symmetric systems of about a hundred unknowns. */

/**
 * Cholesky decomposition A = L Lᵀ, in place.
 *
 * @param a [n, n] row-major; the lower triangle is read and replaced by L
 * @returns false if A is not positive definite (then `a` holds no result)
 */
function factor(a: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * n
    for (let j = 0; j <= i; j++) {
      const other = j * n
      let sum = a[row + j]
      for (let k = 0; k < j; k++) sum -= a[row + k] * a[other + k]
      if (i === j) {
        if (!(sum > 0) || !Number.isFinite(sum)) return false
        a[row + i] = Math.sqrt(sum)
      } else {
        a[row + j] = sum / a[other + j]
      }
    }
  }
  return true
}

/** Solves `L Lᵀ x = b` in place. */
function substitute(l: Float64Array, b: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    let sum = b[i]
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * b[k]
    b[i] = sum / l[i * n + i]
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i]
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * b[k]
    b[i] = sum / l[i * n + i]
  }
}

/**
 * Solves `A x = b` for a symmetric positive definite A by Cholesky decomposition, in place.
 *
 * @param a [n, n] row-major; the lower triangle is read and replaced by the factor L (A = L Lᵀ)
 * @param b [n] right-hand side, replaced by the solution
 * @returns false if A is not positive definite (then `a` and `b` hold no result)
 */
export function solveCholesky(a: Float64Array, b: Float64Array, n: number): boolean {
  if (!factor(a, n)) return false
  substitute(a, b, n)
  return true
}

/**
 * Inverse of a symmetric positive definite matrix.
 *
 * @param a [n, n] of which the lower triangle is read
 * @returns [n, n]; undefined if A is not positive definite
 */
export function inverseOf(a: Float64Array, n: number): Float64Array | undefined {
  const l = a.slice()
  if (!factor(l, n)) return undefined
  const out = new Float64Array(n * n)
  for (let k = 0; k < n; k++) {
    // The inverse is symmetric: its k-th column is its k-th row.
    const row = out.subarray(k * n, (k + 1) * n)
    row[k] = 1
    substitute(l, row, n)
  }
  return out
}

/** Median of the finite values, NaN if there are none. Does not change its argument. */
export function median(values: ArrayLike<number>): number {
  const finite = Float64Array.from(Array.from(values).filter(Number.isFinite)).sort()
  const n = finite.length
  if (n === 0) return Number.NaN
  return n % 2 === 1 ? finite[(n - 1) / 2] : (finite[n / 2 - 1] + finite[n / 2]) / 2
}

/** Cross product a × b of two 3-vectors. */
export function cross(a: ArrayLike<number>, b: ArrayLike<number>): [number, number, number] {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/** Dot product of two 3-vectors. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

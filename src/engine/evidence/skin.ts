/**
 * How far each pixel of the face is from plain skin in the face's own light. Light of low order, on the fitted head's normals, is
 * fitted to the middle of the face, where hair seldom hangs, and then to all that agrees with it, so that a shaded cheek is
 * skin and dark hair is not.
 */
import { solveCholesky } from '../geometry/algebra.js'
import { HARMONICS, harmonics } from '../geometry/harmonics.js'
import { skinTone, type ToneBounds, toneSpread } from '../image/skin-tone.js'

/** Rounds of reweighted least squares. */
const ROUNDS = 8
/** Weight of a pixel beyond the middle of the face, before how well it agrees. */
const BEYOND = 0.5
/** Squared distance at which a pixel counts a quarter. */
const DOUBT = 4
/** Ridge of orders 1 and 2 for a pixel of weight 1: where no skin shows the light, it stays what it is elsewhere. */
const RIDGE = [0.003, 0.02]
/** Skin in a light of low order. */
const TONES: ToneBounds = { brightness: [0.15, 0.3], ratio: [0.05, 0.125] }
/** How many times as far brightness may be above as below: skin shines, but is never as dark as hair. */
const SHINE = 3
/** Fewer pixels than this say nothing. */
const LEAST = 100

/**
 * [pixels] squared distances in standard deviations; all 0 where too little of the middle of the face is seen.
 * @param image [pixels, 3] sRGB 0..1
 * @param normals [pixels, 3] unit, camera frame
 * @param plain [pixels] 1 on the face but for eyes, brows and lips
 * @param middle [pixels] 1 in the middle of the face
 */
export function skinDistance(
  image: Float32Array,
  normals: Float32Array,
  plain: ArrayLike<number>,
  middle: ArrayLike<number>,
): Float32Array {
  const pixels = Uint32Array.from({ length: plain.length }, (_, i) => i).filter((i) => plain[i] > 0)
  const n = pixels.length
  const central = Uint32Array.from({ length: n }, (_, i) => i).filter((i) => middle[pixels[i]] > 0)
  const distance = new Float32Array(plain.length)
  if (central.length < LEAST) return distance
  const basis = new Float32Array(n * HARMONICS)
  pixels.forEach((p, i) => {
    basis.set(harmonics(normals[3 * p], normals[3 * p + 1], normals[3 * p + 2]), i * HARMONICS)
  })
  const prior = Float32Array.from(pixels, (p) => (middle[p] > 0 ? 1 : BEYOND))
  const weight = prior.map((w) => (w === 1 ? 1 : 0))
  const tones = [0, 1, 2].map(() => new Float32Array(n))
  const squares = new Float32Array(n)
  for (let round = 0; round < ROUNDS; round++) {
    const light = fitLight(image, pixels, basis, weight)
    const ratio = [0, 0, 0]
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < 3; c++) {
        let shade = 0
        for (let k = 0; k < HARMONICS; k++) shade += light[c][k] * basis[i * HARMONICS + k]
        ratio[c] = Math.max(image[3 * pixels[i] + c], 0.01) / Math.max(shade, 0.03)
      }
      const tone = skinTone(ratio[0], ratio[1], ratio[2])
      for (let k = 0; k < 3; k++) tones[k][i] = tone[k]
    }
    squares.fill(0)
    const spread = toneSpread(
      tones.map((tone) => Float32Array.from(central, (i) => tone[i])),
      TONES,
    )
    tones.forEach((tone, k) => {
      const { median, sigma } = spread[k]
      for (let i = 0; i < n; i++) {
        const off = (tone[i] - median) / sigma
        squares[i] += (k === 0 && off > 0 ? off / SHINE : off) ** 2
      }
    })
    for (let i = 0; i < n; i++) weight[i] = prior[i] / (1 + squares[i] / DOUBT) ** 2
  }
  pixels.forEach((p, i) => {
    distance[p] = squares[i]
  })
  return distance
}

/** 3 x [9] the light that explains weighted pixels best. */
function fitLight(image: Float32Array, pixels: Uint32Array, basis: Float32Array, weight: Float32Array): Float64Array[] {
  const m = HARMONICS
  const gram = new Float64Array(m * m)
  const right = [0, 1, 2].map(() => new Float64Array(m))
  let total = 0
  for (let i = 0; i < weight.length; i++) {
    if (weight[i] === 0) continue
    total += weight[i]
    for (let p = 0; p < m; p++) {
      const weighted = weight[i] * basis[i * m + p]
      for (let c = 0; c < 3; c++) right[c][p] += weighted * image[3 * pixels[i] + c]
      for (let q = 0; q <= p; q++) gram[m * p + q] += weighted * basis[i * m + q]
    }
  }
  for (let p = 1; p < m; p++) gram[(m + 1) * p] += RIDGE[p < 4 ? 0 : 1] * total
  return right.map((b) => {
    solveCholesky(gram.slice(), b, m)
    return b
  })
}

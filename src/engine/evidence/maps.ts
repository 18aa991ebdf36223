/** Evidence at a crop's own resolution, as the detail stage and the asset use it. */
import { smoothstep } from '../geometry/smoothstep.js'
import { sampleBilinear } from '../image/filter.js'
import { type Evidence, LABELS } from './network.js'

/** What the network says of each crop pixel; arrays are [size, size] row by row. */
export interface EvidenceMaps {
  size: number
  /** Probability that the pixel shows bare skin, lips and brows included. */
  skin: Float32Array
  /** Probability that it shows what covers the head: hair, a beard, glasses, a hand and so on. */
  cover: Float32Array
  /** Of that, hair of the head. */
  hair: Float32Array
  /** And the person's own beard and moustache; and the frames and dark lenses of glasses. */
  beard: Float32Array
  glasses: Float32Array
  lips: Float32Array
  brows: Float32Array
  eyes: Float32Array
  /** The inside of an open mouth: teeth, tongue and what is behind them. */
  mouth: Float32Array
  /** [size, size, 3] unit normals of the skin, camera frame; 0 off the head. */
  normals: Float32Array
  /** How much the normals are to be trusted, 0..1: 1 where the expected error is small. */
  confidence: Float32Array
  /** [size, size, 3] log albedo, up to a constant of each colour. */
  albedo: Float32Array
}

/** Expected squared error of normals that halves their confidence: about 13 degrees. */
const HALF = 0.05

/** A pixel counts as beard from this probability on; shares of the crop below which there is none, and from which on there is one for sure. */
const BEARDED = 0.3
const BEARD = [0.005, 0.012] as const

/**
 * 0..1 whether there is a beard or moustache at all: the shade under a nose or a lip alone looks like a little of one.
 * @param beard probabilities of pixels
 */
function bearded(beard: Float32Array): number {
  const area = beard.reduce((count, p) => count + Number(p > BEARDED), 0)
  return smoothstep(BEARD[0], BEARD[1], area / beard.length)
}

/** Resamples evidence to `size` pixels a side. */
export function evidenceMaps(evidence: Evidence, size: number): EvidenceMaps {
  const from = evidence.crop.size
  const resample = (values: Float32Array, dims: number): Float32Array => {
    if (size === from) return values
    const out = new Float32Array(size * size * dims)
    const step = from / size
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const o = (y * size + x) * dims
        sampleBilinear(values, from, from, dims, (x + 0.5) * step, (y + 0.5) * step, out.subarray(o, o + dims))
      }
    return out
  }
  const share = (...names: (typeof LABELS)[number][]): Float32Array => {
    const channels = names.map((name) => LABELS.indexOf(name))
    const count = from * from
    const out = new Float32Array(count)
    for (let i = 0; i < count; i++) for (const c of channels) out[i] += evidence.labels[i * LABELS.length + c]
    return resample(out, 1)
  }
  const normals = resample(evidence.normals, 3).slice()
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1
    for (let k = 0; k < 3; k++) normals[i + k] /= length
  }
  const seen = share('beard')
  const worn = bearded(seen)
  const beard = seen.map((p) => worn * p)
  return {
    size,
    skin: share('skin', 'lips', 'brow').map((p, i) => p + seen[i] - beard[i]),
    cover: share('hair', 'glasses', 'cover').map((p, i) => p + beard[i]),
    hair: share('hair'),
    beard,
    glasses: share('glasses'),
    lips: share('lips'),
    brows: share('brow'),
    eyes: share('eye'),
    mouth: share('mouth'),
    normals,
    confidence: resample(evidence.doubt, 1).map((d) => 1 / (1 + d / HALF)),
    albedo: resample(evidence.albedo, 3),
  }
}

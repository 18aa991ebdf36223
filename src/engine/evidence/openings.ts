/** Which eyes and mouths learned evidence sees shut: detectors of landmarks leave them open by a millimetre or two. */
import { sampleBilinear } from '../image/filter.js'
import { OPENINGS, type Opening } from './layouts.js'
import { type Evidence, LABELS } from './network.js'

/** What shows between the borders, and what hides them. */
const BETWEEN: Readonly<Record<Opening['between'], number>> = {
  lids: LABELS.indexOf('eye'),
  lips: LABELS.indexOf('mouth'),
}
const HIDING = (['hair', 'beard', 'glasses', 'cover'] as const).map((name) => LABELS.indexOf(name))
/** How far beyond the landmarks is looked, as a share of the opening's width. */
const REACH = 0.15
/** Samples a pixel of the evidence. */
const SAMPLES = 4
/** Share of the lines that may be hidden. */
const MOST_HIDDEN = 0.2
/** The greatest mean height of an opening that is shut, as a share of its width. */
const SHUT = { lids: 0.02, lips: 0.034 } as const

/**
 * The openings that are shut for sure: lines across them, through each pair of landmarks, show hardly anything of what lies inside.
 *
 * @param points [layout, 2] landmarks, pixels of the photo
 */
export function shutOpenings({ crop, labels }: Evidence, points: ArrayLike<number>, layout: 68 | 478): Opening[] {
  const { size } = crop
  const scale = crop.width / size
  const sample = new Float32Array(LABELS.length)
  return OPENINGS[layout].filter(({ between, pairs }) => {
    const middles = pairs.map(([a, b]) => [0, 1].map((k) => (points[2 * a + k] + points[2 * b + k]) / 2))
    const [first, last] = [middles[0], middles.at(-1)!]
    const width = Math.hypot(last[0] - first[0], last[1] - first[1])
    const across = [(first[1] - last[1]) / width, (last[0] - first[0]) / width]
    let [height, hidden] = [0, 0]
    pairs.forEach(([upper, lower], n) => {
      const gap = Math.hypot(points[2 * lower] - points[2 * upper], points[2 * lower + 1] - points[2 * upper + 1])
      const reach = gap / 2 + REACH * width
      const steps = Math.max(4, Math.ceil((2 * reach * SAMPLES) / scale))
      for (let k = 0; k <= steps; k++) {
        const t = reach * ((2 * k) / steps - 1)
        const u = (middles[n][0] + t * across[0] - crop.x) / scale
        const v = (middles[n][1] + t * across[1] - crop.y) / scale
        sampleBilinear(labels, size, size, LABELS.length, u, v, sample)
        height += (sample[BETWEEN[between]] * 2 * reach) / (steps * pairs.length)
        for (const label of HIDING) hidden += sample[label] / ((steps + 1) * pairs.length)
      }
    })
    return hidden < MOST_HIDDEN && height < SHUT[between] * width
  })
}

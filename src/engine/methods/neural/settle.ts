/** What of the networks' normals and of learned evidence the finished surface takes on, beside the relief's own. */
import { smoothstep } from '../../geometry/smoothstep.js'
import { gaussianBlur } from '../../image/filter.js'
import type { SharedNormals } from '../relief/evidence-share.js'
import type { ReliefScene } from '../relief/scene.js'

/** Share of the crop's side over which the networks' normals end, where the photo is not looked at. */
const SOFT = 0.01

/** [size, size] 0..1: 1 well inside of what the photo shows of the skin. */
export function seenSkin({ size, weight }: Pick<ReliefScene, 'size' | 'weight'>): Float32Array {
  const shown = weight.map((w) => (w > 0 ? 1 : 0))
  return gaussianBlur(shown, size, size, 1, SOFT * size).map((s, i) => shown[i] * smoothstep(0.5, 1, s))
}

/**
 * The mean of the networks' normals and those that evidence expects, and how much it counts beside the relief's.
 *
 * @param networks [size, size, 3] unit, camera frame
 * @param mine [size, size] 0..1 the networks' share
 */
export function agreed(networks: Float32Array, mine: Float32Array, evidence: SharedNormals | undefined): SharedNormals {
  const normals = new Float32Array(networks.length)
  const share = mine.map((m, i) => {
    const theirs = (1 - m) * (evidence?.share[i] ?? 0)
    for (let k = 3 * i; k < 3 * i + 3; k++)
      normals[k] = (m * networks[k] + theirs * (evidence?.normals[k] ?? 0)) / (m + theirs + 1e-9)
    return m + theirs
  })
  return { normals, share }
}

/** What of the networks' normals and of learned evidence the finished surface takes on, beside the relief's own. */
import type { Settings } from '../../config.js'
import type { EvidenceMaps } from '../../evidence/maps.js'
import { smoothstep } from '../../geometry/smoothstep.js'
import { gaussianBlur } from '../../image/filter.js'
import { evidenceShare } from '../relief/evidence-share.js'
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
 * @param seen [size, size] 0..1 where the networks have seen something
 */
export function agreed(
  networks: Float32Array,
  seen: Float32Array,
  expected: Pick<EvidenceMaps, 'normals' | 'confidence' | 'cover'> | undefined,
  { neural, evidence }: Pick<Settings, 'neural' | 'evidence'>,
): { normals: Float32Array; share: Float32Array } {
  const normals = new Float32Array(networks.length)
  const sure = expected && evidenceShare(expected, evidence.normalShare)
  const share = seen.map((s, i) => {
    const mine = neural.share * s
    const theirs = (1 - mine) * (sure?.[i] ?? 0)
    for (let k = 3 * i; k < 3 * i + 3; k++)
      normals[k] = (mine * networks[k] + theirs * (expected?.normals[k] ?? 0)) / (mine + theirs + 1e-9)
    return mine + theirs
  })
  return { normals, share }
}

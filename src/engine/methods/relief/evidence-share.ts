/** How much of the normals that learned evidence expects the finished surface takes on. */
import type { FaceEvidence } from '../../evidence/face-evidence.js'
import type { EvidenceMaps } from '../../evidence/maps.js'
import { smoothstep } from '../../geometry/smoothstep.js'
import { gaussianBlur } from '../../image/filter.js'

/** Share of the crop's side over which evidence ends where the photo does. */
const SOFT = 0.02

export interface SharedNormals {
  /** [size, size, 3] unit, camera frame */
  normals: Float32Array
  /** [size, size] 0..1 how much they count */
  share: Float32Array
}

/**
 * Evidence counts by the size of its expected error (confidence is of the square), where the photo shows something and nothing covers the
 * face: on lids and lips too, which the photo's colours say nothing of.
 *
 * @param most the share where it is sure
 * @returns undefined without evidence
 */
export function evidenceShare(
  { expected, spoilt }: Pick<FaceEvidence, 'spoilt'> & { expected: EvidenceMaps | undefined },
  most: number,
): SharedNormals | undefined {
  if (!expected || most === 0) return undefined
  const { size, normals, confidence, cover } = expected
  const lost = gaussianBlur(spoilt, size, size, 1, SOFT * size)
  const share = confidence.map((c, i) => {
    const shown = (1 - spoilt[i]) * (1 - smoothstep(0, 0.5, lost[i]))
    return most * Math.sqrt(c) * (1 - cover[i]) * shown
  })
  return { normals, share }
}

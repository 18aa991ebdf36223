/** How much of the normals that learned evidence expects the finished surface takes on. */
import type { EvidenceMaps } from '../../evidence/maps.js'

/**
 * [size, size] 0..1. Evidence counts by the size of its expected error (confidence is of the square), where nothing covers the face: on
 * lids and lips too, which the photo's colours say nothing of.
 *
 * @param most the share where it is sure
 */
export function evidenceShare(
  { confidence, cover }: Pick<EvidenceMaps, 'confidence' | 'cover'>,
  most: number,
): Float32Array {
  return confidence.map((c, i) => most * Math.sqrt(c) * (1 - cover[i]))
}

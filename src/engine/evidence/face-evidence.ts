/** What is known of a face once its head is fitted: gathered in one place (pipeline/gather-evidence.ts) and handed on to all that follows. */
import type { CoarseMaps, HeadFit, Landmarks, Photo } from '../stages.js'
import type { EvidenceMaps } from './maps.js'
import type { PaintedSkin } from './trust.js'

/** Maps are [size, size] of the fit's crop, row by row. */
export interface FaceEvidence {
  photo: Photo
  /** Of the face, photo pixels. */
  landmarks: Landmarks
  fit: HeadFit
  /** The fitted head as the photo's camera sees it. */
  coarse: CoarseMaps
  /** [size, size, 3] sRGB 0..1 of the photo */
  image: Float32Array
  /** 1 where the photo shows the face's bare skin: its colours are to be matched there */
  trusted: Float32Array
  /** 1 where it shows the face's own colours, those of a beard too: the texture takes them there */
  uncovered: Float32Array
  /** 0 for a grey photo, whose colours say nothing of skin and paint, to 1 */
  colourful: number
  /** Brows, lips and beard. */
  painted: PaintedSkin
  /** 0..1 where the photo shows the ball of an open eye */
  eyes: Float32Array
  /** 0..1 where it shows frames and dark lenses of glasses */
  glasses: Float32Array
  /** 0..1 where it shows the inside of an open mouth */
  mouth: Float32Array
  /** 1 where the photo shows nothing of the head */
  spoilt: Float32Array
  /** What the photo shows of hair, by the labels; undefined where the settings use none. */
  hair: Pick<EvidenceMaps, 'hair' | 'cover' | 'skin'> | undefined
  /** What learned evidence expects; undefined where the settings use none of it. */
  expected: EvidenceMaps | undefined
}

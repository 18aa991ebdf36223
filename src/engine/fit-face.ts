/** The head on one face without its detail: what shows within a second whether the landmarks are right. */
import type { Settings } from './config.js'
import { fitHead } from './head/fit.js'
import { correctLandmarks } from './landmarks/correct.js'
import type { Face, HeadFit, HeadModel, Photo } from './stages.js'

export interface FaceFit {
  /** With its landmarks corrected. */
  face: Face
  fit: HeadFit
}

/**
 * Corrects a face's landmarks and fits a head to them.
 *
 * @param photo the size of the photo in pixels, and its focal length if known
 * @param corrections as of `reconstruct`
 * @throws SiderError LANDMARKS_INVALID, HEAD_FIT_FAILED
 */
export function fitFace(
  head: HeadModel,
  found: Face,
  photo: Pick<Photo, 'width' | 'height' | 'exifFocalPx'>,
  corrections: unknown,
  settings: Settings,
): FaceFit {
  const face = correctLandmarks(found, corrections, photo)
  return { face, fit: fitHead(head, face, photo, settings) }
}

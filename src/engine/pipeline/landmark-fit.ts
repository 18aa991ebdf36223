/** The head on one face without its detail: what shows within a second whether the landmarks are right. */
import type { Settings } from '../config.js'
import { fitHead } from '../head/fit.js'
import { loadHead } from '../head/load.js'
import { faceOf, landmarkWarnings } from '../landmarks/choose.js'
import { type NamedLandmark, namedLandmarks } from '../landmarks/correct.js'
import { drawOverlay } from '../landmarks/draw.js'
import type { FacesFound } from '../run/types.js'
import type { Face, HeadFit, HeadModel, Photo } from '../stages.js'
import { fitFace } from './fit-face.js'

export interface LandmarkFit {
  /** With its landmarks corrected. */
  face: Face
  fit: HeadFit
  warnings: string[]
}

/**
 * Corrects the landmarks of a face and fits a head to them alone; `fitFace` goes on from there with what the photo's pixels show.
 *
 * @param seen the face as it was found
 * @param photo the size of the photo in pixels, and its focal length if known
 * @param corrections as of `reconstruct`
 * @throws SiderError NO_FACE, FACE_..., LANDMARKS_INVALID, HEAD_FIT_FAILED
 */
export function fitLandmarks(
  head: HeadModel,
  seen: Face,
  photo: Pick<Photo, 'width' | 'height' | 'exifFocalPx'>,
  corrections: unknown,
  settings: Settings,
): LandmarkFit {
  const face = faceOf({ found: [seen], index: 0 }, corrections, photo)
  const fit = fitHead(head, face, photo, settings)
  return { face, fit, warnings: [...landmarkWarnings(face), ...fit.warnings] }
}

/** A fit to look at. */
export interface FaceOverlay {
  /** PNG: the face large, the fitted head's contours and the numbered landmarks over it. */
  picture: Uint8Array
  /** The landmarks by the names that corrections have for them. */
  landmarks: NamedLandmark[]
  landmarkRmsRelative: number
  identityDetermined: number
  warnings: string[]
}

/** Fits a head to the chosen face of a photo as `reconstruct` does, and draws it. @throws SiderError as `fitLandmarks` and `loadHead` */
export async function faceOverlay(
  { photo, faces }: FacesFound,
  corrections: unknown,
  settings: Settings,
): Promise<FaceOverlay> {
  const head = await loadHead(settings.head.model)
  const face = faceOf({ found: faces, index: settings.photo.face }, corrections, photo)
  const { fit } = await fitFace(head, face, photo, settings)
  return {
    picture: await drawOverlay(photo, face, fit.shown),
    landmarks: namedLandmarks(face.landmarks),
    landmarkRmsRelative: fit.residualRelative,
    identityDetermined: fit.identityDetermined,
    warnings: [...landmarkWarnings(face), ...fit.warnings],
  }
}

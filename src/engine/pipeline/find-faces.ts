/** The faces of a photo, without reconstructing any. */
import type { Settings } from '../config.js'
import { LandmarkDetector } from '../landmarks/detect.js'
import { decodePhoto } from '../photo/decode.js'
import type { FacesFound } from '../run/types.js'
import { asMemoryError } from '../system/memory.js'

/**
 * Finds the faces of a photo.
 * @param detector one that is kept between photos; by default one for this photo
 * @throws SiderError PHOTO_..., as `decodePhoto`
 */
export async function findFaces(
  photo: string | Uint8Array,
  settings: Settings,
  detector?: LandmarkDetector,
): Promise<FacesFound> {
  try {
    const decoded = await decodePhoto(photo, { maxPixels: settings.photo.maxPixels })
    const found = detector ?? (await LandmarkDetector.create())
    try {
      return { photo: decoded, faces: await found.detect(decoded) }
    } finally {
      if (!detector) found.dispose()
    }
  } catch (error) {
    throw asMemoryError(error)
  }
}

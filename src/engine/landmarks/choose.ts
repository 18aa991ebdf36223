/** Which of the found faces is reconstructed, and whether it can be. */
import { SiderError } from '../errors.js'
import type { Face, Photo } from '../stages.js'

/** Faces with a smaller box, in pixels, show no detail worth reconstructing. */
const SMALLEST_BOX = 48
/** A face may stick out of the photo by this share of its side. */
const CUT_TOLERANCE = 0.04

/**
 * The face with number `index` (in the order given), or the first for -1.
 * @throws SiderError NO_FACE, FACE_NOT_LISTED, FACE_CUT, FACE_TOO_SMALL
 */
export function chooseFace(faces: readonly Face[], index: number, photo: Pick<Photo, 'width' | 'height'>): Face {
  if (faces.length === 0) {
    throw new SiderError('NO_FACE', 'no face was found in the photo', {
      stage: 'landmarks',
      hint: 'Use a photo that shows a face from the front or half side, at least 50 pixels large; or give landmarks of your own.',
    })
  }
  const face = faces[index < 0 ? 0 : index]
  if (face === undefined) {
    const count = faces.length === 1 ? 'one face, number 0' : `${faces.length} faces, numbers 0 to ${faces.length - 1}`
    throw new SiderError('FACE_NOT_LISTED', `there is no face ${index}: the photo shows ${count}`, {
      stage: 'landmarks',
      hint: 'List them with: sider faces PHOTO',
      data: { faces: faces.length, index },
    })
  }
  const { x, y, width, height } = face.box
  const side = Math.max(width, height)
  if (side < SMALLEST_BOX) {
    const message = `the face is ${Math.round(side)} pixels large, at least ${SMALLEST_BOX} are needed`
    throw new SiderError('FACE_TOO_SMALL', message, {
      stage: 'landmarks',
      hint: 'Use a larger original of the photo, or a closer one. From 200 pixels on, wrinkles can be seen.',
      data: { side, needed: SMALLEST_BOX },
    })
  }
  const over = Math.max(-x, -y, x + width - photo.width, y + height - photo.height)
  if (over > CUT_TOLERANCE * side) {
    const message = `the face is cut by the border of the photo (about ${Math.round(over)} pixels are missing)`
    throw new SiderError('FACE_CUT', message, {
      stage: 'landmarks',
      hint: 'Use a photo that shows the whole face from hairline to chin, or choose another face of it.',
      data: { missingPx: over },
    })
  }
  return face
}

/** Which of the found faces is reconstructed, and whether it can be. */
import { SiderError } from '../errors.js'
import { ibugPoints } from '../evidence/layouts.js'
import type { Face, Photo } from '../stages.js'
import { correctLandmarks, readCorrections } from './correct.js'
import { readLandmarks } from './read.js'

/** Faces with a smaller box, in pixels, show no detail worth reconstructing. */
const SMALLEST_BOX = 48
/** What tells one face from another: without it the rest would be made up. First and last iBUG landmark of each. */
const FEATURES = { nose: [27, 35], 'right eye': [36, 41], 'left eye': [42, 47], mouth: [48, 67] } as const
/**
 * Disagreement of the two landmark networks (share of the distance of the outer eye corners) beyond which it is spoken of, and beyond
 * which there is no telling where the face is. On 110 faces of photos it is below 0.03 as a rule and above 0.05 in profiles and tiny faces.
 */
const DOUBTFUL = 0.08
const UNCLEAR = 0.25
/** A feature may stick out of the photo by this share of the face's side: landmarks are not exact. */
const CUT_TOLERANCE = 0.01

/**
 * The face with number `index` (in the order given), or the first for -1.
 * @throws SiderError NO_FACE, FACE_NOT_LISTED, FACE_CUT, FACE_TOO_SMALL, FACE_UNCLEAR
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
      hint: { cli: 'List them with: sider faces PHOTO' },
      data: { faces: faces.length, index },
    })
  }
  const side = Math.max(face.box.width, face.box.height)
  if (side < SMALLEST_BOX) {
    const message = `the face is ${Math.round(side)} pixels large, at least ${SMALLEST_BOX} are needed`
    throw new SiderError('FACE_TOO_SMALL', message, {
      stage: 'landmarks',
      hint: 'Use a larger original of the photo, or a closer one. From 200 pixels on, wrinkles can be seen.',
      data: { side, needed: SMALLEST_BOX },
    })
  }
  const missing = featuresOutside(face, photo, CUT_TOLERANCE * side)
  if (missing.length > 0) {
    const message = `the border of the photo cuts off a part of the face’s ${new Intl.ListFormat('en').format(missing)}`
    throw new SiderError('FACE_CUT', message, {
      stage: 'landmarks',
      hint: {
        cli: 'Use a photo that shows both eyes, the nose and the mouth, or choose another face of it with --face.',
      },
      data: { missing },
    })
  }
  const { disagreement = 0 } = face.landmarks
  if (disagreement > UNCLEAR) {
    const message = `the two landmark networks see different faces: they disagree by ${percent(disagreement)} of the distance of the eyes`
    throw new SiderError('FACE_UNCLEAR', message, {
      stage: 'landmarks',
      data: { disagreement },
    })
  }
  return face
}

/** The faces that were found, of which one is meant; or one whose landmarks the user has, which is believed. */
export type FaceSource = { found: readonly Face[]; index: number } | { given: Face }

/**
 * The face to reconstruct, its landmarks where the user says.
 * @param corrections as `correctLandmarks` takes them
 * @throws SiderError as `chooseFace` and `correctLandmarks`
 */
export function faceOf(source: FaceSource, corrections: unknown, photo: Pick<Photo, 'width' | 'height'>): Face {
  const face = 'given' in source ? source.given : chooseFace(source.found, source.index, photo)
  return correctLandmarks(face, corrections, photo)
}

/**
 * What is wrong with landmarks and corrections whatever the photo, so that nothing is begun with them.
 * @throws SiderError LANDMARKS_INVALID
 */
export function checkGiven(landmarks: unknown, corrections: unknown): void {
  const anySize = { width: Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY }
  const layout = landmarks === undefined ? 478 : readLandmarks(landmarks, anySize).landmarks.layout
  readCorrections(corrections, layout, anySize)
}

/** What the user should know about a face's landmarks. */
export function landmarkWarnings(face: Face): string[] {
  const { disagreement = 0 } = face.landmarks
  const roll = rollOf(face)
  return [
    ...(disagreement > DOUBTFUL
      ? [
          `The two landmark networks disagree by ${percent(disagreement)} of the distance of the eyes: look at the landmarks over the photo, and mend single ones (--landmark, or Landmarks in the page).`,
        ]
      : []),
    ...(Math.abs(roll) > LYING
      ? [
          `The face is turned by ${Math.abs(roll).toFixed(0)}° in the picture: turn the photo upright first. Skin, hair and brows are told apart as upright faces show them.`,
        ]
      : []),
  ]
}

/** Degrees from the eyes' line to the picture's rows, -180 to 180. */
function rollOf({ landmarks: { layout, points } }: Face): number {
  const ibug = layout === 68 ? points : ibugPoints(points)
  const [right, left] = OUTER_EYE_CORNERS.map((i) => [ibug[2 * i], ibug[2 * i + 1]])
  return (Math.atan2(left[1] - right[1], left[0] - right[0]) * 180) / Math.PI
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

/** Of the subject's right and left eye, of the 68 landmarks. */
const OUTER_EYE_CORNERS = [36, 45] as const
/** Degrees by which a face may lean in the picture. */
const LYING = 50

/** The features of which some landmark lies farther outside the photo than `tolerance` pixels. */
function featuresOutside(face: Face, { width, height }: Pick<Photo, 'width' | 'height'>, tolerance: number): string[] {
  const { layout, points } = face.landmarks
  const ibug = layout === 68 ? points : ibugPoints(points)
  const outside = (i: number): boolean => {
    const [x, y] = [ibug[2 * i], ibug[2 * i + 1]]
    return Math.max(-x, -y, x - width, y - height) > tolerance
  }
  return Object.entries(FEATURES)
    .filter(([, [first, last]]) => Array.from({ length: last - first + 1 }, (_, k) => first + k).some(outside))
    .map(([name]) => name)
}

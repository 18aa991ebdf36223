/** From the fitted head to what the photo tells of the face about it. */
import type { Settings } from '../config.js'
import { viewCoarse } from '../evidence/coarse-view.js'
import type { FaceEvidence } from '../evidence/face-evidence.js'
import { CONTOURS } from '../evidence/layouts.js'
import type { EvidenceMaps } from '../evidence/maps.js'
import { labelledFace, openEyes, openMouth, paintedSkin, type ShownFace, trustedSkin } from '../evidence/trust.js'
import { colourfulness, lessColourful } from '../image/colourfulness.js'
import { cropImage } from '../photo/crop.js'
import { findFlaws } from '../photo/flaws.js'
import type { Face, HeadFit, Photo } from '../stages.js'

/** Share of the face below which the user is told how little the photo shows; ordinary photos show half and more. */
const LITTLE_SEEN = 0.4

export interface GatheredEvidence {
  evidence: FaceEvidence
  /** Share of the face's pixels whose colours are to be matched; what lies outside the photo is of the face, too. */
  trustedShare: number
  warnings: string[]
}

/** @param expected of learned evidence, in the fit's crop */
export function gatherEvidence(
  photo: Photo,
  { landmarks }: Pick<Face, 'landmarks'>,
  fit: HeadFit,
  expected: EvidenceMaps | undefined,
  settings: Pick<Settings, 'evidence'>,
): GatheredEvidence {
  const coarse = viewCoarse(fit)
  const image = cropImage(photo, fit.crop)
  const flaws = findFlaws(photo, fit.crop, coarse.mask)
  const labels = settings.evidence.labels ? expected : undefined
  const contours = CONTOURS[landmarks.layout]
  const { trusted, uncovered } = labels
    ? labelledFace(labels, coarse, flaws)
    : plainFace(trustedSkin({ image, coarse, crop: fit.crop, landmarks, contours, flaws }))
  const trustedShare = sum(trusted) / Math.max(1, sum(coarse.mask))
  const colourful = colourfulness(image, trusted)
  return {
    evidence: {
      photo,
      landmarks,
      fit,
      coarse,
      image,
      trusted,
      uncovered,
      colourful,
      painted: labels ?? paintedSkin(fit.crop, landmarks, contours),
      eyes: openEyes(fit.crop, landmarks, contours, labels?.eyes),
      glasses: labels?.glasses ?? new Float32Array(trusted.length),
      mouth: labels?.mouth ?? openMouth(fit.crop, landmarks, contours),
      spoilt: flaws.spoilt,
      hair: labels && { hair: labels.hair, cover: labels.cover, skin: labels.skin },
      // trained on photos in colour
      expected: expected && { ...expected, albedo: lessColourful(expected.albedo, colourful) },
    },
    trustedShare,
    warnings:
      trustedShare < LITTLE_SEEN
        ? [
            ...flaws.warnings,
            `Only ${Math.round(100 * trustedShare)} % of the face can be read from the photo: the rest is the head model’s.`,
          ]
        : flaws.warnings,
  }
}

/** Colours alone do not tell a beard from what hides the face. */
const plainFace = (trusted: Float32Array): ShownFace => ({ trusted, uncovered: trusted })

const sum = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number

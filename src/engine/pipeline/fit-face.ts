/** The head stage: the head model fitted to the landmarks, and then to what learned evidence sees of that fit. */
import type { Settings } from '../config.js'
import { type EvidenceMaps, evidenceMaps } from '../evidence/maps.js'
import { EVIDENCE_SIZE, EvidenceNetwork } from '../evidence/network.js'
import { mouthCrop, teethMeet } from '../evidence/teeth.js'
import { HeadFitter } from '../head/fit.js'
import { methodOf } from '../methods/index.js'
import { cropImage } from '../photo/crop.js'
import type { Face, HeadFit, HeadModel, Photo } from '../stages.js'
import { pass } from '../system/pass.js'

export interface FittedFace {
  fit: HeadFit
  /** What the network says of the fit's crop; undefined where the settings use none of it. */
  evidence: EvidenceMaps | undefined
}

/** Whether any setting asks for the network. */
export function usesEvidence(settings: Pick<Settings, 'evidence' | 'method'>): boolean {
  return settings.evidence.rounds > 0 || settings.evidence.labels || methodOf(settings).usesEvidence(settings)
}

/**
 * Fits a head to one face of a photo.
 *
 * @throws SiderError as `HeadFitter`
 */
export async function fitFace(
  head: HeadModel,
  face: Face,
  photo: Photo,
  settings: Settings,
  signal?: AbortSignal,
): Promise<FittedFace> {
  const mouth = mouthCrop(face.landmarks)
  const met = teethMeet(cropImage(photo, mouth), mouth, face.landmarks)
  const fitter = new HeadFitter(head, face, photo, settings, met)
  let fit = fitter.fit()
  if (!usesEvidence(settings)) return { fit, evidence: undefined }
  const network = await EvidenceNetwork.create(settings.threads)
  try {
    const look = () => network.look(cropImage(photo, { ...fit.crop, size: EVIDENCE_SIZE }), fit)
    for (let round = 0; round < settings.evidence.rounds; round++) {
      await pass(signal)
      fitter.refine(await look())
      fit = fitter.fit()
    }
    return { fit, evidence: evidenceMaps(await look(), fit.crop.size) }
  } finally {
    await network.dispose()
  }
}

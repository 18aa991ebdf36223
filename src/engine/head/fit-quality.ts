/** Whether a fit is to be believed, and what its user should know about it. */
import { SiderError } from '../errors.js'
import { median } from '../geometry/algebra.js'
import type { Camera, HeadFit } from '../stages.js'
import type { FaceCrop } from './fit-crop.js'
import { headAngles } from './fit-rotation.js'
import type { FitModel, FitState } from './fit-state.js'

/** Median landmark distance, as a share of the interocular distance, beyond which a fit is refused. */
const MAX_MEDIAN_RESIDUAL = 0.12
/** Root mean square residual beyond which a fit is doubtful. */
const DOUBTFUL_RESIDUAL = 0.06
/** Shares of `mouthOpening` from which on a mouth is wide open; broad laughs have less of the second, tongues that are put out more. */
const WIDE_OPEN = { ofEyes: 0.25, ofMouth: 0.4 } as const
/** Yaw beyond which the hidden half of the face is a guess, degrees. */
const STRONGLY_TURNED = 60

/** Distances from the camera beyond which a stated focal length is doubtful, metres. */
const NEAREST = 0.2
const FARTHEST = 15

/**
 * @param distances landmark distances, pixels
 * @param eyesPx interocular distance at the head's place, pixels
 * @throws SiderError HEAD_FIT_FAILED if the fit is not a head seen by the camera
 */
export function checkFit(
  state: FitState,
  model: FitModel,
  camera: Camera,
  distances: Float64Array,
  eyesPx: number,
): void {
  const relative = median(distances) / eyesPx
  const { yaw } = headAngles(camera, model.center)
  const finite =
    Number.isFinite(relative) &&
    Number.isFinite(yaw) &&
    state.identity.every(Number.isFinite) &&
    state.expression.every(Number.isFinite)
  if (finite && relative <= MAX_MEDIAN_RESIDUAL && Math.abs(yaw) < 100) return
  const what = finite
    ? `landmarks are missed by ${(100 * relative).toFixed(0)} % of the interocular distance`
    : 'no finite solution'
  throw new SiderError('HEAD_FIT_FAILED', `the head could not be fitted: ${what}`, {
    stage: 'head',
    hint: 'Check that the landmarks lie on the face and in the order of their layout, or try another photo.',
    data: { residualRelative: relative, yawDegrees: yaw },
  })
}

/**
 * Things the user should know.
 *
 * @param outside share of the face region outside the photo, and beyond which of its sides
 */
export function fitWarnings(fit: HeadFit, { outside, sides }: Pick<FaceCrop, 'outside' | 'sides'>): string[] {
  const warnings: string[] = []
  const percent = (x: number): string => `${(100 * x).toFixed(1)} %`
  if (fit.residualRelative > DOUBTFUL_RESIDUAL)
    warnings.push(
      `The fitted head misses the landmarks by ${percent(fit.residualRelative)} of the interocular distance: check the overlay.`,
    )
  const angles = faceAngles(fit)
  if (Math.abs(angles.yaw) > STRONGLY_TURNED)
    warnings.push(`The face is turned by ${Math.abs(angles.yaw).toFixed(0)} degrees: its hidden half is a guess.`)
  const distance = Math.hypot(fit.camera.headToCamera[3], fit.camera.headToCamera[7], fit.camera.headToCamera[11])
  if (distance < NEAREST || distance > FARTHEST)
    warnings.push(
      `The focal length (${fit.focalSource}) puts the face ${distance.toFixed(2)} m from the camera: was the photo cropped?`,
    )
  if (outside > 0.02)
    warnings.push(
      `${percent(outside)} of the face lies outside the photo (${sides.join(', ')}): shape and colour there are the head model’s.`,
    )
  const { ofEyes, ofMouth } = mouthOpening(fit)
  if (fit.expression.length > 0 && (ofEyes > WIDE_OPEN.ofEyes || ofMouth > WIDE_OPEN.ofMouth))
    warnings.push(
      'The mouth is wide open: teeth and tongue are the head model’s, and a tongue that is put out in the photo is taken for the lower lip.',
    )
  return warnings
}

/** Yaw, pitch and roll of the fitted face relative to the line of sight, degrees (see `headAngles`). */
export function faceAngles(fit: HeadFit): { yaw: number; pitch: number; roll: number } {
  const { model } = fit
  return headAngles(fit.camera, landmark68(fit, model.landmarks68.triangles.length > 30 ? 30 : 0))
}

/** Gap between the inner lips as a share of the interocular distance, and of the width between their corners, on the posed mesh. */
function mouthOpening(fit: HeadFit): { ofEyes: number; ofMouth: number } {
  const distance = (i: number, j: number): number => {
    const [a, b] = [landmark68(fit, i), landmark68(fit, j)]
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
  }
  const gap = distance(62, 66)
  return { ofEyes: gap / distance(36, 45), ofMouth: gap / distance(60, 64) }
}

function landmark68(fit: HeadFit, i: number): number[] {
  const { triangles, barycentric } = fit.model.landmarks68
  const out = [0, 0, 0]
  for (let c = 0; c < 3; c++) {
    const v = 3 * fit.mesh.indices[3 * triangles[i] + c]
    for (let k = 0; k < 3; k++) out[k] += barycentric[3 * i + c] * fit.mesh.positions[v + k]
  }
  return out
}

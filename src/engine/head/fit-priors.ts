/** What is known before the landmarks are seen: shape and expression spreads, joint ranges, focal length and distance. */

import type { FocalSource, HeadModel } from '../stages.js'
import { expressionPrecision } from './expression-prior.js'
import type { FitPriors } from './fit-solver.js'

/**
 * Focal lengths of portraits, as the 35 mm equivalent of the whole picture. Logarithmic mean and standard deviation.
 *
 * Portraits spread more than this (phones 26 mm, portrait lenses 135 mm), but the landmarks' own evidence about perspective is
 * mostly the error of detector and model: with the true spread of 0.5 the estimate is wrong by a factor of 2.1 (rms) on group
 * photos with known lenses, with this one by 1.2. Neither changes the surface: see docs/head-fit.md.
 */
const EQUIVALENT_FOCAL = { median: 57, sigma: 0.07 }

/**
 * Distances people are photographed from, metres. Together with the focal prior this keeps both a face that fills the
 * picture (not a wide-angle lens at a hand's breadth) and a small face cut out of a large picture (not a telescope) sane.
 */
const DISTANCE = { median: 1.3, sigma: 0.3 }

/** Width of a 35 mm frame's diagonal, mm: the equivalent focal length is defined by the diagonal. */
const FRAME_DIAGONAL = 43.27

/** Standard deviations of joint rotations, radians: x opens a jaw or lifts an eye, y turns sideways, z tilts. */
const JOINT_SIGMA: [RegExp, [number, number, number]][] = [
  [/jaw/i, [0.2, 0.03, 0.02]],
  [/eye/i, [0.15, 0.25, 1e-3]],
]
/** A jaw's opening where the teeth meet, standard deviation, radians. */
const MET_JAW = 0.01

/** Focal length in pixels, if known, and where it is from. */
export function knownFocal(
  settingPx: number,
  exifPx: number | undefined,
): { focalPx: number; source: FocalSource } | undefined {
  if (settingPx > 0) return { focalPx: settingPx, source: 'setting' }
  if (exifPx !== undefined && Number.isFinite(exifPx) && exifPx > 0) return { focalPx: exifPx, source: 'exif' }
  return undefined
}

/** Joint angles (indices into [joints, 3]) that the fit may change: those with a spread of their own. */
export function freeAngles(model: HeadModel): number[] {
  const sigma = angleSigmas(model)
  return Array.from(sigma.keys()).filter((k) => sigma[k] > 0)
}

function angleSigmas(model: HeadModel, teethMeet = 0): Float64Array {
  const joints = model.skinning?.joints ?? []
  const sigma = new Float64Array(joints.length * 3)
  joints.forEach((joint, j) => {
    // The root and the neck only repeat the head's pose, so they stay at rest.
    const known = JOINT_SIGMA.find(([pattern]) => pattern.test(joint.name))
    if (!known || joint.parent < 0) return
    sigma.set(known[1], 3 * j)
    if (/jaw/i.test(joint.name)) sigma[3 * j] = (sigma[3 * j] ** -2 + teethMeet / MET_JAW ** 2) ** -0.5
  })
  return sigma
}

interface PriorStrengths {
  /** 1 = the model's own spreads. */
  identity: number
  expression: number
  /** How many components are fitted. */
  expressionCount: number
  /** The known focal length; undefined: estimated under the prior. */
  focalPx: number | undefined
  /** How surely the photo shows teeth that meet, 0..1. */
  teethMeet: number
}

/** All priors of a fit. */
export function fitPriors(
  model: HeadModel,
  photo: { width: number; height: number },
  { identity, expression, expressionCount, focalPx, teethMeet }: PriorStrengths,
): FitPriors {
  const diagonal = Math.hypot(photo.width, photo.height)
  return {
    identity,
    expression,
    expressionPrecision: expressionPrecision(model, expressionCount, teethMeet),
    expressionRange: model.expressionRange.slice(0, 2 * expressionCount),
    angleSigma: angleSigmas(model, teethMeet),
    logFocal: {
      mean: Math.log(focalPx ?? (EQUIVALENT_FOCAL.median / FRAME_DIAGONAL) * diagonal),
      sigma: EQUIVALENT_FOCAL.sigma,
    },
    // A known focal length fixes the distance by the head's size alone.
    logDistance: {
      mean: Math.log(DISTANCE.median),
      sigma: focalPx === undefined ? DISTANCE.sigma : Number.POSITIVE_INFINITY,
    },
  }
}

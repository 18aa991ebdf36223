/**
 * The head fit (SIDER Eq. 3): shape, expression, pose and camera of a morphable head from 2D landmarks.
 *
 *   min Σ_i w_i ρ(‖π(X_i(α, β, θ)) − x_i‖) + ‖α‖² + ‖β/σ‖² + priors of joints, focal length and distance
 *
 * by Levenberg-Marquardt in rounds; between rounds the outline landmarks slide along the silhouette and the robust and
 * visibility weights are set anew.
 */
import type { Settings } from '../config.js'
import { SiderError } from '../errors.js'
import type { Camera, Face, FocalSource, HeadFit, HeadModel } from '../stages.js'
import { concatEmbeddings, embeddedPoint } from './embedding.js'
import { type ContourPaths, contourPaths } from './fit-contour.js'
import { faceCrop } from './fit-crop.js'
import { type LandmarkPlan, landmarkPlan } from './fit-landmarks.js'
import { posedMesh } from './fit-mesh.js'
import { observe } from './fit-observe.js'
import { gatherPoints } from './fit-points.js'
import { weakPerspectivePose } from './fit-pose.js'
import { fitPriors, freeAngles, knownFocal } from './fit-priors.js'
import { checkFit, fitWarnings } from './fit-quality.js'
import { minimise } from './fit-solver.js'
import { buildFitModel, type FitModel, type FitState, stateCamera } from './fit-state.js'

/** Components beyond these are left at zero: landmarks say nothing about them. */
export const MAX_IDENTITY = 120
export const MAX_EXPRESSION = 80

/** What the fit prepares once per model and landmark layout. */
interface Prepared {
  plan: LandmarkPlan
  paths: ContourPaths
  model: FitModel
  /** Distance between the mean head's outer eye corners, metres. */
  interocular: number
}

const prepared = new WeakMap<HeadModel, Map<number, Prepared>>()

/**
 * Fits a head to one face.
 *
 * @param photo size in pixels, and the focal length its EXIF data states
 * @param settings the priors and the noise of the fit, and the size of the crop
 * @returns posed mesh, camera, coefficients, crop and residuals; the fit is deterministic
 * @throws SiderError LANDMARKS_INVALID for landmarks of wrong length or that are not finite; HEAD_FIT_FAILED when no
 *   plausible head explains them
 */
export function fitHead(
  head: HeadModel,
  face: Face,
  photo: { width: number; height: number; exifFocalPx: number | undefined },
  settings: Pick<Settings, 'head' | 'photo'>,
): HeadFit {
  const { focalPx, identityPrior, expressionPrior, landmarkSigma } = settings.head
  const { layout, points, depths } = face.landmarks
  checkLandmarks(layout, points)
  const { plan, paths, model, interocular } = prepare(head, layout)

  const targets = new Float64Array(2 * layout)
  for (let i = 0; i < layout; i++) {
    targets[2 * i] = points[2 * i] - photo.width / 2
    targets[2 * i + 1] = points[2 * i + 1] - photo.height / 2
  }
  const known = knownFocal(focalPx, photo.exifFocalPx)
  const priors = fitPriors(head, photo, identityPrior, expressionPrior, model.expressionCount, known?.focalPx)

  const fixed = plan.weights.map((w, i) => (plan.jaw.includes(i) ? 0 : w))
  const weak = weakPerspectivePose(model.points.mean, targets, fixed, model.center)
  let state: FitState = {
    identity: new Float64Array(model.identityCount),
    expression: new Float64Array(model.expressionCount),
    angles: new Float64Array(3 * (head.skinning?.joints.length ?? 0)),
    rotation: weak.rotation,
    u: weak.u,
    v: weak.v,
    logScale: -Math.log(weak.scale),
    logFocal: initialLogFocal(priors.logFocal.mean, priors.logDistance, -Math.log(weak.scale)),
  }
  const angles = freeAngles(head)
  const estimated = known === undefined
  const all = { identity: model.identityCount, expression: model.expressionCount, angles, focal: estimated }
  const pose = { identity: 0, expression: 0, angles: [], focal: false }
  const rounds = [
    { free: pose, patience: 4, iterations: 3 },
    ...[4, 2, 1, 1].map((patience) => ({ free: all, patience, iterations: 2 })),
  ]
  const options = (patience: number) => {
    const interocularPx = interocular / Math.exp(state.logScale)
    return { interocularPx, sigmaPx: landmarkSigma * interocularPx, patience, depths }
  }
  for (const { free, patience, iterations } of rounds) {
    const evidence = observe(model, plan, paths, state, targets, options(patience))
    state = minimise(model, state, evidence, priors, free, iterations).state
  }
  const { distances } = observe(model, plan, paths, state, targets, options(1))
  const eyesPx = interocular / Math.exp(state.logScale)
  return assemble(head, model, state, photo, known?.source ?? 'estimated', distances, eyesPx, settings.photo.cropSize)
}

function assemble(
  head: HeadModel,
  model: FitModel,
  state: FitState,
  photo: { width: number; height: number },
  focalSource: FocalSource,
  distances: Float64Array,
  eyesPx: number,
  cropSize: number,
): HeadFit {
  const identity = pad(state.identity, head.identityCount)
  const expression = pad(state.expression, head.expressionCount)
  const camera: Camera = stateCamera(model, state, photo.width, photo.height)
  const used = distances.filter((d) => !Number.isNaN(d))
  const residualPx = Math.sqrt(used.reduce((sum, d) => sum + d * d, 0) / used.length)
  const residualRelative = residualPx / eyesPx
  checkFit(state, model, camera, used, eyesPx)
  const mesh = posedMesh(head, identity, expression, state.angles)
  const { crop, outside } = faceCrop(head, mesh, camera, cropSize)
  const fit: HeadFit = {
    model: head,
    identity,
    expression,
    jointRotations: state.angles,
    mesh,
    camera,
    focalSource,
    crop,
    residualPx,
    residualRelative,
    warnings: [],
  }
  fit.warnings = fitWarnings(fit, outside)
  return fit
}

function prepare(head: HeadModel, layout: 68 | 478): Prepared {
  let layouts = prepared.get(head)
  if (!layouts) {
    layouts = new Map()
    prepared.set(head, layouts)
  }
  let result = layouts.get(layout)
  if (!result) {
    const plan = landmarkPlan(head, layout)
    const paths = contourPaths(head, plan)
    const embedding = concatEmbeddings(plan.embedding, paths.embedding)
    const identityCount = Math.min(head.identityCount, MAX_IDENTITY)
    const expressionCount = Math.min(head.expressionCount, MAX_EXPRESSION)
    const points = gatherPoints(head, embedding, identityCount, expressionCount)
    const [a, b] = plan.eyeCorners.map((i) => embeddedPoint(head.mean, head.indices, plan.embedding, i))
    const interocular = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
    result = { plan, paths, model: buildFitModel(head, points, layout), interocular }
    layouts.set(layout, result)
  }
  return result
}

/** Middle of what the focal prior and the distance prior ask for, weighed by their spreads. */
function initialLogFocal(mean: number, distance: { mean: number; sigma: number }, logScale: number): number {
  if (!Number.isFinite(distance.sigma)) return mean
  return (mean + (distance.mean - logScale)) / 2
}

function checkLandmarks(layout: number, points: Float64Array): void {
  const hint = 'Give 68 (iBUG) or 478 (MediaPipe) points as finite photo pixels, or let the face be detected.'
  if ((layout !== 68 && layout !== 478) || points.length !== 2 * layout)
    throw new SiderError('LANDMARKS_INVALID', `expected ${layout} landmarks, got ${points.length / 2}`, {
      stage: 'head',
      hint,
      data: { layout, count: points.length / 2 },
    })
  const bad = points.findIndex((x) => !Number.isFinite(x))
  if (bad >= 0)
    throw new SiderError('LANDMARKS_INVALID', `landmark ${Math.floor(bad / 2)} is not a finite number`, {
      stage: 'head',
      hint,
      data: { landmark: Math.floor(bad / 2) },
    })
}

function pad(values: Float64Array, length: number): Float64Array {
  const out = new Float64Array(length)
  out.set(values)
  return out
}

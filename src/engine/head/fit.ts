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
import type { Evidence } from '../evidence/network.js'
import { shutOpenings } from '../evidence/openings.js'
import type { Face, HeadFit, HeadModel } from '../stages.js'
import { concatEmbeddings, embeddedPoint } from './embedding.js'
import { type ContourPaths, contourPaths } from './fit-contour.js'
import { faceCrop } from './fit-crop.js'
import { identityDetermined, shapeSpread } from './fit-identity.js'
import { type LandmarkKind, type LandmarkPlan, landmarkPlan } from './fit-landmarks.js'
import { posedMesh } from './fit-mesh.js'
import { type ObservationSet, type ObserveOptions, observe } from './fit-observe.js'
import { gatherPoints } from './fit-points.js'
import { weakPerspectivePose } from './fit-pose.js'
import { fitPriors, freeAngles, knownFocal } from './fit-priors.js'
import { checkFit, fitWarnings } from './fit-quality.js'
import { type FitPriors, type FitProblem, minimise, type Evidence as Observed } from './fit-solver.js'
import { buildFitModel, type FitModel, type FitState, type FreeUnknowns, stateCamera } from './fit-state.js'
import { alignDepths, observeSurface, type SurfacePoints, surfacePoints } from './fit-surface.js'

/** Components beyond these are left at zero: landmarks say nothing about them. */
export const MAX_IDENTITY = 120
export const MAX_EXPRESSION = 80

type PhotoSize = { width: number; height: number; exifFocalPx: number | undefined }
type FitSettings = Pick<Settings, 'head' | 'photo'>

/**
 * Fits a head to the landmarks of one face.
 *
 * @param photo size in pixels, and the focal length its EXIF data states
 * @param settings the priors and the noise of the fit, and the size of the crop
 * @returns posed mesh, camera, coefficients, crop and residuals; the fit is deterministic
 * @throws SiderError LANDMARKS_INVALID for landmarks of wrong length or that are not finite; HEAD_FIT_FAILED when no
 *   plausible head explains them
 */
export function fitHead(head: HeadModel, face: Face, photo: PhotoSize, settings: FitSettings): HeadFit {
  return new HeadFitter(head, face, photo, settings).fit()
}

/** Rounds of the fit to landmarks: outliers are told strictly once nothing that may explain them is unsettled. */
const POSE_ROUND = { patience: 4, iterations: 3 }
const ROUNDS = [4, 2, 1, 1].map((patience) => ({ patience, iterations: 2 }))
/** Landmarks of however small a face are not placed more exactly than this, pixels. */
const PIXEL_SIGMA = 0.5
/**
 * Steps of the solver each time evidence is looked at, and what a landmark then counts of its weight: more about the eyes, whose lids
 * the detector looks at closely.
 */
const REFINEMENTS = 3
const refiningShare = (kind: LandmarkKind): number => (kind === 'eyes' ? 0.3 : 0.1)

/** The fit of one head to one face: to its landmarks first, then, as often as wanted, to what evidence says of the last fit. */
export class HeadFitter {
  private readonly prepared: Prepared
  /** [landmarks, 2] pixels from the principal point. */
  private readonly targets: Float64Array
  private readonly believed: ReadonlySet<number>
  private readonly known: ReturnType<typeof knownFocal>
  private readonly priors: FitPriors
  private readonly free: FreeUnknowns
  private state: FitState
  /** What the state was last fitted to. */
  private evidence: Observed

  /**
   * Fits to the landmarks; arguments and errors as of `fitHead`.
   * @param teethMeet how surely the photo shows teeth that meet, 0..1: what landmarks do not tell
   */
  constructor(
    private readonly head: HeadModel,
    private readonly face: Face,
    private readonly photo: PhotoSize,
    private readonly settings: FitSettings,
    teethMeet = 0,
  ) {
    const { layout, points } = face.landmarks
    checkLandmarks(layout, points)
    this.believed = new Set(face.landmarks.corrected)
    this.prepared = prepare(head, layout)
    const { model } = this.prepared
    this.targets = Float64Array.from(points, (x, i) => x - (i % 2 === 0 ? photo.width : photo.height) / 2)
    const { focalPx, identityPrior, expressionPrior } = settings.head
    this.known = knownFocal(focalPx, photo.exifFocalPx)
    this.priors = fitPriors(head, photo, {
      identity: identityPrior,
      expression: expressionPrior,
      expressionCount: model.expressionCount,
      focalPx: this.known?.focalPx,
      teethMeet,
    })
    this.free = {
      identity: model.identityCount,
      expression: model.expressionCount,
      angles: freeAngles(head),
      focal: this.known === undefined,
    }
    this.state = this.start()
    const pose = { identity: 0, expression: 0, angles: [], focal: false }
    this.evidence = { observations: [], contacts: [] }
    for (const { free, patience, iterations } of [
      { ...POSE_ROUND, free: pose },
      ...ROUNDS.map((round) => ({ ...round, free: this.free })),
    ]) {
      this.evidence = this.observe(patience, true)
      this.state = minimise(this.problem(free), this.state, iterations).state
    }
  }

  private problem(free = this.free): FitProblem {
    return { model: this.prepared.model, evidence: this.evidence, priors: this.priors, free }
  }

  /** The mean head in a closed-form pose. */
  private start(): FitState {
    const { plan, model } = this.prepared
    const fixed = plan.weights.map((w, i) => (plan.jaw.includes(i) ? 0 : w))
    const weak = weakPerspectivePose(model.points.mean, this.targets, fixed, model.center)
    return {
      identity: new Float64Array(model.identityCount),
      expression: new Float64Array(model.expressionCount),
      angles: new Float64Array(3 * (this.head.skinning?.joints.length ?? 0)),
      rotation: weak.rotation,
      u: weak.u,
      v: weak.v,
      logScale: -Math.log(weak.scale),
      logFocal: initialLogFocal(this.priors.logFocal.mean, this.priors.logDistance, -Math.log(weak.scale)),
    }
  }

  /** @param targets where landmarks are wanted; @param share what those of a kind count of their weight */
  private observe(
    patience: number,
    deep: boolean,
    targets = this.targets,
    share: ObserveOptions['share'] = () => 1,
  ): ObservationSet {
    const interocularPx = this.interocularPx()
    return observe(this.prepared, this.state, targets, {
      interocularPx,
      sigmaPx: Math.hypot(this.settings.head.landmarkSigma * interocularPx, PIXEL_SIGMA),
      patience,
      depths: deep ? this.face.landmarks.depths : undefined,
      believed: this.believed,
      share,
    })
  }

  /** Distance of the outer eye corners at the head's place, pixels. */
  private interocularPx(): number {
    return this.prepared.interocular / Math.exp(this.state.logScale)
  }

  /** Fits again, to evidence that looked at the present fit; the landmarks still have a say. */
  refine(evidence: Evidence): void {
    const { model, surface, firstOfSurface } = this.prepared
    const { state, photo } = this
    const seen = observeSurface({ model, points: surface, first: firstOfSurface, state, evidence, photo })
    const targets = this.withShutOpenings(evidence)
    for (let k = 0; k < REFINEMENTS; k++) {
      alignDepths(model, this.state, seen)
      const { observations, contacts } = this.observe(1, false, targets, refiningShare)
      this.evidence = { observations: [...seen, ...observations], contacts }
      this.state = minimise(this.problem(), this.state, 1).state
    }
  }

  /** Where landmarks are wanted, those of openings that evidence shows shut together; what the user has put in place stays there. */
  private withShutOpenings(evidence: Evidence): Float64Array {
    const { layout, points } = this.face.landmarks
    const targets = this.targets.slice()
    for (const { pairs } of shutOpenings(evidence, points, layout)) {
      if (pairs.some((pair) => pair.some((i) => this.believed.has(i)))) continue
      for (const [upper, lower] of pairs)
        for (const k of [0, 1]) {
          const middle = (targets[2 * upper + k] + targets[2 * lower + k]) / 2
          targets[2 * upper + k] = targets[2 * lower + k] = middle
        }
    }
    return targets
  }

  /**
   * The present fit.
   * @throws SiderError HEAD_FIT_FAILED when no plausible head explains the landmarks
   */
  fit(): HeadFit {
    const { head, state, photo } = this
    const { model, spread } = this.prepared
    const { distances, shown } = this.observe(1, false)
    const identity = pad(state.identity, head.identityCount)
    const expression = pad(state.expression, head.expressionCount)
    const camera = stateCamera(model, state, photo.width, photo.height)
    const used = distances.filter((d) => !Number.isNaN(d))
    const residualPx = Math.sqrt(used.reduce((sum, d) => sum + d * d, 0) / used.length)
    const eyesPx = this.interocularPx()
    checkFit(state, model, camera, used, eyesPx)
    const mesh = posedMesh(head, identity, expression, state.angles)
    const { crop, ...room } = faceCrop(head, mesh, camera, this.settings.photo.cropSize)
    const fit: HeadFit = {
      model: head,
      identity,
      expression,
      jointRotations: state.angles,
      mesh,
      camera,
      focalSource: this.known?.source ?? 'estimated',
      crop,
      residualPx,
      residualRelative: residualPx / eyesPx,
      shown: shown.map((x, i) => x + (i % 2 === 0 ? photo.width : photo.height) / 2),
      identityDetermined: identityDetermined(this.problem(), state, spread),
      warnings: [],
    }
    return { ...fit, warnings: fitWarnings(fit, room) }
  }
}

/** What the fit prepares once per model and landmark layout. */
interface Prepared {
  plan: LandmarkPlan
  paths: ContourPaths
  surface: SurfacePoints
  /** The landmarks, the candidates of the sliding ones, and the surface's points. */
  model: FitModel
  firstOfSurface: number
  /** Distance between the mean head's outer eye corners, metres. */
  interocular: number
  /** [identity, identity] how far the components move the face. */
  spread: Float64Array
}

const prepared = new WeakMap<HeadModel, Map<number, Prepared>>()

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
    const surface = surfacePoints(head)
    const marked = concatEmbeddings(plan.embedding, paths.embedding)
    const embedding = concatEmbeddings(marked, surface.embedding)
    const identityCount = Math.min(head.identityCount, MAX_IDENTITY)
    const expressionCount = Math.min(head.expressionCount, MAX_EXPRESSION)
    const points = gatherPoints(head, embedding, identityCount, expressionCount)
    const [a, b] = plan.eyeCorners.map((i) => embeddedPoint(head.mean, head.indices, plan.embedding, i))
    const interocular = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
    const model = buildFitModel(head, points, layout)
    const firstOfSurface = marked.triangles.length
    const spread = shapeSpread(model, firstOfSurface)
    result = { plan, paths, surface, model, firstOfSurface, interocular, spread }
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

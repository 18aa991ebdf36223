/**
 * The whole pipeline: photo → landmarks → head fit → coarse distance → detailed field → surface. Only this file knows the
 * order; what passes between the stages is in stages.ts.
 */

import { CoarseTarget } from './coarse/target.js'
import { openDevice } from './compute/index.js'
import type { Device, ShapedArray } from './compute/program.js'
import type { Settings } from './config.js'
import { SiderError, type StageName } from './errors.js'
import { CONTOURS } from './evidence/layouts.js'
import type { EvidenceMaps } from './evidence/maps.js'
import { submesh } from './geometry/mesh.js'
import { LOAD_HEAD } from './head/load.js'
import { type Metric, metricFit } from './head/metric.js'
import { Inspector } from './inspect.js'
import { chooseFace, landmarkWarnings } from './landmarks/choose.js'
import { correctLandmarks } from './landmarks/correct.js'
import { LandmarkDetector } from './landmarks/detect.js'
import { readLandmarks } from './landmarks/read.js'
import {
  type Detailer,
  type DetailInput,
  type DetailStep,
  labelledSkin,
  networkDetailer,
  paintedSkin,
  reliefDetailer,
  trustedSkin,
  viewCoarse,
} from './methods/index.js'
import { type CoarseState, coarseStart, trainCoarse } from './methods/networks/coarse.js'
import { SiderField } from './methods/networks/field.js'
import { cropImage } from './photo/crop.js'
import { decodePhoto } from './photo/decode.js'
import { findFlaws } from './photo/flaws.js'
import { buildAsset } from './pipeline/build-asset.js'
import { fitFace } from './pipeline/fit-face.js'
import { type Checkpoint, givenLandmarks, loadCheckpoint, type RunIdentity, saveCheckpoint } from './run/checkpoint.js'
import { RunProgress } from './run/progress.js'
import type { FacesFound, Reconstruction, ReconstructOptions } from './run/types.js'
import type { CoarseMaps, Face, FaceView, HeadFit, HeadModel, Photo } from './stages.js'
import { boundaryFalloff } from './surface/boundary-falloff.js'
import { denseFace } from './surface/dense-face.js'
import { PreviewGrid } from './surface/preview-grid.js'
import { type PreviewScene, previewMesh } from './surface/preview-mesh.js'
import { asMemoryError } from './system/memory.js'
import { asCancelled, pass } from './system/pass.js'
import { openThreads, type Threads } from './threads/index.js'

/** Near the region's border the detail of previews fades into the fitted head over this distance, metres. */
const FADE = 0.006
/** Triangles of previews while training, at least. */
const PREVIEW_TRIANGLES = 10_000
/** Samples along a preview's distance grid. */
const PREVIEW_SAMPLES = 25
/** Share of the face below which the user is told how little the photo shows; ordinary photos show half and more. */
const LITTLE_SEEN = 0.4
/** Pictures of the training that the result keeps for progress.png. */
const HISTORY = 5

/**
 * Finds the faces of a photo without reconstructing any.
 * @param detector one that is kept between photos; by default one for this photo
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

/**
 * Reconstructs one face of a photo.
 * @throws SiderError any of ERRORS; CANCELLED after `signal` aborts, once the checkpoint is written
 */
export async function reconstruct(options: ReconstructOptions): Promise<Reconstruction> {
  const progress = new RunProgress(options.settings, options.onProgress, 'surface')
  const result = await runStages(options, progress)
  progress.done()
  return result
}

/** The stages up to the surface, as a part of a run that tells its own progress. @throws SiderError as `reconstruct` */
export async function runStages(options: ReconstructOptions, progress: RunProgress): Promise<Reconstruction> {
  const run = new Run(options, progress)
  try {
    return await run.all()
  } catch (error) {
    throw asMemoryError(asCancelled(error, options.signal, run.stage))
  } finally {
    await run.dispose()
  }
}

/** The state of one run; each method is a stage. */
class Run {
  stage: StageName = 'setup'
  private readonly seconds: Partial<Record<StageName, number>> = {}
  private entered = performance.now()
  private readonly warnings: string[] = []
  private readonly inspector: Inspector
  private readonly threads: Threads
  private device: Device | undefined
  private network: SiderField | undefined
  private detailer: Detailer | undefined
  private preview: PreviewScene | undefined
  private previewGrid: PreviewGrid | undefined
  private resumed: Checkpoint | undefined
  private lastSave = performance.now()

  constructor(
    private readonly options: ReconstructOptions,
    private readonly progress: RunProgress,
  ) {
    this.inspector = options.inspector ?? new Inspector()
    this.threads = openThreads(options.settings.threads)
  }

  async all(): Promise<Reconstruction> {
    const { settings } = this.options
    const loading = this.threads.run(LOAD_HEAD, settings.head.model, this.options.signal)
    loading.catch(() => {}) // told where it is waited for
    if (settings.head.model !== 'built-in') await loading // what is wrong with the user's own is known before any work
    const photo = await this.timed('photo', () =>
      decodePhoto(this.options.photo, { maxPixels: settings.photo.maxPixels }),
    )
    if (this.options.resumeFrom) this.resumed = await loadCheckpoint(this.options.resumeFrom, this.identity(photo))
    const face = await this.timed('landmarks', () => this.findFace(photo))
    const head = await loading
    const { fit, metric, evidence } = await this.timed('head', () => this.fit(photo, face, head))
    const { target, coarseErrorMm } = await this.timed('coarse', () => this.coarse(photo, fit))
    const coarse = viewCoarse(fit)
    const image = cropImage(photo, fit.crop)
    const contours = CONTOURS[face.landmarks.layout]
    const flaws = findFlaws(photo, fit.crop, coarse.mask)
    const labels = settings.evidence.labels ? evidence : undefined
    const trusted = labels
      ? labelledSkin(labels, coarse, flaws)
      : trustedSkin(image, coarse, fit.crop, face.landmarks, contours, flaws)
    const trustedShare = sum(trusted) / Math.max(1, sum(coarse.mask))
    if (trustedShare < LITTLE_SEEN)
      this.warnings.push(
        `Only ${Math.round(100 * trustedShare)} % of the face can be read from the photo: the rest is the head model’s.`,
      )
    const painted = labels ?? paintedSkin(fit.crop, face.landmarks, contours)
    const detail = await this.timed('detail', () =>
      this.detail(photo, target, { fit, view: coarse, image, trusted, painted, expected: evidence }, coarseErrorMm),
    )
    const { field, view } = detail
    const asset = await this.timed('surface', () =>
      buildAsset(
        {
          fit,
          metric,
          field,
          photo,
          landmarks: face.landmarks,
          view,
          image,
          trusted,
          spoilt: flaws.spoilt,
          mask: coarse.mask,
          bounds: bounds(fit),
        },
        settings,
        this.threads,
        this.options.signal,
      ),
    )
    this.leave()
    return {
      settings,
      photo,
      face,
      fit,
      image,
      coarse,
      view,
      frame: target.frame,
      sdf: asset.sdf,
      metric,
      asset,
      weights: detail.weights,
      losses: this.detailer!.losses,
      history: detail.history,
      quality: {
        landmarkRmsPx: fit.residualPx,
        landmarkRmsRelative: fit.residualRelative,
        identityDetermined: fit.identityDetermined,
        psnr: psnr(view, image, trusted),
        coarseErrorMm,
        trustedShare,
      },
      backend: this.device!.name,
      seconds: this.seconds,
      warnings: [...photo.warnings, ...landmarkWarnings(face), ...fit.warnings, ...flaws.warnings, ...this.warnings],
    }
  }

  private async timed<T>(stage: StageName, work: () => Promise<T>): Promise<T> {
    await pass(this.options.signal)
    this.leave()
    this.stage = stage
    this.inspector.stage = stage
    this.progress.enter(stage)
    return work()
  }

  /** A stage lasts until the next one begins: no time is in none. */
  private leave(): void {
    const now = performance.now()
    this.seconds[this.stage] = (now - this.entered) / 1000
    this.entered = now
  }

  private async findFace(photo: Photo): Promise<Face> {
    return correctLandmarks(await this.landmarks(photo), this.options.corrections, photo)
  }

  private async landmarks(photo: Photo): Promise<Face> {
    if (this.options.landmarks !== undefined) return readLandmarks(this.options.landmarks, photo)
    const detector = await LandmarkDetector.create()
    try {
      return chooseFace(await detector.detect(photo), this.options.settings.photo.face, photo)
    } finally {
      detector.dispose()
    }
  }

  private async fit(
    photo: Photo,
    face: Face,
    head: HeadModel,
  ): Promise<{ fit: HeadFit; metric: Metric; evidence: EvidenceMaps | undefined }> {
    const { settings, signal } = this.options
    const found = await fitFace(head, face, photo, settings, signal)
    const { fit, metric } = metricFit(found.fit, settings.head.ipdMm)
    this.inspector.record('fitted-head', () => ({ kind: 'mesh', mesh: fit.mesh }))
    return { fit, metric, evidence: found.evidence }
  }

  private async coarse(photo: Photo, fit: HeadFit): Promise<{ target: CoarseTarget; coarseErrorMm: number }> {
    const { settings } = this.options
    this.device = await openDevice(settings.backend, settings.threads, {
      onNote: (text) => this.warnings.push(text),
    })
    const target = new CoarseTarget(fit, settings.coarse.thickness, this.threads)
    if (settings.field.kind === 'relief') return { target, coarseErrorMm: 0 }
    const network = new SiderField(this.device, settings, target.frame)
    this.network = network
    // A checkpoint of the detail stage replaces what would be learned here.
    if (this.resumed?.stage === 'detail')
      return { target, coarseErrorMm: this.resumed.state['coarseErrorMm'] as number }
    let state = coarseStart(settings.seed)
    if (this.resumed) {
      network.restore(shapedOf(this.resumed))
      state = this.resumed.state as unknown as CoarseState
    }
    const save = () => this.save(photo, async () => ({ tensors: await network.save(), state: { ...state } }))
    const result = await this.cancellable(save, () =>
      trainCoarse(network, target, settings.coarse, state, {
        signal: this.options.signal,
        onStep: async (iteration, iterations, loss) => {
          this.progress.step({ iteration, iterations, loss })
          if (this.saveDue()) await save()
        },
      }),
    )
    this.inspector.record('coarse-loss', () => lossTable(state.losses))
    return { target, coarseErrorMm: result.distanceError * 1000 }
  }

  /** Writes the present stage's state to the run's checkpoint, if it has one. */
  private async save(photo: Photo, state: () => Promise<Pick<Checkpoint, 'tensors' | 'state'>>): Promise<void> {
    const { checkpoint } = this.options
    if (!checkpoint) return
    await saveCheckpoint(checkpoint.file, {
      ...this.identity(photo),
      stage: this.stage,
      ...(await state()),
    })
    this.lastSave = performance.now()
  }

  private identity(photo: Photo): RunIdentity {
    const { settings, landmarks, corrections } = this.options
    const given = givenLandmarks(landmarks, corrections)
    return { photoSha256: photo.sha256, settings, ...(given && { landmarks: given }) }
  }

  private saveDue(): boolean {
    const { checkpoint } = this.options
    return checkpoint !== undefined && performance.now() - this.lastSave > checkpoint.everySeconds * 1000
  }

  /** Does `work`; when the caller aborts it, or it diverges, its state is saved before the error goes on. */
  private async cancellable<T>(save: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof SiderError && error.code === 'DIVERGED') await save()
      if (!this.options.signal?.aborted) throw error
      await save()
      const saved = this.options.checkpoint ? '; a checkpoint was saved' : ''
      throw new SiderError('CANCELLED', `the run was stopped${saved}`, {
        stage: this.stage,
        cause: error,
      })
    }
  }

  private async detail(photo: Photo, target: CoarseTarget, input: DetailInput, coarseErrorMm: number) {
    const { settings, signal, finish } = this.options
    const detailer = this.network
      ? await networkDetailer(this.network, target, input, settings)
      : await reliefDetailer(this.device!, target, input, settings, this.threads, signal)
    this.detailer = detailer
    if (this.resumed?.stage === 'detail') detailer.restore(shapedOf(this.resumed), this.resumed.state)
    const save = () =>
      this.save(photo, async () => {
        const { tensors, state } = await detailer.save()
        return { tensors, state: { ...state, coarseErrorMm } }
      })
    const history: { step: number; view: FaceView }[] = []
    let nextHistory = 0
    let lastSnapshot = performance.now()
    const snapshotDue =
      this.options.snapshotDue ?? (() => performance.now() - lastSnapshot > settings.detail.snapshotEvery * 1000)
    try {
      const onStep = async ({ step, steps, loss }: DetailStep): Promise<void> => {
        const etaSeconds = this.progress.step({ iteration: step, iterations: steps, loss })
        // Early changes are the largest: pictures are spaced quadratically.
        if (step / steps >= (nextHistory / HISTORY) ** 2 && nextHistory < HISTORY) {
          // After a resumption several pictures are due: one stands for all.
          while (step / steps >= (nextHistory / HISTORY) ** 2 && nextHistory < HISTORY) nextHistory++
          history.push({ step, view: await detailer.view() })
        }
        if (this.saveDue()) await save()
        if (snapshotDue({ step, steps, etaSeconds })) {
          await this.snapshot(input, detailer, step)
          lastSnapshot = performance.now()
        }
      }
      const stop = finish && signal ? AbortSignal.any([finish, signal]) : (finish ?? signal)
      await this.cancellable(save, () => detailer.run({ signal: stop, onStep }))
      await save() // what follows is done again after a stop, from here
    } catch (error) {
      // What follows the loop is the same after an early end: the face as it is now.
      if (!finish?.aborted || error instanceof SiderError) throw error
      this.warnings.push('ended early at the user’s wish: the detail is what had been found by then')
    }
    await detailer.settle(signal)
    this.inspector.record('loss', () => lossTable(detailer.losses))
    const view = await detailer.view()
    history.push({ step: Number.POSITIVE_INFINITY, view })
    const { tensors } = await detailer.save()
    const weights = Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.includes('/')))
    return { view, field: await detailer.field(), weights, history }
  }

  /** Hands mesh, pictures and distance grid of the present state to whoever listens. */
  private async snapshot({ fit, view: coarse }: DetailInput, detailer: Detailer, step: number): Promise<void> {
    const { inspector } = this
    if (['normals', 'render', 'mesh'].some((name) => inspector.wants(name))) {
      const view = await detailer.view()
      const { size, normals, colour } = view
      const image = { kind: 'image' as const, width: size, height: size }
      inspector.record('normals', () => ({ ...image, data: normals, range: [-1, 1] }), step)
      inspector.record('render', () => ({ ...image, data: colour, range: [0, 1] }), step)
      inspector.record(
        'mesh',
        () => {
          this.preview ??= previewScene(fit, coarse)
          return { kind: 'mesh', mesh: previewMesh(this.preview, view) }
        },
        step,
      )
    }
    if (inspector.wants('sdf')) {
      const field = await detailer.field()
      const { low, high } = bounds(fit)
      this.previewGrid ??= new PreviewGrid(field.frame, low, high, PREVIEW_SAMPLES)
      inspector.record('sdf', { kind: 'sdf', grid: await this.previewGrid.sample(field) }, step)
    }
  }

  async dispose(): Promise<void> {
    await this.detailer?.dispose()
    await this.network?.dispose()
    await this.device?.dispose()
  }
}

function previewScene(fit: HeadFit, coarse: CoarseMaps): PreviewScene {
  const mesh = denseFace(fit.mesh, fit.model, PREVIEW_TRIANGLES)
  return { mesh, weight: boundaryFalloff(mesh, FADE), camera: fit.camera, crop: fit.crop, coarse }
}

/** A stage saves nothing but 32-bit floats. */
const shapedOf = ({ tensors }: Checkpoint) => tensors as Record<string, ShapedArray>

/** Box of the face region with a margin of 1 cm, head frame, metres. */
function bounds(fit: HeadFit): { low: [number, number, number]; high: [number, number, number] } {
  const { positions } = submesh(fit.mesh, fit.model.faceRegion).mesh
  const low: [number, number, number] = [1, 1, 1]
  const high: [number, number, number] = [-1, -1, -1]
  positions.forEach((p, i) => {
    low[i % 3] = Math.min(low[i % 3], p - 0.01)
    high[i % 3] = Math.max(high[i % 3], p + 0.01)
  })
  return { low, high }
}

const sum = (values: ArrayLike<number>): number =>
  Array.prototype.reduce.call(values, (a, b) => (a as number) + (b as number), 0) as number

/** Peak signal-to-noise ratio of the render against the photo over trusted pixels, dB; null where there are none. */
function psnr(view: FaceView, image: Float32Array, trusted: Float32Array): number | null {
  let squares = 0
  let count = 0
  for (let i = 0; i < trusted.length; i++) {
    if (!trusted[i] || !view.mask[i]) continue
    for (let k = 3 * i; k < 3 * i + 3; k++) squares += (view.colour[k] - image[k]) ** 2
    count += 3
  }
  return count === 0 ? null : -10 * Math.log10(Math.max(squares / count, 1e-12))
}

function lossTable(losses: readonly number[]) {
  return { kind: 'table' as const, columns: ['step', 'loss'], rows: losses.map((loss, i) => [i + 1, loss]) }
}

/**
 * The whole pipeline: photo → landmarks → head fit → coarse distance → detailed field → surface. Only this file knows the
 * order; what passes between the stages is in stages.ts.
 */

import { CoarseTarget } from './coarse/target.js'
import { openDevice } from './compute/index.js'
import type { Device, ShapedArray } from './compute/program.js'
import type { Settings } from './config.js'
import { SiderError, type StageName } from './errors.js'
import type { FaceEvidence } from './evidence/face-evidence.js'
import { lackingExpressions } from './formats/vrm.js'
import { LOAD_HEAD } from './head/load.js'
import { metricFit } from './head/metric.js'
import { Inspector } from './inspect.js'
import { faceOf, landmarkWarnings } from './landmarks/choose.js'
import { LandmarkDetector } from './landmarks/detect.js'
import { readLandmarks } from './landmarks/read.js'
import { methodOf } from './methods/index.js'
import type { SavedState, Solver, TrainingStep } from './methods/method.js'
import { decodePhoto } from './photo/decode.js'
import { type Asset, buildAsset } from './pipeline/build-asset.js'
import { fitFace } from './pipeline/fit-face.js'
import { gatherEvidence } from './pipeline/gather-evidence.js'
import { Previews } from './pipeline/previews.js'
import { PROFILES } from './presets.js'
import type { Checkpoint } from './run/checkpoint.js'
import { CheckpointKeeper } from './run/keeper.js'
import { RunProgress } from './run/progress.js'
import type { Reconstruction, ReconstructOptions } from './run/types.js'
import type { Face, FaceView, HeadFit, HeadModel, Photo } from './stages.js'
import { asMemoryError } from './system/memory.js'
import { asCancelled, pass } from './system/pass.js'
import { openThreads, type Threads } from './threads/index.js'

/** Beyond these a face is hardly one: networks after five steps were 36 mm off, with 11 dB; a small preview has 23 dB. */
const [WORST_COARSE_MM, WORST_PSNR] = [5, 15]
/** Pictures of the training that the result keeps for progress.png. */
const HISTORY = 5

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

/** The state of one run. */
class Run {
  stage: StageName = 'setup'
  private readonly seconds: Partial<Record<StageName, number>> = {}
  private entered = performance.now()
  private readonly warnings: string[] = []
  private readonly inspector: Inspector
  private readonly threads: Threads
  private device: Device | undefined
  private solver: Solver | undefined

  constructor(
    private readonly options: ReconstructOptions,
    private readonly progress: RunProgress,
  ) {
    this.inspector = options.inspector ?? new Inspector()
    this.threads = openThreads(options.settings.threads)
  }

  async all(): Promise<Reconstruction> {
    const { settings, signal } = this.options
    const loading = this.threads.run(LOAD_HEAD, settings.head.model, signal)
    loading.catch(() => {}) // told where it is waited for
    if (settings.head.model !== 'built-in') await loading // what is wrong with the user's own is known before any work

    const { maxPixels } = settings.photo
    const photo = await this.timed('photo', () => decodePhoto(this.options.photo, { maxPixels }))
    const keeper = new CheckpointKeeper(this.options, photo)
    const resumed = await keeper.resumed()
    const face = await this.timed('landmarks', () => this.findFace(photo))
    const head = await loading
    const { fit, metric, expected } = await this.timed('head', () => this.fit(photo, face, head))
    const solver = await this.timed('coarse', () => this.coarse(fit, keeper, resumed))
    const gathered = gatherEvidence(photo, face, fit, expected, settings)
    const { evidence, trustedShare } = gathered
    const detail = await this.timed('detail', () => this.detail(solver, evidence, keeper, resumed))
    const { field, view } = detail
    const made = { evidence, metric, field, view }
    const asset = await this.timed('surface', () => buildAsset(made, settings, this.threads, signal))
    this.leave()
    const quality = {
      landmarkRmsPx: fit.residualPx,
      landmarkRmsRelative: fit.residualRelative,
      identityDetermined: fit.identityDetermined,
      psnr: psnr(view, evidence),
      coarseErrorMm: solver.coarseErrorMm,
      trustedShare,
    }
    this.warnings.push(...qualityWarnings(quality), ...vrmWarnings(asset, settings))

    return {
      settings,
      photo,
      face,
      fit,
      image: evidence.image,
      coarse: evidence.coarse,
      view,
      frame: field.frame,
      sdf: asset.sdf,
      metric,
      asset,
      weights: detail.weights,
      losses: solver.losses,
      history: detail.history,
      quality,
      backend: this.device!.name,
      seconds: this.seconds,
      warnings: [photo.warnings, landmarkWarnings(face), fit.warnings, gathered.warnings, this.warnings].flat(),
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
    const { landmarks, corrections, settings, signal } = this.options
    if (landmarks !== undefined) return faceOf({ given: readLandmarks(landmarks, photo) }, corrections, photo)
    const detector = await LandmarkDetector.create()
    try {
      return faceOf({ found: await detector.detect(photo, { signal }), index: settings.photo.face }, corrections, photo)
    } finally {
      detector.dispose()
    }
  }

  private async fit(photo: Photo, face: Face, head: HeadModel) {
    const { settings, signal } = this.options
    const found = await fitFace(head, face, photo, settings, signal)
    const { fit, metric } = metricFit(found.fit, settings.head.ipdMm)
    this.inspector.record('fitted-head', () => ({ kind: 'mesh', mesh: fit.mesh }))
    return { fit, metric, expected: found.evidence }
  }

  private async coarse(fit: HeadFit, keeper: CheckpointKeeper, resumed: Checkpoint | undefined): Promise<Solver> {
    const { settings, signal } = this.options
    const { threads } = this
    const device = await openDevice(settings.backend, settings.threads, {
      onNote: (text) => this.warnings.push(text),
    })
    this.device = device
    const target = new CoarseTarget(fit, settings.coarse.thickness, threads)
    const solver = await methodOf(settings).open({ device, coarse: target, settings, threads })
    this.solver = solver
    if (resumed?.stage === 'detail') return solver // the checkpoint replaces what would be learned here
    if (resumed) solver.restore(savedIn(resumed))
    const state = () => solver.save()
    await keeper.guard('coarse', state, async () => {
      const losses = await solver.coarse({
        signal,
        onStep: async (step) => {
          this.tell(step)
          if (keeper.due) await keeper.save('coarse', await state())
        },
      })
      if (losses.length > 0) this.inspector.record('coarse-loss', () => lossTable(losses))
    })
    return solver
  }

  private async detail(
    solver: Solver,
    evidence: FaceEvidence,
    keeper: CheckpointKeeper,
    resumed: Checkpoint | undefined,
  ) {
    const { settings, signal, finish } = this.options
    await solver.prepare(evidence, signal)
    if (resumed?.stage === 'detail') solver.restore(savedIn(resumed))
    const state = () => solver.save()
    const previews = new Previews(this.inspector, evidence)
    const history: { step: number; view: FaceView }[] = []
    let nextHistory = 0
    let lastSnapshot = performance.now()
    const snapshotDue =
      this.options.snapshotDue ?? (() => performance.now() - lastSnapshot > settings.output.snapshotEvery * 1000)
    const onStep = async (progress: TrainingStep): Promise<void> => {
      const etaSeconds = this.tell(progress)
      const { step, steps } = progress
      // Early changes are the largest: pictures are spaced quadratically.
      if (step / steps >= (nextHistory / HISTORY) ** 2 && nextHistory < HISTORY) {
        // After a resumption several pictures are due: one stands for all.
        while (step / steps >= (nextHistory / HISTORY) ** 2 && nextHistory < HISTORY) nextHistory++
        history.push({ step, view: await solver.view() })
      }
      if (keeper.due) await keeper.save('detail', await state())
      if (snapshotDue({ step, steps, etaSeconds })) {
        await previews.record(solver, step)
        lastSnapshot = performance.now()
      }
    }
    try {
      const stop = finish && signal ? AbortSignal.any([finish, signal]) : (finish ?? signal)
      await keeper.guard('detail', state, () => solver.detail({ signal: stop, onStep }))
      await keeper.save('detail', await state()) // what follows is done again after a stop, from here
    } catch (error) {
      // What follows the loop is the same after an early end: the face as it is now.
      if (!finish?.aborted || error instanceof SiderError) throw error
      this.warnings.push('ended early at the user’s wish: the detail is what had been found by then')
    }
    await solver.settle(signal)
    this.inspector.record('loss', () => lossTable(solver.losses))
    const view = await solver.view()
    history.push({ step: Number.POSITIVE_INFINITY, view })
    const { tensors } = await solver.save()
    const weights = Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.includes('/')))
    return { view, field: await solver.field(), weights, history }
  }

  /** @returns expected seconds to the end */
  private tell({ step, steps, loss }: TrainingStep): number {
    return this.progress.step({ iteration: step, iterations: steps, loss })
  }

  async dispose(): Promise<void> {
    await this.solver?.dispose()
    await this.device?.dispose()
  }
}

/** A stage saves nothing but 32-bit floats. */
const savedIn = ({ tensors, state }: Checkpoint): SavedState => ({
  tensors: tensors as Record<string, ShapedArray>,
  state,
})

/** Which expressions an avatar lacks because its head model has no keys for them. */
export function vrmWarnings({ keys, parts }: Pick<Asset, 'keys' | 'parts'>, { output, head }: Settings): string[] {
  if (!PROFILES[output.profile].vrm) return []
  const lacking = lackingExpressions([{ keys }, ...parts].flatMap((part) => part.keys.map(({ name }) => name)))
  if (lacking.length === 0) return []
  return [
    `the head model ${head.model} lacks keys of ${lacking.length} of VRM's expressions, which do less than they should or nothing in face.vrm: ${lacking.join(', ')}; take the built-in head for all of them`,
  ]
}

/** What the figures say of a result that is of no use. */
export function qualityWarnings({
  psnr,
  coarseErrorMm,
}: Pick<Reconstruction['quality'], 'psnr' | 'coarseErrorMm'>): string[] {
  const warnings: string[] = []
  if (coarseErrorMm > WORST_COARSE_MM)
    warnings.push(
      `the networks are ${coarseErrorMm.toFixed(0)} mm away from the fitted head, and the face is of no use: raise networks.coarse.steps`,
    )
  if (psnr !== null && psnr < WORST_PSNR)
    warnings.push(
      `the result looks unlike the photo (PSNR ${psnr.toFixed(1)} dB) and is of little use: give it more steps, or take another preset`,
    )
  return warnings
}

/** Peak signal-to-noise ratio of the render against the photo over trusted pixels, dB; null where there are none. */
function psnr(view: FaceView, { image, trusted }: FaceEvidence): number | null {
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

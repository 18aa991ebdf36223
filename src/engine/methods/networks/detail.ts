/**
 * The detail stage (Eqs. 8-10): trace the face pixels' rays to the surface, compare colours, improve both networks.
 * An epoch is one pass over all face pixels in batches of rays.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { type Arrays, type Executable, type ShapedArray, withoutShapes, withShapes } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { Rng } from '../../geometry/rng.js'
import { correctedRate } from '../../optimise/adam.js'
import { descend } from '../../optimise/descend.js'
import type { NearPoints, TrainingOptions } from '../method.js'
import type { SiderField } from './field.js'
import { advance, clampSlope, type FaceRays, hitPositions, restart } from './rays.js'
import { detailStep } from './step.js'

/** What a checkpoint holds besides the weights. */
export interface DetailState {
  step: number
  epoch: number
  rateFactor: number
  epochLosses: number[]
  /** Steps done in the current epoch, and the sum of their losses. */
  inEpoch: number
  lossSum: number
  rng: number[]
  /** The generator before it shuffled the rays of the current epoch. */
  shuffleRng: number[]
}

interface Snapshot {
  weights: Arrays
  t: Float32Array
  slope: Float32Array
  state: DetailState
}

/** Longest step of a ray towards the surface, and the distance at which a hit counts as found, in field units. */
const LONGEST_STEP = 0.05
const FOUND = 3e-3
/** Not negated, so that a value that is no number is lost too. */
const lost = (sdf: number): boolean => !(Math.abs(sdf) < 10 * FOUND)
/** A loss this much above the best epoch's, or not a number, is divergence. */
const DIVERGED = 3

export class DetailTrainer {
  readonly state: DetailState
  readonly stepsPerEpoch: number
  private readonly batch: Record<'x' | 'view' | 'colour' | 'weight' | 'distance', Float32Array>
  readonly rays: FaceRays
  private readonly near: NearPoints
  private readonly list: Uint32Array
  private readonly hits: Float32Array
  private order: Uint32Array

  private constructor(
    private readonly field: SiderField,
    { rays, near }: { rays: FaceRays; near: NearPoints },
    private readonly settings: Settings['networks']['detail'],
    private readonly programs: { step: Executable; trace: Executable },
    private rng: Rng,
  ) {
    this.rays = rays
    this.near = near
    const { rays: r, points: p } = settings
    this.stepsPerEpoch = Math.max(1, Math.ceil(rays.count / r))
    const start = rng.getState()
    this.state = {
      step: 0,
      epoch: 0,
      rateFactor: 1,
      epochLosses: [],
      inEpoch: 0,
      lossSum: 0,
      rng: start,
      shuffleRng: start,
    }
    this.batch = {
      x: new Float32Array(3 * (r + p)),
      view: new Float32Array(3 * r),
      colour: new Float32Array(3 * r),
      weight: new Float32Array(r),
      distance: new Float32Array(p),
    }
    this.list = new Uint32Array(r)
    this.hits = this.batch.x.subarray(0, 3 * r)
    this.order = rng.permutation(rays.count)
  }

  static async create(
    field: SiderField,
    rays: FaceRays,
    near: NearPoints,
    settings: Settings['networks']['detail'],
    seed: number,
  ): Promise<DetailTrainer> {
    const { geometry, device, variables } = field
    const step = await device.compile(detailStep(field, settings), variables)
    const trace = await device.compile(
      {
        name: 'trace',
        inputs: { x: [settings.rays, 3] },
        body: ({ x }, w) => ({ outputs: { sdf: geometry.sdf(w, x as tf.Tensor2D) } }),
      },
      variables,
    )
    return new DetailTrainer(field, { rays, near }, settings, { step, trace }, new Rng(seed))
  }

  /**
   * Trains until the last epoch, a plateau of the loss, or `signal`.
   * On divergence it goes back to the last good epoch and tries once more with a third of the rate.
   * @throws SiderError DIVERGED the second time, with the last good state in place
   */
  async run(options: TrainingOptions): Promise<void> {
    const { epochs } = this.settings
    const { state } = this
    await descend({
      stage: 'detail',
      rateSetting: 'networks.detail.learningRate',
      lower: 5e-5,
      keepEvery: 5,
      state,
      stretches: () => state.epoch,
      finished: () => state.epoch >= epochs || this.plateau(),
      stretch: () => this.epoch(options),
      diverged: (loss) => loss > DIVERGED * Math.min(...state.epochLosses) + 1e-3,
      accept: (loss) => {
        state.epochLosses.push(loss)
        state.epoch++
        Object.assign(state, { inEpoch: 0, lossSum: 0, shuffleRng: this.rng.getState() })
        this.order = this.rng.permutation(this.rays.count)
      },
      snapshot: () => this.snapshot(),
      goTo: (snapshot) => this.goTo(snapshot),
    })
  }

  /** The rest of an epoch; its mean loss. */
  private async epoch({ signal, onStep }: TrainingOptions): Promise<number> {
    const { state } = this
    while (state.inEpoch < this.stepsPerEpoch) {
      signal?.throwIfAborted()
      const loss = await this.oneStep(state.inEpoch)
      state.lossSum += loss
      state.inEpoch++
      if (!Number.isFinite(loss)) break
      const steps = this.settings.epochs * this.stepsPerEpoch
      await onStep?.({ step: state.step, steps, loss: state.lossSum / state.inEpoch })
    }
    return state.lossSum / state.inEpoch
  }

  /** Whether the loss has stopped falling: no epoch of the last `plateauEpochs` beat the best before by the tolerance. */
  private plateau(): boolean {
    const { plateauEpochs, plateauTolerance } = this.settings
    const losses = this.state.epochLosses
    if (plateauEpochs === 0 || losses.length <= plateauEpochs) return false
    const before = Math.min(...losses.slice(0, -plateauEpochs))
    return Math.min(...losses.slice(-plateauEpochs)) > before * (1 - plateauTolerance)
  }

  private rate(): number {
    const { learningRate, learningRateEnd, epochs } = this.settings
    const progress = this.state.step / Math.max(1, epochs * this.stepsPerEpoch)
    return this.state.rateFactor * learningRate * (learningRateEnd / learningRate) ** Math.min(1, progress)
  }

  private async oneStep(index: number): Promise<number> {
    const { rays, batch, list, state } = this
    const r = list.length
    for (let i = 0; i < r; i++) list[i] = this.order[(index * r + i) % rays.count]
    await this.traceBatch()
    for (let i = 0; i < r; i++) {
      const ray = list[i]
      for (let k = 0; k < 3; k++) {
        batch.view[3 * i + k] = rays.directions[3 * ray + k]
        batch.colour[3 * i + k] = rays.colours[3 * ray + k]
      }
    }
    for (let i = 0; i < batch.distance.length; i++) {
      const point = this.rng.integer(this.near.distance.length)
      batch.x.set(this.near.points.subarray(3 * point, 3 * point + 3), 3 * (r + i))
      batch.distance[i] = this.near.distance[point]
    }
    state.step++
    const result = await this.programs.step.run({
      ...batch,
      rate: Float32Array.of(correctedRate(this.rate(), state.step)),
    })
    // The step has evaluated f and its slope at the hits: the next visit starts one Newton step closer.
    for (let i = 0; i < r; i++) rays.slope[list[i]] = clampSlope(result['slope'][i])
    advance(rays, list, result['sdf'], LONGEST_STEP)
    for (let i = 0; i < r; i++) if (lost(result['sdf'][i])) restart(rays, list[i])
    return result['loss'][0]
  }

  /** Moves the batch's rays onto the surface; rays that miss it after all steps get no photometric weight. */
  private async traceBatch(): Promise<void> {
    const { rays, list, batch } = this
    let sdf: Float32Array = batch.weight
    for (let i = 0; i < this.settings.traceSteps; i++) {
      hitPositions(rays, list, this.hits)
      sdf = (await this.programs.trace.run({ x: this.hits }))['sdf']
      advance(rays, list, sdf, LONGEST_STEP)
      let missing = 0
      for (const value of sdf) if (Math.abs(value) > FOUND) missing++
      if (missing <= 0.01 * list.length) break
    }
    hitPositions(rays, list, this.hits)
    for (let i = 0; i < list.length; i++) {
      batch.weight[i] = lost(sdf[i]) ? 0 : rays.weights[list[i]]
    }
  }

  private async snapshot(): Promise<Snapshot> {
    return {
      weights: await this.field.variables.read(),
      t: this.rays.t.slice(),
      slope: this.rays.slope.slice(),
      state: structuredClone({ ...this.state, rng: this.rng.getState() }),
    }
  }

  private goTo({ weights, t, slope, state }: Snapshot): void {
    this.field.variables.write(weights)
    this.rays.t.set(t)
    this.rays.slope.set(slope)
    Object.assign(this.state, structuredClone(state))
    this.order = Rng.fromState(state.shuffleRng).permutation(this.rays.count)
    this.rng = Rng.fromState(state.rng)
  }

  /** Everything a checkpoint needs to go on exactly here, in the middle of an epoch too. */
  async save(): Promise<{ tensors: Record<string, ShapedArray>; state: DetailState }> {
    const { weights, t, slope, state } = await this.snapshot()
    const perRay = (data: Float32Array): ShapedArray => ({ shape: [data.length], data })
    return {
      tensors: { ...withShapes(weights, this.field.variables), 'rays/t': perRay(t), 'rays/slope': perRay(slope) },
      state,
    }
  }

  restore(tensors: Record<string, ShapedArray>, state: DetailState): void {
    const { 'rays/t': t, 'rays/slope': slope, ...weights } = withoutShapes(tensors)
    this.goTo({ weights, t, slope, state })
  }

  async dispose(): Promise<void> {
    await this.programs.step.dispose()
    await this.programs.trace.dispose()
  }
}

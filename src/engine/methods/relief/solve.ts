/** Solves the relief of one photo: Adam over all pixels at once, compiled into one program. */
import {
  type Device,
  type Executable,
  type ShapedArray,
  type Variables,
  withoutShapes,
  withShapes,
} from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { correctedRate, isMoment, withMoments } from '../../optimise/adam.js'
import { descend } from '../../optimise/descend.js'
import type { FaceView } from '../../stages.js'
import type { TrainingOptions } from '../method.js'
import { ReliefModel } from './model.js'
import type { ReliefScene } from './scene.js'

/** The rate ends at this share of its start. */
const DECAY = 0.1
/** Steps in which the surface takes on normals that are given. */
const SETTLING = 80

/** The decomposition of the crop. */
export interface ReliefView extends FaceView {
  /** [size, size] movement of the surface along the optical axis, metres */
  relief: Float32Array
  /** [size, size, 3] sRGB */
  shading: Float32Array
  /** [size, size, 3] relative to the face's mean */
  albedo: Float32Array
}

/** What a checkpoint holds besides the variables. */
export interface ReliefState {
  step: number
  rateFactor: number
  /** The loss of each step done. */
  losses: number[]
}

export class ReliefSolver {
  readonly state: ReliefState = { step: 0, rateFactor: 1, losses: [] }
  private seen: { step: number; view: ReliefView } | undefined

  private constructor(
    private readonly scene: ReliefScene,
    private readonly settings: Settings['relief'],
    private readonly variables: Variables,
    private readonly programs: { step: Executable; view: Executable; settle(): Promise<Executable> },
  ) {}

  static async create(
    device: Device,
    scene: ReliefScene,
    { relief: settings, evidence }: Pick<Settings, 'relief' | 'evidence'>,
  ): Promise<ReliefSolver> {
    const model = new ReliefModel(scene, settings, evidence)
    const variables = device.variables(withMoments(model.initial()))
    const programs = {
      step: await device.compile(model.step(), variables),
      view: await device.compile(model.view(), variables),
      settle: () => device.compile(model.settle(), variables),
    }
    return new ReliefSolver(scene, settings, variables, programs)
  }

  /**
   * Runs the remaining steps.
   * @throws SiderError DIVERGED when the loss is not a number twice; the last good state is then in place
   */
  async run({ signal, onStep }: TrainingOptions): Promise<void> {
    const { steps, learningRate } = this.settings
    const { state } = this
    await descend({
      stage: 'detail',
      rateSetting: 'relief.learningRate',
      lower: 0.005,
      keepEvery: 100,
      state,
      stretches: () => state.step,
      finished: () => state.step >= steps,
      stretch: async () => {
        signal?.throwIfAborted()
        const rate = state.rateFactor * learningRate * DECAY ** (state.step / steps)
        const result = await this.programs.step.run({ rate: Float32Array.of(correctedRate(rate, state.step + 1)) })
        return result['loss'][0]
      },
      accept: async (loss) => {
        state.losses.push(loss)
        state.step++
        await onStep?.({ step: state.step, steps, loss })
      },
      snapshot: async () => ({ weights: await this.variables.read(), step: state.step }),
      goTo: ({ weights, step }) => {
        this.variables.write(weights)
        this.seen = undefined
        state.step = step
        state.losses.length = step
      },
    })
  }

  /**
   * Moves the surface to normals between its own and others.
   * @param others [size, size, 3] unit, camera frame
   * @param share [size, size] 0..1 of the others
   */
  async settle(others: Float32Array, share: Float32Array, signal?: AbortSignal): Promise<void> {
    const { normals } = await this.view()
    const pixels = share.length
    const target = new Float32Array(3 * pixels)
    for (let i = 0; i < pixels; i++) {
      const mean = [0, 1, 2].map((k) => normals[3 * i + k] + share[i] * (others[3 * i + k] - normals[3 * i + k]))
      const length = Math.hypot(...mean) || 1
      for (let k = 0; k < 3; k++) target[k * pixels + i] = mean[k] / length
    }
    const settler = await this.programs.settle()
    try {
      // Moments of the steps before would carry it on in their direction.
      const start = await this.variables.read()
      this.variables.write(
        Object.fromEntries(Object.entries(start).map(([name, x]) => [name, isMoment(name) ? x.map(() => 0) : x])),
      )
      for (let step = 0; step < SETTLING; step++) {
        signal?.throwIfAborted()
        const rate = this.settings.learningRate * DECAY ** (step / SETTLING)
        await settler.run({ rate: Float32Array.of(correctedRate(rate, step + 1)), target })
      }
    } finally {
      await settler.dispose()
      this.seen = undefined
    }
  }

  /** The face as it is now; asked again before the next step, the answer is the same object. */
  async view(): Promise<ReliefView> {
    const { step } = this.state
    if (this.seen?.step !== step) this.seen = { step, view: await this.look() }
    return this.seen.view
  }

  private async look(): Promise<ReliefView> {
    const { size, mask } = this.scene
    const values = await this.programs.view.run({})
    const onFace = (name: string, off = 0): Float32Array => {
      const out = values[name].slice()
      const dims = out.length / mask.length
      for (let i = 0; i < mask.length; i++) if (!mask[i]) out.fill(off, dims * i, dims * (i + 1))
      return out
    }
    return {
      size,
      mask,
      depth: onFace('depth', Number.NaN),
      normals: onFace('normal'),
      colour: onFace('colour'),
      shading: onFace('shading'),
      albedo: onFace('albedo'),
      relief: values['relief'].slice(),
    }
  }

  async weights(): Promise<Record<string, ShapedArray>> {
    return withShapes(await this.variables.read(), this.variables)
  }

  restore(weights: Record<string, ShapedArray>, state: ReliefState): void {
    this.variables.write(withoutShapes(weights))
    this.seen = undefined
    Object.assign(this.state, structuredClone(state))
  }

  async dispose(): Promise<void> {
    await this.programs.step.dispose()
    await this.programs.view.dispose()
    this.variables.dispose()
  }
}

/** Both networks learn the photo, from the relief's surface on. */
import { type Device, type Executable, type Variables, withoutShapes, withShapes } from '../../compute/program.js'
import type { Settings } from '../../config.js'
import { transformDirections } from '../../geometry/camera.js'
import { Rng } from '../../geometry/rng.js'
import { correctedRate, withMoments } from '../../optimise/adam.js'
import { descend } from '../../optimise/descend.js'
import type { FaceView, FieldFrame, HeadFit } from '../../stages.js'
import type { SavedState, TrainingOptions } from '../method.js'
import { hitPositions } from '../networks/rays.js'
import { NeuralModel } from './model.js'
import { moveTo, type ReliefRays } from './rays.js'

/** The rate ends at this share of its start. */
const DECAY = 0.1
/** Over this share of the steps the geometry's rate rises: a renderer that knows nothing yet would bend the surface at random. */
const LEAD = 0.2
/** Points of one evaluation. */
const BATCH = 4096
/** Evaluations in which every ray comes to the surface, when all are looked at. */
const TRACING = 3
/** A loss this much above the first, which is that of a renderer that knows nothing, is divergence. */
const DIVERGED = 2

interface NeuralState {
  step: number
  rateFactor: number
  /** The loss of each step done. */
  losses: number[]
  rng: number[]
}

/** The face of a photo from the relief on. */
export interface SeenFace {
  fit: HeadFit
  frame: FieldFrame
  rays: ReliefRays
}

type Programs = Record<'step' | 'surface' | 'colour', Executable>

type Feeds = Record<'x' | 'view' | 'base' | 'colour' | 'weight' | 'expected' | 'confidence', Float32Array>

export class NeuralTrainer {
  readonly state: NeuralState
  private rng: Rng
  private readonly feeds: Feeds
  private readonly list: Uint32Array

  private constructor(
    private readonly face: SeenFace,
    private readonly settings: Settings['neural'],
    private readonly variables: Variables,
    private readonly programs: Programs,
    seed: number,
  ) {
    this.rng = new Rng(seed)
    this.state = { step: 0, rateFactor: 1, losses: [], rng: this.rng.getState() }
    this.list = new Uint32Array(settings.rays)
    const rows = (n: number): Float32Array => new Float32Array(n * settings.rays)
    this.feeds = {
      x: rows(3),
      view: rows(3),
      base: rows(3),
      colour: rows(3),
      weight: rows(1),
      expected: rows(3),
      confidence: rows(1),
    }
  }

  static async create(device: Device, face: SeenFace, settings: Settings): Promise<NeuralTrainer> {
    const model = new NeuralModel(settings)
    const variables = device.variables(withMoments(model.initial()))
    const programs = [model.step(), model.surface(BATCH), model.colour(BATCH)]
    const [step, surface, colour] = await Promise.all(programs.map((program) => device.compile(program, variables)))
    return new NeuralTrainer(face, settings.neural, variables, { step, surface, colour }, settings.seed)
  }

  /** Runs the remaining steps. @throws SiderError DIVERGED the second time, with the last good state in place */
  async run({ signal, onStep }: TrainingOptions): Promise<void> {
    const { steps } = this.settings
    const { state } = this
    await descend({
      stage: 'detail',
      rateSetting: 'neural.learningRate',
      lower: 5e-4,
      keepEvery: 100,
      state,
      stretches: () => state.step,
      finished: () => state.step >= steps,
      stretch: () => {
        signal?.throwIfAborted()
        return this.step()
      },
      diverged: (loss) => loss > DIVERGED * (state.losses[0] ?? loss),
      accept: async (loss) => {
        state.losses.push(loss)
        state.step++
        state.rng = this.rng.getState()
        await onStep?.({ step: state.step, steps, loss })
      },
      snapshot: () => this.save(),
      goTo: (saved) => this.restore(saved),
    })
  }

  /** A step at rays drawn anew; each comes closer to the surface as it is seen now. */
  private async step(): Promise<number> {
    const { list, feeds, state, settings } = this
    const { rays } = this.face
    for (let i = 0; i < list.length; i++) list[i] = this.rng.integer(rays.count)
    hitPositions(rays, list, feeds.x)
    gather(rays.directions, list, 3, feeds.view)
    gather(rays.base, list, 3, feeds.base)
    gather(rays.colours, list, 3, feeds.colour)
    gather(rays.weights, list, 1, feeds.weight)
    gather(rays.expected, list, 3, feeds.expected)
    gather(rays.confidence, list, 1, feeds.confidence)
    const progress = state.step / settings.steps
    const rate = correctedRate(state.rateFactor * settings.learningRate * DECAY ** progress, state.step + 1)
    const result = await this.programs.step.run({
      ...feeds,
      colourRate: Float32Array.of(rate),
      shapeRate: Float32Array.of(rate * Math.min(1, progress / LEAD)),
    })
    const { offset, loss } = result as { offset: Float32Array; loss: Float32Array }
    for (let i = 0; i < list.length; i++) moveTo(rays, list[i], offset[i])
    return loss[0]
  }

  /** a r and its gradient at points in field coordinates [n, 3]. */
  async measure(points: Float32Array): Promise<{ offset: Float32Array; gradient: Float32Array }> {
    const n = points.length / 3
    const [offset, gradient] = [new Float32Array(n), new Float32Array(3 * n)]
    for (let from = 0; from < n; from += BATCH) {
      const count = Math.min(BATCH, n - from)
      const result = await this.programs.surface.run({ x: batch(points, from, 3) })
      offset.set(result['offset'].subarray(0, count), from)
      gradient.set(result['gradient'].subarray(0, 3 * count), 3 * from)
    }
    return { offset, gradient }
  }

  /** The face as it is now. Looking does not change what the training does next. */
  async view(): Promise<FaceView> {
    const { fit, frame } = this.face
    const { crop, camera } = fit
    const rays = { ...this.face.rays, t: this.face.rays.t.slice() }
    const x = new Float32Array(3 * rays.count)
    const all = Uint32Array.from({ length: rays.count }, (_, i) => i)
    for (let i = 0; i < TRACING; i++) {
      hitPositions(rays, all, x)
      const { offset } = await this.measure(x)
      for (const ray of all) moveTo(rays, ray, offset[ray])
    }
    hitPositions(rays, all, x)
    const { gradient } = await this.measure(x)
    const normals = unitRows(rays.base.map((n, i) => n + gradient[i]))
    const along = transformDirections(camera.headToCamera, rays.directions)
    const depth = rays.t.map((t, i) => t * along[3 * i + 2] * frame.scale)
    const inCamera = transformDirections(camera.headToCamera, normals, new Float32Array(normals.length))
    const shown = new Uint8Array(crop.size ** 2)
    for (const pixel of rays.pixels) shown[pixel] = 1
    return {
      size: crop.size,
      mask: shown,
      depth: onFace(depth, rays.pixels, crop.size, 1, Number.NaN),
      normals: onFace(inCamera, rays.pixels, crop.size, 3),
      colour: onFace(await this.colours(x, normals), rays.pixels, crop.size, 3),
    }
  }

  /** sRGB of points [n, 3] with unit normals, one for each ray. */
  private async colours(x: Float32Array, normals: Float32Array): Promise<Float32Array> {
    const { directions, count } = this.face.rays
    const out = new Float32Array(3 * count)
    for (let from = 0; from < count; from += BATCH) {
      const feeds = { x: batch(x, from, 3), normal: batch(normals, from, 3), view: batch(directions, from, 3) }
      const { colour } = (await this.programs.colour.run(feeds)) as { colour: Float32Array }
      out.set(colour.subarray(0, 3 * Math.min(BATCH, count - from)), 3 * from)
    }
    return out
  }

  async save(): Promise<SavedState & { state: Record<string, unknown> & NeuralState }> {
    const { t } = this.face.rays
    return {
      tensors: {
        ...withShapes(await this.variables.read(), this.variables),
        'rays/t': { shape: [t.length], data: t.slice() },
      },
      state: structuredClone({ ...this.state }),
    }
  }

  restore({ tensors, state }: SavedState): void {
    const { 'rays/t': t, ...weights } = withoutShapes(tensors)
    this.variables.write(weights)
    this.face.rays.t.set(t)
    Object.assign(this.state, structuredClone(state))
    this.rng = Rng.fromState(this.state.rng)
  }

  async dispose(): Promise<void> {
    for (const program of Object.values(this.programs)) await program.dispose()
    this.variables.dispose()
  }
}

function gather(from: Float32Array, list: Uint32Array, dims: number, out: Float32Array): void {
  for (let i = 0; i < list.length; i++) for (let k = 0; k < dims; k++) out[dims * i + k] = from[dims * list[i] + k]
}

/** Rows from `from` on, filled up to a whole batch. */
function batch(values: Float32Array, from: number, dims: number): Float32Array {
  const out = new Float32Array(BATCH * dims)
  out.set(values.subarray(from * dims, (from + BATCH) * dims))
  return out
}

function unitRows(x: Float32Array): Float32Array {
  for (let i = 0; i < x.length; i += 3) {
    const length = Math.hypot(x[i], x[i + 1], x[i + 2])
    for (let k = i; k < i + 3; k++) x[k] /= length
  }
  return x
}

/** Values of rays at their pixels, [size, size, dims]. */
function onFace(values: Float32Array, pixels: Uint32Array, size: number, dims: number, off = 0): Float32Array {
  const out = new Float32Array(size * size * dims).fill(off)
  pixels.forEach((pixel, i) => {
    out.set(values.subarray(dims * i, dims * (i + 1)), dims * pixel)
  })
  return out
}

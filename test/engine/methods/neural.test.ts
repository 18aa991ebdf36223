/** The networks that start from a surface: gradients, what they find, stopping and going on. */
import { describe, expect, it } from 'vitest'
import { OrtDevice } from '../../../src/engine/compute/ort-device.js'
import { resolveSettings } from '../../../src/engine/config.js'
import { normalAngles } from '../../../src/engine/evaluate/normal-error.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { NeuralModel } from '../../../src/engine/methods/neural/model.js'
import { reliefRays } from '../../../src/engine/methods/neural/rays.js'
import { agreed } from '../../../src/engine/methods/neural/settle.js'
import { NeuralTrainer } from '../../../src/engine/methods/neural/train.js'
import { evidenceShare } from '../../../src/engine/methods/relief/evidence-share.js'
import type { ReliefView } from '../../../src/engine/methods/relief/solve.js'
import { withMoments } from '../../../src/engine/optimise/adam.js'
import type { HeadFit } from '../../../src/engine/stages.js'
import { capScene } from './scenes.js'

const device = new OrtDevice({ provider: 'cpu' })

const small = (overrides: Record<string, unknown> = {}) =>
  resolveSettings({
    preset: 'neural',
    overrides: {
      'neural.geometry.width': 24,
      'neural.geometry.bands': 3,
      'neural.renderer.width': 24,
      'neural.rays': 16,
      'neural.steps': 30,
      ...overrides,
    },
  })

/** A trainer on the bumpy cap's photo that starts from the cap without bumps. */
async function onCap(settings: ReturnType<typeof small>, size = 64) {
  const { scene, normals, smooth } = capScene(size, 10)
  const fit = {
    camera: scene.camera,
    crop: { x: 0, y: 0, width: size, height: size, size },
  } as unknown as HeadFit
  const start = { ...scene, normals: smooth } as unknown as ReliefView
  const frame = { center: Float64Array.of(0, 0, 0), scale: 0.1 }
  // what evidence is on a face: it knows the broad shape and no bumps
  const expected = { normals: smooth, confidence: scene.weight }
  const rays = reliefRays(fit, scene, start, expected, frame)
  const trainer = await NeuralTrainer.create(device, { fit, frame, rays }, settings)
  return { trainer, scene, normals, smooth }
}

const mean = (values: Float32Array): number => {
  const known = values.filter((v) => !Number.isNaN(v))
  return known.reduce((a, b) => a + b, 0) / known.length
}

describe('the step', () => {
  it.each([true, false])('has the gradients of finite differences, with the feature: %s', async (useFeature) => {
    const settings = small({ 'neural.renderer.useFeature': useFeature, 'neural.distanceWeight': 0.3 })
    const n = settings.neural.rays
    const model = new NeuralModel(settings)
    const rng = new Rng(4)
    const initial = model.initial()
    // a surface that is not flat any more
    for (const name of ['wSdf', 'bSdf']) initial[name]!.data = initial[name]!.data.map(() => 0.3 * rng.normal())
    const variables = device.variables(withMoments(initial))
    const step = await device.compile(model.step(), variables)
    const surface = await device.compile(model.surface(n), variables)
    const drawn = (dims: number, sigma = 1): Float32Array =>
      Float32Array.from({ length: n * dims }, () => sigma * rng.normal())
    const unit = (values: Float32Array): Float32Array =>
      values.map((_, i) => values[i] / Math.hypot(...values.subarray(i - (i % 3), i - (i % 3) + 3)))
    const leaning = (towards: number): Float32Array =>
      unit(drawn(3, 0.3).map((v, i) => v + (i % 3 === 2 ? towards : 0)))
    const feeds = {
      x: drawn(3, 0.3),
      view: leaning(-1),
      base: leaning(1),
      colour: drawn(3).map((c) => 1 / (1 + Math.exp(c))),
      weight: drawn(1).map((w) => Math.abs(w)),
      expected: leaning(1),
      confidence: drawn(1).map((w) => Math.abs(w)),
    }
    const start = await variables.read()
    const { offset, gradient } = await surface.run({ x: feeds.x })
    const slope = Array.from(offset, (_, i) =>
      [0, 1, 2].reduce((s, k) => s + (feeds.base[3 * i + k] + gradient[3 * i + k]) * feeds.view[3 * i + k], 0),
    )
    const lossWith = async (changed: Record<string, Float32Array>): Promise<number> => {
      variables.write({ ...start, ...changed })
      const now = await surface.run({ x: feeds.x })
      // the hits move as the surface does
      const x = feeds.x.map((p, i) => {
        const ray = Math.floor(i / 3)
        return p - (feeds.view[i] * (now['offset'][ray] - offset[ray])) / Math.min(slope[ray], -0.15)
      })
      return (await step.run({ ...feeds, x, shapeRate: Float32Array.of(0), colourRate: Float32Array.of(0) }))['loss'][0]
    }
    await lossWith({})
    const moments = await variables.read()
    let checked = 0
    for (const name of Object.keys(initial)) {
      // after one step from zero, Adam's first moment is a tenth of the gradient
      const exact = moments[`${name}/m`]!.map((m) => 10 * m)
      const length = Math.hypot(...exact)
      if (length < 1e-4) continue
      const along = (h: number) => lossWith({ [name]: start[name]!.map((w, i) => w + (h * exact[i]) / length) })
      const h = 2e-4
      const measured = ((await along(h)) - (await along(-h))) / (2 * h)
      expect(Math.abs(measured - length), `${name}: ${measured}, not ${length}`).toBeLessThan(0.03 * length + 1e-3)
      checked++
    }
    expect(checked).toBeGreaterThan(10)
  })
})

describe('training on a bumpy cap', () => {
  it('finds bumps that the surface it starts from lacks', async () => {
    const size = { 'neural.geometry.width': 64, 'neural.geometry.bands': 7, 'neural.renderer.width': 64 }
    const settings = small({ ...size, 'neural.rays': 1024, 'neural.steps': 600 })
    const { trainer, scene, normals, smooth } = await onCap(settings)
    await trainer.run({})
    const view = await trainer.view()
    const before = mean(normalAngles(smooth, normals, scene.mask))
    const after = mean(normalAngles(view.normals, normals, scene.mask))
    expect(after).toBeLessThan(0.88 * before)
    // and the renderer shows the photo
    const errors = view.colour.map((c, i) =>
      scene.mask[Math.floor(i / 3)] ? Math.abs(c - scene.image[i]) : Number.NaN,
    )
    expect(mean(errors)).toBeLessThan(0.03)
    await trainer.dispose()
  })

  it('gives the same result after a stop', async () => {
    const settings = small({ 'neural.rays': 128 })
    const whole = await onCap(settings)
    await whole.trainer.run({})
    const stopped = await onCap(settings)
    const stop = new AbortController()
    await expect(
      stopped.trainer.run({ signal: stop.signal, onStep: ({ step }) => void (step === 11 && stop.abort()) }),
    ).rejects.toThrow()
    const { tensors, state } = await stopped.trainer.save()
    const resumed = await onCap(settings)
    resumed.trainer.restore({ tensors, state: JSON.parse(JSON.stringify(state)) })
    await resumed.trainer.run({})
    expect(resumed.trainer.state.losses).toEqual(whole.trainer.state.losses)
    expect((await resumed.trainer.view()).normals).toEqual((await whole.trainer.view()).normals)
  })

  it('diverges once, tries again with less, then gives up with the last good state', async () => {
    const { trainer } = await onCap(small({ 'neural.learningRate': 1 }))
    await trainer.run({}).catch((error) => expect(error).toMatchObject({ code: 'DIVERGED', stage: 'detail' }))
    expect((await trainer.view()).normals.every(Number.isFinite)).toBe(true)
  })
})

describe('the mean of what all see', () => {
  const networks = Float32Array.of(1, 0, 0, 1, 0, 0)
  const normals = Float32Array.of(0, 1, 0, 0, 1, 0)

  it('counts the networks where they look, and evidence in what they leave', () => {
    const found = agreed(networks, Float32Array.of(0.5, 0), { normals, share: Float32Array.of(0.5, 0.25) })
    expect(found.share[0]).toBeCloseTo(0.75)
    expect([...found.normals.subarray(0, 2)].map((v) => Number(v.toFixed(4)))).toEqual([0.6667, 0.3333])
    expect(found.share[1]).toBeCloseTo(0.25)
  })

  it('does without evidence', () => {
    const found = agreed(networks, Float32Array.of(0.5, 0.5), undefined)
    expect([...found.share]).toEqual([0.5, 0.5])
    expect(found.normals[0]).toBeCloseTo(1)
  })

  it('takes evidence where the photo shows something and nothing covers the face', () => {
    const size = 100
    const map = (value: (x: number) => number): Float32Array =>
      Float32Array.from({ length: size * size }, (_, i) => value(i % size))
    const none = new Float32Array(0)
    const maps = {
      size,
      skin: none,
      hair: none,
      beard: none,
      glasses: none,
      lips: none,
      brows: none,
      eyes: none,
      mouth: none,
      albedo: none,
      normals: none,
    }
    const expected = { ...maps, confidence: map(() => 0.25), cover: map((x) => (x < 20 ? 1 : 0)) }
    const { share } = evidenceShare({ expected, spoilt: map((x) => (x >= 70 ? 1 : 0)) }, 0.8)!
    expect([10, 45, 71, 90].map((x) => share[50 * size + x])).toEqual([0, expect.closeTo(0.4), 0, 0])
    expect(evidenceShare({ expected: undefined, spoilt: none }, 0.8)).toBeUndefined()
  })
})

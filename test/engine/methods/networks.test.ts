/** Coarse distances and their learning, rays and tracing, training of both networks, and the mask of trusted skin. */
import { beforeAll, describe, expect, it } from 'vitest'
import { CoarseTarget } from '../../../src/engine/coarse/target.js'
import { OrtDevice } from '../../../src/engine/compute/ort-device.js'
import { resolveSettings } from '../../../src/engine/config.js'
import { viewCoarse } from '../../../src/engine/evidence/coarse-view.js'
import { paintedSkin, trustedSkin } from '../../../src/engine/evidence/trust.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { type CoarseResult, coarseStart, trainCoarse } from '../../../src/engine/methods/networks/coarse.js'
import { DetailTrainer } from '../../../src/engine/methods/networks/detail.js'
import { SiderField } from '../../../src/engine/methods/networks/field.js'
import { advance, type FaceRays, hitPositions, makeRays } from '../../../src/engine/methods/networks/rays.js'
import { FaceRenderer } from '../../../src/engine/methods/networks/render.js'
import type { HeadFit, Landmarks, Mesh } from '../../../src/engine/stages.js'
import { frontCamera, gridMesh, sphereMesh } from '../../support/shapes.js'

const SIZE = 48
const RADIUS = 0.1
const THICKNESS = 0.004

/** A fit whose whole mesh is face, seen from in front. */
function fitOf(mesh: Mesh, size = SIZE): HeadFit {
  const faceRegion = new Uint8Array(mesh.indices.length / 3).fill(1)
  const crop = { x: 0, y: 0, width: size, height: size, size }
  return { mesh, model: { faceRegion }, camera: frontCamera(size, 2.6 * size, 0.6), crop } as unknown as HeadFit
}

/** A photo that is black and not to be believed. */
const blank = { image: new Float32Array(SIZE * SIZE * 3), trusted: new Float32Array(SIZE * SIZE) }

const sphere = sphereMesh(RADIUS, 96, 192)
const settings = resolveSettings({
  overrides: {
    method: 'networks',
    coarse: { thickness: THICKNESS },
    networks: {
      geometry: { layers: 4, width: 48, skip: 2, feature: 8, bands: 2, initialRadius: 0.5 },
      renderer: { layers: 2, width: 24, viewBands: 1 },
      coarse: { steps: 250, batch: 512, learningRate: 2e-3 },
      detail: { epochs: 3, rays: 256, points: 64, learningRate: 5e-4, plateauEpochs: 0 },
    },
  },
})
const device = new OrtDevice({ provider: 'cpu' })
const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length

describe('coarse distance', () => {
  it('has its front on the mesh and its back a thickness behind', async () => {
    const target = new CoarseTarget(fitOf(gridMesh(0.2, 8)), THICKNESS)
    const { center, scale } = target.frame
    const heights = [0.03, 0.001, 0, -0.001, -THICKNESS / 2, -0.003, -THICKNESS, -0.02]
    const points = Float32Array.from(
      heights.flatMap((z) => [0.013, -0.021, z]),
      (p, i) => (p - center[i % 3]) / scale,
    )
    const { sdf, gradient } = await target.measure(points)
    heights.forEach((z, i) => {
      const exact = Math.abs(z + THICKNESS / 2) - THICKNESS / 2
      expect(sdf[i] * scale).toBeCloseTo(exact, 6)
      if (z !== -THICKNESS / 2) expect(gradient[3 * i + 2]).toBeCloseTo(Math.sign(z + THICKNESS / 2), 4)
    })
  })

  it('is exact on a sphere', async () => {
    const target = new CoarseTarget(fitOf(sphere), THICKNESS)
    const rng = new Rng(3)
    let worst = 0
    for (let i = 0; i < 300; i++) {
      const direction = [rng.normal(), rng.normal(), rng.normal()]
      const r = rng.uniform(0.6, 1.3) * RADIUS
      const length = Math.hypot(...direction)
      const { center, scale } = target.frame
      const point = Float32Array.from(direction, (d, k) => ((d / length) * r - center[k]) / scale)
      const exact = Math.abs(r - RADIUS + THICKNESS / 2) - THICKNESS / 2
      worst = Math.max(worst, Math.abs((await target.measure(point)).sdf[0] * scale - exact))
    }
    // The triangles lie up to R (1 - cos(π / 96)) = 0.05 mm inside the sphere.
    expect(worst).toBeLessThan(6e-5)
  })

  it('samples mostly near the sheet, with their distances', async () => {
    const target = new CoarseTarget(fitOf(sphere), THICKNESS)
    const { points, distance } = await target.sample(4000, 0.002, new Rng(1))
    expect(distance).toEqual((await target.measure(points)).sdf)
    const near = distance.filter((d) => Math.abs(d) * target.frame.scale < 0.006).length / 4000
    expect(near).toBeGreaterThan(0.75)
    expect(near).toBeLessThan(0.97)
  })
})

describe('coarse stage on a sphere', () => {
  const fit = fitOf(sphere)
  const target = new CoarseTarget(fit, THICKNESS)
  let field: SiderField
  let result: CoarseResult
  const state = coarseStart(1)
  beforeAll(async () => {
    field = new SiderField(device, settings, target.frame)
    result = await trainCoarse(field, target, settings.networks.coarse, state)
  })

  it('diverges once, tries again with less, then gives up with the last good state', async () => {
    const other = new SiderField(device, settings, target.frame)
    const before = await other.variables.read()
    const start = coarseStart(1)
    const wild = { ...settings.networks.coarse, learningRate: 1e25 }
    await expect(trainCoarse(other, target, wild, start)).rejects.toMatchObject({ code: 'DIVERGED', stage: 'coarse' })
    expect(await other.variables.read()).toEqual(before)
    expect(start.losses).toEqual([])
  })

  it('learns the distance', async () => {
    const rng = new Rng(8)
    const radii = Float32Array.from({ length: 500 }, () => rng.uniform(0.98, 1.1) * RADIUS)
    const points = new Float32Array(1500)
    radii.forEach((r, i) => {
      const d = [rng.normal(), rng.normal(), rng.normal()]
      const length = Math.hypot(...d)
      points.set(field.toField(Float64Array.from(d, (x) => (x / length) * r)), 3 * i)
    })
    const { sdf, gradient } = await field.sdfAndGradient(points)
    const errors = sdf.map((f, i) => Math.abs(f * field.frame.scale - (radii[i] - RADIUS)))
    console.info(
      `sphere: mean error ${(1000 * mean(errors)).toFixed(3)} mm, told ${(1000 * result.distanceError).toFixed(3)} mm`,
    )
    expect(mean(errors)).toBeLessThan(0.0008)
    expect(result.distanceError).toBeLessThan(0.0012)
    const lengths = sdf.map((_, i) => Math.abs(Math.hypot(...gradient.subarray(3 * i, 3 * i + 3)) - 1))
    expect(mean(lengths)).toBeLessThan(0.15)
    expect(mean(state.losses.slice(-20))).toBeLessThan(0.3 * mean(state.losses.slice(0, 20)))
  })

  it('is seen where it is: rays end on the zero level, near the sphere', async () => {
    const view = viewCoarse(fit)
    const rays = makeRays({ fit, coarse: view, ...blank }, field.frame)
    expect(rays.count).toBe(view.mask.reduce((a, b) => a + b, 0))
    const list = Uint32Array.from({ length: rays.count }, (_, i) => i)
    const hits = new Float32Array(rays.count * 3)
    hitPositions(rays, list, hits)
    // They start on the rasterised mesh.
    const start = hits.map((_, i) => (i % 3 === 0 ? Math.hypot(...field.toHead(hits.slice(i, i + 3))) - RADIUS : 0))
    expect(Math.max(...start.map(Math.abs))).toBeLessThan(6e-5)
    const renderer = await FaceRenderer.create(field)
    const picture = await renderer.render(fit, rays)
    await renderer.dispose()
    hitPositions(rays, list, hits)
    const sdf = await field.sdf(hits)
    const seen = list.filter((i) => picture.mask[rays.pixels[i]])
    expect(seen.length / rays.count).toBeGreaterThan(0.97)
    const facing = seen.filter((i) => view.normals[3 * rays.pixels[i] + 2] < -0.4)
    const residual = [...facing].map((i) => Math.abs(sdf[i])).sort((a, b) => a - b)
    expect(residual[Math.floor(0.95 * residual.length)]).toBeLessThan(1e-4)
    expect(residual.at(-1)).toBeLessThan(5e-3)
    const off = [...facing].map((i) => Math.abs(picture.depth[rays.pixels[i]] - view.depth[rays.pixels[i]]))
    const turned = [...facing].map((i) => {
      const at = 3 * rays.pixels[i]
      return [0, 1, 2].reduce((sum, k) => sum + picture.normals[at + k] * view.normals[at + k], 0)
    })
    console.info(`render: depth error ${(1000 * mean(off)).toFixed(3)} mm, normals ${mean(turned).toFixed(4)}`)
    expect(mean(off)).toBeLessThan(0.0015)
    expect(mean(turned)).toBeGreaterThan(0.97)
  })
})

describe('rays that lost the surface', () => {
  it('are found again from the front of the coarse depth', async () => {
    const fit = fitOf(sphere)
    const target = new CoarseTarget(fit, THICKNESS)
    const field = new SiderField(device, settings, target.frame)
    await trainCoarse(field, target, settings.networks.coarse, coarseStart(1))
    const rays = makeRays({ fit, coarse: viewCoarse(fit), ...blank }, target.frame)
    // Behind the sheet, and thrown away so far that Newton's method cannot come back.
    rays.t.forEach((t, i) => {
      rays.t[i] = i % 2 === 0 ? t + 3 : Number.NaN
    })
    const renderer = await FaceRenderer.create(field)
    const { mask } = await renderer.render(fit, rays)
    await renderer.dispose()
    await field.dispose()
    expect(mask.reduce((a, b) => a + b, 0) / rays.count).toBeGreaterThan(0.95)
    expect(rays.t.filter((t) => Number.isNaN(t)).length).toBe(0)
  })
})

describe('coarse stage on the head', () => {
  it('its front is the fitted face, and a network learns it', async () => {
    const model = await loadHead('built-in')
    const fit = { ...fitOf({ positions: model.mean, indices: model.indices }), model }
    const target = new CoarseTarget(fit, THICKNESS)
    const field = new SiderField(device, settings, target.frame)
    const { sdf } = await target.measure(field.toField(target.face.positions))
    const front = sdf.map((d) => Math.abs(d) * target.frame.scale)
    // Everywhere, the creases of lips, lids and nostrils included.
    expect(Math.max(...front)).toBeLessThan(1e-5)
    const before = await target.sample(2000, 0.003, new Rng(5))
    const error = async (): Promise<number> => {
      const sdf = await field.sdf(before.points)
      return mean(sdf.map((f, i) => Math.abs(f - before.distance[i]))) * field.frame.scale
    }
    const untrained = await error()
    await trainCoarse(field, target, settings.networks.coarse, coarseStart(1))
    const trained = await error()
    console.info(`head: mean error ${(1000 * untrained).toFixed(2)} mm before, ${(1000 * trained).toFixed(2)} mm after`)
    expect(trained).toBeLessThan(0.002)
    expect(trained).toBeLessThan(untrained / 5)
    await field.dispose()
  })
})

describe('tracing an analytic sphere', () => {
  const [r, distance] = [0.5, 3]
  /** Parallel to the axis of z would be too easy: a pencil of rays from one point. */
  function pencil(): { rays: FaceRays; exact: Float64Array } {
    const count = 200
    const rng = new Rng(4)
    const directions = new Float32Array(count * 3)
    const [t, slope, exact] = [new Float32Array(count), new Float32Array(count), new Float64Array(count)]
    for (let i = 0; i < count; i++) {
      const [a, b] = [rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1)]
      const length = Math.hypot(a, b, 1)
      const d = [a / length, b / length, -1 / length]
      directions.set(d, 3 * i)
      const along = -d[2] * distance
      exact[i] = along - Math.sqrt(along * along - distance * distance + r * r)
      slope[i] = (exact[i] - along) / r
      t[i] = exact[i] + rng.uniform(-0.03, 0.03)
    }
    const empty = new Float32Array(0)
    const origin = Float32Array.of(0, 0, distance)
    return {
      rays: {
        count,
        pixels: new Uint32Array(count),
        origin,
        directions,
        coarse: Float32Array.from(exact),
        t,
        slope,
        colours: empty,
        weights: empty,
      },
      exact,
    }
  }

  it('converges within a few steps from near', () => {
    const { rays, exact } = pencil()
    const list = Uint32Array.from({ length: rays.count }, (_, i) => i)
    const x = new Float32Array(rays.count * 3)
    const worst: number[] = []
    for (let step = 0; step < 4; step++) {
      hitPositions(rays, list, x)
      advance(
        rays,
        list,
        Float32Array.from(list, (i) => Math.hypot(x[3 * i], x[3 * i + 1], x[3 * i + 2]) - r),
        0.05,
      )
      worst.push(Math.max(...exact.map((t, i) => Math.abs(rays.t[i] - t))))
    }
    expect(worst[0]).toBeLessThan(4e-3)
    expect(worst[3]).toBeLessThan(2e-6)
  })

  it('never leaps further than the limit and leaves other rays alone', () => {
    const { rays } = pencil()
    const before = rays.t.slice()
    advance(rays, Uint32Array.of(3, 7), Float32Array.of(100, -100), 0.05)
    expect(rays.t[3] - before[3]).toBeCloseTo(0.05, 5)
    expect(rays.t[7] - before[7]).toBeCloseTo(-0.05, 5)
    before.forEach((t, i) => {
      if (i !== 3 && i !== 7) expect(rays.t[i]).toBe(t)
    })
  })
})

describe('training of both networks', async () => {
  const fit = fitOf(sphere)
  const target = new CoarseTarget(fit, THICKNESS)
  const near = await target.sample(2000, 0.002, new Rng(2))
  const view = viewCoarse(fit)
  const image = view.normals.map((n) => 0.5 + 0.4 * n)

  async function trainer(changes: Partial<typeof settings.networks.detail> = {}) {
    const field = new SiderField(
      device,
      {
        ...settings,
        networks: { ...settings.networks, geometry: { ...settings.networks.geometry, initialRadius: 0.9 } },
      },
      target.frame,
    )
    const rays = makeRays({ fit, coarse: view, image, trusted: Float32Array.from(view.mask) }, target.frame)
    return {
      field,
      rays,
      it: await DetailTrainer.create(field, rays, near, { ...settings.networks.detail, ...changes }, 5),
    }
  }

  it('matches colours better with every epoch', async () => {
    const one = await trainer()
    await one.it.run({})
    const losses = one.it.state.epochLosses
    expect(losses).toHaveLength(3)
    expect(losses[2]).toBeLessThan(0.9 * losses[0])
  })

  it('goes on from a checkpoint in the middle of an epoch as if it had never stopped', async () => {
    const whole = await trainer()
    await whole.it.run({})
    const first = await trainer()
    const stop = new AbortController()
    const at = first.it.stepsPerEpoch + 2
    await expect(
      first.it.run({ signal: stop.signal, onStep: ({ step }) => (step === at ? stop.abort() : undefined) }),
    ).rejects.toThrow()
    const { tensors, state } = await first.it.save()
    const second = await trainer()
    second.it.restore(tensors, JSON.parse(JSON.stringify(state)))
    await second.it.run({})
    expect(second.it.state.epochLosses).toEqual(whole.it.state.epochLosses)
    expect(await second.field.variables.read()).toEqual(await whole.field.variables.read())
    expect(second.rays.t).toEqual(whole.rays.t)
  })

  it('diverges once, tries again with less, then gives up with the last good state', async () => {
    const one = await trainer({ learningRate: 1e20, learningRateEnd: 1e20 })
    const before = await one.field.variables.read()
    const steps: number[] = []
    await expect(one.it.run({ onStep: ({ step }) => void steps.push(step) })).rejects.toMatchObject({
      code: 'DIVERGED',
    })
    // The first step of each try still sees good weights.
    expect(steps.filter((step) => step === 1)).toHaveLength(2)
    expect(await one.field.variables.read()).toEqual(before)
    expect((await one.it.save()).state.epoch).toBe(0)
  })
})

describe('trusted skin', () => {
  const size = 128
  const crop = { x: 100, y: 50, width: 256, height: 256, size }
  const mask = new Uint8Array(size * size)
  const normals = new Float32Array(size * size * 3)
  const image = new Float32Array(size * size * 3)
  const rng = new Rng(6)
  const hair = (x: number, y: number): boolean => y < 30 + 6 * Math.sin(x / 7)
  const brow = (x: number, y: number): boolean => Math.abs(y - 48) < 3 && Math.abs(Math.abs(x - 64) - 18) < 9
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [i % size, Math.floor(i / size)]
    mask[i] = Math.hypot((x - 64) / 46, (y - 64) / 56) < 1 ? 1 : 0
    const [u, v] = [(x - 64) / 60, (y - 64) / 70]
    normals.set([u, v, -Math.sqrt(Math.max(0, 1 - u * u - v * v))], 3 * i)
    const dark = hair(x, y) || brow(x, y)
    // Skin darkens to one side, as it does beside a lamp.
    const light = 1 - (0.35 * x) / size
    const colour = dark ? [0.13, 0.08, 0.05] : [0.8 * light, 0.6 * light, 0.5 * light]
    image.set(
      colour.map((c) => c + 0.01 * rng.normal()),
      3 * i,
    )
  }
  /** An open right eye, a closed left one, an open mouth; crop pixels. */
  const around = (x: number, y: number, w: number, h: number, n: number) =>
    Array.from({ length: n }, (_, i) => [
      x + w * Math.cos((2 * Math.PI * i) / n),
      y + h * Math.sin((2 * Math.PI * i) / n),
    ])
  const contours = [...around(46, 58, 8, 4, 6), ...around(82, 58, 8, 0.4, 6), ...around(64, 94, 14, 7, 8)]
  const points = Float64Array.from(contours.flatMap(([x, y]) => [crop.x + 2 * x, crop.y + 2 * y]))
  const landmarks = { layout: 68, points } as Landmarks
  const faceContours = {
    eyes: [
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10, 11],
    ],
    mouth: [12, 13, 14, 15, 16, 17, 18, 19],
    brows: [[0, 1, 2]],
    lips: [12, 13, 14, 15, 16, 17, 18, 19],
  } // prettier-ignore
  const none = { spoilt: new Float32Array(size * size), torn: false }
  const trusted = trustedSkin({
    image,
    coarse: { mask, normals },
    crop,
    landmarks,
    contours: faceContours,
    flaws: none,
  })
  const at = (x: number, y: number): number => trusted[y * size + x]

  it('leaves out the open mouth and the open eye, and keeps closed lids', () => {
    expect([at(64, 94), at(56, 94), at(46, 58)]).toEqual([0, 0, 0])
    expect([at(82, 58), at(64, 78)]).toEqual([1, 1])
  })
  it('leaves out hair that hangs in from the border, and keeps brows, shadow and skin', () => {
    expect([at(64, 14), at(50, 22), at(80, 20)]).toEqual([0, 0, 0])
    expect([at(46, 48), at(82, 48), at(104, 64), at(24, 64), at(64, 112)]).toEqual([1, 1, 1, 1, 1])
    const kept = trusted.reduce((a, b) => a + b, 0) / mask.reduce((a, b) => a + b, 0)
    expect(kept).toBeGreaterThan(0.65)
  })
  it('keeps the dark side of a face in hard light, and leaves out black hair beside it and what it cuts off', () => {
    const lit = new Float32Array(image.length)
    const black = (x: number): boolean => x < 34 + 2 * Math.sin(x)
    const strand = (y: number): boolean => Math.abs(y - 30) < 4
    for (let i = 0; i < size * size; i++) {
      const [x, y] = [i % size, Math.floor(i / size)]
      const [nx, , nz] = normals.subarray(3 * i, 3 * i + 3)
      const light = (0.05 + 0.95 * Math.max(0, 0.8 * nx - 0.6 * nz)) ** (1 / 2.2)
      const colour = black(x) || strand(y) ? [0.03, 0.025, 0.02] : [0.85 * light, 0.62 * light, 0.5 * light]
      lit.set(
        colour.map((c) => c + 0.01 * rng.normal()),
        3 * i,
      )
    }
    const kept = trustedSkin({
      image: lit,
      coarse: { mask, normals },
      crop,
      landmarks,
      contours: faceContours,
      flaws: none,
    })
    const share = (where: (x: number, y: number) => boolean): number => {
      const there = [...mask.keys()].filter((i) => mask[i] && where(i % size, Math.floor(i / size)))
      return there.reduce((sum, i) => sum + kept[i], 0) / there.length
    }
    // a shade of it, then the brightest side
    expect(share((x, y) => x > 38 && x < 50 && y > 66 && y < 100)).toBeGreaterThan(0.95)
    expect(share((x, y) => x > 96 && y > 40)).toBeGreaterThan(0.95)
    expect(share((x) => black(x))).toBeLessThan(0.05)
    expect(share((_, y) => y < 25)).toBe(0)
  })
  it('leaves out what is spoilt, and where the photo is torn also what does not look like skin', () => {
    const spoilt = new Float32Array(size * size)
    for (let y = 66; y < 76; y++) spoilt.fill(1, y * size + 90, y * size + 100)
    // a green patch on the cheek, away from the border
    const patched = image.slice()
    for (let y = 84; y < 96; y++) for (let x = 88; x < 100; x++) patched.set([0.2, 0.7, 0.3], 3 * (y * size + x))
    const kept = (torn: boolean): Float32Array =>
      trustedSkin({
        image: patched,
        coarse: { mask, normals },
        crop,
        landmarks,
        contours: faceContours,
        flaws: { spoilt, torn },
      })
    const [whole, torn] = [kept(false), kept(true)]
    const [gone, patch, skin] = [71 * size + 95, 90 * size + 94, 64 * size + 104]
    expect([whole[gone], whole[patch], whole[skin]]).toEqual([0, 1, 1])
    expect([torn[gone], torn[patch], torn[skin]]).toEqual([0, 0, 1])
  })
  it('knows lips and brows as paint', () => {
    const { brows, lips } = paintedSkin(crop, landmarks, faceContours)
    const [lip, skin] = [94 * size + 64, 78 * size + 64]
    expect([lips[lip], lips[skin], brows[lip], brows[skin]]).toEqual([1, 0, 0, 0])
    const [left] = faceContours.brows
    const middle = [0, 1].map((k) => left.reduce((sum, i) => sum + landmarks.points[2 * i + k], 0) / left.length)
    const [x, y] = middle.map((p, k) => Math.floor(((p - [crop.x, crop.y][k]) / crop.width) * size))
    expect([brows[y * size + x], lips[y * size + x]]).toEqual([1, 0])
  })
  it('trusts nothing off the face', () => {
    expect(trusted.some((t, i) => t > mask[i])).toBe(false)
  })
})

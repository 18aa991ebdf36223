/** What of the asset is no skin: eyes, teeth, tongue and mouth, and ARKit's keys on all of it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import { type Eye, gazeRotation, placeEyes } from '../../../src/engine/asset/eyes.js'
import type { ShapeKey } from '../../../src/engine/asset/keys.js'
import { LEFT_IRIS, RIGHT_IRIS } from '../../../src/engine/evidence/layouts.js'
import { cameraCenter, project } from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { boundaryLoops, connectedComponents } from '../../../src/engine/geometry/mesh.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { loadHead } from '../../../src/engine/head/load.js'
import {
  eyeParts,
  type MovedHead,
  moveHead,
  type OpenedHead,
  openFace,
} from '../../../src/engine/pipeline/build-parts.js'
import type { HeadModel, Landmarks, Mesh } from '../../../src/engine/stages.js'
import { settleHead } from '../../../src/engine/surface/head-mesh.js'
import { headTopology } from '../../../src/engine/surface/head-topology.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { deepestIntersection } from '../../support/self-intersection.js'
import { type AssetScene, assetScene } from './asset-fixture.js'

const METRIC = { ipdMm: 63, scale: 1, source: 'head model' as const }
const surface = (changes: object = {}) => ({
  surface: { shapeKeys: true, keys: 'arkit', neutralize: false, ...changes } as never,
})

let scene: AssetScene
let opened: OpenedHead
let moved: MovedHead
/** Keys of all parts by name: the part's mesh, and how it moves. */
const keys = new Map<string, { mesh: Mesh; key: ShapeKey; part: string }[]>()

/** Landmarks of the fitted head in the photo, with irises that look by `yaw` and `pitch`. */
function landmarksOf({ fit }: AssetScene, eyes: readonly Eye[], yaw: number, pitch: number): Landmarks {
  const points3d = embeddedPoints(fit.mesh.positions, fit.model.indices, fit.model.landmarks478)
  const at = project(fit.camera, points3d)
  const points = Float64Array.from({ length: 2 * 478 }, (_, i) => at[3 * Math.floor(i / 2) + (i % 2)])
  const m = gazeRotation({ yaw, pitch })
  for (const { side, centre, radius } of eyes) {
    const ring = side === 'Left' ? LEFT_IRIS : RIGHT_IRIS
    const pupil = project(
      fit.camera,
      Float64Array.from(centre, (c, k) => c + radius * m[3 * k + 2]),
    )
    const px = (0.00585 * fit.camera.fx) / pupil[2]
    for (const [n, i] of ring.entries()) {
      points[2 * i] = pupil[0] + [0, px, 0, -px, 0][n]
      points[2 * i + 1] = pupil[1] + [0, 0, -px, 0, px][n]
    }
  }
  return { layout: 478, points }
}

beforeAll(async () => {
  // a symmetric head at rest: what keys of the left do can be compared with those of the right
  scene = await assetScene(0)
  const { fit, field, photo } = scene
  const settled = await settleHead(fit, headTopology(fit.model, 1), field)
  const straight = openFace({
    fit,
    metric: METRIC,
    settled,
    photo,
    landmarks: { layout: 68, points: new Float64Array(136) },
    light: () => [1, 1, 1],
    open: () => true,
    neutral: false,
  })
  const landmarks = landmarksOf(
    scene,
    straight.eyes.map(({ eye }) => eye),
    0,
    0,
  )
  opened = openFace({
    fit,
    metric: METRIC,
    settled,
    photo,
    landmarks,
    light: () => [1, 1, 1],
    open: () => true,
    neutral: false,
  })
  moved = await moveHead(fit, METRIC, opened, surface())
  const skin = { positions: moved.positions, indices: opened.indices }
  for (const { name, mesh, keys: own } of [
    { name: 'face', mesh: skin, keys: moved.keys },
    ...eyeParts(opened, true),
    ...moved.inside,
  ])
    for (const key of own) keys.set(key.name, [...(keys.get(key.name) ?? []), { mesh, key, part: name }])
}, 120_000)

const shifted = ({ positions, indices }: Mesh, { displacements }: ShapeKey): Mesh => ({
  positions: positions.map((p, i) => p + displacements[i]),
  indices,
})
const most = (key: ShapeKey): number => {
  let square = 0
  const d = key.displacements
  for (let i = 0; i < d.length; i += 3) square = Math.max(square, d[i] ** 2 + d[i + 1] ** 2 + d[i + 2] ** 2)
  return Math.sqrt(square)
}
const onFace = (name: string) => keys.get(name)?.find(({ part }) => part === 'face')

describe('openings', () => {
  test('the skin is one manifold piece, open at the neck, the eyes and the mouth alone', () => {
    const mesh = { positions: moved.positions, indices: opened.indices }
    expect([edgeStatistics(mesh).badEdges, connectedComponents(mesh).count, boundaryLoops(mesh).length]).toEqual([
      0, 1, 4,
    ])
  })

  test('lids end in the balls, so that nothing can be looked past; no skin is in a ball', () => {
    for (const loop of boundaryLoops({ positions: moved.positions, indices: opened.indices })) {
      const distances = opened.eyes.map(({ eye }) =>
        Array.from(loop, (v) => Math.hypot(...eye.centre.map((c, k) => moved.positions[3 * v + k] - c)) - eye.radius),
      )
      const own = distances.find((list) => Math.max(...list.map(Math.abs)) < 0.003)
      if (own) expect(Math.max(...own)).toBeLessThan(0)
    }
    const skin = opened.whole.mesh
    for (const name of ['', ...ARKIT.map((key) => key.name)]) {
      const key = onFace(name)?.key
      for (const { eye } of opened.eyes) {
        let deepest = 0
        // the closed head's vertices come first; those of its sheets are in no triangle of the open one
        const used = new Set(opened.indices)
        for (let v = 0; v < skin.positions.length / 3; v++) {
          if (!used.has(v)) continue
          const p = [0, 1, 2].map((k) => moved.positions[3 * v + k] + (key?.displacements[3 * v + k] ?? 0))
          if (p[2] < eye.centre[2]) continue
          deepest = Math.max(deepest, eye.radius - Math.hypot(...p.map((x, k) => x - eye.centre[k])))
        }
        expect(deepest, name).toBeLessThan(2e-5)
      }
    }
  })

  test('a neutral mouth is shut along its whole length, and keys of the eyes leave it so', async () => {
    const neutral = await moveHead(scene.fit, METRIC, opened, surface({ neutralize: true }))
    const { loop } = opened.mouth!
    const blink = neutral.keys.find(({ name }) => name === 'eyeBlinkLeft')!.displacements
    for (const at of [neutral.positions, neutral.positions.map((p, i) => p + blink[i])]) {
      // each place of the rim lies on the rim of the other lip: on the loop without the places beside it
      const off = Array.from(loop, (v, i) => {
        const p = at.subarray(3 * v, 3 * v + 3)
        let least = Number.POSITIVE_INFINITY
        for (let j = 0; j < loop.length; j++) {
          const apart = Math.min((i - j + loop.length) % loop.length, (j - i + loop.length) % loop.length)
          if (apart < 4) continue
          const [a, b] = [loop[j], loop[(j + 1) % loop.length]].map((w) => at.subarray(3 * w, 3 * w + 3))
          const d = [0, 1, 2].map((k) => b[k] - a[k])
          const square = d.reduce((sum, x) => sum + x * x, 0)
          const t = Math.min(1, Math.max(0, d.reduce((sum, x, k) => sum + x * (p[k] - a[k]), 0) / square))
          least = Math.min(least, Math.hypot(...d.map((x, k) => a[k] + t * x - p[k])))
        }
        return least
      })
      // at the corners the rims run into each other
      off.sort((a, b) => a - b)
      expect(off[Math.floor(0.9 * off.length)]).toBeLessThan(0.0001)
    }
  })

  test("the cavity's rim is the lips', at rest and as they move", () => {
    const cavity = moved.inside.find(({ name }) => name === 'mouth')!
    const rim = Array.from(opened.mouth!.loop)
    for (const name of ['', 'jawOpen', 'mouthPucker', 'mouthSmileLeft', 'mouthClose']) {
      const at = (positions: Float32Array, key: ShapeKey | undefined): Float32Array =>
        positions.map((p, i) => p + (key?.displacements[i] ?? 0))
      const skin = at(moved.positions, onFace(name)?.key)
      const lining = {
        positions: at(
          cavity.mesh.positions,
          cavity.keys.find((key) => key.name === name),
        ),
        indices: cavity.mesh.indices,
      }
      const off = new MeshDistance(lining).distances(
        Float32Array.from(rim.flatMap((v) => [...skin.subarray(3 * v, 3 * v + 3)])),
      )
      expect(Math.max(...off), name).toBeLessThan(5e-5)
    }
  })
})

describe('eyes', () => {
  test.each([
    [0.3, 0.1],
    [-0.25, -0.15],
    [0, 0],
  ])("look where the photo's irises are (yaw %f, pitch %f)", (yaw, pitch) => {
    const { fit, photo } = scene
    const balls = opened.eyes.map(({ eye }) => eye)
    const { eyes } = openFace({
      fit,
      metric: METRIC,
      settled: opened.whole,
      photo,
      landmarks: landmarksOf(scene, balls, yaw, pitch),
      light: () => [1, 1, 1],
      open: () => true,
      neutral: false,
    })
    for (const { eye } of eyes) {
      expect(Math.abs(eye.gaze.yaw - yaw)).toBeLessThan(0.04)
      expect(Math.abs(eye.gaze.pitch - pitch)).toBeLessThan(0.04)
      expect(eye.irisRadius).toBeGreaterThan(0.005)
    }
  })

  test('an eye whose iris is not seen looks where the other one does; without either, straight ahead', () => {
    const scenes = opened.eyes.map(({ eye, loop }) => ({
      side: eye.side,
      ball: Float32Array.from({ length: 300 }, (_, i) => {
        const n = Math.floor(i / 3)
        const [a, z] = [2.4 * n, 1 - n / 100]
        return (
          eye.centre[i % 3] +
          eye.radius * [Math.sqrt(1 - z * z) * Math.cos(a), Math.sqrt(1 - z * z) * Math.sin(a), z][i % 3]
        )
      }),
      rim: Float32Array.from([...loop].flatMap((v) => [...opened.whole.mesh.positions.subarray(3 * v, 3 * v + 3)])),
      iris: undefined,
    }))
    for (const { gaze } of placeEyes(scenes)) expect(gaze).toEqual({ yaw: 0, pitch: 0 })
    const from = cameraCenter(scene.fit.camera)
    const target = opened.eyes[0].eye.centre.map((c, k) => c + [0.004, 0.001, opened.eyes[0].eye.radius][k])
    const along = target.map((x, k) => x - from[k])
    const length = Math.hypot(...along)
    const seen = {
      from: [...from] as unknown as readonly [number, number, number],
      along: along.map((x) => x / length) as unknown as readonly [number, number, number],
      radius: 0.0059,
    }
    const [a, b] = placeEyes([{ ...scenes[0], iris: seen }, scenes[1]])
    expect(a.gaze.yaw).toBeGreaterThan(0.1)
    expect(b.gaze).toEqual(a.gaze)
  })

  test('gaze keys turn the ball to the side they name', () => {
    for (const { name, mesh, keys: own } of eyeParts(opened, true).filter((part) => part.look === 'eye')) {
      const side = name.slice(3)
      // vertex 0 is the pupil; +X is the subject's left
      const outwards = side === 'Left' ? 1 : -1
      const towards = (key: string): Float32Array =>
        own.find((one) => one.name === `eyeLook${key}${side}`)!.displacements
      expect(towards('Up')[1]).toBeGreaterThan(0.003)
      expect(towards('Down')[1]).toBeLessThan(-0.003)
      expect(outwards * towards('Out')[0]).toBeGreaterThan(0.003)
      expect(outwards * towards('In')[0]).toBeLessThan(-0.003)
      expect(own.map((key) => key.displacements.length)).toEqual(own.map(() => mesh.positions.length))
    }
  })
})

describe('keys', () => {
  test("are ARKit's 52 and nothing else; each moves something by a millimetre", () => {
    expect(ARKIT).toHaveLength(52)
    expect([...keys.keys()].sort()).toEqual(ARKIT.map(({ name }) => name).sort())
    for (const [name, list] of keys) expect(Math.max(...list.map(({ key }) => most(key))), name).toBeGreaterThan(0.001)
  })

  test('the right side does what the left one does', () => {
    for (const { name } of ARKIT.filter((key) => key.name.endsWith('Left'))) {
      for (const { mesh, key, part } of keys.get(name)!) {
        const other = (text: string): string => text.replace(/Left$/, 'Right')
        const twin = keys.get(other(name))!.find((one) => one.part === other(part))
        expect(twin, `${part} ${name}`).toBeDefined()
        // the photo's detail is not symmetric: compared is how far each place goes
        const places = new MeshDistance(twin!.mesh)
        const { triangle } = places.closest(mesh.positions.map((p, i) => (i % 3 === 0 ? -p : p)))
        const length = ({ displacements }: ShapeKey, v: number): number =>
          Math.hypot(...displacements.subarray(3 * v, 3 * v + 3))
        const off = Float64Array.from(triangle, (t, v) =>
          Math.abs(length(key, v) - length(twin!.key, twin!.mesh.indices[3 * t])),
        ).sort()
        // the cavity is pressed back by the skin that is nearest, which is not the same on both sides
        const share = part === 'mouth' ? 0.9 : 0.99
        expect(off[Math.floor(share * off.length)], `${part} ${name}`).toBeLessThan(0.2 * most(key) + 0.0005)
      }
    }
  })

  test('the documentation says of each which parts it moves', () => {
    const page = readFileSync(new URL('../../../docs/asset.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `(\w+)` \| (`\w+` [\d.]+.*) \|$/gm)].map(([, name, moved]) => [
      name,
      [...moved.matchAll(/`(\w+)`/g)].map(([, part]) => part),
    ])
    // corneas go with the eyes
    const parts = (name: string) => keys.get(name)!.flatMap(({ part }) => (part.startsWith('cornea') ? [] : [part]))
    expect(rows).toEqual(ARKIT.map(({ name }) => [name, parts(name)]))
  })

  test('the jaw carries the lower teeth, not the upper ones; the tongue comes out', () => {
    const parts = (name: string): string[] => keys.get(name)!.map(({ part }) => part)
    for (const name of ['jawOpen', 'jawForward', 'jawLeft', 'jawRight']) {
      expect(parts(name), name).toContain('teethLower')
      expect(parts(name), name).not.toContain('teethUpper')
    }
    expect(parts('tongueOut')).toEqual(['tongue'])
    const [{ mesh, key }] = keys.get('tongueOut')!
    const front = (positions: Float32Array): number => positions.reduce((z, p, i) => (i % 3 === 2 && p > z ? p : z), -1)
    expect(front(shifted(mesh, key).positions) - front(mesh.positions)).toBeGreaterThan(0.02)
  })

  test('mouthClose shuts the lips under an open jaw', () => {
    const { loop } = opened.mouth!
    const height = (names: string[]): number => {
      const p = moved.positions.slice()
      for (const name of names) {
        const { displacements } = onFace(name)!.key
        for (let i = 0; i < p.length; i++) p[i] += displacements[i]
      }
      // the middle of the mouth
      const middle = Array.from(loop).filter((v) => Math.abs(moved.positions[3 * v]) < 0.004)
      const ys = middle.map((v) => p[3 * v + 1])
      return Math.max(...ys) - Math.min(...ys)
    }
    expect(height(['jawOpen'])).toBeGreaterThan(0.012)
    expect(height(['jawOpen', 'mouthClose'])).toBeLessThan(0.004)
  })

  /** Triangles about eyes and mouth. */
  const aboutRims = (rest: Float32Array, indices: Uint32Array): number[] =>
    Array.from({ length: indices.length / 3 }, (_, t) => t).filter((t) => {
      const [x, y, z] = rest.subarray(3 * indices[3 * t], 3 * indices[3 * t] + 3)
      const eye = Math.abs(Math.abs(x) - 0.031) < 0.024 && Math.abs(y) < 0.02
      const mouth = Math.abs(x) < 0.036 && y < -0.045 && y > -0.1
      return z > 0.06 && (eye || mouth)
    })
  const added = (rest: Float32Array, keys: readonly ShapeKey[]): Float32Array =>
    rest.map((x, i) => keys.reduce((sum, { displacements }) => sum + displacements[i], x))

  test('nothing is torn or passes through itself about eyes and mouth', () => {
    const rest = moved.positions
    const { indices } = opened
    const near = aboutRims(rest, indices)
    const found: [string, number, number][] = []
    for (const { name } of ARKIT) {
      const key = onFace(name)?.key
      if (!key) continue
      // closing lips is meant for an open jaw
      const p = added(rest, name === 'mouthClose' ? [key, onFace('jawOpen')!.key] : [key])
      let stretch = 0
      for (let c = 0; c < indices.length; c++) {
        const [a, b] = [indices[c], indices[c % 3 === 2 ? c - 2 : c + 1]]
        const length = (q: Float32Array): number =>
          Math.hypot(q[3 * a] - q[3 * b], q[3 * a + 1] - q[3 * b + 1], q[3 * a + 2] - q[3 * b + 2])
        if (length(rest) > 3e-4) stretch = Math.max(stretch, length(p) / length(rest))
      }
      found.push([name, 1000 * deepestIntersection({ positions: p, indices }, near).depth, stretch])
    }
    console.info(
      found.map(([name, depth, stretch]) => `${name} ${depth.toFixed(2)} mm, ${stretch.toFixed(1)}x`).join('; '),
    )
    for (const [name, depth, stretch] of found) {
      expect(depth, name).toBeLessThan(0.2)
      expect(stretch, name).toBeLessThan(8)
    }
  }, 120_000)

  test.each([1, 2])(
    'on other faces neither, nor in pairs of keys that go together (face %i)',
    async (seed) => {
      const { fit, field, photo } = await assetScene(0, drawnHead(scene.fit.model, seed))
      const settled = await settleHead(fit, headTopology(fit.model, 1), field)
      const none = { layout: 68 as const, points: new Float64Array(136) }
      const light = () => [1, 1, 1]
      const head = openFace({
        fit,
        metric: METRIC,
        settled,
        photo,
        landmarks: none,
        light,
        open: () => true,
        neutral: false,
      })
      const { positions, keys } = await moveHead(fit, METRIC, head, surface())
      const near = aboutRims(positions, head.indices)
      const depth = (names: readonly string[]): number => {
        const those = names.map((name) => keys.find((key) => key.name === name)!)
        return 1000 * deepestIntersection({ positions: added(positions, those), indices: head.indices }, near).depth
      }
      const singles = ['eyeBlinkLeft', 'eyeSquintRight', 'mouthSmileLeft', 'mouthFrownRight', 'mouthDimpleLeft']
      const more = ['mouthStretchRight', 'mouthPucker', 'mouthRollUpper', 'jawLeft', 'mouthShrugLower']
      const alone = [...singles, ...more].map((name): [string, number] => [name, depth([name])])
      const pairs = TOGETHER.map((names): [string, number] => [names.join('+'), depth(names)])
      console.info([...alone, ...pairs].map(([name, mm]) => `${name} ${mm.toFixed(2)} mm`).join('; '))
      for (const [name, mm] of alone) expect(mm, name).toBeLessThan(0.25)
      for (const [name, mm] of pairs) expect(mm, name).toBeLessThan(0.5)
    },
    120_000,
  )
})

/** Keys that faces show at once. */
const TOGETHER = [
  ['mouthSmileLeft', 'mouthSmileRight'],
  ['mouthFrownLeft', 'mouthFrownRight'],
  ['mouthStretchLeft', 'mouthStretchRight'],
  ['mouthDimpleLeft', 'mouthDimpleRight'],
  ['mouthPressLeft', 'mouthPressRight'],
  ['mouthRollLower', 'mouthRollUpper'],
  ['jawOpen', 'mouthClose'],
  ['jawOpen', 'mouthFunnel'],
  ['jawOpen', 'mouthSmileLeft'],
  ['eyeBlinkLeft', 'eyeSquintLeft'],
  ['eyeBlinkLeft', 'eyeLookDownLeft'],
  ['eyeBlinkLeft', 'cheekSquintLeft'],
] as const

/** A drawn person as a model's mean. */
function drawnHead(model: HeadModel, seed: number): HeadModel {
  const rng = new Rng(seed)
  const drawn = Array.from({ length: model.identityCount }, () => rng.normal())
  const of = (mean: Float32Array, components: Float32Array): Float32Array =>
    mean.map((x, i) => drawn.reduce((sum, c, k) => sum + c * components[k * mean.length + i], x))
  const interior = model.interior!
  return {
    ...model,
    mean: of(model.mean, model.identity),
    interior: { ...interior, mean: of(interior.mean, interior.identity) },
  }
}

describe('other head models', () => {
  const build = async (path: string): Promise<{ opened: OpenedHead; moved: MovedHead; model: HeadModel }> => {
    const model = await loadHead(fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url)))
    const { fit, field, photo } = await assetScene(0, model)
    const settled = await settleHead(fit, headTopology(model, 0), field)
    const none = { layout: 68 as const, points: new Float64Array(136) }
    const opened = openFace({
      fit,
      metric: METRIC,
      settled,
      photo,
      landmarks: none,
      light: () => [1, 1, 1],
      open: () => true,
      neutral: false,
    })
    return { opened, moved: await moveHead(fit, METRIC, opened, surface()), model }
  }
  const finite = ({ positions, keys }: { positions: Float32Array; keys: ShapeKey[] }): boolean =>
    [positions, ...keys.flatMap((key) => [key.displacements, key.normals])].every((list) => list.every(Number.isFinite))

  test('a model without eyes and mouth (the tiny FLAME of the tests) is one skin, with its own expressions as keys', async () => {
    const { opened, moved, model } = await build('flame/flame2023.npz')
    expect(opened.eyes).toHaveLength(0)
    expect([opened.mouth, moved.inside]).toEqual([undefined, []])
    expect(finite(moved)).toBe(true)
    expect(moved.keys.every(({ name }) => model.expressionNames.includes(name) || name === 'neutral')).toBe(true)
  })

  test("GNM's own teeth, tongue and cavity are used", async () => {
    const { moved } = await build('gnm/gnm_head.npz')
    expect(moved.inside.map(({ name }) => name)).toEqual(['teethUpper', 'teethLower', 'tongue', 'mouth'])
    for (const part of moved.inside) expect(finite({ positions: part.mesh.positions, keys: part.keys })).toBe(true)
  })
})

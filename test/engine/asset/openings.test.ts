import { beforeAll, describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import { placeEyes } from '../../../src/engine/asset/eyes.js'
import type { ShapeKey } from '../../../src/engine/asset/keys.js'
import { cameraCenter } from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { boundaryLoops, connectedComponents } from '../../../src/engine/geometry/mesh.js'
import { eyeParts, type MovedHead, moveHead } from '../../../src/engine/pipeline/build-parts.js'
import { type OpenedHead, openFace } from '../../../src/engine/pipeline/open-face.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import type { AssetScene } from './asset-fixture.js'
import { faceKey, landmarksOf, METRIC, movedHead, surfaceOf } from './moved-head.js'

let scene: AssetScene
let opened: OpenedHead
let moved: MovedHead
beforeAll(async () => {
  ;({ scene, opened, moved } = await movedHead())
}, 120_000)

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
      const key = faceKey(moved, name)
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
    const neutral = await moveHead(scene.fit, METRIC, opened, surfaceOf({ neutralize: true }))
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
      const skin = at(moved.positions, faceKey(moved, name))
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
    for (const { name, mesh, keys: own } of eyeParts(opened, surfaceOf().surface).filter(
      (part) => part.look === 'eye',
    )) {
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

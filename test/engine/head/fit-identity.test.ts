/** How strongly a fit says it has determined whose face it is. */
import { beforeAll, describe, expect, it } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { ibugPoints } from '../../../src/engine/evidence/layouts.js'
import type { Evidence } from '../../../src/engine/evidence/network.js'
import { inverseOf } from '../../../src/engine/geometry/algebra.js'
import { multiply3, project, rotationFromAxisAngle } from '../../../src/engine/geometry/camera.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { fitHead, HeadFitter } from '../../../src/engine/head/fit.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { identitySentence } from '../../../src/engine/outputs/identity-sentence.js'
import type { Face, HeadModel } from '../../../src/engine/stages.js'
import { lookingAt, normal, uniform } from './head-fixture.js'

const FRONTAL = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)

let head: HeadModel
beforeAll(async () => {
  head = await loadBuiltInHead()
})

/** A person as a detector without errors sees it, in a photo of `side` pixels. */
function seen(yaw: number, side = 1000): Face {
  const gauss = normal(uniform(3))
  const mesh = posedMesh(head, Array.from({ length: head.identityCount }, gauss), [])
  const camera = lookingAt(multiply3(rotationFromAxisAngle(0, yaw, 0), FRONTAL), 0.8, 2 * side, side, [0, 0])
  const at = project(camera, embeddedPoints(mesh.positions, mesh.indices, head.landmarks478))
  const points = Float64Array.from({ length: 956 }, (_, i) => at[3 * (i >> 1) + (i % 2)])
  const depths = Float64Array.from({ length: 478 }, (_, i) => ((at[3 * i + 2] - 0.8) * 2 * side) / 0.8)
  return { box: { x: 0, y: 0, width: 0, height: 0 }, score: 1, landmarks: { layout: 478, points, depths } }
}

const photo = (side = 1000) => ({ width: side, height: side, exifFocalPx: 2 * side })
const determined = (face: Face, side = 1000, settings = resolveSettings()): number =>
  fitHead(head, face, photo(side), settings).identityDetermined
const without = (face: Face): Face => ({ ...face, landmarks: { layout: 478, points: face.landmarks.points } })

describe('identityDetermined', () => {
  it('rises with what is known: 68 landmarks, 478, 478 with depths', () => {
    const face = seen(0)
    const few: Face = { ...face, landmarks: { layout: 68, points: ibugPoints(face.landmarks.points) } }
    const [a, b, c] = [few, without(face), face].map((one) => determined(one))
    expect(a).toBeGreaterThan(0.3)
    expect(b).toBeGreaterThan(a + 0.05)
    expect(c).toBeGreaterThan(b + 0.05)
    expect(c).toBeLessThan(0.95)
  })

  it('rises with evidence about the surface, and the more the surer that is', () => {
    const face = without(seen(0))
    const by = (doubt: number): number => {
      const fitter = new HeadFitter(head, face, photo(), resolveSettings())
      fitter.refine(evidence(fitter, doubt))
      return fitter.fit().identityDetermined
    }
    const [none, vague, sure] = [determined(face), by(20), by(1)]
    expect(sure).toBeGreaterThan(vague + 0.05)
    expect(sure).toBeGreaterThan(none + 0.05)
  })

  it('falls for a profile and for a tiny face', () => {
    const frontal = determined(without(seen(0)))
    expect(determined(without(seen(1.2)))).toBeLessThan(frontal - 0.03)
    expect(determined(without(seen(0, 60)), 60)).toBeLessThan(frontal - 0.03)
  })

  it('is 0 where the landmarks are not believed at all, and falls with their noise', () => {
    const noisy = (landmarkSigma: number): number =>
      determined(seen(0), 1000, resolveSettings({ overrides: { head: { landmarkSigma } } }))
    expect(noisy(1)).toBeLessThan(0.15)
    expect(noisy(0.04)).toBeLessThan(noisy(0.02))
  })

  it('does not count components that only move, turn or enlarge the head', () => {
    const rigid = { ...head, identity: head.identity.slice() }
    for (let i = 0; i < head.mean.length; i++) rigid.identity[i] = 0.2 * head.mean[i]
    const lost = fitHead(rigid, seen(0), photo(), resolveSettings()).identityDetermined
    expect(Math.abs(lost - determined(seen(0)))).toBeLessThan(0.05)
  })

  it('is said in words', () => {
    expect(identitySentence(0.774)).toMatch(/77 % of what faces differ in as settled, at most/)
  })
})

describe('inverseOf', () => {
  it('inverts, reading the lower triangle alone, and refuses what is not positive definite', () => {
    const a = Float64Array.of(4, 9, 9, 2, 5, 9, 0.5, 1, 3)
    const inverse = inverseOf(a, 3)!
    const full = [4, 2, 0.5, 2, 5, 1, 0.5, 1, 3]
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) {
        const sum = [0, 1, 2].reduce((s, k) => s + full[3 * i + k] * inverse[3 * k + j], 0)
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 12)
      }
    expect(a[0]).toBe(4)
    expect(inverseOf(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined()
  })
})

/** Evidence that the whole crop shows the surface where it is, with a doubt in pixels. */
function evidence(fitter: HeadFitter, doubt: number): Evidence {
  const size = 64
  const crop = { ...fitter.fit().crop, size }
  const none = new Float32Array(0)
  return {
    ...{ crop, labels: none, normals: none, doubt: none, albedo: none },
    move: new Float32Array(3 * size * size),
    moveDoubt: new Float32Array(2 * size * size).fill((doubt * size) / 300),
    triangle: new Int32Array(size * size),
  }
}

import { describe, expect, it } from 'vitest'
import { type HeadSettings, resolveSettings } from '../../../src/engine/config.js'
import { SiderError } from '../../../src/engine/errors.js'
import { solveCholesky } from '../../../src/engine/geometry/algebra.js'
import { multiply3, project, rotationFromAxisAngle } from '../../../src/engine/geometry/camera.js'
import { expressionPrecision } from '../../../src/engine/head/expression-prior.js'
import { fitHead } from '../../../src/engine/head/fit.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { gatherPoints } from '../../../src/engine/head/fit-points.js'
import { faceAngles } from '../../../src/engine/head/fit-quality.js'
import { depthRow, residualRow } from '../../../src/engine/head/fit-residuals.js'
import {
  applyStep,
  energy,
  type FitPriors,
  normalEquations,
  systemOf,
  unknownCount,
} from '../../../src/engine/head/fit-solver.js'
import { buildFitModel, type FitState, PosedPoints, stateCamera } from '../../../src/engine/head/fit-state.js'
import type { Camera, HeadFit, HeadModel } from '../../../src/engine/stages.js'
import { lookingAt, normal, photograph, syntheticHead, uniform } from './head-fixture.js'

/** Head frame (y up, z towards the camera) to camera frame (y down, z away) of a face that looks straight in. */
const FRONTAL = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)
const PHOTO = { width: 1024, height: 1024, exifFocalPx: undefined }

/** The defaults but for these settings of the fit. */
const settings = (head: Partial<HeadSettings> = {}) => resolveSettings({ overrides: { head } })

function turned(pitch: number, yaw: number, roll = 0): Float64Array {
  return multiply3(rotationFromAxisAngle(pitch, yaw, roll), FRONTAL)
}

interface Case {
  layout: 68 | 478
  yaw?: number
  noisePx?: number
  outliers?: number
  seed?: number
}

/** A random person photographed by a 2000 px camera from 0.8 m. */
function scene(model: HeadModel, c: Case) {
  const gauss = normal(uniform(c.seed ?? 5))
  const random = uniform((c.seed ?? 5) + 100)
  const identity = Array.from({ length: model.identityCount }, gauss)
  const expression = Array.from({ length: model.expressionCount }, () => Math.min(1, Math.max(0, 0.5 * gauss())))
  const camera = lookingAt(turned(0.1, c.yaw ?? 0, 0.1), 0.8, 2000, 1024, [0.01, 0.02])
  const { face } = photograph(model, c.layout, camera, identity, expression)
  const points = face.landmarks.points
  for (let i = 0; i < points.length; i++) points[i] += (c.noisePx ?? 0) * gauss()
  for (let i = 0; i < c.layout; i++)
    if (random() < (c.outliers ?? 0)) {
      points[2 * i] += 60 * gauss()
      points[2 * i + 1] += 60 * gauss()
    }
  return { face, camera, identity, expression }
}

/** Root mean square distance of corresponding vertices after moving the centroids together, mm. */
function shapeErrorMm(a: Float32Array, b: Float32Array): number {
  const n = a.length / 3
  let sum = 0
  for (let k = 0; k < 3; k++) {
    let mean = 0
    for (let i = k; i < a.length; i += 3) mean += (a[i] - b[i]) / n
    for (let i = k; i < a.length; i += 3) sum += (a[i] - b[i] - mean) ** 2
  }
  return 1000 * Math.sqrt(sum / n)
}

function rotationErrorDegrees(a: Camera, b: Camera): number {
  let trace = 0
  for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) trace += a.headToCamera[4 * r + c] * b.headToCamera[4 * r + c]
  return (Math.acos(Math.min(1, (trace - 1) / 2)) * 180) / Math.PI
}

describe('head fit: solver', () => {
  it('solves symmetric positive definite systems and refuses others', () => {
    const a = Float64Array.of(4, 2, 0.5, 2, 5, 1, 0.5, 1, 3)
    const x = [1, -2, 3]
    const b = Float64Array.from([0, 1, 2], (r) => a[3 * r] * x[0] + a[3 * r + 1] * x[1] + a[3 * r + 2] * x[2])
    expect(solveCholesky(a, b, 3)).toBe(true)
    for (let k = 0; k < 3; k++) expect(b[k]).toBeCloseTo(x[k], 12)
    expect(solveCholesky(Float64Array.of(1, 2, 2, 1), new Float64Array(2), 2)).toBe(false)
  })

  for (const skinned of [false, true])
    it(`has the derivatives that finite differences give${skinned ? ', with joints and pose blendshapes' : ''}`, () => {
      const model = syntheticHead({ skinned })
      const points = gatherPoints(model, model.landmarks68, model.identityCount, model.expressionCount)
      const fit = buildFitModel(model, points, 68)
      const gauss = normal(uniform(3))
      const state: FitState = {
        identity: Float64Array.from({ length: model.identityCount }, gauss),
        expression: new Float64Array(model.expressionCount).fill(0.5),
        angles: skinned ? Float64Array.of(0, 0, 0, 0.05, 0.02, 0, 0.2, 0.05, 0.03) : new Float64Array(0),
        rotation: turned(0.1, 0.5, 0.1),
        u: 30,
        v: -20,
        logScale: Math.log(0.0004),
        logFocal: Math.log(1500),
      }
      const free = {
        identity: model.identityCount,
        expression: model.expressionCount,
        angles: skinned ? [3, 4, 6, 7, 8] : [],
        focal: true,
      }
      const n = unknownCount(free)
      const priors: FitPriors = {
        identity: 0.7,
        expression: 1.3,
        expressionPrecision: expressionPrecision(model, model.expressionCount),
        expressionRange: model.expressionRange,
        angleSigma: [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3],
        logFocal: { mean: Math.log(2000), sigma: 0.4 },
        logDistance: { mean: Math.log(0.9), sigma: 0.5 },
      }
      const observations = Array.from({ length: 68 }, (_, point) => ({
        ...{ point, x: 5 * gauss(), y: 5 * gauss() },
        ...{ nx: 0.6, ny: 0.8, along: 0.01, across: 0.002, depth: 30 * gauss(), deep: point % 2 === 0 ? 0.005 : 0 },
      }))
      const evidence = {
        observations,
        // One that is told to be shut, one that has crossed, one that is open as it may be.
        contacts: [
          { upper: 37, lower: 41, height: 0.001, apart: 2e4, crossed: 1e5 },
          { upper: 57, lower: 51, height: 0, apart: 0, crossed: 1e5 },
          { upper: 19, lower: 57, height: 0, apart: 0, crossed: 1e5 },
        ],
      }
      const step = new Float64Array(n)
      const moved = (k: number, h: number): FitState => {
        step.fill(0)
        step[k] = h
        return applyStep(state, step, free, priors.expressionRange)
      }
      const row = new Float64Array(n)
      const residual = new Float64Array(2)
      const scratch = new Float64Array(n)
      const h = 1e-5
      for (const o of [observations[8], observations[30], observations[57]])
        for (const direction of [0, 1, 2]) {
          const evaluate = (s: FitState, out: Float64Array): void => {
            const posed = new PosedPoints(fit, s, free)
            if (direction === 2) depthRow(fit, s, posed, o, free, out, residual)
            else residualRow(fit, s, posed, o, direction, free, out, residual)
          }
          evaluate(state, row)
          const at = (k: number, d: number): number => {
            evaluate(moved(k, d), scratch)
            return residual[0]
          }
          for (let k = 0; k < n; k++) {
            const difference = (at(k, h) - at(k, -h)) / (2 * h)
            expect(Math.abs(row[k] - difference)).toBeLessThan(1e-6 * (1 + Math.abs(difference)))
          }
        }
      // The gradient of the whole objective, priors included.
      const { g, ...room } = systemOf(free)
      normalEquations({ model: fit, evidence, priors, free }, state, { g, ...room })
      for (let k = 0; k < n; k++) {
        const up = energy(fit, moved(k, h), evidence, priors)
        const down = energy(fit, moved(k, -h), evidence, priors)
        const difference = (up - down) / (4 * h)
        expect(Math.abs(g[k] - difference)).toBeLessThan(1e-4 * (1 + Math.abs(difference)))
      }
    })

  it('projects points as the camera that it reports', () => {
    const model = syntheticHead()
    const points = gatherPoints(model, model.landmarks68, 3, 2)
    const fit = buildFitModel(model, points, 68)
    const state: FitState = {
      identity: Float64Array.of(1, -1, 0.5),
      expression: Float64Array.of(0.3, 0.6),
      angles: new Float64Array(0),
      rotation: turned(0.2, -0.3),
      u: 100,
      v: 50,
      logScale: Math.log(0.0005),
      logFocal: Math.log(1800),
    }
    const mesh = posedMesh(model, state.identity, state.expression)
    const camera = stateCamera(fit, state, 1024, 768)
    const o = { point: 33, x: 0, y: 0, nx: 1, ny: 0, along: 1, across: 1, depth: Number.NaN, deep: 0 }
    const free = { identity: 0, expression: 0, angles: [], focal: false }
    const residual = new Float64Array(2)
    const row = new Float64Array(6)
    const { triangles, barycentric } = model.landmarks68
    const point = new Float64Array(3)
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 3; k++)
        point[k] += barycentric[99 + c] * mesh.positions[3 * mesh.indices[3 * triangles[33] + c] + k]
    const [x, y] = project(camera, point)
    for (const direction of [0, 1]) {
      residualRow(fit, state, new PosedPoints(fit, state), o, direction, free, row, residual)
      expect(residual[0] + (direction === 0 ? 512 : 384)).toBeCloseTo(direction === 0 ? x : y, 3)
    }
  })
})

describe('head fit: synthetic faces', () => {
  const model = syntheticHead()

  const check = (c: Case, bounds: { degrees: number; mm: number; focal: number }): HeadFit => {
    const { face, camera, identity, expression } = scene(model, c)
    const fit = fitHead(model, face, PHOTO, settings({ focalPx: 2000, landmarkSigma: 0.01 }))
    const truth = posedMesh(model, identity, expression).positions
    const prior = shapeErrorMm(truth, model.mean)
    expect(prior).toBeGreaterThan(4)
    expect(shapeErrorMm(truth, fit.mesh.positions)).toBeLessThan(bounds.mm)
    expect(rotationErrorDegrees(camera, fit.camera)).toBeLessThan(bounds.degrees)
    expect(fit.focalSource).toBe('setting')
    expect(fit.camera.fx).toBeCloseTo(2000, 6)
    const estimated = fitHead(model, face, PHOTO, settings({ landmarkSigma: 0.01 }))
    expect(estimated.focalSource).toBe('estimated')
    expect(Math.abs(Math.log(estimated.camera.fx / 2000))).toBeLessThan(bounds.focal)
    return fit
  }

  for (const layout of [68, 478] as const) {
    it(`recovers pose, shape and focal length from ${layout} exact landmarks`, () => {
      const fit = check({ layout }, { degrees: 1, mm: 2.4, focal: 0.2 })
      expect(fit.residualRelative).toBeLessThan(0.01)
      expect(fit.warnings).toEqual([])
    })

    it(`recovers them from ${layout} noisy landmarks of a face turned by 40 degrees`, () => {
      const fit = check({ layout, yaw: 0.7, noisePx: 1.5 }, { degrees: 3, mm: 2.8, focal: 0.25 })
      expect(Math.abs(faceAngles(fit).yaw)).toBeGreaterThan(33)
      expect(Math.abs(faceAngles(fit).yaw)).toBeLessThan(47)
    })

    it(`is not misled by 15 % outliers among ${layout}`, () => {
      check({ layout, noisePx: 1, outliers: 0.15 }, { degrees: 1.5, mm: 2.7, focal: 0.25 })
    })
  }

  it('takes relative depths as evidence, whatever their origin, and bears gaps and outliers in them', () => {
    const { triangles, barycentric } = model.landmarks478
    let without = 0
    let withDepths = 0
    for (const seed of [5, 6, 7, 8]) {
      const { face, camera, identity, expression } = scene(model, { layout: 478, noisePx: 1.5, seed })
      const truth = posedMesh(model, identity, expression).positions
      const far = new Float64Array(468)
      for (let i = 0; i < 468; i++)
        for (let c = 0; c < 3; c++) {
          const v = 3 * model.indices[3 * triangles[i] + c]
          far[i] += barycentric[3 * i + c] * project(camera, Float64Array.from(truth.subarray(v, v + 3)))[2]
        }
      const pixelsPerMetre = 2000 / (far.reduce((sum, z) => sum + z, 0) / 468)
      const random = uniform(seed + 200)
      const gauss = normal(random)
      const depths = new Float64Array(478).fill(Number.NaN)
      for (let i = 0; i < 468; i++)
        if (random() > 0.1) depths[i] = pixelsPerMetre * far[i] - 77 + 2 * gauss() + (random() < 0.05 ? 200 : 0)
      const options = settings({ focalPx: 2000, landmarkSigma: 0.01 })
      without += shapeErrorMm(truth, fitHead(model, face, PHOTO, options).mesh.positions)
      const deep = { ...face, landmarks: { ...face.landmarks, depths } }
      withDepths += shapeErrorMm(truth, fitHead(model, deep, PHOTO, options).mesh.positions)
    }
    expect(withDepths).toBeLessThan(0.9 * without)
  })

  it('prefers the setting to EXIF and EXIF to an estimate', () => {
    const { face } = scene(model, { layout: 68 })
    const exif = fitHead(model, face, { ...PHOTO, exifFocalPx: 2100 }, settings())
    expect(exif.focalSource).toBe('exif')
    expect(exif.camera.fx).toBeCloseTo(2100, 6)
    expect(fitHead(model, face, { ...PHOTO, exifFocalPx: 2100 }, settings({ focalPx: 1900 })).camera.fx).toBeCloseTo(
      1900,
      6,
    )
  })

  it('keeps expression coefficients in their range', () => {
    const strong = new Float64Array(model.expressionCount).fill(2)
    const { face } = photograph(model, 478, lookingAt(FRONTAL, 0.8, 2000), [], strong)
    const fit = fitHead(model, face, PHOTO, settings({ expressionPrior: 0.01 }))
    expect(Math.max(...fit.expression)).toBeLessThanOrEqual(1)
    expect(Math.min(...fit.expression)).toBeGreaterThanOrEqual(0)
    expect(Array.from(fit.expression).filter((x) => x === 1).length).toBeGreaterThan(0)
  })

  it('finds the opening of a jaw joint', () => {
    const skinned = syntheticHead({ skinned: true })
    const angles = [0, 0, 0, 0, 0, 0, 0.3, 0, 0]
    const { face } = photograph(skinned, 478, lookingAt(turned(0, 0.2), 0.8, 2000), [], [], angles)
    const fit = fitHead(skinned, face, PHOTO, settings({ focalPx: 2000, landmarkSigma: 0.005 }))
    expect(fit.jointRotations).toHaveLength(9)
    expect(Math.abs(fit.jointRotations[6] - 0.3)).toBeLessThan(0.06)
    // Root and neck would only repeat the pose.
    expect(Array.from(fit.jointRotations.subarray(0, 6))).toEqual([0, 0, 0, 0, 0, 0])
    const truth = posedMesh(skinned, [], [], angles).positions
    expect(shapeErrorMm(truth, skinned.mean)).toBeGreaterThan(3)
    expect(shapeErrorMm(truth, fit.mesh.positions)).toBeLessThan(1.5)
  })

  it('gives the same result twice and takes well under a second', () => {
    const { face } = scene(model, { layout: 478, noisePx: 1 })
    const first = fitHead(model, face, PHOTO, settings())
    const start = performance.now()
    const second = fitHead(model, face, PHOTO, settings())
    expect(performance.now() - start).toBeLessThan(2000)
    expect(second.identity).toEqual(first.identity)
    expect(second.camera).toEqual(first.camera)
  })

  it('crops a square that holds the whole face region', () => {
    const { face } = scene(model, { layout: 478, yaw: 0.3 })
    const fit = fitHead(model, face, PHOTO, resolveSettings({ overrides: { photo: { cropSize: 192 } } }))
    const { crop, mesh, camera } = fit
    expect(crop.size).toBe(192)
    expect(crop.width).toBe(crop.height)
    const pixels = project(camera, mesh.positions)
    let widest = 0
    for (let t = 0; t < model.faceRegion.length; t++) {
      if (!model.faceRegion[t]) continue
      for (let c = 0; c < 3; c++) {
        const v = 3 * mesh.indices[3 * t + c]
        expect(pixels[v]).toBeGreaterThanOrEqual(crop.x)
        expect(pixels[v]).toBeLessThanOrEqual(crop.x + crop.width)
        expect(pixels[v + 1]).toBeGreaterThanOrEqual(crop.y)
        expect(pixels[v + 1]).toBeLessThanOrEqual(crop.y + crop.height)
        widest = Math.max(widest, Math.abs(pixels[v + 1] - crop.y - crop.height / 2))
      }
    }
    expect(widest).toBeGreaterThan(0.4 * crop.height)
  })
})

describe('head fit: what it refuses', () => {
  const model = syntheticHead()
  const codeOf = (points: Float64Array, layout: 68 | 478 = 68): string => {
    const face = { box: { x: 0, y: 0, width: 1, height: 1 }, landmarks: { layout, points }, score: 1 }
    try {
      fitHead(model, face, PHOTO, settings())
    } catch (error) {
      if (error instanceof SiderError) {
        expect(error.hint).toBeTruthy()
        expect(error.stage).toBe('head')
        return error.code
      }
      throw error
    }
    return 'none'
  }

  it('refuses landmarks that are not finite or of the wrong number', () => {
    const { face } = scene(model, { layout: 68 })
    const broken = face.landmarks.points.slice()
    broken[20] = Number.NaN
    expect(codeOf(broken)).toBe('LANDMARKS_INVALID')
    expect(codeOf(face.landmarks.points.slice(2))).toBe('LANDMARKS_INVALID')
    expect(codeOf(face.landmarks.points, 478)).toBe('LANDMARKS_INVALID')
  })

  it('refuses landmarks in one place, on a line, or without order', () => {
    expect(codeOf(new Float64Array(136).fill(300))).toBe('HEAD_FIT_FAILED')
    expect(codeOf(Float64Array.from({ length: 136 }, (_, i) => 3 * Math.floor(i / 2)))).toBe('HEAD_FIT_FAILED')
    const random = uniform(1)
    expect(codeOf(Float64Array.from({ length: 136 }, () => 1024 * random()))).toBe('HEAD_FIT_FAILED')
  })

  it('refuses a mirrored face, whose landmarks are in the wrong order', () => {
    const { face } = scene(model, { layout: 68 })
    const mirrored = face.landmarks.points.map((x, i) => (i % 2 === 1 ? 1024 - x : x))
    expect(codeOf(mirrored)).toBe('HEAD_FIT_FAILED')
  })
})

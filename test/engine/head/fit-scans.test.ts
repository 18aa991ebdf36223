import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fitError } from '../../../scripts/dev/fit-error.js'
import { loadScan } from '../../../scripts/dev/scan-truth.js'
import { resolveSettings } from '../../../src/engine/config.js'
import { fitHead } from '../../../src/engine/head/fit.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { LandmarkDetector } from '../../../src/engine/landmarks/detect.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { fitFace } from '../../../src/engine/pipeline/fit-face.js'
import type { HeadModel } from '../../../src/engine/stages.js'

const SCANS = '../shared/data/scans'

// The scans are large and do not travel with the project: without them these tests are skipped.
describe.skipIf(!existsSync(SCANS))('head fit: rendered scans (needs ../shared/data/scans)', () => {
  let head: HeadModel
  let detector: LandmarkDetector
  beforeAll(async () => {
    head = await loadHead('built-in')
    detector = await LandmarkDetector.create()
  })
  afterAll(() => detector?.dispose())

  for (const [view, scanMm, normalDegrees] of [
    ['lpsw/L1', 1.2, 20],
    ['ict-a/A2', 1.7, 18],
  ] as const)
    it(`fits ${view} from its picture alone`, async () => {
      const truth = await loadScan(SCANS, view)
      const photo = await decodePhoto(truth.image)
      const [face] = await detector.detect(photo)
      const fit = fitHead(head, face, photo, resolveSettings())
      const error = fitError(fit, truth)
      expect(fit.focalSource).toBe('estimated')
      expect(error.scanMedian).toBeLessThan(scanMm)
      expect(error.normalMean).toBeLessThan(normalDegrees)
      expect(fit.residualRelative).toBeLessThan(0.05)
      expect(Math.abs(Math.log(error.focal))).toBeLessThan(0.4)
      // Without the detector's depths the shape is worse, but still a face.
      const flat = fitHead(
        head,
        { ...face, landmarks: { ...face.landmarks, depths: undefined } },
        photo,
        resolveSettings(),
      )
      expect(fitError(flat, truth).scanMedian).toBeLessThan(scanMm + 0.3)
      // With learned evidence it leans less, and lies nearer on average.
      const seen = fitError((await fitFace(head, face, photo, resolveSettings({ preset: 'balanced' }))).fit, truth)
      expect(seen.normalMean).toBeLessThan(0.9 * error.normalMean)
      expect(seen.scanMean).toBeLessThan(error.scanMean)
    })
})

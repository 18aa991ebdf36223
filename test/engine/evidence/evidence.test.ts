/** Learned evidence: what the network says of real and drawn faces, and what is made of it. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { LIPS_INNER, OPENINGS } from '../../../src/engine/evidence/layouts.js'
import { type EvidenceMaps, evidenceMaps } from '../../../src/engine/evidence/maps.js'
import { EVIDENCE_SIZE, type Evidence, EvidenceNetwork, LABELS } from '../../../src/engine/evidence/network.js'
import { shutOpenings } from '../../../src/engine/evidence/openings.js'
import { mouthCrop, teethMeet } from '../../../src/engine/evidence/teeth.js'
import { labelledFace, openEyes } from '../../../src/engine/evidence/trust.js'
import { HeadFitter } from '../../../src/engine/head/fit.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { LandmarkDetector } from '../../../src/engine/landmarks/detect.js'
import { cropImage } from '../../../src/engine/photo/crop.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { fitFace, usesEvidence } from '../../../src/engine/pipeline/fit-face.js'
import type { Face, HeadFit, HeadModel, Landmarks, Photo } from '../../../src/engine/stages.js'

/** A laughing woman with hair behind her shoulders, of a development dependency. */
const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const settings = resolveSettings({ preset: 'balanced' })
const PIXELS = EVIDENCE_SIZE ** 2

describe('of a real photo', () => {
  let [head, photo, face, fit]: [HeadModel?, Photo?, Face?, HeadFit?] = []
  let network: EvidenceNetwork
  let evidence: Evidence
  beforeAll(async () => {
    head = await loadHead('built-in')
    photo = await decodePhoto(PHOTO)
    const detector = await LandmarkDetector.create()
    face = (await detector.detect(photo))[0]
    detector.dispose()
    network = await EvidenceNetwork.create(2)
    fit = new HeadFitter(head, face, photo, settings).fit()
    evidence = await look()
  })
  afterAll(() => network?.dispose())
  const look = () => network.look(cropImage(photo!, { ...fit!.crop, size: EVIDENCE_SIZE }), fit!)

  /** Index of the evidence's pixel at a landmark. */
  const pixelAt = (landmark: number, up = 0): number => {
    const { crop } = evidence
    const at = (k: 0 | 1) => face!.landmarks.points[2 * landmark + k]
    const x = Math.floor(((at(0) - crop.x) * EVIDENCE_SIZE) / crop.width)
    const y = Math.floor(((at(1) - up - crop.y) * EVIDENCE_SIZE) / crop.height)
    return y * EVIDENCE_SIZE + x
  }
  const labelAt = (pixel: number): string => {
    const p = [...evidence.labels.subarray(pixel * LABELS.length, (pixel + 1) * LABELS.length)]
    return LABELS[p.indexOf(Math.max(...p))]
  }

  it('is complete: probabilities, unit normals towards the camera, finite everywhere', () => {
    for (let i = 0; i < PIXELS; i += 7) {
      const sum = evidence.labels.subarray(i * LABELS.length, (i + 1) * LABELS.length).reduce((a, b) => a + b, 0)
      expect(sum).toBeCloseTo(1, 4)
      const [x, y, z] = evidence.normals.subarray(3 * i, 3 * i + 3)
      expect(Math.hypot(x, y, z)).toBeCloseTo(evidence.triangle[i] < 0 ? 0 : 1, 4)
    }
    for (const values of [evidence.albedo, evidence.move, evidence.moveDoubt, evidence.doubt])
      expect(values.every(Number.isFinite)).toBe(true)
    expect(evidence.normals[3 * pixelAt(4) + 2]).toBeLessThan(-0.5)
  })

  it('names what the pixels show', () => {
    for (const cheek of [50, 280, 9, 152, 4]) expect(labelAt(pixelAt(cheek))).toBe('skin')
    for (const lip of [17, 0]) expect(['lips', 'skin']).toContain(labelAt(pixelAt(lip)))
    for (const iris of [468, 473]) expect(labelAt(pixelAt(iris))).toBe('eye')
    expect(labelAt(0)).not.toBe('skin')
  })

  it('is the same twice', async () => {
    const again = await look()
    expect(again.labels).toEqual(evidence.labels)
    expect(again.normals).toEqual(evidence.normals)
  })

  it('is mapped to a crop of any size', () => {
    const maps = evidenceMaps(evidence, 100)
    expect(maps.skin).toHaveLength(100 * 100)
    for (let i = 0; i < 100 * 100; i += 13) {
      const length = Math.hypot(...maps.normals.subarray(3 * i, 3 * i + 3))
      expect(length < 1e-6 || Math.abs(length - 1) < 1e-4).toBe(true)
      expect(maps.confidence[i]).toBeGreaterThanOrEqual(0)
      expect(maps.confidence[i]).toBeLessThanOrEqual(1)
    }
  })

  it('moves the fit in rounds, and is asked by no preset that is the published method', async () => {
    const fitted = await fitFace(head!, face!, photo!, settings)
    expect(fitted.evidence).toBeDefined()
    expect(fitted.fit.identity).not.toEqual(fit!.identity)
    expect(fitted.fit.residualRelative).toBeLessThan(0.06)
    const paper = resolveSettings({ preset: 'paper' })
    expect(usesEvidence(paper)).toBe(false)
    const plain = await fitFace(head!, face!, photo!, paper)
    expect(plain.evidence).toBeUndefined()
    // its landmarks, and the teeth that it shows between its lips
    const mouth = mouthCrop(face!.landmarks)
    const met = teethMeet(cropImage(photo!, mouth), mouth, face!.landmarks)
    const { identity } = new HeadFitter(head!, face!, photo!, paper, met).fit()
    expect(plain.fit.identity).toEqual(identity)
  })
})

test('no single switch is forgotten when it is decided whether the network is needed', () => {
  const base = resolveSettings({ preset: 'paper', overrides: { method: 'relief' } })
  expect(usesEvidence(base)).toBe(false)
  for (const one of [{ rounds: 1 }, { labels: true }, { normalWeight: 1 }, { normalShare: 0.5 }, { albedoWeight: 1 }])
    expect(usesEvidence({ ...base, evidence: { ...base.evidence, ...one } }), JSON.stringify(one)).toBe(true)
})

describe('of drawn labels', () => {
  const crop = { x: 0, y: 0, width: EVIDENCE_SIZE, height: EVIDENCE_SIZE, size: EVIDENCE_SIZE }
  /** A mouth 60 px wide at the picture's middle whose landmarks leave `gap` pixels open; `shown` of them show its inside. */
  const mouth = (gap: number, shown: number, other: (typeof LABELS)[number] = 'lips') => {
    const points = new Float64Array(2 * 478)
    const middle = EVIDENCE_SIZE / 2
    LIPS_INNER.forEach((landmark, k) => {
      const along = k <= 10 ? k / 10 : (20 - k) / 10
      const side = k === 0 || k === 10 ? 0 : k < 10 ? -1 : 1
      points.set([middle - 30 + 60 * along, middle + (side * gap) / 2], 2 * landmark)
    })
    const labels = new Float32Array(PIXELS * LABELS.length)
    for (let i = 0; i < PIXELS; i++) {
      const inside = Math.abs(Math.floor(i / EVIDENCE_SIZE) + 0.5 - middle) < shown / 2
      labels[i * LABELS.length + LABELS.indexOf(inside ? 'mouth' : other)] = 1
    }
    return { evidence: { crop, labels } as unknown as Evidence, points }
  }
  const shut = (one: ReturnType<typeof mouth>): boolean =>
    shutOpenings(one.evidence, one.points, 478).includes(OPENINGS[478][2])

  it('a mouth that shows nothing of its inside is shut, whatever its landmarks say', () => {
    expect(shut(mouth(4, 0))).toBe(true)
    expect(shut(mouth(0, 0))).toBe(true)
    expect(shut(mouth(4, 6))).toBe(false)
    expect(shut(mouth(12, 12))).toBe(false)
  })

  it('a mouth behind a hand is not said to be shut', () => {
    expect(shut(mouth(4, 0, 'cover'))).toBe(false)
    expect(shut(mouth(4, 0, 'beard'))).toBe(false)
  })

  it('skin is where it is surely shown: not under a hand, in scraps between strands, or where the photo is spoilt', () => {
    const size = 128
    const count = size * size
    const mask = new Uint8Array(count).fill(1)
    const skin = new Float32Array(count)
    const spoilt = new Float32Array(count)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const scrap = y > 6 && y < 10 && x % 12 < 4
        const hand = y > 60 && y < 66
        skin[y * size + x] = (y > 20 && !hand) || scrap ? 1 : 0
        spoilt[y * size + x] = y > 110 ? 1 : 0
      }
    const cover = skin.map((p) => 1 - p)
    const none = new Float32Array(count)
    const labels = { skin, cover, beard: none, glasses: none, brows: none, eyes: none }
    const shown = labelledFace(labels, { mask }, { spoilt, torn: false })
    for (const values of [shown.trusted, shown.uncovered]) {
      const at = (x: number, y: number) => values[y * size + x]
      expect([at(64, 40), at(64, 90)]).toEqual([1, 1])
      expect([at(64, 63), at(62, 8), at(64, 120), at(64, 5)]).toEqual([0, 0, 0, 0])
    }
  })

  it('the shade under a nose is no beard', () => {
    const seen = (radius: number): EvidenceMaps => {
      const labels = new Float32Array(PIXELS * LABELS.length)
      for (let i = 0; i < PIXELS; i++) {
        const [x, y] = [(i % EVIDENCE_SIZE) - 128, Math.floor(i / EVIDENCE_SIZE) - 160]
        labels[i * LABELS.length + LABELS.indexOf(Math.hypot(x, y) < radius ? 'beard' : 'skin')] = 1
      }
      const [three, one] = [new Float32Array(3 * PIXELS).fill(1), new Float32Array(PIXELS)]
      const evidence = { crop, labels, normals: three, doubt: one, albedo: three } as unknown as Evidence
      return evidenceMaps(evidence, EVIDENCE_SIZE)
    }
    const middle = 160 * EVIDENCE_SIZE + 128
    const [shade, beard] = [seen(8), seen(40)].map(({ beard, skin, cover }) =>
      [beard, skin, cover].map((share) => share[middle]),
    )
    expect(shade).toEqual([0, 1, 0])
    expect(beard).toEqual([1, 0, 1])
  })

  it('open eyes are where lids or labels have them; shut ones are none', () => {
    const size = 128
    const crop = { x: 0, y: 0, width: 2 * size, height: 2 * size, size }
    // photo pixels: an open eye about (64, 64), a shut one about (192, 64)
    const eye = (x: number, half: number): number[] => [x - 20, 64, x, 64 - half, x + 20, 64, x, 64 + half]
    const points = Float32Array.from([...eye(64, 12), ...eye(192, 1)])
    const landmarks = { points, layout: 68 } as unknown as Landmarks
    const eyes = [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]
    const labelled = new Float32Array(size * size)
    labelled[100 * size + 100] = 0.5
    const found = openEyes(crop, landmarks, { eyes }, labelled)
    const at = (x: number, y: number) => found[y * size + x]
    expect([at(32, 32), at(96, 32), at(100, 100), at(5, 5)]).toEqual([1, 0, 0.5, 0])
    expect(openEyes(crop, landmarks, { eyes })[32 * size + 32]).toBe(1)
  })
})

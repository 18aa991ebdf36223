/** Times of the other stages, each on the input that it gets in a run: a face of a photo that comes with the dev packages. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { CoarseTarget } from '../src/engine/coarse/target.js'
import { openDevice } from '../src/engine/compute/index.js'
import { resolveSettings } from '../src/engine/config.js'
import { fitHead } from '../src/engine/head/fit.js'
import { loadHead } from '../src/engine/head/load.js'
import { LandmarkDetector } from '../src/engine/landmarks/detect.js'
import { ReliefField } from '../src/engine/methods/relief/field.js'
import { ReliefModel } from '../src/engine/methods/relief/model.js'
import { reliefScene } from '../src/engine/methods/relief/scene.js'
import { correctedRate, withMoments } from '../src/engine/optimise/adam.js'
import { decodePhoto } from '../src/engine/photo/decode.js'
import { gatherEvidence } from '../src/engine/pipeline/gather-evidence.js'
import { boundaryFalloff } from '../src/engine/surface/boundary-falloff.js'
import { denseFace } from '../src/engine/surface/dense-face.js'
import { projectMesh, towardsCamera } from '../src/engine/surface/project-mesh.js'
import { median, timed } from './timing.js'

const PHOTO = fileURLToPath(new URL('../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))

export const STAGES = ['detection', 'head-fit', 'relief', 'surface'] as const
export type StageBench = (typeof STAGES)[number]

export interface StageFigures {
  /** Seconds of one go, the median of several. */
  seconds: number
  /** What was done in it, for the table. */
  work: string
  /** Counts that the seconds depend on. */
  [count: string]: number | string
}

async function photoAndFace() {
  const photo = await decodePhoto(await readFile(PHOTO), {})
  const detector = await LandmarkDetector.create()
  const faces = await detector.detect(photo)
  detector.dispose()
  return { photo, face: faces[0] }
}

/** All faces of the photo, 478 points each. */
async function detection(repeats: number): Promise<StageFigures> {
  const photo = await decodePhoto(await readFile(PHOTO), {})
  const detector = await LandmarkDetector.create()
  let faces = 0
  const seconds = await timed(repeats, async () => {
    faces = (await detector.detect(photo)).length
  })
  detector.dispose()
  return { seconds: median(seconds), faces, work: `landmarks of ${faces} faces, ${photo.width}x${photo.height} pixels` }
}

async function headFit(repeats: number): Promise<StageFigures> {
  const { photo, face } = await photoAndFace()
  const settings = resolveSettings()
  const model = await loadHead(settings.head.model)
  let residual = 0
  const seconds = await timed(repeats, async () => {
    residual = fitHead(model, face, photo, settings).residualPx
  })
  return {
    seconds: median(seconds),
    residualPx: residual,
    work: `fit of the ${model.name} head to ${face.landmarks.layout} landmarks`,
  }
}

async function coarseInput(preset: string) {
  const settings = resolveSettings({ preset, overrides: { method: 'relief' } })
  const { photo, face } = await photoAndFace()
  const model = await loadHead(settings.head.model)
  const fit = fitHead(model, face, photo, settings)
  return { settings, evidence: gatherEvidence(photo, face, fit, undefined, settings).evidence }
}

/** One optimiser step over the whole crop. */
async function relief(repeats: number, preset: string): Promise<StageFigures> {
  const { settings, evidence } = await coarseInput(preset)
  const scene = await reliefScene(evidence, settings.relief)
  const device = await openDevice(settings.backend, settings.threads)
  const model = new ReliefModel(scene, settings.relief, settings.evidence)
  const variables = device.variables(withMoments(model.initial()))
  const program = await device.compile(model.step(), variables)
  const rate = Float32Array.of(correctedRate(settings.relief.learningRate, 1))
  await program.run({ rate })
  const seconds = median(await timed(3 * repeats, () => program.run({ rate })))
  const gflop = (program.matrixFlops ?? 0) / 1e9
  await program.dispose()
  variables.dispose()
  const { size } = scene
  return { seconds, gflop, size, work: `one step of the relief, ${size}x${size} pixels, on ${device.name}` }
}

/** The face's 100,000 triangles onto a relief of half a millimetre. */
async function surface(repeats: number, preset: string): Promise<StageFigures> {
  const { settings, evidence } = await coarseInput(preset)
  const { fit, coarse } = evidence
  const target = new CoarseTarget(fit, settings.coarse.thickness)
  const { camera, mask } = await reliefScene(evidence, settings.relief)
  const offset = Float32Array.from(mask, (_, i) => 5e-4 * Math.sin(i / 9))
  const field = new ReliefField(target, camera, offset, coarse.normals, mask)
  const mesh = denseFace(fit.mesh, fit.model, 100_000)
  const options = { directions: towardsCamera(mesh.positions, fit.camera), weight: boundaryFalloff(mesh, 0.006) }
  let evaluations = 0
  const seconds = await timed(repeats, async () => {
    evaluations = (await projectMesh(mesh, field, { ...options, maxOffset: 0.01 })).evaluations
  })
  const vertices = mesh.positions.length / 3
  return {
    seconds: median(seconds),
    vertices,
    evaluations,
    work: `projection of ${vertices} vertices, ${evaluations} evaluations`,
  }
}

/** Runs one of the benches; `preset` sets sizes. */
export function benchStage(name: StageBench, preset: string, repeats = 3): Promise<StageFigures> {
  switch (name) {
    case 'detection':
      return detection(repeats)
    case 'head-fit':
      return headFit(repeats)
    case 'relief':
      return relief(repeats, preset)
    case 'surface':
      return surface(repeats, preset)
  }
}

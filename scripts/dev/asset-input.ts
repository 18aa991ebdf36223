/** What the asset is made of, from a photo: everything before the asset's stage, kept in a folder so that a try takes seconds. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { CoarseTarget } from '../../src/engine/coarse/target.js'
import { openDevice } from '../../src/engine/compute/index.js'
import type { Settings } from '../../src/engine/config.js'
import { cropCamera } from '../../src/engine/geometry/camera.js'
import { loadHead } from '../../src/engine/head/load.js'
import { metricFit } from '../../src/engine/head/metric.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import { ReliefField } from '../../src/engine/methods/relief/field.js'
import { openRelief } from '../../src/engine/methods/relief/index.js'
import type { ReliefView } from '../../src/engine/methods/relief/solve.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'
import type { AssetInput } from '../../src/engine/pipeline/asset-scenes.js'
import { fitFace } from '../../src/engine/pipeline/fit-face.js'
import { gatherEvidence } from '../../src/engine/pipeline/gather-evidence.js'
import { openThreads } from '../../src/engine/threads/index.js'

export type KeptInput = Omit<AssetInput, 'field'> & { view: ReliefView }

/** @param file where it is kept @param settings of a preset whose method is `relief` */
export async function assetInput(photoFile: string, file: string, settings: Settings): Promise<KeptInput> {
  if (existsSync(file)) {
    const kept = deserialize(readFileSync(file)) as KeptInput
    // the head model as it is now
    kept.evidence.fit.model = await loadHead(settings.head.model)
    return kept
  }
  const photo = await decodePhoto(photoFile, { maxPixels: settings.photo.maxPixels })
  const detector = await LandmarkDetector.create()
  const [face] = await detector.detect(photo)
  detector.dispose()
  const found = await fitFace(await loadHead(settings.head.model), face, photo, settings)
  const { fit, metric } = metricFit(found.fit, settings.head.ipdMm)
  const { evidence } = gatherEvidence(photo, face, fit, found.evidence, settings)
  const threads = openThreads(settings.threads)
  const device = await openDevice(settings.backend, settings.threads)
  const coarse = new CoarseTarget(fit, settings.coarse.thickness, threads)
  const solver = openRelief({ device, coarse, settings, threads })
  await solver.prepare(evidence)
  await solver.detail({})
  await solver.settle()
  const view = structuredClone(await solver.view()) as ReliefView
  await solver.dispose()
  await device.dispose()
  const kept = { evidence, metric, view }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, serialize(kept))
  return kept
}

/** The field that the kept input lacks. */
export function fieldOf({ evidence, view }: KeptInput, settings: Settings): ReliefField {
  const { fit, coarse } = evidence
  const distance = new CoarseTarget(fit, settings.coarse.thickness, openThreads(settings.threads))
  return new ReliefField(distance, cropCamera(fit.camera, fit.crop), view.relief, coarse.normals, coarse.mask)
}

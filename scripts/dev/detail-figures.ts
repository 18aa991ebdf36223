/**
 * The detail stage alone: what comes before it is done once for each view and kept, so that a try takes seconds. Tries take turns on
 * each view, so that other work on the machine hits all alike.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { CoarseTarget } from '../../src/engine/coarse/target.js'
import { openDevice } from '../../src/engine/compute/index.js'
import { resolveSettings, type Settings } from '../../src/engine/config.js'
import { findCases } from '../../src/engine/evaluate/index.js'
import { detailAgreement, normalAngles } from '../../src/engine/evaluate/normal-error.js'
import { type CropTruth, cropTruth } from '../../src/engine/evaluate/truth.js'
import type { FaceEvidence } from '../../src/engine/evidence/face-evidence.js'
import { loadHead } from '../../src/engine/head/load.js'
import { metricFit } from '../../src/engine/head/metric.js'
import { normalPicture } from '../../src/engine/image/colors.js'
import { encodePng, pictureFromFloats } from '../../src/engine/image/picture.js'
import { composeSheet, type SheetCell } from '../../src/engine/image/sheet.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import { methodOf } from '../../src/engine/methods/index.js'
import type { DetailView } from '../../src/engine/methods/method.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'
import { fitFace } from '../../src/engine/pipeline/fit-face.js'
import { gatherEvidence } from '../../src/engine/pipeline/gather-evidence.js'
import { openThreads } from '../../src/engine/threads/index.js'
import { askedSettings } from '../asked-settings.js'
import { commandLine, refuse } from '../command-line.js'
import { loadScan } from './scan-truth.js'

interface Kept {
  evidence: FaceEvidence
  truth: CropTruth
}

const HELP = `Measures the detail stage alone. For each try: mean error of normals, correlation with the truth (and gain) of wrinkles and folds,
PSNR of the render, seconds of the stage.

Usage: npx tsx scripts/dev/detail-figures.ts [options]

  --truth DIR      repeatable (default ../shared/data/scans)
  --case NAME      the cases whose names begin like this; repeatable (default all)
  --try TEXT       a preset and settings that differ; repeatable (default balanced, neural)
  --pictures DIR   normals of the tries beside each other
  --kept DIR       what comes before the stage, kept from call to call (default .cache/detail-figures). It is that of balanced: tries
                   with other photos, heads or rounds of evidence need another folder

Example: npx tsx scripts/dev/detail-figures.ts --case lpsw/L1 --try balanced --try 'neural neural.steps=300'
`

const { values } = commandLine(HELP, {
  truth: { type: 'string', multiple: true, default: ['../shared/data/scans'] },
  case: { type: 'string', multiple: true },
  try: { type: 'string', multiple: true, default: ['balanced', 'neural'] },
  kept: { type: 'string', default: '.cache/detail-figures' },
  pictures: { type: 'string' },
})
const tries = values.try.map((text) => {
  const [preset, ...changes] = text.trim().split(/\s+/)
  return { text, settings: askedSettings(HELP, preset, changes), figures: [] as number[][] }
})
const threads = openThreads(0)
const device = await openDevice('auto', 0)
for (const folder of values.truth)
  for (const { name, maps } of await findCases(folder)) {
    if (!maps || (values.case && !values.case.some((start) => name.startsWith(start)))) continue
    const kept = await input(folder, name)
    const rows: SheetCell[] = pictures(kept)
    for (const one of tries) {
      const started = performance.now()
      const view = await detail(kept.evidence, one.settings)
      const figures = [...measured(view, kept), (performance.now() - started) / 1000]
      one.figures.push(figures)
      console.log(name.padEnd(12), shown(figures), one.text)
      const { size } = view
      rows.push({ picture: normalPicture(view.normals, size, size), caption: `${one.text}: ${figures[0].toFixed(2)}°` })
    }
    if (!values.pictures) continue
    mkdirSync(values.pictures, { recursive: true })
    const sheet = await encodePng(await composeSheet([rows], { cell: 512 }))
    writeFileSync(join(values.pictures, `${name.replaceAll('/', '-')}.png`), sheet)
  }
if (tries[0].figures.length === 0) refuse(HELP, 'There are no such cases.')
for (const { text, figures } of tries)
  console.log(
    'mean'.padEnd(12),
    shown(figures[0].map((_, k) => figures.reduce((s, f) => s + f[k], 0) / figures.length)),
    text,
  )
await device.dispose()

async function input(folder: string, name: string): Promise<Kept> {
  const file = join(values.kept, `${name.replaceAll('/', '-')}.bin`)
  if (existsSync(file)) return deserialize(readFileSync(file)) as Kept
  const settings = resolveSettings({ preset: 'balanced' })
  const truth = await loadScan(folder, name)
  const photo = await decodePhoto(truth.image)
  const detector = await LandmarkDetector.create()
  const [face] = await detector.detect(photo)
  detector.dispose()
  const found = await fitFace(await loadHead(settings.head.model), face, photo, settings)
  const { fit } = metricFit(found.fit, settings.head.ipdMm)
  const { evidence } = gatherEvidence(photo, face, fit, found.evidence, settings)
  const kept = { evidence, truth: cropTruth(truth, fit.crop) }
  mkdirSync(values.kept, { recursive: true })
  writeFileSync(file, serialize(kept))
  return kept
}

async function detail(evidence: FaceEvidence, settings: Settings): Promise<DetailView> {
  const coarse = new CoarseTarget(evidence.fit, settings.coarse.thickness, threads)
  const solver = await methodOf(settings).open({ device, coarse, settings, threads })
  await solver.coarse({})
  await solver.prepare(evidence)
  await solver.detail({})
  await solver.settle()
  const view = structuredClone(await solver.view())
  await solver.dispose()
  return view
}

/** Degrees, wrinkles and their gain, folds and their gain, dB. */
function measured({ normals, mask, colour, size }: DetailView, { evidence, truth }: Kept): number[] {
  const both = mask.map((m, i) => (m && truth.mask[i] && truth.depth[i] > 0 ? 1 : 0))
  const angles = normalAngles(normals, truth.normals, both).filter((a) => !Number.isNaN(a))
  const [fine, medium] = [2, 6].map((sigma) =>
    detailAgreement(normals, truth.normals, both, size, (sigma * size) / 256),
  )
  let [squares, count] = [0, 1e-9]
  evidence.trusted.forEach((t, i) => {
    if (!t || !mask[i]) return
    for (let k = 3 * i; k < 3 * i + 3; k++) squares += (colour[k] - evidence.image[k]) ** 2
    count += 3
  })
  const degrees = angles.reduce((a, b) => a + b, 0) / angles.length
  return [degrees, fine.correlation, fine.gain, medium.correlation, medium.gain, -10 * Math.log10(squares / count)]
}

function shown([degrees, fine, fineGain, medium, mediumGain, db, seconds]: number[]): string {
  const of = (correlation: number, gain: number): string => `${correlation.toFixed(3)} (${gain.toFixed(2)})`
  return `${degrees.toFixed(2)}° wrinkles ${of(fine, fineGain)} folds ${of(medium, mediumGain)} ${db.toFixed(1)} dB ${seconds.toFixed(1)} s`
}

function pictures({ evidence: { image, fit }, truth }: Kept): SheetCell[] {
  const { size } = fit.crop
  const normals = truth.normals.map((v, i) => (truth.mask[Math.floor(i / 3)] ? v : 0))
  return [
    { picture: pictureFromFloats(image, size, size), caption: 'photo' },
    { picture: normalPicture(normals, size, size), caption: 'truth' },
  ]
}

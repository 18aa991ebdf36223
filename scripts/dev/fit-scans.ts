/** The head fit on rendered scans, whose cameras are used to measure only, never to fit. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ibugPoints } from '../../src/engine/evidence/layouts.js'
import { loadHead } from '../../src/engine/head/load.js'
import { encodePng } from '../../src/engine/image/picture.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'
import { fitFace } from '../../src/engine/pipeline/fit-face.js'
import type { Landmarks } from '../../src/engine/stages.js'
import { askedSettings } from '../asked-settings.js'
import { commandLine } from '../command-line.js'
import { fitError } from './fit-error.js'
import { errorPicture, fitOverlay } from './fit-pictures.js'
import { loadScan, scanViews } from './scan-truth.js'

const HELP = `Measures the head fit on rendered scans. Prints one row a view: normal error and scan distance of the coarse mesh, how far the surface
is turned (pitch, yaw, roll), focal length against the truth, landmark residual.

Usage: npx tsx scripts/dev/fit-scans.ts [options]

  --scans DIR       (default ../shared/data/scans)
  --head MODEL      (default built-in)
  --preset NAME     (default balanced); paper fits to landmarks alone
  --layout N        landmarks of the detector that are used: 68, 478 (default 478)
  --no-depths       without the detector's depths
  --set KEY=VALUE   any setting; repeatable
  --out DIR         pictures: the mesh over the photo, and the normal error

Example: npx tsx scripts/dev/fit-scans.ts --set head.landmarkSigma=0.03 --out out/fit
`

const { values } = commandLine(HELP, {
  scans: { type: 'string', default: '../shared/data/scans' },
  head: { type: 'string', default: 'built-in' },
  preset: { type: 'string', default: 'balanced' },
  layout: { type: 'string', default: '478', choices: ['68', '478'] },
  'no-depths': { type: 'boolean' },
  set: { type: 'string', multiple: true, default: [] },
  out: { type: 'string' },
})
const settings = askedSettings(HELP, values.preset, values.set)

/** What the settings ask to be left of the detector's landmarks. */
function asked(landmarks: Landmarks): Landmarks {
  if (values.layout === '68') return { layout: 68, points: ibugPoints(landmarks.points) }
  return values['no-depths'] ? { layout: landmarks.layout, points: landmarks.points } : landmarks
}

const head = await loadHead(values.head)
const detector = await LandmarkDetector.create()
if (values.out) mkdirSync(values.out, { recursive: true })
const columns = [
  'normal°',
  'median°',
  'smooth°',
  'scan mm',
  'mean mm',
  'pitch°',
  'yaw°',
  'roll°',
  'focal',
  'res %',
  'ms',
]
const print = (name: string, cells: (string | number)[]): void =>
  console.log(
    name.padEnd(12) +
      cells.map((c) => (typeof c === 'number' ? c.toFixed(Math.abs(c) < 10 ? 2 : 1) : c).padStart(9)).join(''),
  )
print('view', columns)
const sums = new Array(columns.length).fill(0)
const views = await scanViews(values.scans)
for (const name of views) {
  const truth = await loadScan(values.scans, name)
  const photo = await decodePhoto(truth.image)
  const [face] = await detector.detect(photo)
  const start = performance.now()
  const { fit } = await fitFace(head, { ...face, landmarks: asked(face.landmarks) }, photo, settings)
  const ms = performance.now() - start
  const e = fitError(fit, truth)
  const row = [e.normalMean, e.normalMedian, e.smoothMean, e.scanMedian, e.scanMean, ...e.turn, e.focal]
  row.push(100 * fit.residualRelative, ms)
  print(name, row)
  row.forEach((x, i) => {
    sums[i] += x / views.length
  })
  if (values.out) {
    const file = join(values.out, name.replaceAll('/', '-'))
    writeFileSync(`${file}.png`, await encodePng(fitOverlay(photo, fit, face.landmarks)))
    writeFileSync(`${file}-error.png`, await encodePng(errorPicture(e.angles, fit.crop.size)))
  }
}
print('mean', sums)
detector.dispose()

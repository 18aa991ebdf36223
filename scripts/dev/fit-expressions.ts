/** The head fit alone, without detail. The true cameras are used to measure only, never to fit. */
import {
  type ExpressionScore,
  expressionScore,
  expressionSummary,
  readTrueOpenings,
} from '../../src/engine/evaluate/expression.js'
import { identityScore, type RestingHead } from '../../src/engine/evaluate/identity.js'
import { findCases } from '../../src/engine/evaluate/index.js'
import { faceAtRest } from '../../src/engine/evaluate/rest.js'
import { readTruth } from '../../src/engine/evaluate/truth.js'
import { contoursOn } from '../../src/engine/head/contours.js'
import { embeddedPoints } from '../../src/engine/head/embedding.js'
import { loadHead } from '../../src/engine/head/load.js'
import { metricFit } from '../../src/engine/head/metric.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'
import { fitFace } from '../../src/engine/pipeline/fit-face.js'
import { askedSettings } from '../asked-settings.js'
import { commandLine } from '../command-line.js'

const HELP = `Measures the head fit alone, without detail: do mouth and eyes open and shut as they should, and whose face is it?

Usage: npx tsx scripts/dev/fit-expressions.ts [truth]... [options]

  truth             folders that sider evaluate reads (default ../shared/data/scans); for openings, views need regions.json
  --head MODEL      (default built-in)
  --preset NAME     (default balanced)
  --set KEY=VALUE   any setting; repeatable

Prints a row a view: openings found and true in mm, contours in percent of the distance of the eyes, landmark residual; then means, and
how well heads at rest tell people apart.

Example: npx tsx scripts/dev/fit-expressions.ts truth/ ../shared/data/scans --set head.landmarkSigma=0.03
`

const { values, positionals } = commandLine(
  HELP,
  {
    head: { type: 'string', default: 'built-in' },
    preset: { type: 'string', default: 'balanced' },
    set: { type: 'string', multiple: true, default: [] },
  },
  ['[truth]...'],
)
const settings = askedSettings(HELP, values.preset, values.set)
const model = await loadHead(values.head)
const detector = await LandmarkDetector.create()

const print = (name: string, cells: (string | number | undefined)[]): void => {
  const text = (c: string | number | undefined): string => (typeof c === 'number' ? c.toFixed(2) : (c ?? '-'))
  console.log(name.padEnd(14) + cells.map((c) => text(c).padStart(12)).join(''))
}
print('view', ['mouth', 'right lids', 'left lids', 'lips %', 'lids %', 'points %', 'residual %', 'fit ms'])
const scores: ExpressionScore[] = []
const heads: RestingHead[] = []
const without: string[] = []
for (const folder of positionals.length > 0 ? positionals : ['../shared/data/scans'])
  for (const one of await findCases(folder)) {
    const photo = await decodePhoto(one.image)
    const [face] = await detector.detect(photo)
    if (!face) {
      without.push(one.name)
      continue
    }
    const start = performance.now()
    const fitted = (await fitFace(model, face, photo, settings)).fit
    const ms = performance.now() - start
    const { fit, metric } = metricFit(fitted, settings.head.ipdMm)
    heads.push({ subject: one.name.split('/')[0], face: faceAtRest(model, fit.identity, metric.scale) })
    const rest = [100 * fit.residualRelative, ms]
    if (!one.regions || !one.camera || !one.maps) {
      print(one.name, ['-', '-', '-', '-', '-', '-', ...rest])
      continue
    }
    const truth = await readTruth({ camera: one.camera, maps: one.maps })
    const { positions, indices } = fit.mesh
    const found = {
      points: embeddedPoints(positions, indices, model.landmarks68),
      contours: contoursOn(model, positions),
    }
    const score = expressionScore(await readTrueOpenings(one.regions), truth.camera, truth.depth, found, fit.camera)
    scores.push(score)
    const pair = ({ foundMm, trueMm }: ExpressionScore['mouth']): string => `${foundMm.toFixed(1)}/${trueMm.toFixed(1)}`
    const { mouth, rightLids, leftLids, lipsPercent, lidsPercent, pointsPercent } = score
    print(one.name, [pair(mouth), pair(rightLids), pair(leftLids), lipsPercent, lidsPercent, pointsPercent, ...rest])
  }
detector.dispose()
const summary = expressionSummary(scores)
if (summary)
  console.log(
    `mean errors of ${summary.cases} views: mouth ${summary.mouthMm.toFixed(2)} mm, lids ${summary.lidsMm.toFixed(2)} mm, contours of lips ${summary.lipsPercent.toFixed(2)} %, of lids ${summary.lidsPercent.toFixed(2)} %`,
  )
const identity = identityScore(heads)
if (identity)
  console.log(
    `heads at rest, ${identity.subjects} people, ${identity.results} views: ${identity.sameMm.toFixed(2)} mm of one person, ${identity.differentMm.toFixed(2)} mm of two; ordered ${(100 * identity.ordered).toFixed(1)} %, nearest ${(100 * identity.nearest).toFixed(1)} %`,
  )
if (without.length > 0) console.log(`no face found: ${without.join(' ')}`)

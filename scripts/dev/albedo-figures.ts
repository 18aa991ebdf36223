/** How much light is left in the albedo. All before the asset's stage is kept in a folder, so that a try takes seconds. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { RELIGHTING } from '../../src/engine/asset/light.js'
import { resolveSettings } from '../../src/engine/config.js'
import { cropTruth, type ViewTruth } from '../../src/engine/evaluate/truth.js'
import { drawPlan } from '../../src/engine/generate/draw.js'
import type { Lamp, PortraitPlan } from '../../src/engine/generate/plan.js'
import { renderPortrait } from '../../src/engine/generate/render.js'
import { loadBuiltInHead } from '../../src/engine/head/builtin.js'
import { linearToSrgb, srgbToLinear } from '../../src/engine/image/colors.js'
import { encodePng, pictureFromFloats } from '../../src/engine/image/picture.js'
import { composeSheet, type SheetCell } from '../../src/engine/image/sheet.js'
import { litCrop } from '../../src/engine/pipeline/asset-scenes.js'
import { commandLine, refuse } from '../command-line.js'
import { assetInput, type KeptInput } from './asset-input.js'
import { loadScan, scanViews } from './scan-truth.js'

/** Side of the drawn photos, pixels. */
const SIZE = 640

const HELP = `Measures how much light is left in the albedo: faces of known colour under lamps that make it hard, drawn here.

Usage: npx tsx scripts/dev/albedo-figures.ts [options]

  --aside          faces on which nothing was chosen, in place of those on which numbers were
  --scans DIR      scans in place of drawn faces
  --only TEXT      cases whose name has it
  --pictures DIR   photo, albedo and truth beside each other
  --kept DIR       what comes before the asset, kept from call to call (default .cache/albedo-figures)

Each row, over bare skin that the photo shows: what differs from the true albedo when both have the same mean colour, as a share of its
brightness (rms, linear); the same if only the brightness may differ; hue and chroma, as rms difference of the logarithms of red over
green and blue over green, with and without the mean. In brackets the photo as it is.

Example: npx tsx scripts/dev/albedo-figures.ts --scans ../shared/data/scans --pictures out
`

const { values: options } = commandLine(HELP, {
  aside: { type: 'boolean' },
  kept: { type: 'string', default: '.cache/albedo-figures' },
  pictures: { type: 'string' },
  only: { type: 'string' },
  scans: { type: 'string' },
})

type Colour = readonly [number, number, number]

/** A lamp at these degrees from the front and above, and this far away, metres. */
function lamp(azimuth: number, height: number, distance: number, radius: number, colour: Colour): Lamp {
  const [a, h] = [azimuth, height].map((d) => (d * Math.PI) / 180)
  const position = [Math.sin(a) * Math.cos(h), Math.sin(h), Math.cos(a) * Math.cos(h)].map((x) => x * distance)
  return { position: position as [number, number, number], radius, colour }
}

/** Changes the light of a plan: these lamps, and an even room of this colour. */
function lit(plan: PortraitPlan, lamps: Lamp[], room: Colour): void {
  plan.light.lamps = lamps
  plan.light.room.fill(0)
  plan.light.room.set(room)
  plan.light.room.set(
    room.map((r) => 0.3 * r),
    6,
  )
}

const WARM: Colour = [2.2, 1.2, 0.55]
const COOL: Colour = [0.5, 0.8, 1.5]
const DIM: Colour = [0.1, 0.12, 0.15]
const GREY: Colour = [0.15, 0.15, 0.15]

/** What makes each case hard, on any face. */
const CASES: Record<string, (plan: PortraitPlan) => void> = {
  plain: () => {},
  'warm and cool': (plan) => lit(plan, [lamp(-50, 20, 1.2, 0.15, WARM), lamp(60, 10, 1, 0.3, COOL)], DIM),
  'oily, warm spot': (plan) => {
    plan.complexion.oil = 1.8
    lit(plan, [lamp(25, 35, 1, 0.06, WARM), lamp(-70, 0, 1.5, 0.4, [0.1, 0.15, 0.25])], DIM)
  },
  'oily, dark, two lamps': (plan) => {
    Object.assign(plan.complexion, { melanin: 1.5, oil: 1.6 })
    lit(plan, [lamp(-35, 30, 1.1, 0.1, [2, 1.8, 1.6]), lamp(55, 20, 1.2, 0.2, [0.7, 0.8, 1.1])], GREY)
  },
  'light, one side': (plan) => {
    plan.complexion.melanin = 0.2
    lit(plan, [lamp(70, 15, 1.2, 0.2, [2, 1.9, 1.75])], GREY)
  },
  tungsten: (plan) => lit(plan, [lamp(30, 30, 1.5, 0.3, [2.2, 1.4, 0.75])], [0.2, 0.13, 0.07]),
}

const seeds = options.aside ? [71, 72, 73, 74, 75, 76] : [51, 52, 53, 54, 55, 56]

interface Kept {
  input: KeptInput
  /** Of the crop: [size, size, 3] sRGB, and 1 where it is known and the photo is trusted. */
  truth: Float32Array
  mask: Float32Array
}

async function kept(name: string, seed: number, change: (plan: PortraitPlan) => void): Promise<Kept> {
  const file = join(options.kept, `${name.replaceAll(/\W+/g, '-')}-${seed}.bin`)
  if (existsSync(file)) return deserialize(readFileSync(file)) as Kept
  mkdirSync(options.kept, { recursive: true })
  const model = await loadBuiltInHead()
  const plan = drawPlan(model, seed, SIZE)
  change(plan)
  const portrait = await renderPortrait(model, plan)
  const photo = file.replace('.bin', '.jpg')
  writeFileSync(photo, portrait.photo)
  const input = await assetInput(photo, file.replace('.bin', '.input'), resolveSettings({ preset: 'balanced' }))
  const { camera } = plan
  const { depth, normals, mask } = portrait
  return together({ camera, depth, normals, mask, albedo: portrait.albedo.map(linearToSrgb) }, input, file)
}

function together(truth: ViewTruth, input: KeptInput, file: string): Kept {
  const { albedo, mask } = cropTruth(truth, input.evidence.fit.crop)
  const made = { input, truth: albedo!, mask: input.evidence.trusted.map((t, i) => t * mask[i]) }
  writeFileSync(file, serialize(made))
  return made
}

async function keptScan(folder: string, name: string): Promise<Kept> {
  const file = join(options.kept, `${name.replaceAll(/\W+/g, '-')}.bin`)
  if (existsSync(file)) return deserialize(readFileSync(file)) as Kept
  const scan = await loadScan(folder, name)
  const input = await assetInput(scan.image, file.replace('.bin', '.input'), resolveSettings({ preset: 'balanced' }))
  return together(scan, input, file)
}

/** [whole, same brightness, chroma, chroma without its mean] */
function measured(found: Float32Array, { truth, mask }: Kept): number[] {
  const sums = [0, 0, 0].map(() => ({ both: 0, own: 1e-9, truth: 0, chroma: 0, squares: 0 }))
  let count = 1e-9
  const log = (v: number): number => Math.log(Math.max(0.004, v))
  const off = (i: number, k: number): number => {
    const [a, b, t, u] = [found[i + k], found[i + 1], truth[i + k], truth[i + 1]].map((v) => log(srgbToLinear(v)))
    return a - b - (t - u)
  }
  const each = (work: (i: number) => void): void => {
    mask.forEach((m, i) => {
      if (m) work(3 * i)
    })
  }
  each((i) => {
    count++
    for (let k = 0; k < 3; k++) {
      const [f, t] = [srgbToLinear(found[i + k]), srgbToLinear(truth[i + k])]
      sums[k].both += f * t
      sums[k].own += f * f
      sums[k].truth += t
      sums[k].chroma += off(i, k)
      sums[k].squares += off(i, k) ** 2
    }
  })
  const scale = sums.map((s) => s.both / s.own)
  const one = sums.reduce((a, s) => a + s.both, 0) / sums.reduce((a, s) => a + s.own, 0)
  const [white, bright] = [scale, [one, one, one]].map((factors) => {
    let [squares, mean] = [0, 0]
    each((i) => {
      for (let k = 0; k < 3; k++) {
        squares += (factors[k] * srgbToLinear(found[i + k]) - srgbToLinear(truth[i + k])) ** 2
        mean += srgbToLinear(truth[i + k])
      }
    })
    return Math.sqrt(squares / (3 * count)) / (mean / (3 * count))
  })
  const chroma = Math.sqrt((sums[0].squares + sums[2].squares) / (2 * count))
  const mean = [0, 2].reduce((a, k) => a + (sums[k].chroma / count) ** 2, 0) / 2
  return [white, bright, chroma, Math.sqrt(Math.max(0, chroma ** 2 - mean))]
}

const shown = (figures: number[]): string => figures.map((f) => f.toFixed(3)).join('  ')

const all: number[][] = []
const rows: SheetCell[][] = []
console.log('same white  same brightness  chroma  chroma without mean')
const cases: [string, () => Promise<Kept>][] = options.scans
  ? (await scanViews(options.scans)).map((name) => [name, () => keptScan(options.scans!, name)])
  : Object.entries(CASES).map(([name, change], n) => [name, () => kept(name, seeds[n], change)])
for (const [name, load] of cases) {
  if (options.only && !name.includes(options.only)) continue
  const one = await load()
  const light = await RELIGHTING.call(litCrop(one.input))
  const image = one.input.evidence.image
  const figures = [...measured(light!.image, one), ...measured(image, one)]
  all.push(figures)
  console.log(`${shown(figures.slice(0, 4))}  (${shown(figures.slice(4))})  ${name}`)
  const { size } = light!
  const onSkin = (values: Float32Array) =>
    pictureFromFloats(
      values.map((v, i) => (one.mask[Math.floor(i / 3)] ? v : 0)),
      size,
      size,
    )
  rows.push([
    { picture: pictureFromFloats(image, size, size), caption: name },
    { picture: pictureFromFloats(light!.image, size, size), caption: 'albedo' },
    { picture: onSkin(light!.image), caption: 'albedo, skin' },
    { picture: onSkin(one.truth), caption: 'truth' },
    { picture: onSkin(one.input.view.shading!), caption: 'shading' },
  ])
}
if (all.length === 0) refuse(HELP, 'There are no such cases.')
const means = all[0].map((_, k) => all.reduce((sum, f) => sum + f[k], 0) / all.length)
console.log(`${shown(means.slice(0, 4))}  (${shown(means.slice(4))})  mean`)
if (options.pictures) {
  mkdirSync(options.pictures, { recursive: true })
  writeFileSync(join(options.pictures, 'albedo.png'), await encodePng(await composeSheet(rows, { cell: 256 })))
}

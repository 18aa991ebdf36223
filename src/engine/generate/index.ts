/**
 * Ground truth of our own: portraits of people who do not exist, with the exact camera, surface, depth and normals, in the layout
 * that the evaluation reads (docs/ground-truth.md). Same seed, same files.
 */
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { toHalf } from '../formats/half.js'
import { encodeNpz } from '../formats/npy.js'
import { encodePly } from '../formats/ply.js'
import { loadBuiltInHead } from '../head/builtin.js'
import { linearToSrgb } from '../image/colors.js'
import { GENERATED_FILE, writeFileAtomic } from '../system/files.js'
import { GENERATOR, VERSION } from '../system/version.js'
import { drawPlan } from './draw.js'
import type { ExpressionRange } from './expressions.js'
import { type Portrait, renderPortrait } from './render.js'

export interface GenerateOptions {
  /** People to make; person i has the seed `seed + i`. */
  count: number
  seed: number
  /** Photos of each person (default 1), each with its own expression, camera, light and background. */
  views?: number
  /** What faces they make (default mild); of several, the views take turns. */
  expressions?: readonly ExpressionRange[]
  /** Side of the photos in pixels (default 1024). */
  size?: number
  /** Folder of the set. */
  output: string
  signal?: AbortSignal
  onPortrait?(name: string, done: number, all: number): void
}

/** The view's folder in its subject's. */
const VIEW = 'view'

/**
 * Writes a set: the files of every portrait, and generated.json with what the set is.
 * @returns the cases' names, subject/view
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE, CANCELLED
 */
export async function generateSet(options: GenerateOptions): Promise<string[]> {
  const { count, seed, views = 1, expressions = ['mild'], size = 1024, output, signal, onPortrait } = options
  const model = await loadBuiltInHead()
  const names: string[] = []
  for (let i = 0; i < count * views; i++) {
    if (signal?.aborted) throw new SiderError('CANCELLED', 'the generation was stopped')
    const person = seed + Math.floor(i / views)
    const view = i % views
    // By the seed and not by the place in the set: same seed, same files.
    const range = expressions[(person + view) % expressions.length]
    const portrait = await renderPortrait(model, drawPlan(model, person, size, { expressions: range, view }))
    const subject = `s${String(person).padStart(4, '0')}`
    const folder = views === 1 ? VIEW : `${VIEW}${view + 1}`
    for (const [path, data] of Object.entries(portraitFiles(portrait, folder, views > 1)))
      await writeFileAtomic(join(output, subject, path), data)
    names.push(`${subject}/${folder}`)
    onPortrait?.(names[i], i + 1, count * views)
  }
  const more = { ...(views > 1 && { views }), ...(options.expressions && { expressions }) }
  const about = { generator: GENERATOR, version: VERSION, seed, count, ...more, size, cases: names }
  await writeFileAtomic(join(output, GENERATED_FILE), `${JSON.stringify(about, null, 2)}\n`)
  return names
}

/**
 * A portrait's files by their path in the subject's folder.
 * @param view the view's folder
 * @param several whether the subject has other views: mesh and plan then lie in the view's folder, as each view has its own
 */
export function portraitFiles(portrait: Portrait, view = VIEW, several = false): Record<string, Uint8Array | string> {
  const { plan, mesh, photo, depth, normals, mask, albedo, regions } = portrait
  const { size } = plan.photo
  const { headToCamera, ...intrinsics } = plan.camera
  const camera = {
    ...intrinsics,
    headToCamera: [0, 4, 8, 12].map((r) => Array.from(headToCamera.subarray(r, r + 4))),
    units: 'metres',
    convention: 'OpenCV: x right, y down, z forward; pixel centres at +0.5',
  }
  const { seed, age, complexion, relief, light } = plan
  const own = several ? `${view}/` : ''
  return {
    [`${own}gt.ply`]: encodePly(mesh),
    [`${own}plan.json`]: `${JSON.stringify({ seed, age, complexion, relief, lamps: light.lamps }, null, 2)}\n`,
    [`${view}/image.jpg`]: photo,
    [`${view}/camera.json`]: `${JSON.stringify(camera, null, 1)}\n`,
    [`${view}/regions.json`]: `${JSON.stringify(regions)}\n`,
    [`${view}/gt.npz`]: encodeNpz({
      depth: { data: depth, shape: [size, size] },
      normal: { data: { half: toHalf(normals) }, shape: [size, size, 3] },
      mask: { data: mask, shape: [size, size] },
      albedo: { data: Uint8Array.from(albedo, (a) => Math.round(255 * linearToSrgb(a))), shape: [size, size, 3] },
    }),
  }
}

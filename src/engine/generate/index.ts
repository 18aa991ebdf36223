/**
 * Ground truth of our own: portraits of people who do not exist, with the exact camera, surface, depth and normals, in the layout
 * that the evaluation reads (docs/ground-truth.md). Same seed, same files.
 */
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { GENERATED_FILE, writeFileAtomic } from '../files.js'
import { encodePly } from '../geometry/ply.js'
import { loadBuiltInHead } from '../head/builtin.js'
import { linearToSrgb } from '../image/colors.js'
import { toHalf } from '../image/half.js'
import { encodeNpz } from '../image/npy.js'
import { GENERATOR, VERSION } from '../version.js'
import { drawPlan } from './draw.js'
import { type Portrait, renderPortrait } from './render.js'

export interface GenerateOptions {
  /** Portraits to make; portrait i has the seed `seed + i`. */
  count: number
  seed: number
  /** Side of the photos in pixels (default 1024). */
  size?: number
  /** Folder of the set. */
  output: string
  signal?: AbortSignal
  onPortrait?(name: string, done: number): void
}

/** The view's folder in its subject's. */
const VIEW = 'view'

/**
 * Writes a set: <subject>/gt.ply, <subject>/view/{image.jpg, camera.json, gt.npz}, and generated.json with every plan.
 * @returns the cases' names, subject/view
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE, CANCELLED
 */
export async function generateSet(options: GenerateOptions): Promise<string[]> {
  const { count, seed, size = 1024, output, signal, onPortrait } = options
  const model = await loadBuiltInHead()
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    if (signal?.aborted) throw new SiderError('CANCELLED', 'the generation was stopped')
    const portrait = await renderPortrait(model, drawPlan(model, seed + i, size))
    const subject = `s${String(seed + i).padStart(4, '0')}`
    for (const [path, data] of Object.entries(portraitFiles(portrait)))
      await writeFileAtomic(join(output, subject, path), data)
    names.push(`${subject}/${VIEW}`)
    onPortrait?.(names[i], i + 1)
  }
  const about = { generator: GENERATOR, version: VERSION, seed, count, size, cases: names }
  await writeFileAtomic(join(output, GENERATED_FILE), `${JSON.stringify(about, null, 2)}\n`)
  return names
}

/** A portrait's files by their path in the subject's folder. */
export function portraitFiles(portrait: Portrait): Record<string, Uint8Array | string> {
  const { plan, mesh, photo, depth, normals, mask, albedo } = portrait
  const { size } = plan.photo
  const { headToCamera, ...intrinsics } = plan.camera
  const camera = {
    ...intrinsics,
    headToCamera: [0, 4, 8, 12].map((r) => Array.from(headToCamera.subarray(r, r + 4))),
    units: 'metres',
    convention: 'OpenCV: x right, y down, z forward; pixel centres at +0.5',
  }
  const { seed, age, complexion, relief, light } = plan
  return {
    'gt.ply': encodePly(mesh),
    'plan.json': `${JSON.stringify({ seed, age, complexion, relief, lamps: light.lamps }, null, 2)}\n`,
    [`${VIEW}/image.jpg`]: photo,
    [`${VIEW}/camera.json`]: `${JSON.stringify(camera, null, 1)}\n`,
    [`${VIEW}/gt.npz`]: encodeNpz({
      depth: { data: depth, shape: [size, size] },
      normal: { data: { half: toHalf(normals) }, shape: [size, size, 3] },
      mask: { data: mask, shape: [size, size] },
      albedo: { data: Uint8Array.from(albedo, (a) => Math.round(255 * linearToSrgb(a))), shape: [size, size, 3] },
    }),
  }
}

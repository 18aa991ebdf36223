/**
 * Close-ups of finished heads, drawn by the programs that users have: an eye, a corner of the mouth, teeth, an ear, the neck, at rest and
 * with shape keys at 1.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { decodePicture, encodeJpeg, encodePng, type Picture } from '../src/engine/image/picture.js'
import { composeSheet } from '../src/engine/image/sheet.js'
import { renderViews } from '../src/engine/image/views.js'
import { commandLine, refuse } from './command-line.js'
import { type ShownPart, shownParts, withKeys } from './pictures/glb-parts.js'
import { pointsOf, type Shot, shotsOf, VIEW_NAMES, type View } from './pictures/shots.js'
import { threeShots } from './pictures/three-shots.js'

const HELP = `Close-ups of results (folders that sider reconstruct has written), one row a head, and every picture by itself.

Usage: npx tsx scripts/close-ups.ts <result>... [options]

  -o, --output DIR   pictures and sheets (default close-ups)
  --with LIST        cycles (Blender), three (three.js in Chromium), software (this project's own); default all
  --views LIST       of ${VIEW_NAMES.join(', ')}; default all
  --all              every view with every key, not only those that it is about
  --size PIXELS      side of a picture (default 800)
  --cell PIXELS      side of a picture in the sheet (default 200)
  --samples N        of Cycles (default 24)
  --displacement     in Cycles, true displacement in place of the normal map
  --blender COMMAND  default: blender

Example: six heads as docs/asset.md shows them
  npx tsx scripts/close-ups.ts out/rest out/open out/closed out/smile out/tongue out/glasses -o close-ups
`
/** Metres from the camera to what it looks at. */
const AWAY = 0.6

const pixels = { type: 'number', whole: true, least: 1 } as const
const { values: options, positionals: folders } = commandLine(
  HELP,
  {
    output: { type: 'string', short: 'o', default: 'close-ups' },
    with: { type: 'string', default: 'cycles,three,software' },
    views: { type: 'string', default: VIEW_NAMES.join(',') },
    all: { type: 'boolean' },
    size: { ...pixels, default: 800 },
    cell: { ...pixels, default: 200 },
    samples: { type: 'number', whole: true, least: 1, default: 24 },
    displacement: { type: 'boolean' },
    blender: { type: 'string', default: 'blender' },
  },
  ['<result>...'],
)
const { size } = options
const views = options.views.split(',') as View[]
for (const view of views) if (!VIEW_NAMES.includes(view)) refuse(HELP, `There is no view '${view}'.`)

interface Head {
  name: string
  folder: string
  glb: Uint8Array
  parts: ShownPart[]
  shots: Shot[]
}

const PROGRAMS: Record<string, (head: Head) => Promise<Picture[]>> = {
  cycles: cyclesShots,
  three: ({ glb, shots }) => threeShots(glb, shots, size, AWAY),
  async software({ parts, shots }) {
    return shots.map(({ keys, center, radius, yaw, pitch }) => {
      const posed = parts.map((part) => withKeys(part, keys, 1))
      return renderViews(posed, { center, radius, yawDegrees: [yaw], pitchDegrees: pitch, size, supersample: 2 })[0]
    })
  },
}

async function cyclesShots({ folder, shots }: Head): Promise<Picture[]> {
  const work = mkdtempSync(join(tmpdir(), 'sider-close-ups-'))
  const { displacement, samples } = options
  const order = join(work, 'order.json')
  writeFileSync(order, JSON.stringify({ shots, size, away: AWAY, samples, displacement }))
  const program = join(import.meta.dirname, 'pictures/close_ups.py')
  const args = ['-b', '--factory-startup', '--python-exit-code', '1', '-P', program, '--', folder, order, work]
  const { status, stdout, stderr, error } = spawnSync(options.blender, args, { encoding: 'utf8' })
  if (status !== 0)
    throw new Error(`${options.blender} failed: ${error?.message ?? `${stdout}\n${stderr}`.slice(-2000)}`)
  const pictures = await Promise.all(shots.map((_, i) => decodePicture(readFileSync(join(work, `${i}.png`)))))
  rmSync(work, { recursive: true })
  return pictures
}

const programs = options.with.split(',')
for (const name of programs) if (!Object.hasOwn(PROGRAMS, name)) refuse(HELP, `--with has no program '${name}'.`)
const heads: Head[] = await Promise.all(
  folders.map(async (folder) => {
    const glb = readFileSync(join(folder, 'face.glb'))
    const parts = await shownParts(glb)
    const points = pointsOf(JSON.parse(readFileSync(join(folder, 'landmarks.json'), 'utf8')))
    return { name: basename(folder), folder, glb, parts, shots: shotsOf(parts, points, views, options.all) }
  }),
)
mkdirSync(options.output, { recursive: true })
for (const program of programs) {
  const rows: { picture: Picture; caption: string }[][] = []
  for (const head of heads) {
    const pictures = await PROGRAMS[program](head)
    for (const [i, picture] of pictures.entries()) {
      const file = `${program}-${head.name}-${head.shots[i].name.replace(' ', '-')}.png`
      writeFileSync(join(options.output, file), await encodePng(picture))
    }
    rows.push(pictures.map((picture, i) => ({ picture, caption: head.shots[i].name })))
  }
  const sheet = await composeSheet(rows, { cell: options.cell, rowLabels: heads.map(({ name }) => name) })
  writeFileSync(join(options.output, `${program}.jpg`), await encodeJpeg(sheet, 88))
}

/** The pictures of docs/profiles. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodePicture, encodeJpeg, type Picture } from '../../src/engine/image/picture.js'
import { composeSheet } from '../../src/engine/image/sheet.js'
import { commandLine } from '../command-line.js'
import type { Shot } from './shots.js'
import { threeShots, vrmShots } from './three-shots.js'

const SIZE = 420
const AWAY = 0.9
const VRM = join(import.meta.dirname, '../../.cache/three-vrm/node_modules/@pixiv/three-vrm/lib/three-vrm.module.js')

const head: Omit<Shot, 'name' | 'keys'> = { center: [0, -0.025, 0.02], radius: 0.145, yaw: 20, pitch: 0 }
const shot = (name: string, keys: string[] = [], yaw = 20): Shot => ({ ...head, name, keys, yaw })
const KEYS = [shot('at rest'), shot('eyeBlink', ['eyeBlinkLeft', 'eyeBlinkRight']), shot('jawOpen', ['jawOpen'])]
const MOODS = ['at rest', 'happy', 'surprised', 'blink', 'lookLeft'].map((name) => shot(name, [name]))

/** `face.obj` in Cycles, from the front and the side; then its edges. */
async function blenderShots(folder: string): Promise<Picture[]> {
  const work = mkdtempSync(join(tmpdir(), 'sider-profile-'))
  const program = join(import.meta.dirname, 'obj_shots.py')
  const args = ['-b', '--factory-startup', '--python-exit-code', '1', '-P', program, '--', folder, work, String(SIZE)]
  const { status, stdout, stderr, error } = spawnSync('blender', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`blender failed: ${error?.message ?? `${stdout}\n${stderr}`.slice(-2000)}`)
  const pictures = await Promise.all(
    ['front', 'side', 'edges'].map((name) => decodePicture(readFileSync(join(work, `${name}.png`)))),
  )
  rmSync(work, { recursive: true })
  return pictures
}

const OBJ = ['front', 'side', 'edges']
const HELP = `The pictures of docs/profiles: what each profile writes, drawn by a program that reads it (three.js in Chromium, Blender).

Usage: npx tsx scripts/pictures/profiles.ts <folder> [profile]...

  folder    has a folder of results by the name of each profile; those that are not there are left out
  profile   arkit, vrm, unreal, metahuman, headshot, faceit (default all)

Example: the picture of one profile
  npm run sider -- reconstruct photo.jpg -o out/vrm --profile vrm
  npm install --prefix .cache/three-vrm @pixiv/three-vrm@3.5
  npx tsx scripts/pictures/profiles.ts out vrm
`

const {
  positionals: [out, ...only],
} = commandLine(HELP, {}, ['<folder>', '[profile]...'])
for (const [profile, names, draw] of [
  ['arkit', KEYS, (folder: string) => threeShots(glb(folder, 'face.glb'), KEYS, SIZE, AWAY)],
  ['vrm', MOODS, (folder: string) => vrmShots(glb(folder, 'face.vrm'), VRM, MOODS, SIZE, AWAY)],
  ['unreal', KEYS, (folder: string) => threeShots(glb(folder, 'face.glb'), KEYS, SIZE, AWAY)],
  ['metahuman', OBJ, blenderShots],
  ['headshot', OBJ, blenderShots],
  ['faceit', OBJ, blenderShots],
] as const) {
  const folder = join(out, profile)
  if ((only.length > 0 && !only.includes(profile)) || !existsSync(folder)) continue
  const pictures = await draw(folder)
  const cells = pictures.map((picture, i) => ({
    picture,
    caption: typeof names[i] === 'string' ? names[i] : (names[i] as Shot).name,
  }))
  const sheet = await composeSheet([cells], { cell: SIZE })
  writeFileSync(join(import.meta.dirname, `../../docs/images/profile-${profile}.jpg`), await encodeJpeg(sheet, 85))
}

function glb(folder: string, name: string): Uint8Array {
  return readFileSync(join(folder, name))
}

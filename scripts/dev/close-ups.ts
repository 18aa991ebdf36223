/**
 * Pictures of a written GLB from near by, at rest and with keys at 1, without any other program: eyes, mouth and teeth as the file has
 * them, with all its parts.
 *
 *   npx tsx scripts/dev/close-ups.ts out/face.glb pictures/ [--keys jawOpen,eyeBlinkLeft+eyeBlinkRight] [--views eye,mouth,front] [--size 400] [--clay]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodePng } from '../../src/engine/image/picture.js'
import { composeSheet } from '../../src/engine/image/sheet.js'
import { renderViews } from '../../src/engine/image/views.js'
import { type ShownPart, shownParts, withKeys } from '../pictures/glb-parts.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: {
      type: 'string',
      default:
        ',jawOpen,eyeBlinkLeft+eyeBlinkRight,mouthSmileLeft+mouthSmileRight,mouthPucker,eyeLookUpLeft+eyeLookUpRight',
    },
    views: { type: 'string', default: 'eye,mouth,front' },
    size: { type: 'string', default: '400' },
    clay: { type: 'boolean', default: false },
    name: { type: 'string', default: 'close-ups' },
  },
})
const [file, out] = positionals
const parts = await shownParts(readFileSync(file))
const size = Number(options.size)

/** Middle and radius of what a view shows, metres. */
function framing(view: string): { center: [number, number, number]; radius: number; yaw: number; pitch: number } {
  const named = (name: string): ShownPart | undefined => parts.find((part) => part.name === name)
  const middle = (part: ShownPart): [number, number, number] => {
    const p = part.mesh.positions
    return [0, 1, 2].map((k) => {
      let [low, high] = [9, -9]
      for (let i = k; i < p.length; i += 3) [low, high] = [Math.min(low, p[i]), Math.max(high, p[i])]
      return (low + high) / 2
    }) as [number, number, number]
  }
  const front = named('face')!.mesh.positions.reduce((most, z, i) => (i % 3 === 2 && z > most ? z : most), -9)
  const [name, turn = '0', pitch = '0'] = view.split('@')
  const angles = { yaw: Number(turn), pitch: Number(pitch) }
  const eye = named('eyeLeft')
  if (name === 'eye' && eye) return { center: [middle(eye)[0], middle(eye)[1], front - 0.03], radius: 0.023, ...angles }
  const cavity = named('mouth')
  if (name === 'mouth' && cavity) return { center: [0, -0.075, front - 0.02], radius: 0.042, ...angles }
  if (name === 'corner') return { center: [0.022, -0.072, front - 0.02], radius: 0.018, ...angles }
  return { center: [0, -0.02, 0.02], radius: 0.13, ...angles }
}

const views = options.views.split(',')
const rows = options.keys.split(',').map((keys) => {
  const posed = parts.map((part) => withKeys(part, keys.split('+'), 1))
  return views.map((view) => {
    const { yaw, pitch, ...frame } = framing(view)
    const style = options.clay ? ('clay' as const) : ('textured' as const)
    const [picture] = renderViews(posed, {
      ...frame,
      yawDegrees: [yaw],
      pitchDegrees: pitch,
      size,
      style,
      supersample: 2,
    })
    return { picture, caption: `${keys || 'at rest'}` }
  })
})
mkdirSync(out, { recursive: true })
writeFileSync(join(out, `${options.name}.png`), await encodePng(await composeSheet(rows, { cell: size })))

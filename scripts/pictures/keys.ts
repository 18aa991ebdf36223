/** The page docs/asset.md about shape keys. */
import { readFileSync, writeFileSync } from 'node:fs'
import { ARKIT } from '../../src/engine/asset/arkit.js'
import { encodeJpeg, type Picture } from '../../src/engine/image/picture.js'
import { composeSheet } from '../../src/engine/image/sheet.js'
import { renderViews } from '../../src/engine/image/views.js'
import { commandLine } from '../command-line.js'
import { type ShownPart, shownParts, withKeys } from './glb-parts.js'

const PAGE = new URL('../../docs/asset.md', import.meta.url)
const PICTURE = new URL('../../docs/images/asset-keys.jpg', import.meta.url)
const COLUMNS = 9
const CELL = 190

const HELP = `Writes what docs/asset.md has about shape keys: a picture of all of a GLB's keys at 1, and a table of what each moves.

Usage: npx tsx scripts/pictures/keys.ts <file>

Example: a head at rest, of a generated portrait
  npm run sider -- generate -o out/truth --count 1
  npm run sider -- reconstruct out/truth/*/view/image.jpg -o out --neutralize
  npx tsx scripts/pictures/keys.ts out/face.glb
`

const { positionals } = commandLine(HELP, {}, ['<file>'])
const parts = await shownParts(readFileSync(positionals[0]))
const front = (keys: string[], yaw = 0): Picture =>
  renderViews(
    parts.map((part) => withKeys(part, keys, 1)),
    { center: [0, -0.035, 0.03], radius: 0.105, yawDegrees: [yaw], size: CELL },
  )[0]
/** Keys that are made to be added to another one. */
const WITH: Record<string, string> = { mouthClose: 'jawOpen', tongueOut: 'jawOpen' }

const cells = ['', ...ARKIT.map(({ name }) => name)].map((name) => {
  const other = WITH[name]
  const turned = /jawForward|cheekPuff|mouthShrug|mouthRoll/.test(name) ? 35 : 0
  return {
    picture: front([name, ...(other ? [other] : [])], turned),
    caption: `${name || 'at rest'}${other ? ` (${other})` : ''}`,
  }
})
const rows = Array.from({ length: Math.ceil(cells.length / COLUMNS) }, (_, r) =>
  cells.slice(r * COLUMNS, (r + 1) * COLUMNS),
)
writeFileSync(PICTURE, await encodeJpeg(await composeSheet(rows, { cell: CELL }), 82))

/** Largest movement of a part by a key, millimetres. */
function movement(part: ShownPart, name: string): number {
  const target = part.targets.get(name)?.positions ?? new Float32Array(0)
  let square = 0
  for (let i = 0; i < target.length; i += 3)
    square = Math.max(square, target[i] ** 2 + target[i + 1] ** 2 + target[i + 2] ** 2)
  return 1000 * Math.sqrt(square)
}
const rounded = (mm: number): string => mm.toFixed(mm < 2 ? 1 : 0)
const table = [
  '| key | parts it moves, by how much at most (mm) |',
  '| --- | --- |',
  ...ARKIT.map(({ name }) => {
    const moved = parts
      .filter((part) => part.targets.has(name))
      .map((part) => `\`${part.name}\` ${rounded(movement(part, name))}`)
    return `| \`${name}\` | ${moved.join(', ')} |`
  }),
]
const page = readFileSync(PAGE, 'utf8')
const [begin, end] = ['<!-- keys: scripts/pictures/keys.ts -->', '<!-- end of keys -->']
writeFileSync(
  PAGE,
  `${page.slice(0, page.indexOf(begin) + begin.length)}\n\n${table.join('\n')}\n\n${page.slice(page.indexOf(end))}`,
)

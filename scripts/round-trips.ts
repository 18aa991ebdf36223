/** What becomes of a GLB's shape keys in other programs. */
import { readFileSync } from 'node:fs'
import { commandLine } from './command-line.js'
import { throughBlender } from './round-trips/blender.js'
import { compareKeys } from './round-trips/compare.js'
import { repacked } from './round-trips/repack.js'

const HELP = `What becomes of a GLB's shape keys in other programs: it is read and written again by each, and compared with what it was.

Usage: npx tsx scripts/round-trips.ts <file> [options]

  --blender COMMAND   a Blender, or a Python that has the module bpy; repeatable (default blender)

Example: npx tsx scripts/round-trips.ts out/face.glb --blender blender --blender venv/bin/python
`

const { values: options, positionals } = commandLine(
  HELP,
  { blender: { type: 'string', multiple: true, default: ['blender'] } },
  ['<file>'],
)
const [file] = positionals
const original = readFileSync(file)

async function tell(program: string, copy: Uint8Array): Promise<void> {
  console.log(`\n${program} (${(copy.length / 2 ** 20).toFixed(1)} MiB)`)
  for (const { node, lost, restMm, keysMm, worst } of await compareKeys(original, copy))
    console.log(
      `  ${node.padEnd(13)} at rest ${restMm.toFixed(5)} mm, keys ${keysMm.toFixed(5)} mm${worst && ` (${worst})`}` +
        `${lost.length > 0 ? `, lost: ${lost.join(' ')}` : ''}`,
    )
}

for (const how of ['none', 'quantize', 'meshopt'] as const)
  await tell(`glTF-Transform, ${how === 'none' ? 'read and written' : how}`, await repacked(original, how))
for (const command of options.blender) await tell(command, throughBlender(command, file))

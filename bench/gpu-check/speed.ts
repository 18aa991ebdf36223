/** What `npm run gpu-check` starts to time one backend. */
import { commandLine, numberOf, refuse } from '../../scripts/command-line.js'
import { openDevice } from '../../src/engine/compute/index.js'
import { resolveSettings } from '../../src/engine/config.js'
import { trainStepOn } from '../train-step.js'

const HELP = `Step time and matrix rate of one backend at one width, as one line of JSON.

Usage: npx tsx bench/gpu-check/speed.ts <backend> <width> [tiny]

Example: npx tsx bench/gpu-check/speed.ts ort-webgpu 256
`

const { positionals } = commandLine(HELP, {}, ['<backend>', '<width>', '[tiny]'])
const [name, wide, size] = positionals
const width = numberOf(HELP, 'width', wide, { whole: true, least: 2 })
if (size !== undefined && size !== 'tiny') refuse(HELP, `The size is '${size}', but can only be tiny.`)
const tiny = size === 'tiny'
const settings = resolveSettings({
  preset: 'paper',
  overrides: {
    networks: {
      geometry: { width, feature: width / 2, ...(tiny && { layers: 4, skip: 2 }) },
      renderer: { width },
      ...(tiny && { detail: { rays: 64, points: 32 } }),
    },
  },
})
const device = await openDevice(name, 0)
const onGpu = name !== 'ort-cpu'
const options = tiny
  ? { rows: 64, chain: 4, repeats: 3 }
  : { rows: 4096, chain: onGpu ? 100 : 10, repeats: onGpu ? 15 : 5 }
const figures = await trainStepOn(device, settings, options)
console.log(JSON.stringify({ ...figures, memoryMiB: Math.round(process.resourceUsage().maxRSS / 1024) }))
// Dawn keeps threads alive.
process.exit(0)

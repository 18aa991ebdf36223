/** `npm run gpu-check`: the command line. */
import { resolve } from 'node:path'
import { commandLine } from '../../scripts/command-line.js'
import { gpuCheck } from './check.js'

const HELP = `Checks the compute backends of this machine in less than eight minutes, without a person.

Usage: npm run gpu-check -- --out DIR [options]

  --out DIR      gpu-check.json and gpu-check.html go there
  --truth DIR    ground truth whose first photo the presets work on (default: ../shared/data/scans, or a portrait is generated)
  --minutes N    end after this time (default 7.5)
  --tiny         tiny sizes, and SwiftShader as a GPU where there is none: whether it works, not how fast it is

What does not work here is told with its reason, and what takes too long is ended.

Example: npm run gpu-check -- --out out/gpu-check
`

const { values } = commandLine(HELP, {
  out: { type: 'string', required: true },
  truth: { type: 'string', default: '../shared/data/scans' },
  minutes: { type: 'number', least: 0.1, default: 7.5 },
  tiny: { type: 'boolean' },
})
const { truth, tiny } = values
await gpuCheck({ out: resolve(values.out), truth, tiny, limitSeconds: values.minutes * 60 })

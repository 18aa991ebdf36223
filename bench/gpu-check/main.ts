/** `npm run gpu-check`: the command line. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gpuCheck } from './check.js'

const HELP = `Checks the compute backends of this machine in less than eight minutes, without a person.

Usage: npm run gpu-check -- --out DIR [options]

  --out DIR      gpu-check.json and gpu-check.html go there
  --truth DIR    ground truth whose first photo the presets work on (default: ../shared/data/scans, or a portrait is generated)
  --minutes N    end after this time (default 7.5)
  --tiny         tiny sizes, and SwiftShader as a GPU where there is none: whether it works, not how fast it is
  --help         this text

What does not work here is told with its reason, and what takes too long is ended.

Example: npm run gpu-check -- --out out/gpu-check
`

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    truth: { type: 'string', default: '../shared/data/scans' },
    minutes: { type: 'string', default: '7.5' },
    tiny: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) process.stdout.write(HELP)
else if (!values.out || !(Number(values.minutes) > 0)) {
  process.stderr.write(`${HELP}\n--out is missing, or --minutes is no number.\n`)
  process.exitCode = 2
} else {
  const { truth, tiny } = values
  await gpuCheck({ out: resolve(values.out), truth, tiny, limitSeconds: Number(values.minutes) * 60 })
}

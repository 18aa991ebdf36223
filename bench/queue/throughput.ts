/** `npm run bench:workers`: faces an hour with and without a queue. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { commandLine } from '../../scripts/command-line.js'
import { ended, freePort, started } from './processes.js'

const HELP = `Measures faces an hour of two workers on a queue, and of two embedded batches side by side, in turn, with the real engine and
the same photos. Each worker and each batch has one thread.

Usage: npm run bench:workers -- [options]

  --rounds N      times that both have their turn (default 2)
  --faces N       faces of each of two batches (default 3)
  --crop PIXELS   side of a face's crop (default 128)
  --output FILE   figures as JSON (default bench/results/workers.json)

Needs redis-server.

Example: npm run bench:workers -- --rounds 1 --faces 2 --output /tmp/workers.json
`

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const CLI = here('../../dist/cli.js')
const PHOTOS = here('../../node_modules/@vladmandic/face-api/demo/')
const SETTINGS = ['--preset', 'preview', '--set', 'photo.face=0', '--set', 'threads=1', '--no-sheets', '--json']
const count = { type: 'number', whole: true, least: 1 } as const
const { values } = commandLine(HELP, {
  rounds: { ...count, default: 2 },
  faces: { ...count, default: 3 },
  crop: { ...count, default: 128 },
  output: { type: 'string', default: here('../results/workers.json') },
})
const { rounds, faces } = values
const folder = mkdtempSync(join(tmpdir(), 'sider-workers-'))
const load = loadavg()[0]

/** The same photo under many names: each is work of its own, and all are equally much. */
const halves = ['a', 'b'].map((half) => {
  const photos = join(folder, `photos-${half}`)
  mkdirSync(photos)
  for (let i = 0; i < faces; i++) cpSync(join(PHOTOS, 'sample3.jpg'), join(photos, `${half}${i}.jpg`))
  return photos
})
const list = join(folder, 'list.txt')
const names = ['a', 'b'].flatMap((half) => Array.from({ length: faces }, (_, i) => `photos-${half}/${half}${i}.jpg`))
writeFileSync(list, names.join('\n'))

const port = await freePort()
mkdirSync(join(folder, 'redis'))
const redisArgs = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', join(folder, 'redis'), '--save', '']
const redis = await started('redis-server', [...redisArgs, '--appendonly', 'yes'], /Ready to accept connections/)
const shared = ['--queue', `redis://127.0.0.1:${port}`, '--storage', pathToFileURL(join(folder, 'storage')).href]

const batch = async (photos: string, out: string, more: string[] = []): Promise<void> => {
  const args = [CLI, 'batch', photos, '-o', out, ...SETTINGS, '--set', `photo.cropSize=${values.crop}`, ...more]
  const { text } = await started(process.execPath, args, /"event":"(result|error)".*\n/)
  const last = JSON.parse(text.trim().split('\n').at(-1)!) as { event: string; failed?: number }
  if (last.event !== 'result' || last.failed !== 0) throw new Error(`the batch failed: ${text.slice(-500)}`)
}

/** Faces an hour. */
const rate = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return (3_600_000 * 2 * faces) / (performance.now() - began)
}

const [embedded, queued]: [number[], number[]] = [[], []]
for (let round = 0; round < rounds; round++) {
  const out = (name: string): string => join(folder, `out-${round}-${name}`)
  embedded.push(await rate(() => Promise.all(halves.map((photos, i) => batch(photos, out(`embedded-${i}`))))))
  const workers = await Promise.all(
    [0, 1].map((i) =>
      started(process.execPath, [CLI, 'worker', ...shared, '--data', join(folder, `work-${i}`)], /Working/),
    ),
  )
  queued.push(await rate(() => batch(list, out('queued'), shared)))
  for (const { child } of workers) await ended(child)
}
await ended(redis.child)
rmSync(folder, { recursive: true, force: true })

const median = (all: number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1]
const ratios = queued.map((one, i) => one / embedded[i])
const result = {
  machine: {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    node: process.version,
    loadBefore: load,
    loadAfter: loadavg()[0],
  },
  date: new Date().toISOString().slice(0, 10),
  what: { preset: 'preview', cropSize: values.crop, facesARound: 2 * faces, rounds, threads: 1 },
  facesAnHour: { embedded: embedded.map(Math.round), queued: queued.map(Math.round) },
  ratio: { each: ratios.map((one) => Number(one.toFixed(3))), median: Number(median(ratios).toFixed(3)) },
}
console.log(JSON.stringify(result, undefined, 2))
writeFileSync(values.output, `${JSON.stringify(result, undefined, 2)}\n`)

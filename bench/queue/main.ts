/** `npm run bench:queue`: what the queue of several machines costs. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { commandLine } from '../../scripts/command-line.js'
import { PROTOCOL_VERSION } from '../../src/generated/protocol.js'
import { BenchClient } from './client.js'
import { cpuSeconds, ended, freePort, memoryOf, started } from './processes.js'

const HELP = `Measures what the queue of several machines costs, with workers that sleep in place of the engine. Redis, one server and the
workers are processes of this machine.

Usage: npm run bench:queue -- [options]

  --jobs N        jobs that are made (default 10000)
  --workers N     places to work at, in all processes (default 50)
  --processes N   worker processes (default 5)
  --sleep-ms MS   what a job sleeps (default 1000)
  --told N        times that a job tells its progress; a fifth as many previews (default 5)
  --output FILE   figures as JSON (default bench/results/queue.json)

Needs redis-server.

Example: npm run bench:queue -- --jobs 500 --output /tmp/queue.json
`

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const count = { type: 'number', whole: true, least: 1 } as const
const { values } = commandLine(HELP, {
  jobs: { ...count, default: 10_000 },
  workers: { ...count, default: 50 },
  processes: { ...count, default: 5 },
  'sleep-ms': { type: 'number', least: 0, default: 1000 },
  told: { type: 'number', whole: true, least: 0, default: 5 },
  output: { type: 'string', default: here('../results/queue.json') },
})
const { jobs, workers, processes, told, 'sleep-ms': sleepMs } = values
/** Clients that make jobs, requests that each has open, and every which job is watched. */
const [CLIENTS, OPEN, WATCHED] = [4, 4, 10]
const PHOTO_BYTES = 20_000
/** A server takes so many requests of a client; half of it, so that nobody is told to wait, 1/s. */
const PACE = 90

const folder = mkdtempSync(join(tmpdir(), 'sider-bench-'))
const load = loadavg()[0]
const port = await freePort()
const queue = `redis://127.0.0.1:${port}`
const storage = pathToFileURL(join(folder, 'storage')).href
mkdirSync(join(folder, 'redis'))
const redisArgs = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', join(folder, 'redis'), '--save', '']
const redis = await started('redis-server', [...redisArgs, '--appendonly', 'yes'], /Ready to accept connections/)
const options = [
  '--port',
  '0',
  '--data',
  join(folder, 'serve'),
  '--queue',
  queue,
  '--storage',
  storage,
  '--max-queued',
  '1000000',
]
const server = await started(process.execPath, [here('../../dist/cli.js'), 'serve', ...options, '--json'], /listening/)
const { url, tokenFile } = JSON.parse(server.text.split('\n')[0]) as { url: string; tokenFile: string }
const token = readFileSync(tokenFile, 'utf8').trim()
const deliver: number[] = []
const heard = (_: string, params: { message?: string }): void => {
  const told = /^told at (\d+)$/.exec(params.message ?? '')
  if (told) deliver.push(Date.now() - Number(told[1]))
}
const clients = await Promise.all(
  Array.from({ length: CLIENTS }, () => BenchClient.open(url, token, PROTOCOL_VERSION, heard)),
)
const settled = new Redis(port)
const asked = (name: string) => settled.hget('{sider}:counts', name).then(Number)

/** Makes jobs as fast as it may. @returns how long each request took, milliseconds */
async function submit(count: number): Promise<number[]> {
  const took: number[] = []
  let made = 0
  await Promise.all(
    clients.map(async (client) => {
      const start = performance.now()
      let mine = 0
      const one = async (): Promise<void> => {
        while (made < count) {
          const watch = made++ % WATCHED === 0
          const early = (1000 * mine++) / PACE - (performance.now() - start)
          if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
          const image = { base64: randomBytes(PHOTO_BYTES).toString('base64') }
          const at = performance.now()
          const { id } = await client.call('job/create', { image, preset: 'preview' })
          took.push(performance.now() - at)
          if (watch) await client.call('job/subscribe', { job: id })
        }
      }
      await Promise.all(Array.from({ length: OPEN }, one))
    }),
  )
  return took
}

// Most of them wait before there is a worker, so that all places have work until the end; the others come while it goes on.
const first = Math.floor(0.8 * jobs)
const taking = [redis, server].map(({ child }) => cpuSeconds(child))
const idle = await submit(first)
const taken = [redis, server].map(({ child }, i) => (1000 * (cpuSeconds(child) - taking[i])) / first)
const sleepers = await Promise.all(
  Array.from({ length: processes }, (_, i) => {
    const about = {
      queue,
      storage,
      concurrency: workers / processes,
      dataFolder: join(folder, `work-${i}`),
      sleepMs,
      told,
    }
    return started(process.execPath, ['--import', 'tsx', here('sleeper.ts'), JSON.stringify(about)], /ready/)
  }),
)
const done = await asked('completed')
const processesOf = [redis, server, ...sleepers].map(({ child }) => child)
const before = processesOf.map(cpuSeconds)
const began = performance.now()
const busy = await submit(jobs - first)
while ((await asked('completed')) < jobs) await new Promise((resolve) => setTimeout(resolve, 200))
const seconds = (performance.now() - began) / 1000
const used = processesOf.map((child, i) => (1000 * (cpuSeconds(child) - before[i])) / (jobs - done))
const info = await settled.info('memory')
const redisPeak = Number(/^used_memory_peak:(\d+)/m.exec(info)![1])
const version = /redis_version:(\S+)/.exec(await settled.info('server'))![1]
const round = (value: number, digits = 2): number => Number(value.toFixed(digits))
const spread = (all: number[]) => {
  const sorted = all.sort((a, b) => a - b)
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))])
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: round(sorted.at(-1)!) }
}
const result = {
  machine: {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGiB: round(totalmem() / 2 ** 30, 1),
    node: process.version,
    redis: version,
    loadBefore: round(load),
    loadAfter: round(loadavg()[0]),
  },
  date: new Date().toISOString().slice(0, 10),
  what: {
    jobs,
    places: workers,
    processes,
    sleepMs,
    told,
    clients: CLIENTS,
    photoBytes: PHOTO_BYTES,
    storage: 'folder',
  },
  seconds: round(seconds),
  jobsPerSecond: round((jobs - done) / seconds),
  /** Time of its place that a job took beyond its sleep. */
  overheadMs: round((1000 * seconds * workers) / (jobs - done) - sleepMs),
  /** To take a job up. */
  cpuMsPerSubmit: { redis: round(taken[0]), server: round(taken[1]) },
  /** To work on it and to tell of it, and to take one in five up meanwhile. */
  cpuMsPerJob: {
    redis: round(used[0]),
    server: round(used[1]),
    workers: round(used.slice(2).reduce((sum, one) => sum + one, 0)),
  },
  submitMs: { beforeWork: spread(idle), duringWork: spread(busy) },
  eventDeliveryMs: spread(deliver),
  memoryMiB: {
    server: memoryOf(server.child).most,
    workerProcess: Math.max(...sleepers.map(({ child }) => memoryOf(child).most)),
    redis: memoryOf(redis.child).most,
    redisData: round(redisPeak / 2 ** 20, 1),
  },
  redisKiBPerKeptJob: round(redisPeak / 1024 / jobs),
}
console.log(JSON.stringify(result, undefined, 2))
mkdirSync(join(values.output, '..'), { recursive: true })
writeFileSync(values.output, `${JSON.stringify(result, undefined, 2)}\n`)
for (const client of clients) client.close()
settled.disconnect()
for (const { child } of [...sleepers, server, redis]) await ended(child, 'SIGKILL')
rmSync(folder, { recursive: true, force: true })

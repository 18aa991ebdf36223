/**
 * A worker of the benchmark: node --import tsx bench/queue/sleeper.ts OPTIONS(JSON). In place of the engine it sleeps, and tells what a
 * short run tells: some progress, a preview, a warning that says when it was told, one small file.
 */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '../../src/jobs/log.js'
import type { Outcome, RunEvents, Runner, Work } from '../../src/jobs/runner.js'
import { QueueWorker, WORKER_DEFAULTS, type WorkerOptions } from '../../src/jobs/shared/worker.js'

const { sleepMs, told, ...options } = JSON.parse(process.argv[2]) as Partial<WorkerOptions> & {
  sleepMs: number
  told: number
}
/** Every which step has a preview. */
const PREVIEWS = 5
const PREVIEW = Buffer.alloc(20_000, 7)

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function run({ results }: Work, events: RunEvents, stop: AbortSignal): Promise<Outcome> {
  for (let step = 1; step <= told; step++) {
    try {
      await sleep(sleepMs / told, undefined, { signal: stop })
    } catch {
      return { type: 'stopped' }
    }
    events.progress({ stage: 'detail', fraction: step / told })
    if (step % PREVIEWS === 0)
      events.preview({ kind: 'image', name: 'normals', mediaType: 'image/jpeg' }, PREVIEW, digest(PREVIEW))
  }
  events.log('info', `told at ${Date.now()}`)
  const file = Buffer.from(JSON.stringify({ results }))
  await mkdir(results, { recursive: true })
  await writeFile(join(results, 'report.json'), file)
  const files = [{ name: 'report.json', bytes: file.length, sha256: digest(file) }]
  const seconds = { detail: sleepMs / 1000 }
  return {
    type: 'done',
    summary: {
      backend: 'none',
      seconds,
      quality: {},
      warnings: [],
      files,
      previews: { count: Math.floor(told / PREVIEWS), seconds: 0 },
    },
  }
}

const runner: Runner = {
  start(work, events) {
    const stop = new AbortController()
    const end = () => stop.abort()
    return { worker: 'sleeper', ended: run(work, events, stop.signal), pause: end, finish: end, kill: end }
  },
}

const all = { ...WORKER_DEFAULTS, ...options, runner } as WorkerOptions
const worker = await QueueWorker.start(all, new Log(() => {}))
process.stdout.write('ready\n')
process.on('SIGTERM', async () => {
  await worker.stop()
  process.exit(0)
})

/** The real engine over a shared queue: a face is the same whoever has worked on it, and whoever was killed meanwhile. */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/index.js'
import { EmbeddedEngine } from '../../../src/jobs/embedded.js'
import type { JobEngine } from '../../../src/jobs/engine.js'
import { Log } from '../../../src/jobs/log.js'
import { Metrics } from '../../../src/jobs/metrics.js'
import { photoOf } from '../../../src/jobs/photo.js'
import { SharedEngine } from '../../../src/jobs/shared/engine.js'
import { Machines, MISSING } from './machines.js'

const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample1.jpg', import.meta.url))
const WORKER = fileURLToPath(new URL('../../../dist/jobs/worker.js', import.meta.url))
const OVERRIDES = { 'photo.cropSize': 128, 'relief.steps': 300, 'output.checkpointEvery': 1 }

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

async function reconstruct(engine: JobEngine, onProgress?: (id: string) => void) {
  const settings = resolveSettings({ preset: 'preview', overrides: OVERRIDES })
  const photo = await photoOf(readFileSync(PHOTO))
  const { id } = await engine.create('ann', { photo, preset: 'preview', settings })
  const previews = new Set<string>()
  await new Promise<void>((resolve, reject) => {
    void engine.subscribe('ann', id, undefined, ({ method, params, payload }) => {
      if (payload && 'artifact' in params) previews.add((params.artifact as { name: string }).name)
      if (method === 'job/progress') onProgress?.(id)
      if (method !== 'job/state') return
      const { state, error } = params as { state: string; error?: { message: string } }
      if (state === 'completed') resolve()
      if (state === 'failed') reject(new Error(error?.message))
    })
  })
  const { files } = await engine.result('ann', id)
  const digests = Object.fromEntries(files.map(({ name, sha256 }) => [name, sha256]))
  return { digests, previews, id }
}

test('files and previews are those of one machine, though a worker was killed in between', async () => {
  const metrics = new Metrics()
  const dataFolder = mkdtempSync(join(tmpdir(), 'sider-real-'))
  const log = new Log(() => {})
  const options = { keepDays: 7, keepBytes: 1e12, maxRunning: 1, maxQueued: 10, eventsKept: 500, workerProgram: WORKER }
  const alone = await EmbeddedEngine.open({ ...options, dataFolder }, log, metrics)
  alone.start()
  const undisturbed = await reconstruct(alone)
  await alone.stop(1000)
  metrics.close()

  const folder = join(machines.folder, 'real')
  mkdirSync(folder)
  const shared = await SharedEngine.open({ ...options, ...machines.shared, dataFolder: folder }, log)
  shared.start()
  const real = { workerProgram: WORKER }
  const first = await machines.workerProcess(real)
  let killed = false
  const together = await reconstruct(shared, (id) => {
    if (killed || !machines.stored(id).includes('checkpoint')) return
    killed = true
    first.kill('SIGKILL')
    void machines.worker(real)
  })
  expect(killed).toBe(true)
  await shared.stop()
  // These two say how long it took, and show what was seen at moments.
  const timeless = ([name]: [string, unknown]) => !['report.json', 'progress.png'].includes(name)
  const same = (digests: Record<string, string>) => Object.fromEntries(Object.entries(digests).filter(timeless))
  expect(same(together.digests)).toEqual(same(undisturbed.digests))
  expect(Object.keys(together.digests)).toContain('face.glb')
  expect(together.previews.size).toBeGreaterThan(0)
}, 300_000)

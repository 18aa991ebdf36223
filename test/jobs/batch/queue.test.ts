/** A batch over the queue of several machines. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CLI } from '../../repro/strace.js'
import { batchHere, photosOf } from '../../support/batch.js'
import { Machines, MISSING } from '../shared/machines.js'

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

const scripts = (count: number): string[] => {
  const folder = join(machines.folder, 'photos')
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: count }, (_, i) => {
    const file = join(folder, `photo-${i}.jpg`)
    const what = i % 10 === 9 ? { fail: 'NO_FACE' } : { steps: 2, stepMs: 5, resultBytes: 1000 + i }
    writeFileSync(file, JSON.stringify(what))
    return file
  })
}

test('hands photos to workers, brings their files, and leaves nothing in the storage', async () => {
  const files = scripts(20)
  const out = join(machines.folder, 'out')
  await machines.worker({ concurrency: 2 })
  await machines.worker({ concurrency: 2 })
  const { tally, rows } = await batchHere(photosOf(files), out, {}, { shared: machines.shared, inFlight: 6 })
  expect(tally).toMatchObject({ completed: 18, failed: 2, failures: { NO_FACE: 2 } })
  expect(rows.map(({ name }) => name)).toEqual(files.map((_, i) => `photo-${i}.jpg`))
  for (const [i, { state, folder }] of rows.entries()) {
    if (state === 'completed') expect(readFileSync(join(out, folder, 'face.glb')).length).toBe(1000 + i)
  }
  const storage = fileURLToPath(machines.storage)
  const left = existsSync(join(storage, 'jobs')) ? machines.stored('') : []
  expect(left).toEqual([])
  expect(await machines.waiting()).toMatchObject({ active: 0, waiting: 0 })
})

test('goes on after a kill with the jobs that it had, while the workers went on', async () => {
  scripts(8)
  const out = join(machines.folder, 'out')
  await machines.worker({ concurrency: 2 })
  const { queue, storage } = machines.shared
  const incoming = join(fileURLToPath(storage), 'incoming')
  mkdirSync(incoming, { recursive: true })
  writeFileSync(join(incoming, 'last.jpg'), JSON.stringify({ steps: 1, resultBytes: 10 }))
  const list = join(machines.folder, 'list.txt')
  const lines = Array.from({ length: 7 }, (_, i) => `photos/photo-${i}.jpg\tphoto-${i}`)
  writeFileSync(list, [...lines, 'storage:incoming/last.jpg\tphoto-7', 'storage:../list.txt\tescape'].join('\n'))
  const args = [CLI, 'batch', list, '-o', out, '--queue', queue, '--storage', storage]
  const run = () =>
    spawn(process.execPath, [...args, '--json', '--in-flight', '4'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const first = run()
  let text = ''
  first.stdout.on('data', (part) => (text += part))
  while (!text.includes('"event":"photo"')) await once(first.stdout, 'data')
  first.kill('SIGKILL')
  await once(first, 'close')
  const second = run()
  text = ''
  second.stdout.on('data', (part) => (text += part))
  const [status] = await once(second, 'close')
  expect(status).toBe(0)
  const result = JSON.parse(text.trim().split('\n').at(-1)!)
  expect(result).toMatchObject({ event: 'result', completed: 8, failed: 1, failures: { IMAGE_NOT_FOUND: 1 } })
  expect(result.skipped).toBeGreaterThan(0)
  expect(readFileSync(join(out, 'summary.csv'), 'utf8').trim().split('\n').length).toBe(10)
  for (let i = 0; i < 8; i++) expect(existsSync(join(out, `photo-${i}`, 'report.json'))).toBe(true)
})

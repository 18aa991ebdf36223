/** What is wrong with one photo of a batch is a row of its summary; it ends neither the batch nor its answer to a stop. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadHead } from '../../src/engine/index.js'
import type { BatchOptions } from '../../src/jobs/batch/run.js'
import { batchHere, photosOf } from '../support/batch.js'
import { CLI } from './strace.js'

const GOOD = JSON.stringify({ steps: 1 })

let folder: string
let photos: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-batch-'))
  photos = join(folder, 'photos')
  mkdirSync(photos)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const batch = (names: string[], options: Partial<BatchOptions> = {}) =>
  batchHere(photosOf(names.map((name) => join(photos, name))), join(folder, 'out'), options)

describe('a photo that cannot be read', () => {
  beforeEach(() => {
    for (const name of ['a.jpg', 'z.jpg']) writeFileSync(join(photos, name), GOOD)
  })

  test.skipIf(process.platform === 'win32').each([
    ['a dangling link', (path: string) => symlinkSync('/nowhere/x.jpg', path), 'IMAGE_NOT_FOUND', /there is no file/],
    ['a looping link', (path: string) => symlinkSync(path, path), 'IMAGE_NOT_FOUND', /ELOOP/],
    ['a folder', (path: string) => mkdirSync(path), 'IMAGE_NOT_FOUND', /is a folder/],
    ['a FIFO', (path: string) => spawnSync('mkfifo', [path]), 'IMAGE_NOT_FOUND', /is not a file/],
    ['an endless device', (path: string) => symlinkSync('/dev/zero', path), 'IMAGE_NOT_FOUND', /is not a file/],
  ])('%s is a row of the summary', async (_, make, name, message) => {
    make(join(photos, 'm.jpg'))
    const told: string[] = []
    const { rows } = await batch(['a.jpg', 'm.jpg', 'z.jpg'], { onRow: ({ name: of }) => void told.push(of) })
    expect(rows.map(({ state }) => state)).toEqual(['completed', 'failed', 'completed'])
    expect(rows[1].error).toMatchObject({ name, message: expect.stringMatching(message) })
    expect(told.sort()).toEqual(['a.jpg', 'm.jpg', 'z.jpg'])
  })

  test('so is a result that cannot be put in its place', async () => {
    mkdirSync(join(folder, 'out'))
    writeFileSync(join(folder, 'out', 'a'), 'a file where the folder of the results belongs')
    const [a, z] = (await batch(['a.jpg', 'z.jpg'])).rows
    expect(a).toMatchObject({ state: 'failed', error: { message: expect.stringContaining(join(folder, 'out', 'a')) } })
    expect(z.state).toBe('completed')
  })
})

describe('the head model of a batch', () => {
  test('one that does not exist is a row of every photo, and no work is done', async () => {
    for (const name of ['a.jpg', 'z.jpg']) writeFileSync(join(photos, name), GOOD)
    const nowhere = join(folder, 'nowhere.pkl')
    const { rows } = await batch(['a.jpg', 'z.jpg'], {
      check: () => loadHead(nowhere),
      settings: { 'head.model': nowhere },
    })
    expect(rows.length).toBe(2)
    for (const { state, error } of rows) {
      expect(state).toBe('failed')
      expect(error).toMatchObject({
        name: 'HEAD_UNKNOWN',
        message: expect.stringMatching(/nowhere\.pkl does not exist/),
      })
    }
  })

  test('may be a file of this machine, for a batch is nobody else', async () => {
    writeFileSync(join(photos, 'a.jpg'), GOOD)
    const head = fileURLToPath(new URL('../fixtures/flame/flame2023.npz', import.meta.url))
    const options = { check: () => loadHead(head), settings: { 'head.model': head } }
    expect((await batch(['a.jpg'], options)).rows).toMatchObject([{ state: 'completed' }])
  })
})

describe.skipIf(process.platform === 'win32')('the command', () => {
  const PHOTO = fileURLToPath(new URL('../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))

  test('a folder of nothing but bad names ends with a summary of them', () => {
    for (const name of ['folder.jpg', '.sider.jpg']) mkdirSync(join(photos, name))
    symlinkSync('loop.png', join(photos, 'loop.png'))
    spawnSync('mkfifo', [join(photos, 'fifo.tif')])
    const out = join(folder, 'out')
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'batch', photos, '-o', out, '--json'], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.at(-1)).toMatchObject({ event: 'result', completed: 0, failed: 4 })
    const rows = readFileSync(join(out, 'summary.csv'), 'utf8').trim().split('\n')
    expect(rows.slice(1).map((row) => row.split(',').slice(0, 2))).toEqual([
      ['.sider.jpg', 'failed'],
      ['fifo.tif', 'failed'],
      ['folder.jpg', 'failed'],
      ['loop.png', 'failed'],
    ])
  })

  test('SIGTERM ends it within a second, with its error line, whatever it is at', async () => {
    spawnSync('mkfifo', [join(photos, 'fifo.jpg')])
    symlinkSync(PHOTO, join(photos, 'good.jpg'))
    const args = [CLI, 'batch', photos, '-o', join(folder, 'out'), '--json', '--set', 'photo.face=0']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    const ended = once(child, 'close')
    while (!output.includes('"fifo.jpg"')) await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, 1000)) // the good one is at work
    const asked = performance.now()
    child.kill('SIGTERM')
    const [status] = await ended
    expect(performance.now() - asked).toBeLessThan(1500)
    expect(status).toBe(130)
    expect(JSON.parse(output.trim().split('\n').at(-1)!)).toMatchObject({
      event: 'error',
      error: { code: 'CANCELLED' },
    })
    expect(existsSync(join(folder, 'out', '.sider', 'lock'))).toBe(false)
  })
})

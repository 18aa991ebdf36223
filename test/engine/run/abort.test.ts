/** A run that is stopped at any moment ends within a second, whatever it is doing; its files included. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { reconstructInto } from '../../../src/engine/index.js'

const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
/** A second on a machine that has nothing else to do; twice that where others use it too. */
const MOST_MS = 2000
const STOPS = 12

const settings = resolveSettings({ preset: 'preview', overrides: { 'photo.face': 0 } })
let folder: string
/** Milliseconds from the start to the beginning of each stage, and to the end, of a run that nobody stops. */
const begins = new Map<string, number>()
let whole: number
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sider-abort-'))
  const started = performance.now()
  await reconstructInto({
    photo: PHOTO,
    settings,
    folder: join(folder, 'whole'),
    onProgress: ({ stage }) => {
      if (!begins.has(stage)) begins.set(stage, performance.now() - started)
    },
  })
  whole = performance.now() - started
}, 300_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the files are a stage like the others', () => {
  expect([...begins.keys()].at(-1)).toBe('output')
})

// One moment in each twelfth of the run.
const rng = new Rng(16)
test.each(Array.from({ length: STOPS }, (_, i) => (i + rng.uniform()) / STOPS))(
  'stopped at %f of its time',
  async (share) => {
    const stop = new AbortController()
    // Counted from when it was meant to be stopped: a loop that lets no timer in takes its time from the caller, too.
    const meant = performance.now() + share * whole
    const timer = setTimeout(() => stop.abort(), share * whole)
    let stage = 'none'
    const failure: unknown = await reconstructInto({
      photo: PHOTO,
      settings,
      folder: join(folder, `${share}`),
      signal: stop.signal,
      onProgress: (progress) => {
        stage = progress.stage
      },
    }).then(
      () => undefined,
      (error: unknown) => error,
    )
    const took = performance.now() - meant
    clearTimeout(timer)
    console.log(`${stage}, meant at ${(share * whole).toFixed(0)} ms: ended after ${took.toFixed(0)} ms`)
    expect(took, `in the stage ${stage}`).toBeLessThan(MOST_MS)
    // A run that was faster than the first may be over before; its last files are written whatever comes.
    if (failure !== undefined || stage !== 'output') expect(failure).toMatchObject({ code: 'CANCELLED' })
  },
  60_000,
)

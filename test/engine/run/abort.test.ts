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

// One moment in each twelfth of the run, told as a time after the beginning of a stage: runs are not equally fast.
const rng = new Rng(16)
test.each(Array.from({ length: STOPS }, (_, i) => (i + rng.uniform()) / STOPS))(
  'stopped at %f of its time',
  async (share) => {
    const [within, begin] = [...begins].findLast(([, at]) => at <= share * whole) ?? ['setup', 0]
    const wait = share * whole - begin
    const stop = new AbortController()
    let meant: number | undefined
    let timer: NodeJS.Timeout | undefined
    // Counted from when it was meant to be stopped: a loop that lets no timer in takes its time from the caller, too.
    const begun = (stage: string): void => {
      if (stage !== within || meant !== undefined) return
      meant = performance.now() + wait
      timer = setTimeout(() => stop.abort(), wait)
    }
    begun('setup')
    const failure: unknown = await reconstructInto({
      photo: PHOTO,
      settings,
      folder: join(folder, `${share}`),
      signal: stop.signal,
      onProgress: ({ stage }) => begun(stage),
    }).then(
      () => undefined,
      (error: unknown) => error,
    )
    clearTimeout(timer)
    const took = performance.now() - meant!
    console.log(`${within}, ${wait.toFixed(0)} ms after its beginning: ended after ${took.toFixed(0)} ms`)
    expect(took, within).toBeLessThan(MOST_MS)
    // A run that is faster than the first may be over before it is stopped, by as much.
    if (took > 0) expect(failure).toMatchObject({ code: 'CANCELLED' })
  },
  60_000,
)

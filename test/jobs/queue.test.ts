/** The queue on a runner that is no process: what another machine would stand behind. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { resolveSettings, SiderError } from '../../src/engine/index.js'
import { toErrorInfo } from '../../src/jobs/errors.js'
import { Log } from '../../src/jobs/log.js'
import { Metrics } from '../../src/jobs/metrics.js'
import { photoOf } from '../../src/jobs/photo.js'
import { JobQueue } from '../../src/jobs/queue.js'
import type { Attempt, Outcome, RunEvents, Runner, Work } from '../../src/jobs/runner.js'
import type { JobState } from '../../src/jobs/states.js'
import { JobStore } from '../../src/jobs/store.js'

/** An attempt that does nothing but what the test says, and notes what it is asked. */
class HandMade implements Attempt {
  readonly worker = 'by hand'
  readonly asked: string[] = []
  readonly ended: Promise<Outcome>
  end!: (outcome: Outcome) => void

  constructor(
    readonly work: Work,
    readonly events: RunEvents,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  pause(): void {
    this.asked.push('pause')
    this.end({ type: 'stopped' })
  }

  finish(): void {
    this.asked.push('finish')
  }

  kill(): void {
    this.asked.push('kill')
    this.end({ type: 'stopped' })
  }
}

class ByHand implements Runner {
  readonly attempts: HandMade[] = []

  start(work: Work, events: RunEvents): Attempt {
    this.attempts.push(new HandMade(work, events))
    return this.attempts.at(-1)!
  }

  /** The attempt of that number, when it has begun. */
  async attempt(n: number): Promise<HandMade> {
    while (!this.attempts[n]) await new Promise((resolve) => setTimeout(resolve, 5))
    return this.attempts[n]
  }
}

const OWNER = 'ann'
const settings = resolveSettings({ preset: 'preview' })
const DONE: Outcome = {
  type: 'done',
  summary: { backend: 'none', seconds: {}, quality: {}, warnings: [], files: [], previews: { count: 0, seconds: 0 } },
}

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function open(dataFolder = mkdtempSync(join(tmpdir(), 'sider-queue-'))) {
  const log = new Log(() => {})
  const [metrics, runner] = [new Metrics(), new ByHand()]
  const store = await JobStore.open(dataFolder, log)
  const queue = new JobQueue(store, runner, { maxRunning: 1, maxQueued: 3, eventsKept: 50 }, log, metrics)
  await queue.load()
  queue.start()
  let open = true
  const close = async (): Promise<void> => {
    if (open) await queue.stop(100)
    open = false
    metrics.close()
  }
  ends.push(close)
  const create = async (more: object = {}): Promise<string> => {
    const photo = await photoOf(Buffer.from('photo'))
    return (await queue.create(OWNER, { photo, preset: 'preview', settings, ...more })).id
  }
  const reaches = async (id: string, state: JobState): Promise<void> => {
    while (queue.entry(OWNER, id).record.state !== state) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { queue, runner, create, reaches, close, dataFolder }
}

describe('a runner', () => {
  test('gets all that the work needs, and what it says is told', async () => {
    const { queue, runner, create, reaches } = await open()
    const id = await create({ severalFaces: 'fail' })
    const attempt = await runner.attempt(0)
    expect(attempt.work).toMatchObject({ settings, severalFaces: 'fail' })
    expect(readFileSync(attempt.work.photo, 'utf8')).toBe('photo')
    attempt.events.progress({ stage: 'detail', fraction: 0.25 })
    attempt.events.log('info', 'half way')
    expect(queue.view(queue.entry(OWNER, id))).toMatchObject({ state: 'running', progress: 0.25 })
    attempt.end(DONE)
    await reaches(id, 'completed')
    expect(queue.result(queue.entry(OWNER, id))).toMatchObject({ job: id, backend: 'none' })
  })

  test('that is asked to finish is asked again in the next attempt', async () => {
    const { queue, runner, create, reaches } = await open()
    const id = await create()
    const first = await runner.attempt(0)
    await queue.cancel(queue.entry(OWNER, id), true)
    expect(first.asked).toEqual(['finish'])
    first.end({ type: 'lost', why: { code: 1, signal: null, stderr: '' } })
    const second = await runner.attempt(1)
    expect(second.asked).toEqual(['finish'])
    second.end(DONE)
    await reaches(id, 'completed')
  })

  test('is ended when its job is cancelled, whatever it says then', async () => {
    const { queue, runner, create } = await open()
    const id = await create()
    const attempt = await runner.attempt(0)
    await queue.cancel(queue.entry(OWNER, id), false)
    expect(attempt.asked).toEqual(['kill'])
    attempt.end(DONE)
    await attempt.ended
    expect(queue.entry(OWNER, id).record.state).toBe('cancelled')
  })

  test('that is lost while the server stops has not crashed: the next one goes on', async () => {
    const { queue, runner, create, close, dataFolder } = await open()
    const id = await create()
    const attempt = await runner.attempt(0)
    attempt.pause = () => attempt.end({ type: 'lost', why: { code: null, signal: 'SIGKILL', stderr: '' } })
    await close()
    expect(queue.entry(OWNER, id).record).toMatchObject({ state: 'queued', crashes: 0 })
    const next = await open(dataFolder)
    ;(await next.runner.attempt(0)).end(DONE)
    await next.reaches(id, 'completed')
  })

  test.each(['DISK_FULL', 'OUTPUT_UNWRITABLE'] as const)('that finds %s: the job waits for the disk', async (code) => {
    const { queue, runner, create, reaches } = await open()
    const id = await create()
    const errno = code === 'DISK_FULL' ? 'ENOSPC' : 'EROFS'
    const error = toErrorInfo(new SiderError(code, 'no', { data: { errno } }))
    for (let n = 0; n < 3; n++) (await runner.attempt(n)).end({ type: 'failed', error, stderr: '' })
    await reaches(id, 'failed')
    expect(queue.entry(OWNER, id).record.error).toMatchObject({ name: code, retry: true, detail: { errno } })
  })
})

test('higher priorities go first, and say so by their position', async () => {
  const { queue, runner, create, reaches } = await open()
  const first = await create()
  await runner.attempt(0)
  const [low, normal, high] = [await create({ priority: 'low' }), await create(), await create({ priority: 'high' })]
  const position = (id: string) => queue.view(queue.entry(OWNER, id)).position
  expect([low, normal, high].map(position)).toEqual([2, 1, 0])
  for (const [n, id] of [first, high, normal, low].entries()) {
    ;(await runner.attempt(n)).end(DONE)
    await reaches(id, 'completed')
  }
})

describe('what is refused', () => {
  const codeOf = (work: Promise<unknown>): Promise<string> => work.then(String, ({ code }: SiderError) => code)

  test('says so in the one vocabulary', async () => {
    const { queue, runner, create, reaches } = await open()
    const id = await create()
    const entry = queue.entry(OWNER, id)
    expect(() => queue.entry('bob', id)).toThrow(expect.objectContaining({ code: 'NO_SUCH_JOB' }))
    expect(() => queue.result(entry)).toThrow(expect.objectContaining({ code: 'WRONG_STATE' }))
    expect(await codeOf(queue.resume(entry))).toBe('WRONG_STATE')
    await runner.attempt(0)
    for (let n = 0; n < 3; n++) await create()
    expect(await codeOf(create())).toBe('QUEUE_FULL')
    const face = { face: 0, x: 0, y: 0, width: 1, height: 1, score: 1 }
    runner.attempts[0].end({ type: 'question', question: { kind: 'face', faces: [face] } })
    await reaches(id, 'input_required')
    expect(await codeOf(queue.answer(entry, 1))).toBe('FACE_NOT_LISTED')
    expect(entry.record.state).toBe('input_required')
  })

  test('the same key sent twice at once makes one job, and none if it cannot be written', async () => {
    const { queue, create } = await open()
    const [a, b] = await Promise.all([create({ idempotencyKey: 'k' }), create({ idempotencyKey: 'k' })])
    expect(a).toBe(b)
    await queue.cancel(queue.entry(OWNER, a), false)
    await queue.delete(queue.entry(OWNER, a))
    expect(queue.list(OWNER, {}).jobs).toEqual([])
    expect(await create({ idempotencyKey: 'k' })).not.toBe(a)
  })
})

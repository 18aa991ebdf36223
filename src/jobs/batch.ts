/**
 * A folder of photos through the same job engine that serves clients, in this process: jobs, checkpoints and results are in a
 * data folder, so a batch that was stopped or killed goes on where it was.
 */
import { createHash } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { loadHead, outputError, readPhotoFile, resolveSettings, type Settings, SiderError } from '../engine/index.js'
import type { ErrorInfo, JobProgressEvent } from '../generated/protocol.js'
import type { Entry } from './entry.js'
import { toErrorInfo } from './errors.js'
import { LocalRunner } from './local-runner.js'
import { Log } from './log.js'
import { Metrics } from './metrics.js'
import { photoOf } from './photo.js'
import { JobQueue } from './queue.js'
import { isEnd } from './states.js'
import { JobStore } from './store.js'

const OWNER = 'batch'
/** Of each job; nobody comes late. */
const EVENTS_KEPT = 500
/** Time for checkpoints when it is stopped, milliseconds. */
const GRACE_MS = 900

export interface BatchPhoto {
  name: string
  file: string
  /** Where its files go. */
  folder: string
}

export interface BatchOutcome {
  name: string
  /** Of its files. */
  folder: string
  state: 'completed' | 'failed'
  error?: ErrorInfo
  backend?: string
  seconds?: Record<string, unknown>
  quality?: Record<string, unknown>
}

export interface BatchOptions {
  dataFolder: string
  maxRunning: number
  preset: string
  settings: Record<string, unknown>
  /** Aborting saves checkpoints and throws CANCELLED. */
  signal?: AbortSignal
  onProgress?(name: string, progress: JobProgressEvent): void
  onDone?(outcome: BatchOutcome): Promise<void> | void
  workerProgram?: string
}

/**
 * Works through the photos. What is wrong with one of them, or with their head model, is its outcome and does not stop the others.
 * @returns outcomes in the order of the photos. @throws SiderError CANCELLED, USAGE (settings), OUTPUT_UNWRITABLE (data folder)
 */
export async function runBatch(photos: BatchPhoto[], options: BatchOptions): Promise<BatchOutcome[]> {
  const { dataFolder, maxRunning, preset, settings, signal, workerProgram } = options
  const resolved = resolveSettings({ preset, overrides: settings })
  const log = new Log(() => {})
  const store = await JobStore.open(dataFolder, log)
  const limits = { maxRunning, maxQueued: Number.POSITIVE_INFINITY, eventsKept: EVENTS_KEPT }
  const metrics = new Metrics()
  const queue = new JobQueue(store, new LocalRunner(workerProgram), limits, log, metrics)
  let ended = false
  try {
    await queue.load()
    queue.start()
    const head = loadHead(resolved.head.model)
    let turn: Promise<unknown> = Promise.resolve() // one photo in memory at a time
    const inTurn = (one: BatchPhoto): Promise<Entry> => {
      const entry = turn.then(async () => {
        await head
        if (ended) throw new Error('the batch has ended')
        return submit(queue, one, { preset, settings: resolved }, settings)
      })
      turn = entry.catch(() => {})
      return entry
    }
    const work = photos.map(async (one) => {
      const outcome = await inTurn(one)
        .then((entry) => finished(queue, entry, one, options))
        .catch((error) => failed(one, error))
      if (!ended) await options.onDone?.(outcome)
      return outcome
    })
    const stopped = new Promise<never>((_, reject) => {
      const stop = () => reject(new SiderError('CANCELLED', 'the batch was stopped; checkpoints were saved'))
      if (signal?.aborted) stop()
      signal?.addEventListener('abort', stop, { once: true })
    })
    // A server waits for room; a command says what is the matter, and goes on where it was when it is called again.
    const broken = new Promise<never>((_, reject) => store.disk.onTrouble(reject))
    return await Promise.race([Promise.all(work), stopped, broken])
  } finally {
    ended = true // nothing more is begun or told
    await queue.stop(GRACE_MS)
    metrics.close()
  }
}

/** The photo's job: one of an earlier run of the batch if photo and settings are the same and it has not failed. */
async function submit(
  queue: JobQueue,
  { name, file }: BatchPhoto,
  run: { preset: string; settings: Settings },
  overrides: Record<string, unknown>,
): Promise<Entry> {
  const photo = await readPhotoFile(file)
  const identity = JSON.stringify([name, run.preset, overrides])
  const idempotencyKey = createHash('sha256').update(identity).update(photo).digest('hex')
  const wanted = { ...run, photo: await photoOf(photo), name, idempotencyKey }
  const entry = queue.entry(OWNER, (await queue.create(OWNER, wanted)).id)
  if (entry.record.state !== 'failed' && entry.record.state !== 'cancelled') return entry
  await queue.delete(entry)
  return queue.entry(OWNER, (await queue.create(OWNER, wanted)).id)
}

async function finished(
  queue: JobQueue,
  { record, events }: Entry,
  { name, folder }: BatchPhoto,
  { onProgress }: BatchOptions,
): Promise<BatchOutcome> {
  if (!isEnd(record.state)) {
    await new Promise<void>((resolve) => {
      const stop = events.listen(({ method, params }) => {
        if (method === 'job/progress') onProgress?.(name, params as JobProgressEvent)
        if (method !== 'job/state' || !isEnd(record.state)) return
        stop()
        resolve()
      })
    })
  }
  if (!record.result) return { name, folder, state: 'failed', ...(record.error && { error: record.error }) }
  const { backend, seconds, quality } = record.result
  await cp(queue.resultFolder(record), folder, { recursive: true }).catch((cause) => {
    throw outputError(cause, folder)
  })
  return { name, folder, state: 'completed', backend, seconds, quality }
}

/** Without a server's log the words of a fault are to be told too. */
function failed({ name, folder }: BatchPhoto, cause: unknown): BatchOutcome {
  const error = toErrorInfo(cause)
  return {
    name,
    folder,
    state: 'failed',
    error: error.name === 'INTERNAL' ? { ...error, message: String(cause) } : error,
  }
}

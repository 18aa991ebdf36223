/**
 * Many photos through a job engine, whichever it is: read as they come, so many at work at a time, the result of each put in its
 * folder, written down, and let go of. A batch that was stopped or killed goes on where it was: what is done is in the journal,
 * and what was at work is known to the engine by its idempotency key.
 */
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveSettings, type Settings, SiderError, writeFileAtomic } from '../../engine/index.js'
import type { Job } from '../../generated/protocol.js'
import type { JobEngine } from '../engine.js'
import { toErrorInfo } from '../errors.js'
import { photoOf } from '../photo.js'
import type { Priority } from '../record.js'
import { isEnd } from '../states.js'
import { type Journal, keyOf, type Row } from './journal.js'
import { places } from './places.js'

const OWNER = 'batch'
/** What comes and goes while machines and networks do: it is tried again, after times up to the longest, milliseconds. */
const TROUBLES = ['QUEUE_UNAVAILABLE', 'STORAGE_UNAVAILABLE', 'QUEUE_FULL']
const [FIRST_MS, LONGEST_MS] = [500, 15_000]

/** A photo of a batch. */
export interface BatchPhoto {
  /** As the summary calls it. */
  name: string
  /** What tells it from others, and changes when it does. */
  identity: string
  /** Where its files go, in the output folder. */
  folder: string
  /** Its bytes. @throws SiderError: it is that photo's failure */
  read(signal: AbortSignal): Promise<Uint8Array>
}

export interface BatchOptions {
  engine: JobEngine
  journal: Journal
  /** Folder of the results. */
  out: string
  preset: string
  settings: Record<string, unknown>
  /** Jobs that the engine has at a time. */
  inFlight: number
  /** Photos and results that are on their way at a time. */
  moving: number
  /** Beside other owners' jobs. */
  priority?: Priority | undefined
  /** How often jobs are looked at, milliseconds. */
  lookMs: number
  /** Which files of results are brought; all without it. */
  files?: string[] | undefined
  /** Leave photos and results with the engine too. */
  keepJobs?: boolean
  /** What is wrong with it is wrong with every photo. */
  check?: () => Promise<unknown>
  /** Ends it with its error. */
  broken?: Promise<never>
  /** Aborting ends it with CANCELLED. */
  signal?: AbortSignal | undefined
  onRow?(row: Row, tally: Tally): void
  /** It waits for queue or storage. */
  onWait?(error: SiderError): void
}

/** How far a batch is. */
export interface Tally {
  completed: number
  failed: number
  /** Done by an earlier run. */
  skipped: number
  /** Listed more than once. */
  duplicates: number
  atWork: number
  /** Failed ones by the code of the error. */
  failures: Record<string, number>
}

export interface BatchEnd {
  tally: Tally
  /** Keys in the journal of all photos, in their order. */
  keys: number[]
}

/**
 * Works through the photos. What is wrong with one of them, or with their head model, is its row and does not stop the others.
 * @param end is filled while it goes on, so that it tells what there is after an error too
 * @throws SiderError CANCELLED, USAGE (settings), DISK_FULL, OUTPUT_UNWRITABLE (journal), and what `broken` says
 */
export async function runBatch(
  photos: AsyncIterable<BatchPhoto>,
  options: BatchOptions,
  end: BatchEnd = newEnd(),
): Promise<BatchEnd> {
  const batch = new Batch(options, end)
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new SiderError('CANCELLED', 'the batch was stopped'))
    if (options.signal?.aborted) stop()
    options.signal?.addEventListener('abort', stop, { once: true })
  })
  const ends = [stopped, batch.fatal, ...(options.broken ? [options.broken] : [])]
  for (const one of ends) one.catch(() => {})
  try {
    await Promise.race([batch.run(photos), ...ends])
    return end
  } finally {
    batch.over.abort() // nothing more is begun or told
  }
}

export const newEnd = (): BatchEnd => ({
  tally: { completed: 0, failed: 0, skipped: 0, duplicates: 0, atWork: 0, failures: {} },
  keys: [],
})

class Batch {
  readonly over = new AbortController()
  private readonly seen = new Set<number>()
  /** Told when a job is over. */
  private freed = () => {}
  private readonly move: <T>(work: () => Promise<T>) => Promise<T>
  private readonly settings: Settings
  private readonly how: string
  private readonly checked: Promise<unknown> | undefined
  private fail!: (error: unknown) => void
  /** Rejects with what ends the batch for all of them. */
  readonly fatal = new Promise<never>((_, reject) => {
    this.fail = (error) => {
      reject(error)
      this.over.abort()
    }
  })

  constructor(
    private readonly options: BatchOptions,
    private readonly end: BatchEnd,
  ) {
    const { preset, settings, moving, check } = options
    this.settings = resolveSettings({ preset, overrides: settings })
    this.how = JSON.stringify([preset, settings])
    this.move = places(moving)
    setMaxListeners(0, this.over.signal) // every job in flight listens
    this.checked = check?.()
    this.checked?.catch(() => {})
  }

  async run(photos: AsyncIterable<BatchPhoto>): Promise<void> {
    const { tally, keys } = this.end
    for await (const photo of photos) {
      if (this.over.signal.aborted) return
      const key = keyOf(`${photo.identity} ${this.how}`)
      if (this.seen.has(key)) {
        tally.duplicates++
        continue
      }
      this.seen.add(key)
      keys.push(key)
      if (this.isDone(key, photo)) {
        tally.skipped++
        continue
      }
      void this.one(key, photo)
      await this.until(this.options.inFlight - 1)
    }
    await this.until(0)
    if (this.over.signal.aborted) await this.fatal
  }

  /** Waits until no more jobs than that are at work. */
  private async until(most: number): Promise<void> {
    while (this.end.tally.atWork > most) {
      await new Promise<void>((resolve) => {
        this.freed = resolve
      })
    }
  }

  private isDone(key: number, { folder }: BatchPhoto): boolean {
    const { journal, out, files } = this.options
    return journal.state(key) === 'completed' && (files?.length === 0 || existsSync(join(out, folder)))
  }

  /** Never rejects: what concerns more than this photo ends the batch. */
  private async one(key: number, photo: BatchPhoto): Promise<void> {
    const { journal, engine, keepJobs = false, onRow } = this.options
    const { tally } = this.end
    tally.atWork++
    try {
      let job: Job | undefined
      const work = async (): Promise<Row> => {
        job = await this.move(() => this.submit(photo))
        job = await this.ended(job)
        return this.outcome(photo, job)
      }
      const row = await work().catch((error) => failed(photo, error))
      if (this.over.signal.aborted) return
      await journal.add(key, row)
      const { name: code } = row.error ?? {}
      if (code === undefined) tally.completed++
      else {
        tally.failed++
        tally.failures[code] = (tally.failures[code] ?? 0) + 1
      }
      // A result that could not be put in its place is fetched again by the next run.
      const fetched = row.state === 'completed' || job?.state === 'failed'
      if (job && fetched && !keepJobs) await engine.delete(OWNER, job.id).catch(() => {}) // retention does it then
      onRow?.(row, tally)
    } catch (error) {
      this.fail(error)
    } finally {
      tally.atWork--
      this.freed()
    }
  }

  /** The photo's job: one of an earlier run of the batch if photo and settings are the same and it has not failed. */
  private async submit({ name, folder, read }: BatchPhoto): Promise<Job> {
    const { engine, journal, preset, priority } = this.options
    await this.checked
    this.assertOn()
    const bytes = await this.insist(() => read(this.over.signal))
    const idempotencyKey = createHash('sha256')
      .update(`${journal.id} ${folder} ${this.how}`)
      .update(bytes)
      .digest('hex')
    const photo = await photoOf(bytes)
    const about = { name: name.slice(-200), idempotencyKey, ...(priority && { priority }) }
    const wanted = { preset, settings: this.settings, photo, ...about }
    const make = () => this.insist(() => engine.create(OWNER, wanted))
    this.assertOn()
    const job = await make()
    if (job.state !== 'failed' && job.state !== 'cancelled') return job
    await this.insist(() => engine.delete(OWNER, job.id))
    return make()
  }

  private async ended(job: Job): Promise<Job> {
    const { engine, lookMs } = this.options
    let now = job
    while (!isEnd(now.state)) {
      await sleep(lookMs, undefined, { signal: this.over.signal })
      now = await this.insist(() => engine.get(OWNER, job.id))
    }
    return now
  }

  private async outcome({ name, folder }: BatchPhoto, { id, error }: Job): Promise<Row> {
    const { engine, out, files } = this.options
    if (error) return { name, folder, state: 'failed', error }
    const { backend, seconds, quality, files: made } = await this.insist(() => engine.result(OWNER, id))
    const wanted = made.filter((file) => files === undefined || files.includes(file.name))
    await this.move(async () => {
      for (const { id: artifact, name: file, bytes } of wanted) {
        const content = await this.insist(async () => {
          const source = await engine.artifact(OWNER, id, artifact)
          try {
            return await source.read(0, bytes)
          } finally {
            source.end?.()
          }
        })
        await writeFileAtomic(join(out, folder, file), content)
      }
    })
    return { name, folder, state: 'completed', backend, seconds, quality }
  }

  /** Does what must be done as soon as queue and storage allow. */
  private async insist<T>(work: () => Promise<T>): Promise<T> {
    for (let wait = FIRST_MS; ; wait = Math.min(LONGEST_MS, 2 * wait)) {
      this.assertOn()
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof SiderError)) throw error
        if (!TROUBLES.includes(error.code)) throw error
        this.options.onWait?.(error)
      }
      await sleep(wait, undefined, { signal: this.over.signal })
    }
  }

  private assertOn(): void {
    if (this.over.signal.aborted) throw new SiderError('CANCELLED', 'the batch has ended')
  }
}

/** Without a server's log the words of a fault are to be told too. */
function failed({ name, folder }: BatchPhoto, cause: unknown): Row {
  if (cause instanceof SiderError && cause.code === 'DISK_FULL') throw cause // so it is for all that come
  const error = toErrorInfo(cause)
  const told = error.name === 'INTERNAL' ? { ...error, message: String(cause) } : error
  return { name, folder, state: 'failed', error: told }
}

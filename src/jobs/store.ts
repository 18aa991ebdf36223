/**
 * Jobs on disk. A folder of `jobs/` is a job: its record (record-file.ts), photo, events.jsonl, checkpoint.safetensors, and the
 * result's folder, which counts once the record names it. Jobs come and go by the renaming of their folders from and to `tmp/`,
 * so a server killed at any moment leaves nothing that the next one cannot go on from; what is not understood goes to
 * `quarantine/`.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../engine/index.js'
import { Disk, diskError } from './disk.js'
import { appendEvent, eventLine, readEvents } from './event-file.js'
import type { JobEvent } from './events.js'
import { FolderLock } from './lock.js'
import type { Log } from './log.js'
import type { Photo } from './photo.js'
import { Quarantine } from './quarantine.js'
import type { JobRecord } from './record.js'
import { readRecord, writeRecord } from './record-file.js'

const [JOBS, TMP] = ['jobs', 'tmp']
const [PHOTO, EVENTS, CHECKPOINT] = ['photo', 'events.jsonl', 'checkpoint.safetensors']
/** Names that this program gives to what is in a job's folder; files that were being written when it was killed end in .tmp. */
const RESULT = /^result-[0-9a-f]{8}$/
const UNFINISHED = /^(\..+\.\d+-\d+|job\.copy\.json)\.tmp$/
const LASTING = /^(photo|job\.json|job\.copy\.json|events\.jsonl|checkpoint\.safetensors)$/
const JOB_ID = /^[0-9a-z-]{1,64}$/
/** Jobs that are read at once. */
const READERS = 16

/** A job as it was found on disk. */
export interface StoredJob {
  record: JobRecord
  events: JobEvent[]
}

export class JobStore {
  /** Writes of each job, one after the other. */
  private readonly writes = new Map<string, Promise<void>>()
  /** Jobs the last line of whose events was cut short. */
  private readonly cutShort = new Set<string>()

  private constructor(
    private readonly folder: string,
    private readonly lock: FolderLock,
    readonly disk: Disk,
    private readonly quarantine: Quarantine,
    private readonly log: Log,
  ) {}

  /**
   * Opens a data folder, made if need be, for this process alone.
   * @throws SiderError OUTPUT_UNWRITABLE if another server uses it, or it cannot be written; DISK_FULL
   */
  static async open(folder: string, log: Log): Promise<JobStore> {
    try {
      for (const name of [JOBS, TMP]) await makeFolder(join(folder, name), 0o700)
    } catch (error) {
      throw diskError(error, folder)
    }
    const disk = new Disk(folder, log)
    const lock = await disk.record(() => FolderLock.take(join(folder, 'lock')))
    const store = new JobStore(folder, lock, disk, new Quarantine(folder, log), log)
    await store.clearTemporaries()
    await disk.open()
    return store
  }

  /** All jobs, oldest first. What is damaged is made good from its copy, or put into quarantine. */
  async load(): Promise<StoredJob[]> {
    const names = await readdir(join(this.folder, JOBS))
    const found: StoredJob[] = []
    const reader = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const job = await this.loadOne(name)
        if (job) found.push(job)
      }
    }
    await Promise.all(Array.from({ length: READERS }, reader))
    return found.sort((a, b) => a.record.created - b.record.created || (a.record.id < b.record.id ? -1 : 1))
  }

  path(id: string, ...names: string[]): string {
    return join(this.folder, JOBS, id, ...names)
  }

  photo(id: string): string {
    return this.path(id, PHOTO)
  }

  checkpoint(id: string): string {
    return this.path(id, CHECKPOINT)
  }

  newResultFolder(): string {
    return `result-${randomBytes(4).toString('hex')}`
  }

  /** A new path for something on its way in or out. What is there when the server starts is deleted. */
  temporary(): string {
    return join(this.folder, TMP, randomUUID())
  }

  /**
   * When this returns, the job is accepted.
   * @param events that it begins with
   * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE: there is no such job then
   */
  async create(record: JobRecord, photo: Photo, events: JobEvent[]): Promise<void> {
    const coming = this.temporary()
    await this.disk.admit(photo.bytes, async () => {
      try {
        await mkdir(coming, { mode: 0o700 })
        await Promise.all([
          placePhoto(photo, join(coming, PHOTO)),
          writeFile(join(coming, EVENTS), events.map(eventLine).join('')),
          writeRecord(coming, record),
        ])
        await rename(coming, this.path(record.id))
        await sync(join(this.folder, JOBS))
      } catch (error) {
        await rm(coming, { recursive: true, force: true }).catch(() => {})
        throw error
      }
    })
  }

  save(record: JobRecord): Promise<void> {
    return this.inTurn(record.id, () => writeRecord(this.path(record.id), record))
  }

  /** What fails here costs late subscribers an event, nothing else. */
  async appendEvent(id: string, event: JobEvent): Promise<void> {
    try {
      await this.inTurn(id, async () => {
        await appendEvent(this.path(id, EVENTS), event, this.cutShort.delete(id))
      })
    } catch (error) {
      this.cutShort.add(id)
      if (!this.disk.trouble) this.log.warning('event not kept', { job: id, error: String(error) })
    }
  }

  /** Deletes a job's files; what others have put among them goes to quarantine. */
  async remove(id: string): Promise<void> {
    const going = this.temporary()
    await this.inTurn(id, async () => {
      const foreign = (await readdir(this.path(id)).catch(() => [])).filter(
        (name) => ![RESULT, UNFINISHED, LASTING].some((own) => own.test(name)),
      )
      for (const name of foreign) await this.putAside(id, 'it lay in the folder of a job that was deleted', name)
      // From here on the job is gone, whatever happens.
      await rename(this.path(id), going).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error // somebody has deleted it
      })
      await rm(going, { recursive: true, force: true }).catch((error) =>
        this.log.warning('left for the next start', { path: going, error: String(error) }),
      )
    })
    this.writes.delete(id)
  }

  /** Removes what an ended job no longer needs. */
  tidy(id: string): Promise<void> {
    return this.discard(id, CHECKPOINT)
  }

  async close(): Promise<void> {
    this.disk.close()
    await Promise.allSettled(this.writes.values())
    await this.disk.release()
    await this.lock.release()
  }

  private async loadOne(id: string): Promise<StoredJob | undefined> {
    const path = this.path(id)
    try {
      if (!JOB_ID.test(id) || !(await lstat(path)).isDirectory()) {
        await this.putAside(id, 'it is not the folder of a job')
        return undefined
      }
      const found = await readRecord(path, id)
      if (typeof found === 'string') {
        await this.putAside(id, `there is no record of the job: ${found}`)
        return undefined
      }
      const { record, damage } = found
      const { events, cutShort } = await readEvents(this.path(id, EVENTS))
      if (cutShort) this.cutShort.add(id)
      await this.clearRests(record, damage)
      if (damage !== undefined) {
        this.log.warning('the record was made anew from its copy', { job: id, damage })
        await this.disk.record(() => writeRecord(path, record)).catch(() => {}) // the next start does it then
      }
      return { record, events }
    } catch (error) {
      this.log.error('a job can neither be read nor put aside, and is left alone', { job: id, error: String(error) })
      return undefined
    }
  }

  /** Results that a killed worker was writing, and files cut short. A record that was damaged may not know its result. */
  private async clearRests({ id, result }: JobRecord, damage: string | undefined): Promise<void> {
    for (const name of await readdir(this.path(id))) {
      const rest = RESULT.test(name) && name !== result?.folder
      if (rest && damage !== undefined)
        await this.putAside(id, `a result that the record does not name; ${damage}`, name).catch((error) =>
          this.log.error('could not be put aside', { job: id, name, error: String(error) }),
        )
      else if (rest || UNFINISHED.test(name)) await this.discard(id, name)
    }
  }

  /** Deletes what a run has left in a job's folder. */
  async discard(id: string, name: string): Promise<void> {
    await rm(this.path(id, name), { recursive: true, force: true }).catch((error) =>
      this.log.warning('left for the next start', { job: id, name, error: String(error) }),
    )
  }

  private putAside(id: string, why: string, ...names: string[]): Promise<void> {
    return this.quarantine.put(join(JOBS, id, ...names), why)
  }

  /** What a killed server left in `tmp/`: never accepted, or deleted already. Names that it does not give are others'. */
  private async clearTemporaries(): Promise<void> {
    const own = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
    for (const name of (await readdir(join(this.folder, TMP))).filter((one) => own.test(one)))
      await rm(join(this.folder, TMP, name), { recursive: true, force: true }).catch(() => {})
  }

  private inTurn(id: string, write: () => Promise<void>): Promise<void> {
    const turn = (this.writes.get(id) ?? Promise.resolve()).catch(() => {}).then(write)
    this.writes.set(id, turn)
    turn.catch(() => {}) // whoever waits for it is told; nobody need
    return turn
  }
}

/** On the disk when this returns. */
async function placePhoto({ content }: Photo, path: string): Promise<void> {
  if (typeof content === 'string') await rename(content, path)
  const handle = await open(path, typeof content === 'string' ? 'r+' : 'wx', 0o600)
  try {
    if (typeof content !== 'string') await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes new names in a folder survive a power failure; not every system can. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

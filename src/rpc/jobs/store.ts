/**
 * Jobs on disk. A job is a folder: job.json (the record; replaced whole, and the last file written when a job is made), photo,
 * events.jsonl, checkpoint.safetensors, and the result's folder, which counts once the record names it. So a server killed at
 * any moment leaves nothing that the next one cannot go on from.
 */
import { createHash, randomBytes } from 'node:crypto'
import { appendFile, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError, writeFileAtomic } from '../../engine/index.js'
import type { JobEvent } from './events.js'
import type { JobRecord } from './record.js'

const RECORD = 'job.json'
const EVENTS = 'events.jsonl'

export class JobStore {
  /** Writes of each job, one after the other. */
  private readonly writes = new Map<string, Promise<void>>()

  private constructor(
    private readonly folder: string,
    private readonly lock: string,
  ) {}

  /**
   * Opens a data folder, made if need be, for this process alone.
   * @throws SiderError OUTPUT_UNWRITABLE if another server uses it
   */
  static async open(folder: string): Promise<JobStore> {
    await mkdir(join(folder, 'jobs'), { recursive: true, mode: 0o700 })
    const lock = join(folder, 'lock')
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (holder > 0 && holder !== process.pid && isAlive(holder)) {
      throw new SiderError('OUTPUT_UNWRITABLE', `the data folder ${folder} is in use by process ${holder}`, {
        stage: 'setup',
        hint: `Stop that server, or choose another folder; if there is none, delete ${lock}.`,
        data: { path: folder },
      })
    }
    await writeFileAtomic(lock, String(process.pid))
    return new JobStore(folder, lock)
  }

  /** All jobs; folders of jobs that were never accepted or already deleted are cleared away. */
  async load(): Promise<JobRecord[]> {
    const records: JobRecord[] = []
    for (const id of await readdir(join(this.folder, 'jobs'))) {
      let record: JobRecord
      try {
        record = JSON.parse(await readFile(this.path(id, RECORD), 'utf8')) as JobRecord
      } catch {
        await this.removeFolder(id)
        continue
      }
      records.push(record)
      for (const name of await readdir(this.path(id))) {
        const left = (name.startsWith('result-') && name !== record.result?.folder) || name.endsWith('.tmp')
        if (left) await rm(this.path(id, name), { recursive: true, force: true })
      }
    }
    return records.sort((a, b) => a.created - b.created)
  }

  path(id: string, ...names: string[]): string {
    return join(this.folder, 'jobs', id, ...names)
  }

  newResultFolder(): string {
    return `result-${randomBytes(4).toString('hex')}`
  }

  /** When this returns, the job is accepted. */
  async create(record: JobRecord, photo: Uint8Array): Promise<void> {
    await writeFileAtomic(this.path(record.id, 'photo'), photo)
    await writeFileAtomic(this.path(record.id, RECORD), JSON.stringify(record))
    await syncFolder(join(this.folder, 'jobs'))
  }

  save(record: JobRecord): Promise<void> {
    const text = JSON.stringify(record) // as it is now, not when its turn comes
    return this.inTurn(record.id, () => writeFileAtomic(this.path(record.id, RECORD), text))
  }

  appendEvent(id: string, event: JobEvent): Promise<void> {
    return this.inTurn(id, () => appendFile(this.path(id, EVENTS), `${JSON.stringify(event)}\n`))
  }

  async loadEvents(id: string): Promise<JobEvent[]> {
    const text = await readFile(this.path(id, EVENTS), 'utf8').catch(() => '')
    if (text !== '' && !text.endsWith('\n')) await appendFile(this.path(id, EVENTS), '\n')
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as JobEvent]
      } catch {
        return [] // the line that was being written when the server was killed
      }
    })
  }

  async remove(id: string): Promise<void> {
    await this.inTurn(id, async () => {
      await rm(this.path(id, RECORD), { force: true }) // from here on the job is gone, whatever happens
      await this.removeFolder(id)
    })
    this.writes.delete(id)
  }

  /** Removes what an ended job no longer needs. */
  async tidy(id: string): Promise<void> {
    await rm(this.path(id, 'checkpoint.safetensors'), { force: true })
  }

  /** Bytes that a job takes on disk. */
  async bytes(id: string): Promise<number> {
    const entries = await readdir(this.path(id), { recursive: true, withFileTypes: true }).catch(() => [])
    const sizes = entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0)
    return (await Promise.all(sizes)).reduce((a, b) => a + b, 0)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.writes.values())
    await rm(this.lock, { force: true })
  }

  private inTurn(id: string, write: () => Promise<void>): Promise<void> {
    const turn = (this.writes.get(id) ?? Promise.resolve()).catch(() => {}).then(write)
    this.writes.set(id, turn)
    return turn
  }

  private removeFolder(id: string): Promise<void> {
    return rm(this.path(id), { recursive: true, force: true })
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Makes new names in a folder survive a power failure; not every system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

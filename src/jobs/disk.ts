/**
 * The disk that jobs live on, and the one policy for writing to it. A reserve of space is kept for what must be written when the
 * disk is full: the states of accepted jobs. While it cannot be written, nothing new is accepted and no job is started; it is
 * looked at again and again, and work goes on when there is room.
 */
import { randomBytes } from 'node:crypto'
import { rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { outputError, SiderError, writeFileAtomic } from '../engine/index.js'
import type { Log } from './log.js'

const MIB = 1024 * 1024
/** Size of the reserve, bytes, at most, and as a share of the whole disk. */
const [RESERVE_BYTES, RESERVE_SHARE] = [8 * MIB, 1 / 50]
/** What must be free before anything new is accepted, bytes, at most, and as a share of the whole disk. */
const [MARGIN_BYTES, MARGIN_SHARE] = [64 * MIB, 1 / 20]
/** How often a disk that could not be written is looked at, milliseconds. */
const LOOK_MS = 1000

export class Disk {
  private reason: SiderError | undefined
  private closed = false
  private looking: NodeJS.Timeout | undefined
  private readonly reserve: string
  private readonly troubles = new Set<(reason: SiderError) => void>()
  private readonly reliefs = new Set<() => void>()

  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {
    this.reserve = join(folder, 'reserve')
  }

  /** Makes the reserve; a disk without room for it is one in trouble. */
  async open(): Promise<void> {
    await this.look()
  }

  /** Why the disk cannot be written; undefined when it can. */
  get trouble(): SiderError | undefined {
    return this.reason
  }

  /** Calls back when the disk cannot be written any more, or now if it cannot be. */
  onTrouble(listener: (reason: SiderError) => void): void {
    this.troubles.add(listener)
    if (this.reason) listener(this.reason)
  }

  /** Calls back when a trouble is over. */
  onRelief(listener: () => void): void {
    this.reliefs.add(listener)
  }

  /**
   * Writes something new of so many bytes, which may be refused.
   * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE: nothing of it counts
   */
  async admit<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    if (this.reason) await this.look()
    if (this.reason) throw this.reason
    const free = await this.room().catch(() => undefined)
    if (free && free.bytes < bytes + free.margin) throw diskFull(this.folder)
    try {
      return await write()
    } catch (error) {
      throw this.report(error)
    }
  }

  /**
   * Writes something small of a job that is accepted; a full disk has the reserve for it.
   * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE
   */
  async record<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      const reason = this.report(error)
      if (reason.code !== 'DISK_FULL' || !(await this.openReserve())) throw reason
    }
    try {
      return await write()
    } catch (error) {
      throw this.report(error)
    }
  }

  /**
   * Writes what must be written: tries until it is.
   * @param waits called once if it cannot be written at once
   * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE when the disk is closed meanwhile
   */
  async insist<T>(write: () => Promise<T>, waits: (reason: SiderError) => void): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.record(write)
      } catch (error) {
        if (this.closed) throw error
        if (attempt === 0) waits(error as SiderError)
        await sleep(LOOK_MS, undefined, { ref: false })
      }
    }
  }

  /** Takes notice of a failed write, also of another process on the same disk. @returns what it means */
  report(error: unknown): SiderError {
    const reason = diskError(error, this.folder)
    const news = !this.reason
    this.reason = reason
    if (news) {
      this.log.error('the disk cannot be written', { code: reason.code, error: String(error) })
      this.lookLater()
      for (const trouble of this.troubles) trouble(reason)
    }
    return reason
  }

  /** Ends what waits for the disk. */
  close(): void {
    this.closed = true
    clearTimeout(this.looking)
  }

  /** Gives the reserve back: nothing is written any more. */
  async release(): Promise<void> {
    await rm(this.reserve, { force: true }).catch(() => {})
  }

  /** Whether the disk can be written, with room and the reserve; who waits for that is told. */
  private async look(): Promise<void> {
    try {
      const { bytes, margin, reserve } = await this.room()
      const kept = (await stat(this.reserve).catch(() => undefined))?.size ?? 0
      if (bytes < margin) throw diskFull(this.folder)
      // Not zeros: some file systems keep no room for those.
      if (kept < reserve) await writeFileAtomic(this.reserve, await promisify(randomBytes)(reserve))
      else if (this.reason) await this.probe()
    } catch (error) {
      this.report(error)
      return
    }
    if (!this.reason) return
    this.reason = undefined
    this.log.info('the disk can be written again')
    for (const relief of this.reliefs) relief()
  }

  private lookLater(): void {
    if (this.closed) return
    this.looking = setTimeout(async () => {
      await this.look()
      if (this.reason) this.lookLater()
    }, LOOK_MS)
    this.looking.unref()
  }

  private async probe(): Promise<void> {
    const file = join(this.folder, 'tmp', 'probe')
    await writeFileAtomic(file, randomBytes(4096))
    await rm(file, { force: true })
  }

  private async room(): Promise<{ bytes: number; margin: number; reserve: number }> {
    const { bavail, blocks, bsize } = await statfs(this.folder)
    const share = (most: number, part: number): number => Math.round(Math.min(most, part * blocks * bsize))
    return {
      bytes: bavail * bsize,
      margin: share(MARGIN_BYTES, MARGIN_SHARE),
      reserve: share(RESERVE_BYTES, RESERVE_SHARE),
    }
  }

  /** @returns whether there was a reserve */
  private async openReserve(): Promise<boolean> {
    try {
      await rm(this.reserve)
      this.log.warning('the reserve of disk space is used up')
      return true
    } catch {
      return false
    }
  }
}

/**
 * What a failed write to a data folder means: for the server's owner and, as the message has no paths, for clients.
 * @throws `cause` itself if the disk has nothing to do with it
 */
export function diskError(cause: unknown, folder: string): SiderError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (!(cause instanceof SiderError) && !/^E[A-Z]+$/.test(errno)) throw cause
  const { code, data } = outputError(cause, folder)
  if (data['errno'] === undefined) throw cause
  if (code === 'DISK_FULL') return diskFull(folder, cause)
  return new SiderError('OUTPUT_UNWRITABLE', `the data folder cannot be written (${String(data['errno'])})`, {
    stage: 'output',
    hint: 'Make the data folder writable, or choose another one.',
    data: { ...data, path: folder },
    cause,
  })
}

function diskFull(folder: string, cause?: unknown): SiderError {
  return new SiderError('DISK_FULL', 'the disk of the data folder is full', {
    stage: 'output',
    hint: 'Free some space on that disk: jobs wait until there is room.',
    data: { path: folder, errno: 'ENOSPC' },
    ...(cause !== undefined && { cause }),
  })
}

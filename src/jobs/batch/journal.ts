/**
 * What has become of the photos of a batch: a line of JSON for each, written down before anything else counts on it. In memory is a
 * number and a place in the file for each photo, not its row.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { outputError } from '../../engine/index.js'
import type { ErrorInfo } from '../../generated/protocol.js'
import { linesOf } from './lines.js'

/** What has become of a photo. */
export interface Row {
  name: string
  /** Of its files, in the output folder. */
  folder: string
  state: 'completed' | 'failed'
  error?: ErrorInfo
  backend?: string
  seconds?: Record<string, unknown>
  quality?: Record<string, unknown>
}

/** How much of a row is read at once, bytes. */
const ROW_BYTES = 8192

/** 52 bits of a digest, which a number holds exactly: two of a million photos share theirs once in ten thousand batches. */
export function keyOf(identity: string): number {
  return Number.parseInt(createHash('sha256').update(identity).digest('hex').slice(0, 13), 16)
}

export class Journal {
  /** Place of the newest row of each photo; below zero (~place) if it failed. */
  private readonly places = new Map<number, number>()
  private writing: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    /** Of all runs of this batch, and of no other. */
    readonly id: string,
    private end: number,
  ) {}

  /** Goes on with a journal, or begins one. @throws SiderError OUTPUT_UNWRITABLE, DISK_FULL */
  static async open(file: string): Promise<Journal> {
    try {
      const handle = await open(file, 'a+', 0o600)
      let id: string | undefined
      let end = 0
      const places: [number, number][] = []
      for await (const { offset, text, whole } of linesOf(createReadStream(file), file)) {
        const row = whole && readRow(text)
        if (!row) break // it was being written when the program was killed
        if (row.batch !== undefined) id = row.batch
        else places.push([row.key, row.state === 'completed' ? offset : ~offset])
        end = offset + Buffer.byteLength(text) + 1
      }
      await handle.truncate(end)
      const journal = new Journal(file, handle, id ?? randomUUID(), end)
      for (const [key, place] of places) journal.note(key, place)
      if (id === undefined) await journal.write({ batch: journal.id })
      return journal
    } catch (error) {
      throw outputError(error, file)
    }
  }

  /** @param key of the photo. @throws SiderError OUTPUT_UNWRITABLE, DISK_FULL */
  async add(key: number, row: Row): Promise<void> {
    const offset = await this.write({ key, ...row })
    this.note(key, row.state === 'completed' ? offset : ~offset)
  }

  state(key: number): Row['state'] | undefined {
    const place = this.places.get(key)
    return place === undefined ? undefined : place < 0 ? 'failed' : 'completed'
  }

  async read(key: number): Promise<Row | undefined> {
    const place = this.places.get(key)
    return place === undefined ? undefined : this.rowAt(place < 0 ? ~place : place)
  }

  /** Keys of all photos that have a row, the first written first. */
  keys(): IterableIterator<number> {
    return this.places.keys()
  }

  async close(): Promise<void> {
    await this.writing.catch(() => {})
    await this.handle.close()
  }

  private note(key: number, place: number): void {
    this.places.set(key, place)
  }

  /** @returns where it is */
  private write(what: object): Promise<number> {
    const turn = this.writing.then(async () => {
      const bytes = Buffer.from(`${JSON.stringify(what)}\n`)
      const offset = this.end
      try {
        await this.handle.appendFile(bytes)
        await this.handle.datasync()
      } catch (error) {
        await this.handle.truncate(offset).catch(() => {})
        throw outputError(error, this.file)
      }
      this.end += bytes.length
      return offset
    })
    this.writing = turn.catch(() => {})
    return turn
  }

  private async rowAt(offset: number): Promise<Row> {
    for (let size = ROW_BYTES; ; size *= 4) {
      const { buffer, bytesRead } = await this.handle.read(Buffer.alloc(size), 0, size, offset)
      const end = buffer.indexOf(10)
      if (end < 0 && bytesRead === size) continue
      const { key: _, ...row } = JSON.parse(buffer.toString('utf8', 0, end)) as Row & { key: number }
      return row
    }
  }
}

function readRow(text: string): { batch?: string; key: number; state: string } | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

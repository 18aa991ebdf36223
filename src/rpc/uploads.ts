/**
 * Photos that clients send in parts: in files, until a job takes them, their time is over or the connection ends. What all
 * clients together may send is limited.
 */
import { createHash, type Hash, randomUUID } from 'node:crypto'
import { appendFile, rm } from 'node:fs/promises'
import { SiderError } from '../engine/index.js'
import type { FrameHeader, UploadBeginResult } from '../generated/protocol.js'
import type { UploadRoom } from '../jobs/engine.js'
import type { Photo } from '../jobs/photo.js'
import { PART_BYTES, partCount } from './frames.js'

/** Uploads of a connection at once. */
const MOST = 16

export interface UploadLimits {
  /** Bytes of the uploads of one connection together. */
  photoBytes: number
  /** Bytes of the uploads of all connections together. */
  uploadBytes: number
  /** Time for all parts and the job that takes them, milliseconds. */
  uploadMs: number
}

/** What all connections share: the disk, and how much of it is promised. */
export class UploadArea {
  private promised = 0

  constructor(
    readonly room: UploadRoom,
    readonly limits: UploadLimits,
  ) {}

  /** @throws SiderError RATE, DISK_FULL, OUTPUT_UNWRITABLE */
  async promise(bytes: number): Promise<void> {
    const { uploadBytes } = this.limits
    if (this.promised + bytes > uploadBytes) {
      throw new SiderError('RATE', `unfinished uploads of all clients take ${this.promised} bytes of ${uploadBytes}`, {
        hint: 'Try again in a minute.',
        data: { limit: uploadBytes },
      })
    }
    this.promised += bytes
    try {
      await this.room.admit(bytes, async () => {})
    } catch (error) {
      this.giveBack(bytes)
      throw error
    }
  }

  giveBack(bytes: number): void {
    this.promised -= bytes
  }
}

interface Upload {
  bytes: number
  wanted?: string
  file: string
  received: number
  hash: Hash
  deadline: NodeJS.Timeout
}

/** The uploads of one connection. */
export class Uploads {
  private readonly uploads = new Map<string, Upload>()
  private closed = false

  constructor(private readonly area: UploadArea) {}

  /** @throws SiderError TOO_LARGE, RATE, DISK_FULL, OUTPUT_UNWRITABLE */
  async begin(bytes: number, digest?: string): Promise<UploadBeginResult> {
    const { photoBytes, uploadMs } = this.area.limits
    const promised = [...this.uploads.values()].reduce((sum, upload) => sum + upload.bytes, 0)
    if (promised + bytes > photoBytes) {
      throw new SiderError(
        'TOO_LARGE',
        `the photo has ${bytes} bytes; ${photoBytes - promised} are left of the limit`,
        {
          data: { limit: photoBytes },
        },
      )
    }
    if (this.uploads.size >= MOST) throw new SiderError('RATE', 'too many uploads are under way: finish one')
    await this.area.promise(bytes)
    const id = randomUUID()
    this.uploads.set(id, {
      bytes,
      ...(digest !== undefined && { wanted: digest }),
      file: this.area.room.temporary(),
      received: 0,
      hash: createHash('sha256'),
      deadline: setTimeout(() => this.drop(id), uploadMs).unref(),
    })
    if (this.closed) this.drop(id) // while the disk was asked
    return { upload: id, partBytes: PART_BYTES, parts: partCount(bytes) }
  }

  /**
   * Writes a part; the upload is over if that fails.
   * @throws SiderError NO_SUCH_UPLOAD for a part that is not the next one; DISK_FULL, OUTPUT_UNWRITABLE
   */
  async part({ id, part, parts }: FrameHeader, payload: Uint8Array): Promise<void> {
    const upload = this.uploads.get(id)
    if (!upload) throw new SiderError('NO_SUCH_UPLOAD', 'no such upload')
    const count = partCount(upload.bytes)
    const expected = part + 1 < count ? PART_BYTES : upload.bytes - (count - 1) * PART_BYTES
    if (parts !== count || part !== upload.received || payload.length !== expected) {
      this.drop(id)
      throw new SiderError('NO_SUCH_UPLOAD', 'the part is not the next one, or not of the agreed size', {
        data: { upload: id, part },
      })
    }
    try {
      await this.area.room.admit(payload.length, () => appendFile(upload.file, payload, { mode: 0o600 }))
    } catch (error) {
      this.drop(id)
      throw error
    }
    upload.hash.update(payload)
    upload.received++
    if (!this.uploads.has(id)) await remove(upload.file) // it ended while the part was written
  }

  /** The whole photo, whose file is the caller's; the upload is then over. @throws SiderError NO_SUCH_UPLOAD */
  take(id: string): Photo {
    const upload = this.uploads.get(id)
    if (!upload) throw new SiderError('NO_SUCH_UPLOAD', 'no such upload')
    const missing = partCount(upload.bytes) - upload.received
    if (missing > 0) throw new SiderError('NO_SUCH_UPLOAD', `${missing} parts of the upload are missing`)
    const sha256 = upload.hash.digest('hex')
    this.forget(id, upload)
    if (upload.wanted !== undefined && upload.wanted !== sha256) {
      void remove(upload.file)
      throw new SiderError('NO_SUCH_UPLOAD', 'the upload does not match its sha256')
    }
    return { bytes: upload.bytes, sha256, content: upload.file }
  }

  close(): void {
    this.closed = true
    for (const id of [...this.uploads.keys()]) this.drop(id)
  }

  private drop(id: string): void {
    const upload = this.uploads.get(id)
    if (!upload) return
    this.forget(id, upload)
    void remove(upload.file)
  }

  private forget(id: string, { bytes, deadline }: Upload): void {
    clearTimeout(deadline)
    this.uploads.delete(id)
    this.area.giveBack(bytes)
  }
}

/** What cannot be removed now is at the next start. */
async function remove(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => {})
}

/** Photos that a client sends in parts, in memory until a job takes them or the connection ends. */
import { randomUUID } from 'node:crypto'
import { RpcError } from './errors.js'
import { PART_BYTES, partCount } from './frames.js'
import type { FrameHeader, UploadBeginResult } from './generated/protocol.js'
import { sha256 } from './jobs/store.js'

interface Upload {
  bytes: number
  sha256?: string
  parts: Uint8Array[]
}

export class Uploads {
  private readonly uploads = new Map<string, Upload>()

  /** @param limit bytes of all uploads of a connection together */
  constructor(private readonly limit: number) {}

  begin(bytes: number, digest?: string): UploadBeginResult {
    const promised = [...this.uploads.values()].reduce((sum, upload) => sum + upload.bytes, 0)
    if (promised + bytes > this.limit) {
      throw new RpcError('TOO_LARGE', `the photo has ${bytes} bytes; ${this.limit - promised} are left of the limit`, {
        detail: { limit: this.limit },
      })
    }
    const upload = randomUUID()
    this.uploads.set(upload, { bytes, ...(digest !== undefined && { sha256: digest }), parts: [] })
    return { upload, partBytes: PART_BYTES, parts: partCount(bytes) }
  }

  /** @throws RpcError NO_SUCH_UPLOAD for a part that is not the next one; the upload is then over */
  part({ id, part, parts }: FrameHeader, payload: Uint8Array): void {
    const upload = this.uploads.get(id)
    if (!upload) throw new RpcError('NO_SUCH_UPLOAD', 'no such upload')
    const count = partCount(upload.bytes)
    const expected = part + 1 < count ? PART_BYTES : upload.bytes - (count - 1) * PART_BYTES
    if (parts !== count || part !== upload.parts.length || payload.length !== expected) {
      this.uploads.delete(id)
      throw new RpcError('NO_SUCH_UPLOAD', 'the part is not the next one, or not of the agreed size', {
        detail: { upload: id, part },
      })
    }
    upload.parts.push(payload.slice()) // the frame's buffer may be larger, and would stay
  }

  /** The whole photo; the upload is then over. @throws RpcError NO_SUCH_UPLOAD */
  take(id: string): Uint8Array {
    const upload = this.uploads.get(id)
    if (!upload) throw new RpcError('NO_SUCH_UPLOAD', 'no such upload')
    const missing = partCount(upload.bytes) - upload.parts.length
    if (missing > 0) throw new RpcError('NO_SUCH_UPLOAD', `${missing} parts of the upload are missing`)
    this.uploads.delete(id)
    const photo = Buffer.concat(upload.parts)
    if (upload.sha256 !== undefined && upload.sha256 !== sha256(photo)) {
      throw new RpcError('NO_SUCH_UPLOAD', 'the upload does not match its sha256')
    }
    return photo
  }
}

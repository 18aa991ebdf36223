/** One connection to a server: calls and their answers, notifications, payloads put together of their parts. */
import { JSONRPCClient, type JSONRPCResponse } from 'json-rpc-2.0'
import type { Artifact, ErrorData, Methods, Notifications } from '../../generated/protocol.js'
import { decodeFrame, encodeFrame, PART_BYTES, partCount } from '../frames.js'

/** What a server answered instead of a result. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  constructor(
    readonly code: number,
    message: string,
    readonly data: Partial<ErrorData>,
  ) {
    super(message)
  }
}

/** The connection broke, or could not be made. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** A notification; previews come with their bytes. */
export type Notification = {
  [N in keyof Notifications]: { method: N; params: Notifications[N]; bytes?: Uint8Array }
}[keyof Notifications]

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocket

export interface LinkEvents {
  notification(notification: Notification): void
  closed(code: number, reason: string): void
}

/** A payload that is being put together. */
interface Transfer {
  parts: Uint8Array[]
  whole: Promise<Uint8Array>
  done(bytes: Uint8Array): void
  lost(error: Error): void
}

export class Link {
  private readonly rpc: JSONRPCClient
  private readonly transfers = new Map<string, Transfer>()
  private closed = false

  private constructor(
    private readonly socket: WebSocket,
    private readonly events: LinkEvents,
  ) {
    this.rpc = new JSONRPCClient((request) => {
      if (this.closed) throw new ConnectionLost('not connected')
      this.socket.send(JSON.stringify(request))
    })
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === 'string') this.text(data)
      else this.frame(new Uint8Array(data))
    })
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = true
      this.rpc.rejectAllPendingRequests(LOST)
      for (const { lost } of this.transfers.values()) lost(new ConnectionLost(LOST))
      this.events.closed(code, reason)
    })
  }

  /** @throws ConnectionLost */
  static async open(url: string, WebSocketType: WebSocketClass, events: LinkEvents): Promise<Link> {
    const socket = new WebSocketType(url, ['sider.v1'])
    socket.binaryType = 'arraybuffer'
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true })
      socket.addEventListener('error', () => reject(new ConnectionLost(`cannot connect to ${url}`)), { once: true })
    })
    return new Link(socket, events)
  }

  /** @throws RemoteError, ConnectionLost */
  async call<M extends keyof Methods>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    const request = { jsonrpc: '2.0' as const, id: crypto.randomUUID(), method, params }
    let answer: JSONRPCResponse
    try {
      answer = await this.rpc.requestAdvanced(request, undefined)
    } catch (error) {
      throw error instanceof ConnectionLost ? error : new ConnectionLost((error as Error).message)
    }
    if (!answer.error) return answer.result as Methods[M]['result']
    const { code, message, data } = answer.error
    if (message === LOST) throw new ConnectionLost(LOST)
    throw new RemoteError(code, message, (data ?? {}) as Partial<ErrorData>)
  }

  /** Sends a photo in parts. @returns the upload's id */
  async upload(bytes: Uint8Array): Promise<string> {
    const { upload } = await this.call('upload/begin', { bytes: bytes.length, sha256: await digest(bytes) })
    const parts = partCount(bytes.length)
    for (let part = 0; part < parts; part++) {
      const payload = bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES)
      this.socket.send(encodeFrame('upload', { id: upload, part, parts, bytes: payload.length }, payload))
    }
    return upload
  }

  /** Fetches an artifact and checks it. @throws RemoteError, ConnectionLost */
  async fetch(job: string, id: string): Promise<Uint8Array> {
    const { artifact, transfer } = await this.call('artifact/get', { job, artifact: id, delivery: 'binary' })
    return this.payload(transfer!, artifact)
  }

  close(): void {
    this.socket.close(1000)
  }

  private text(text: string): void {
    const message = JSON.parse(text) as { method?: keyof Notifications; params?: unknown }
    if (message.method === undefined) {
      this.rpc.receive(message as unknown as JSONRPCResponse)
      return
    }
    const notification = { method: message.method, params: message.params } as Notification
    const { transfer, artifact, base64 } = notification.params as {
      transfer?: string
      artifact?: Artifact
      base64?: string
    }
    if (base64 !== undefined) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      this.events.notification({ ...notification, bytes })
    } else if (transfer === undefined) this.events.notification(notification)
    else {
      this.payload(transfer, artifact!).then(
        (bytes) => this.events.notification({ ...notification, bytes }),
        () => {}, // a broken preview is left out; the next one comes
      )
    }
  }

  /** Resolves when all parts have come. @throws ConnectionLost if they do not match, or the connection is lost */
  private async payload(transfer: string, { sha256 }: Artifact): Promise<Uint8Array> {
    const bytes = await this.transfer(transfer).whole
    this.transfers.delete(transfer)
    const found = await digest(bytes)
    if (found !== undefined && found !== sha256) throw new ConnectionLost('a payload does not match its digest')
    return bytes
  }

  /** A transfer, whether its announcement or its first frame is looked at first. */
  private transfer(id: string): Transfer {
    let transfer = this.transfers.get(id)
    if (!transfer) {
      transfer = newTransfer()
      this.transfers.set(id, transfer)
    }
    return transfer
  }

  private frame(data: Uint8Array): void {
    const { header, payload } = decodeFrame(data)
    const transfer = this.transfer(header.id)
    transfer.parts.push(payload)
    if (header.part + 1 < header.parts) return
    const bytes = new Uint8Array(transfer.parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of transfer.parts) {
      bytes.set(part, at)
      at += part.length
    }
    transfer.done(bytes)
  }
}

function newTransfer(): Transfer {
  const transfer = { parts: [] } as unknown as Transfer
  transfer.whole = new Promise((resolve, reject) => {
    transfer.done = resolve
    transfer.lost = reject
  })
  transfer.whole.catch(() => {}) // nobody may be waiting for it
  return transfer
}

const LOST = 'the connection was lost'

/** SHA-256 in hex; undefined where the browser offers none (pages that are not secure contexts). */
async function digest(bytes: Uint8Array): Promise<string | undefined> {
  if (!crypto.subtle) return undefined
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

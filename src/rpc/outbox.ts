/**
 * What one connection has yet to be sent. One message is under way at a time and the next is chosen when the socket has taken
 * it, so a slow client holds up nothing but itself: control messages go first and are never dropped; of previews and progress
 * only the newest waits; payloads travel in parts between which control messages pass.
 */

import type { FrameHeader } from '../generated/protocol.js'
import { encodeFrameHead, type FrameKind, PART_BYTES, partCount } from './frames.js'
import type { Lane } from './lane.js'

/** The socket as the outbox sees it. */
export interface Sink {
  /** Calls back when the socket has taken it. */
  send(data: string | Uint8Array, options: { binary: boolean; fin: boolean }, done: (error?: Error) => void): void
  /** Ends the connection. */
  close(code: number, reason: string): void
}

/** A payload on its way. */
export interface Transfer {
  kind: FrameKind
  header: Omit<FrameHeader, 'part' | 'parts' | 'bytes' | 'sha256'>
  bytes: number
  sha256: string
  read(start: number, end: number): Promise<Uint8Array> | Uint8Array
  end?(): void
}

/** Something of which only the newest is of interest: a text, and perhaps a payload. */
export interface Latest {
  text: string
  transfer?: Transfer
}

/** A payload of which the parts before `part` are sent. */
interface Sending {
  transfer: Transfer
  part: number
  parts: number
}

export interface OutboxLimits {
  /** Control messages that may wait, bytes; a client that reads slower than it asks is let go. */
  controlBytes: number
  /** Payloads that may wait. */
  transfers: number
}

export class Outbox {
  /** Messages replaced by newer ones before they were sent. */
  coalesced = 0
  private readonly control: string[] = []
  private controlBytes = 0
  private readonly latest = new Map<string, Latest>()
  private readonly transfers: Sending[] = []
  /** Of a place in the lane of payloads: it is asked for, or had. */
  private place: 'none' | 'asked' | 'had' = 'none'
  private busy = false
  private again = false
  private closed = false

  constructor(
    private readonly sink: Sink,
    private readonly limits: OutboxLimits,
    /** Shared by all connections. */
    private readonly lane: Lane,
  ) {}

  /** A message that must arrive. */
  send(text: string): void {
    if (this.closed) return
    this.control.push(text)
    this.controlBytes += text.length
    if (this.controlBytes > this.limits.controlBytes) this.sink.close(1008, 'the client reads too slowly')
    else void this.pump()
  }

  /** A message that replaces the one of the same key that still waits. */
  offer(key: string, item: Latest): void {
    if (this.closed) return
    if (this.latest.has(key)) this.coalesced++
    this.latest.delete(key) // the newest goes last
    this.latest.set(key, item)
    void this.pump()
  }

  /** Whether another payload may be asked for. */
  get roomForTransfer(): boolean {
    return this.transfers.length < this.limits.transfers
  }

  /** A payload that must arrive. */
  transfer(transfer: Transfer): void {
    if (this.closed) transfer.end?.()
    else {
      this.transfers.push({ transfer, part: 0, parts: partCount(transfer.bytes) })
      void this.pump()
    }
  }

  /** Forgets what waits of a key prefix: a subscription has ended. */
  forget(prefix: string): void {
    for (const key of this.latest.keys()) if (key.startsWith(prefix)) this.latest.delete(key)
  }

  close(): void {
    this.closed = true
    this.control.length = 0
    this.latest.clear()
    for (const { transfer } of this.transfers.splice(0)) transfer.end?.()
  }

  private async pump(): Promise<void> {
    this.again = true
    if (this.busy) return
    this.busy = true
    try {
      while (this.again && !this.closed) {
        this.again = false
        while (!this.closed && (await this.sendNext()));
      }
    } catch {
      this.close() // the socket is gone, or a file that was being sent is
      this.sink.close(1011, 'sending failed')
    } finally {
      this.busy = false
    }
  }

  /** @returns whether there was something */
  private async sendNext(): Promise<boolean> {
    const text = this.control.shift()
    if (text !== undefined) {
      this.controlBytes -= text.length
      await this.put(text, false, true)
      return true
    }
    // Progress does not wait for payloads; a preview that is being sent is finished before a newer one begins.
    const small = this.take((item) => !item.transfer)
    if (small) {
      await this.put(small.text, false, true)
      return true
    }
    if (!this.hasPayload) return false
    if (this.place === 'had') {
      this.place = 'none'
      await this.lane.hold(async () => this.sendPart(this.transfers.shift() ?? (await this.announce())))
      return true
    }
    // What comes while it waits for its place goes first.
    if (this.place === 'none') void this.takePlace()
    return false
  }

  private get hasPayload(): boolean {
    return this.transfers.length > 0 || this.latest.size > 0
  }

  private async takePlace(): Promise<void> {
    this.place = 'asked'
    await this.lane.enter()
    // One whose socket has not taken the last message gives its place up, and asks again when it has.
    const usable = !this.busy && !this.closed && this.hasPayload
    this.place = usable ? 'had' : 'none'
    if (usable) return this.pump()
    this.lane.leave()
    this.again = true // a pump that found the place asked for, and is about to end, has to look once more
  }

  /** Tells of a preview whose payload follows. */
  private async announce(): Promise<Sending> {
    const { text, transfer } = this.take(() => true)!
    await this.put(text, false, true)
    return { transfer: transfer!, part: 0, parts: partCount(transfer!.bytes) }
  }

  /** Takes out the oldest of those waiting that fits. */
  private take(fits: (item: Latest) => boolean): Latest | undefined {
    for (const [key, item] of this.latest) {
      if (!fits(item)) continue
      this.latest.delete(key)
      return item
    }
    return undefined
  }

  private async sendPart({ transfer, part, parts }: Sending): Promise<void> {
    const start = part * PART_BYTES
    const payload = await transfer.read(start, Math.min(transfer.bytes, start + PART_BYTES))
    if (this.closed) return transfer.end?.()
    const last = part + 1 === parts
    const header = { ...transfer.header, part, parts, bytes: payload.length, ...(last && { sha256: transfer.sha256 }) }
    // As two fragments of one message, so that the payload is not copied for every client.
    const head = this.put(encodeFrameHead(transfer.kind, header), true, false)
    await Promise.all([head, this.lane.hand(() => this.put(payload, true, true))])
    if (last || this.closed) transfer.end?.()
    else this.transfers.push({ transfer, part: part + 1, parts })
  }

  private put(data: string | Uint8Array, binary: boolean, fin: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sink.send(data, { binary, fin }, (error) => (error ? reject(error) : resolve()))
    })
  }
}

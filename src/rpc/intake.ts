/**
 * What a connection may make the server read and keep: little before it has shown a token, no more than is being worked on, and
 * no message that is never finished.
 */
import type { Readable } from 'node:stream'
import type { WebSocket } from 'ws'

/** Largest message before initialize, and all that is read of a connection until then, bytes. */
const [OPENING_MESSAGE, OPENING_BYTES] = [4096, 65_536]
/** Messages, and their bytes, that wait to be worked on before the socket is read no further; it is again at a quarter. */
const [WAITING_MESSAGES, WAITING_BYTES] = [64, 4 * 1024 * 1024]
/** So much of a message may lie about unfinished for long, bytes; and what a control frame has beside its data. */
const [UNFINISHED_BYTES, CONTROL_HEAD] = [65_536, 6]

export class Intake {
  private waiting = 0
  private waitingBytes = 0
  /** Bytes read since the last message was whole, and whether they were many at the last beat. */
  private unfinished = 0
  private wasUnfinished = false

  /**
   * @param stream what the socket reads from
   * @param isOpen whether a token has been shown
   * @param tooMuch ends the connection, when too much has come before that
   */
  constructor(
    private readonly socket: WebSocket,
    stream: Readable,
    private readonly isOpen: () => boolean,
    tooMuch: () => void,
  ) {
    let read = 0
    stream.on('data', (chunk: Buffer) => {
      read += chunk.length
      this.unfinished += chunk.length
      if (isOpen() || read <= OPENING_BYTES || socket.readyState !== socket.OPEN) return
      tooMuch()
      socket.pause() // what it sends on is not even read
    })
    socket.on('pong', (data) => {
      this.unfinished = Math.max(0, this.unfinished - data.length - CONTROL_HEAD)
    })
  }

  /** A message is whole, and waits. */
  came({ length }: Uint8Array): void {
    this.unfinished = 0
    this.wasUnfinished = false
    this.waiting++
    this.waitingBytes += length
    if (this.waiting >= WAITING_MESSAGES || this.waitingBytes >= WAITING_BYTES) this.socket.pause()
  }

  /** A message has been worked on. */
  done({ length }: Uint8Array): void {
    this.waiting--
    this.waitingBytes -= length
    const few = this.waiting <= WAITING_MESSAGES / 4 && this.waitingBytes <= WAITING_BYTES / 4
    if (few && this.socket.isPaused) this.socket.resume()
  }

  /** Whether a message may be worked on at all. */
  admits({ length }: Uint8Array): boolean {
    return this.isOpen() || length <= OPENING_MESSAGE
  }

  /** Called at every beat. @returns whether a message that was begun before the last one is not finished */
  isStalled(): boolean {
    const before = this.wasUnfinished
    this.wasUnfinished = this.unfinished > UNFINISHED_BYTES
    return before && this.wasUnfinished
  }
}

/**
 * The one lane in which payloads leave the server, whatever the number of clients. Answers and notifications pass beside it: they
 * never wait for more than the few parts that are being handed to sockets, and payloads take at most a share of the server's time.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

/** Parts that are on their way at once. */
const SLOTS = 4
/** A socket that has not taken its part after so long, milliseconds, leaves its place in the lane to others. */
const PATIENCE_MS = 20
/** Share of the event loop's time that handing payloads to sockets may take. */
const SHARE = 0.1

export class Lane {
  private free = SLOTS
  private readonly waiting: (() => void)[] = []
  /** When the next part may go, so that the share is kept; milliseconds as of `performance.now`. */
  private next = 0

  /** Waits for a place; `hold` or `leave` gives it up. */
  async enter(): Promise<void> {
    if (this.free > 0) {
      this.free--
      await setImmediate() // whatever else the event loop has to do comes first
    } else await new Promise<void>((resolve) => this.waiting.push(resolve))
    const early = this.next - performance.now()
    // A timer waits for a millisecond at least: what is less is left to add up.
    if (early >= 1) await sleep(early)
  }

  /** Keeps a place that was entered while something is sent, but not for one who does not read. */
  async hold(sending: () => Promise<void>): Promise<void> {
    let inside = true
    const goOut = (): void => {
      if (inside) this.leave()
      inside = false
    }
    const timer = setTimeout(goOut, PATIENCE_MS)
    try {
      await sending()
    } finally {
      clearTimeout(timer)
      goOut()
    }
  }

  /** Hands a payload to a socket; the time that this takes counts. */
  hand<T>(give: () => T): T {
    const started = performance.now()
    try {
      return give()
    } finally {
      const now = performance.now()
      this.next = Math.max(now, this.next) + (now - started) * (1 / SHARE - 1)
    }
  }

  /** The place goes to the next one. */
  leave(): void {
    const next = this.waiting.shift()
    if (next) void setImmediate().then(next)
    else this.free++
  }
}

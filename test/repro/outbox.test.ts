/** A payload is sent even if its place in the lane comes at the very moment at which another message has just been sent. */
import { expect, test } from 'vitest'
import { Lane } from '../../src/rpc/lane.js'
import { Outbox } from '../../src/rpc/outbox.js'

/** A lane whose first place comes when told. */
class HeldLane extends Lane {
  open: () => void = () => {}
  private first = true
  override async enter(): Promise<void> {
    if (!this.first) return super.enter()
    this.first = false
    await new Promise<void>((resolve) => {
      this.open = resolve
    })
  }
}

test.each(Array.from({ length: 16 }, (_, hops) => hops))('%i microtasks after the message', async (hops) => {
  const sent: (string | Uint8Array)[] = []
  const sink = {
    send(data: string | Uint8Array, _: object, done: (error?: Error) => void) {
      sent.push(data)
      done()
    },
    close() {},
  }
  const lane = new HeldLane()
  const outbox = new Outbox(sink, { controlBytes: 1e6, transfers: 8 }, lane)
  const payload = Uint8Array.of(1, 2, 3)
  outbox.transfer({
    kind: 'artifact',
    header: { id: 'a', job: 'j', artifact: 'x', mediaType: 'image/png' },
    bytes: payload.length,
    sha256: '',
    read: () => payload,
  })
  outbox.send('an answer')
  for (let hop = 0; hop < hops; hop++) await Promise.resolve()
  lane.open()
  await expect.poll(() => sent.includes(payload), { timeout: 500 }).toBe(true)
})

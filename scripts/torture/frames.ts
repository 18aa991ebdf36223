/** Frames that nobody should send, from clients with a token and without: others hardly notice. */
import { Rng } from '../../src/engine/geometry/rng.js'
import { OPENRPC } from '../../src/jobs/document.js'
import { encodeFrame } from '../../src/rpc/frames.js'
import { bystander } from './bystander.js'
import { freshFolder, isAlive, type Launched, launch, memoryOf, Peer, until } from './peer.js'
import { below, none, percentile, type Row, row } from './table.js'

/** Close codes that say why. */
const CODES = [1002, 1007, 1008, 1009]

export async function frames({ count = 10_000, seed = 7 } = {}): Promise<Row[]> {
  const server = await launch(freshFolder(), { requestsPerSecond: 1_000_000 })
  const watching = await bystander(server)
  const rng = new Rng(seed)
  const make = maker(rng)
  const odd: string[] = []
  const before = memoryOf(server)
  let most = before
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    let peer = await newPeer(server, rng)
    for (let i = lane; i < count; i += 4) {
      if (peer.closed !== undefined || peer.socket.readyState !== peer.socket.OPEN) {
        await until(() => peer.closed !== undefined, 5000)
        if (!CODES.includes(peer.closed ?? 0)) odd.push(`frame ${i}: closed with ${peer.closed}`)
        peer = await newPeer(server, rng)
      }
      const seen = peer.messages
      const frame = make()
      peer.socket.send(frame, { binary: typeof frame !== 'string' })
      const answered = () => peer.messages > seen || peer.closed !== undefined
      if (!answered() && !(await soon(answered))) odd.push(`frame ${i}: no answer to ${String(frame).slice(0, 80)}`)
      if (i % 500 === 0) most = Math.max(most, memoryOf(server))
    }
    peer.close()
  })
  await Promise.all(lanes)
  const times = await watching.end()
  const faults = server.log.filter(({ event }) => event === 'fault')
  const alive = isAlive(server)
  await server.kill('SIGTERM')
  return [
    row('frames that nobody should send', String(count), `${count}`, alive),
    none('frames without an answer or a close that says why', odd),
    none(
      'faults',
      faults.map(({ error }) => String(error).slice(0, 200)),
    ),
    below(`p99 of ${times.length} pings of a bystander meanwhile`, percentile(times, 0.99), 100),
    below('the longest of them', Math.max(...times), 1000),
    below('memory more than at first', most - before, 512, 'MiB'),
  ]
}

const newPeer = (server: Launched, rng: Rng): Promise<Peer> =>
  rng.integer(4) === 0 ? Peer.connect(server.url) : Peer.open(server)

/** Looks again and again, first without pause. */
async function soon(look: () => boolean): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if (look()) return true
    await new Promise((resolve) => setImmediate(resolve))
  }
  return until(look, 10_000)
}

/** Makes one frame after the other. */
function maker(rng: Rng): () => string | Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[rng.integer(list.length)]
  const methods = OPENRPC.methods.map(({ name }) => name)
  const bytes = (n: number) => Buffer.from(Array.from({ length: n }, () => rng.integer(256)))
  const deep = (n: number) => `${'[{"a":'.repeat(n)}1${'}]'.repeat(n)}`
  const wide = (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":${i}`).join()}}`
  const odd: unknown[] = [null, -1, 1e308, '', 'x'.repeat(300), [], {}, [[]], '../../etc/passwd', true, '\u0000\ud800']
  const value = (): unknown => pick(odd)
  const call = (params: string, method: string = pick(methods)) =>
    `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":${params}}`
  const makers: (() => string | Uint8Array)[] = [
    () => bytes(rng.integer(200)).toString('latin1'),
    () => call(deep(1 + rng.integer(20_000))),
    () => deep(1 + rng.integer(20_000)),
    () => call(wide(1 + rng.integer(80_000))),
    () => call(`{"client":${wide(1 + rng.integer(20_000))}}`, 'initialize'),
    () => call(`{"states":[${Array.from({ length: rng.integer(15_000) }, () => '"x"').join()}]}`, 'job/list'),
    () => call(`{"job":"a","kinds":[${'"mesh",'.repeat(rng.integer(15_000))}1]}`, 'job/subscribe'),
    () => call(`{"image":{"base64":"${'A'.repeat(rng.integer(1_000_000))}!"},"settings":{}}`, 'job/create'),
    () => call(`{"image":{"base64":"AAAA"},"settings":{"detail":${wide(rng.integer(15_000))}}}`, 'job/create'),
    () => call(`{"image":{"base64":"AAAA"},"settings":{"${'s'.repeat(rng.integer(200_000))}":1}}`, 'job/create'),
    () => call(`{"image":{"base64":"AAAA"},"preset":"${'p'.repeat(rng.integer(400_000))}"}`, 'job/create'),
    () => call(`{"image":{"base64":"AAAA"},"landmarks":${deep(rng.integer(90))}}`, 'job/create'),
    () => `{"jsonrpc":"2.0","id":"${'\\"'.repeat(rng.integer(200_000))}","method":"ping"}`,
    () => JSON.stringify({ jsonrpc: '2.0', id: value(), method: value(), params: value() }),
    () =>
      call(
        JSON.stringify(Object.fromEntries(['job', 'image', 'bytes', 'token', 'after'].map((key) => [key, value()]))),
      ),
    () => JSON.stringify(Array.from({ length: rng.integer(80) }, value)),
    () => bytes(rng.integer(300)),
    () => {
      const frame = Buffer.from(encodeFrame('upload', { id: 'x', part: 0, parts: 1, bytes: 3 }, new Uint8Array(3)))
      frame[rng.integer(frame.length)] = rng.integer(256)
      return frame
    },
    () => {
      const frame = Buffer.alloc(32)
      frame.writeUInt32LE(0x52444953)
      frame.writeUInt16LE(1, 4)
      frame.writeUInt16LE(1, 6)
      frame.writeUInt32LE(pick([0xffffffff, 0x7fffffff, 16_385, 20, 21]), 8)
      return frame
    },
    () => encodeFrame('artifact', { id: 'x', part: 1e9, parts: 1, bytes: 1 }, new Uint8Array(1)),
    () => encodeFrame('upload', { id: 'x'.repeat(50), part: 0, parts: 1, bytes: 100_000 }, new Uint8Array(100_000)),
  ]
  return () => pick(makers)()
}

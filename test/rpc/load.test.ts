/** What nobody should send, and more clients than anybody has: the server stays up, bounded and quick. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { Rng } from '../../src/engine/geometry/rng.js'
import { OPENRPC } from '../../src/jobs/document.js'
import { encodeFrame } from '../../src/rpc/frames.js'
import { Peer, type TestServer, testServer } from './service-peer.js'

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** SIDER_FUZZ=10000 for the full run. */
const FRAMES = Number(process.env['SIDER_FUZZ'] ?? 2000)

test(`${FRAMES} malformed frames: each is answered or ends its connection with a code that says why`, async () => {
  const server = await testServer({ requestsPerSecond: 1_000_000, messageBytes: 300_000 })
  ends.push(() => server.close())
  const rng = new Rng(7)
  const pick = <T>(list: readonly T[]): T => list[rng.integer(list.length)]
  const methods = OPENRPC.methods.map(({ name }) => name)
  const bytes = (n: number) => Buffer.from(Array.from({ length: n }, () => rng.integer(256)))
  const deep = (n: number) => `${'[{"a":'.repeat(n)}1${'}]'.repeat(n)}`
  const value = (): unknown =>
    pick([
      null,
      -1,
      1e308,
      '',
      'x'.repeat(300),
      [],
      {},
      [[]],
      { __proto__: 1 },
      '../../etc/passwd',
      true,
      '\u0000\ud800',
    ])
  const makers: (() => string | Buffer)[] = [
    () => bytes(rng.integer(200)).toString('latin1'),
    () => `{"jsonrpc":"2.0","id":1,"method":"${pick(methods)}","params":${deep(1 + rng.integer(20_000))}}`,
    () => deep(1 + rng.integer(20_000)),
    () => JSON.stringify({ jsonrpc: '2.0', id: value(), method: value(), params: value() }),
    () => {
      const params = Object.fromEntries(['job', 'image', 'bytes', 'token', 'after'].map((name) => [name, value()]))
      return JSON.stringify({ jsonrpc: '2.0', id: 5, method: pick(methods), params })
    },
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
    () => encodeFrame('artifact', { id: 'x', part: 1e9, parts: 1, bytes: 1 }, new Uint8Array(1)) as Buffer,
    () => 'x'.repeat(300_001),
  ]
  const codes = new Map<number, number>()
  let peer = await Peer.open(server)
  for (let i = 0; i < FRAMES; i++) {
    if (peer.closed || peer.socket.readyState !== peer.socket.OPEN) {
      const { code } = await peer.until(() => peer.closed, `the end after ${i} frames`)
      codes.set(code, (codes.get(code) ?? 0) + 1)
      peer = rng.integer(4) === 0 ? await Peer.connect(server.url) : await Peer.open(server)
    }
    const frame = pick(makers)()
    const before = peer.messages.length
    peer.socket.send(frame, { binary: typeof frame !== 'string' })
    await peer.until(
      () => peer.closed || peer.messages.length > before,
      `an answer to frame ${i}: ${String(frame).slice(0, 200)}`,
    )
    for (const message of peer.messages.splice(0)) {
      const answers = Array.isArray(message) ? message : [message]
      for (const { result, error } of answers)
        expect(result !== undefined || typeof error?.code === 'number').toBe(true)
    }
  }
  for (const code of codes.keys()) expect([1002, 1008, 1009], `close code ${code}`).toContain(code)
  const end = await Peer.open(server)
  await end.ok('ping')
  expect(server.log.filter(({ event }) => event === 'fault')).toEqual([])
  end.close()
}, 240_000)

test('invalid UTF-8 ends the connection with 1007', async () => {
  const server = await testServer()
  ends.push(() => server.close())
  const peer = await Peer.open(server)
  peer.socket.send(Buffer.from([0xc3, 0x28, 0xff]), { binary: false })
  expect((await peer.until(() => peer.closed, 'the end')).code).toBe(1007)
})

test('200 clients of whom 50 never read: memory stays bounded and answers quick', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
  const program = fileURLToPath(new URL('./scripted-server.mjs', import.meta.url))
  const child = spawn(process.execPath, [program, dataFolder], { stdio: ['ignore', 'pipe', 'ignore'] })
  ends.push(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { url } = JSON.parse(line.toString()) as { url: string }
  const token = readFileSync(join(dataFolder, 'token'), 'utf8').trim()
  const server: TestServer = { url, token, dataFolder, tokenFile: '', log: [], close: async () => {} }
  const memory = async () => {
    const text = await (await fetch(`${url.replace('ws:', 'http:')}metrics`)).text()
    return Number(/^sider_memory_bytes (\d+)/m.exec(text)![1]) / 2 ** 20
  }
  const peers = await Promise.all(Array.from({ length: 200 }, () => Peer.open(server)))
  ends.push(() => {
    for (const peer of peers) peer.close()
  })
  const before = await memory()
  const job = await peers[0].create({ steps: 150, stepMs: 20, previewBytes: 1_000_000 })
  const deaf = peers.slice(150)
  for (const peer of deaf) {
    await peer.ok('job/subscribe', { job })
    peer.socket.pause()
  }
  for (const peer of peers.slice(0, 20)) await peer.ok('job/subscribe', { job, kinds: ['progress'] })
  const times: number[] = []
  let most = before
  for (let i = 0; !peers[0].notifications('job/state', job).some(({ params }) => params.state === 'completed'); i++) {
    const peer = peers[i % 150]
    const asked = performance.now()
    await peer.ok('ping')
    times.push(performance.now() - asked)
    if (i % 50 === 0) most = Math.max(most, await memory())
  }
  times.sort((a, b) => a - b)
  const p99 = times[Math.floor(times.length * 0.99)]
  console.log(
    `memory ${before.toFixed(0)} -> ${most.toFixed(0)} MiB, p99 ${p99.toFixed(1)} ms of ${times.length} pings`,
  )
  expect(times.length).toBeGreaterThan(100)
  expect(p99).toBeLessThan(100)
  expect(most - before).toBeLessThan(300)
}, 120_000)

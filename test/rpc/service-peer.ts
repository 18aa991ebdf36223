/** A bare client for tests of the server: what it sends and gets is what is on the wire. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { PROTOCOL_VERSION } from '../../src/generated/protocol.js'
import { Log } from '../../src/jobs/log.js'
import { decodeFrame, encodeFrame, type Frame } from '../../src/rpc/frames.js'
import type { ServerOptions } from '../../src/rpc/options.js'
import { type RunningServer, startServer } from '../../src/rpc/server.js'

/** The process that looks at faces, as built: with the networks. */
export const FACE_PROGRAM = fileURLToPath(new URL('../../dist/rpc/faces/program.js', import.meta.url))

const SCRIPTED = fileURLToPath(new URL('../jobs/scripted-worker.mjs', import.meta.url))

export interface TestServer extends RunningServer {
  token: string
  dataFolder: string
  log: Record<string, unknown>[]
}

/** A server on a free port with scripted workers. */
export async function testServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'sider-serve-'))
  const log: Record<string, unknown>[] = []
  const server = await startServer(
    { port: 0, workerProgram: SCRIPTED, tokenFile: join(dataFolder, 'token'), ...options, dataFolder },
    new Log((line) => log.push(JSON.parse(line))),
  )
  const token = readFileSync(server.tokenFile, 'utf8').trim().split('\n')[0].split(' ').at(-1)!
  return { ...server, token, dataFolder, log }
}

export interface Message {
  id?: unknown
  method?: string
  // biome-ignore lint/suspicious/noExplicitAny: what comes over the wire is checked by the tests
  params?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  result?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  error?: any
}

export class Peer {
  readonly messages: Message[] = []
  readonly frames: Frame[] = []
  closed: { code: number; reason: string } | undefined
  private next = 1
  private waiting: (() => void)[] = []

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.frames.push(decodeFrame(new Uint8Array(data as Buffer)))
      else this.messages.push(JSON.parse(String(data)))
      this.wake()
    })
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
      this.wake()
    })
    socket.on('error', () => {})
  }

  static async connect(url: string, headers: Record<string, string> = {}): Promise<Peer> {
    const socket = new WebSocket(url, ['sider.v1'], { headers, perMessageDeflate: false })
    const peer = new Peer(socket)
    await once(socket, 'open')
    return peer
  }

  /** Connected and initialised. */
  static async open(server: TestServer, delivery: 'binary' | 'base64' = 'binary', token = server.token): Promise<Peer> {
    const peer = await Peer.connect(server.url)
    await peer.ok('initialize', {
      protocol: PROTOCOL_VERSION,
      token,
      client: { name: 'test' },
      capabilities: { delivery },
    })
    return peer
  }

  async call(method: string, params?: unknown): Promise<Message> {
    const id = this.next++
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) }))
    return this.until(
      () => this.messages.find((message) => message.id === id && !message.method),
      `answer to ${method}`,
    )
  }

  /** The result of a call that succeeds. */
  async ok(method: string, params: unknown = {}): Promise<Message['result']> {
    const answer = await this.call(method, params)
    expect(answer.error, JSON.stringify(answer.error)).toBeUndefined()
    return answer.result
  }

  /** The error of a call that fails. */
  async fails(method: string, params: unknown = {}): Promise<Message['error']> {
    const answer = await this.call(method, params)
    expect(answer.result).toBeUndefined()
    return answer.error
  }

  /** A job that does what the script says. */
  async create(script: object, more: object = {}): Promise<string> {
    const image = { base64: Buffer.from(JSON.stringify(script)).toString('base64') }
    return (await this.ok('job/create', { image, ...more })).id
  }

  upload(id: string, part: number, parts: number, payload: Uint8Array): void {
    this.socket.send(encodeFrame('upload', { id, part, parts, bytes: payload.length }, payload))
  }

  notifications(method: string, job?: string): Message[] {
    return this.messages.filter((one) => one.method === method && (job === undefined || one.params.job === job))
  }

  state(job: string, state: string): Promise<Message> {
    const found = () => this.notifications('job/state', job).find(({ params }) => params.state === state)
    return this.until(found, `${job} ${state}`)
  }

  async until<T>(look: () => T | undefined | false, what: string, ms = 20_000): Promise<T> {
    const end = performance.now() + ms
    for (;;) {
      const found = look()
      if (found) return found
      if (performance.now() > end) throw new Error(`waited in vain for ${what}`)
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve)
        setTimeout(resolve, 50)
      })
    }
  }

  close(): void {
    this.socket.terminate()
  }

  private wake(): void {
    for (const one of this.waiting.splice(0)) one()
  }
}

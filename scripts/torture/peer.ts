/** A server with scripted workers in a process of its own, and bare clients of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import type { JobState } from '../../src/generated/job-states.js'
import { PROTOCOL_VERSION } from '../../src/generated/protocol.js'
import { decodeFrame, encodeFrame } from '../../src/rpc/frames.js'
import type { ServerOptions } from '../../src/rpc/options.js'

const PROGRAM = fileURLToPath(new URL('../../test/rpc/scripted-server.mjs', import.meta.url))

const folders: string[] = []

export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sider-torture-'))
  folders.push(folder)
  return folder
}

/** Deletes all fresh folders. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export interface Launched {
  url: string
  token: string
  child: ChildProcess
  /** Processes of workers that it has started. */
  workers: number[]
  /** Lines of its log, parsed. */
  log: Record<string, unknown>[]
  kill(signal?: NodeJS.Signals): Promise<void>
}

/** @throws Error with what the server said if it does not start */
export async function launch(dataFolder: string, options: Partial<ServerOptions> = {}): Promise<Launched> {
  const child = spawn(process.execPath, [PROGRAM, dataFolder, '0', JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [workers, log]: [number[], Record<string, unknown>[]] = [[], []]
  let said = ''
  let rest = ''
  child.stderr.on('data', (data: Buffer) => {
    said = (said + data).slice(-4000)
    const lines = (rest + data).split('\n')
    rest = lines.pop()!
    for (const line of lines.filter((one) => one.startsWith('{'))) {
      const entry = JSON.parse(line) as Record<string, unknown>
      log.push(entry)
      if (entry['event'] === 'job started') workers.push(Number(entry['worker']))
    }
  })
  const exited = once(child, 'exit')
  const [first] = (await Promise.race([once(child.stdout, 'data'), exited])) as [Buffer | number | null]
  if (!Buffer.isBuffer(first)) throw new Error(`the server did not start: ${said}`)
  const { url } = JSON.parse(first.toString()) as { url: string }
  return {
    url,
    token: readFileSync(join(dataFolder, 'token'), 'utf8').trim().split(/\s+/).at(-1)!,
    child,
    workers,
    log,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      if (child.exitCode === null && child.signalCode === null) await exited
    },
  }
}

export const isAlive = ({ child }: Launched): boolean => child.exitCode === null && child.signalCode === null

/** Memory of a process in MiB; NaN where the system does not tell. */
export function memoryOf({ child }: Launched): number {
  const file = `/proc/${child.pid}/status`
  if (!existsSync(file)) return Number.NaN
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(file, 'utf8'))?.[1]) / 1024
}

interface Answer {
  id?: unknown
  method?: string
  // biome-ignore lint/suspicious/noExplicitAny: what comes over the wire is judged by who asked
  result?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  error?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  params?: any
}

export class Peer {
  /** The newest state that was told of each job. */
  readonly told = new Map<string, string>()
  messages = 0
  bytes = 0
  closed: number | undefined
  private next = 1
  private readonly calls = new Map<unknown, (answer: Answer) => void>()

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      this.messages++
      this.bytes += (data as Buffer).length
      if (isBinary) decodeFrame(new Uint8Array(data as Buffer))
      else this.take(JSON.parse(String(data)) as Answer)
    })
    socket.on('close', (code) => {
      this.closed = code
      for (const answer of this.calls.values()) answer({ error: { message: `closed with ${code}` } })
      this.calls.clear()
    })
    socket.on('error', () => {})
  }

  static async connect(url: string): Promise<Peer> {
    const socket = new WebSocket(url, ['sider.v1'], { perMessageDeflate: false })
    const peer = new Peer(socket)
    await once(socket, 'open')
    return peer
  }

  static async open({ url, token }: { url: string; token: string }): Promise<Peer> {
    const peer = await Peer.connect(url)
    await peer.ok('initialize', { protocol: PROTOCOL_VERSION, token })
    return peer
  }

  call(method: string, params: object = {}): Promise<Answer> {
    const id = this.next++
    return new Promise((resolve) => {
      if (this.closed !== undefined) return resolve({ error: { message: `closed with ${this.closed}` } })
      this.calls.set(id, resolve)
      this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  /** @throws Error if the call fails */
  async ok(method: string, params: object = {}): Promise<Answer['result']> {
    const { result, error } = await this.call(method, params)
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result
  }

  /** @returns the job's id, or the name of the error */
  async create(script: object, more: object = {}): Promise<{ job?: string; error?: string }> {
    const image = { base64: Buffer.from(JSON.stringify(script)).toString('base64') }
    const { result, error } = await this.call('job/create', { image, ...more })
    return error ? { error: error.data?.name ?? error.message } : { job: result.id }
  }

  part(upload: string, part: number, parts: number, payload: Uint8Array): Promise<void> {
    const frame = encodeFrame('upload', { id: upload, part, parts, bytes: payload.length }, payload)
    return new Promise((resolve) => this.socket.send(frame, () => resolve()))
  }

  close(): void {
    this.socket.terminate()
  }

  private take(answer: Answer): void {
    if (answer.method === 'job/state') this.told.set(answer.params.job, answer.params.state)
    this.calls.get(answer.id)?.(answer)
    this.calls.delete(answer.id)
  }
}

/** Looks until something is so. @returns whether it came to be */
export async function until(look: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
  const end = performance.now() + ms
  while (!(await look())) {
    if (performance.now() > end) return false
    await sleep(10)
  }
  return true
}

/** All jobs of a token by id. */
export async function allJobs(peer: Peer): Promise<Map<string, { state: JobState; error?: { name: string } }>> {
  const found = new Map()
  for (let before: string | undefined; ; ) {
    const { jobs, more } = await peer.ok('job/list', { limit: 1000, ...(before && { before }) })
    for (const job of jobs) found.set(job.id, job)
    if (!more) return found
    before = jobs.at(-1).id
  }
}

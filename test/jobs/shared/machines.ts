/** Redis, storage, servers and workers as they are on several machines, on this one: each a process of its own where it is to be killed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { Log } from '../../../src/jobs/log.js'
import { PREFIX, QUEUE } from '../../../src/jobs/shared/connection.js'
import { QueueWorker, WORKER_DEFAULTS, type WorkerOptions } from '../../../src/jobs/shared/worker.js'
import type { ServerOptions } from '../../../src/rpc/options.js'
import { Peer, type TestServer, testServer } from '../../rpc/service-peer.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const SCRIPTED = here('../scripted-worker.mjs')

/** Why these tests are skipped; undefined where they can run. */
export const MISSING =
  spawnSync('redis-server', ['--version']).status === 0
    ? undefined
    : 'redis-server is not installed (apt-get install redis-server)'

/** Lost workers are noticed soon. */
export const QUICK = { lockMs: 2000, stalledMs: 500, checkpointMs: 100 }

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** A Redis server of its own, with an append-only file unless `more` says otherwise. */
export class TestRedis {
  private child: ChildProcess | undefined

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly more: string[],
  ) {}

  static async start(...more: string[]): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), mkdtempSync(join(tmpdir(), 'sider-redis-')), more)
    await redis.start()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.folder, '--save', '']
    const more = this.more.at(-1) === '--tls-port' ? [...this.more, `${this.port}`] : this.more
    this.child = spawn('redis-server', [...args, '--appendonly', 'yes', ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const text of this.child.stdout!) {
      said += String(text)
      if (/Ready to accept connections/.test(said)) break
    }
    this.child.stdout!.resume()
  }

  async kill(): Promise<void> {
    const child = this.child
    this.child = undefined
    if (!child || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Does it the first time only. */
function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

/** What one test has started, to be ended after it. */
export class Machines {
  private readonly ends: (() => Promise<void> | void)[] = []
  readonly folder = mkdtempSync(join(tmpdir(), 'sider-machines-'))
  readonly tokenFile = join(this.folder, 'token')
  storage = pathToFileURL(join(this.folder, 'storage')).href
  redis!: TestRedis

  /** @param redis further options of Redis; of a last one without a value it is the port */
  static async start(...redis: string[]): Promise<Machines> {
    const machines = new Machines()
    machines.redis = await TestRedis.start(...redis)
    return machines
  }

  get shared() {
    return { queue: this.redis.url, storage: this.storage }
  }

  /** Puts tokens into the file that all servers read. */
  tokens(secrets: Record<string, string>): void {
    const lines = Object.entries(secrets).map(([name, secret]) => `${name} ${secret}\n`)
    writeFileSync(this.tokenFile, lines.join(''), { mode: 0o600 })
  }

  /** What the shared folder has of a job. */
  stored(job: string): string[] {
    const folder = join(fileURLToPath(this.storage), 'jobs', job)
    if (!existsSync(folder)) return []
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    const names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return names.map((name) => relative(folder, name)).sort()
  }

  /** Jobs that BullMQ has set aside, and why: as its own tools show them. */
  setAside(): Promise<{ job: string; why: string }[]> {
    return this.asked(async (queue) =>
      (await queue.getFailed()).map(({ data, failedReason }) => ({ job: data.id, why: failedReason })),
    )
  }

  /** Jobs that BullMQ has yet to see to. */
  waiting(): Promise<{ active: number; waiting: number; setAside: number }> {
    return this.asked(async (queue) => {
      const { active, waiting, prioritized, delayed, failed } = await queue.getJobCounts()
      return { active, waiting: waiting + prioritized + delayed, setAside: failed }
    })
  }

  private async asked<T>(question: (queue: Queue) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.port)
    const queue = new Queue(QUEUE, { connection: redis, prefix: PREFIX })
    try {
      return await question(queue)
    } finally {
      await queue.close()
      redis.disconnect()
    }
  }

  /** A server in this process. */
  async server(options: Partial<ServerOptions> = {}): Promise<TestServer> {
    const dataFolder = mkdtempSync(join(this.folder, 'serve-'))
    const server = await testServer({ dataFolder, tokenFile: this.tokenFile, shared: this.shared, ...options })
    const close = onlyOnce(server.close)
    this.ends.push(close)
    return { ...server, close }
  }

  /** A worker in this process. */
  async worker(options: Partial<WorkerOptions> = {}): Promise<{ worker: QueueWorker; log: Record<string, unknown>[] }> {
    const log: Record<string, unknown>[] = []
    const dataFolder = mkdtempSync(join(this.folder, 'work-'))
    const all = { ...WORKER_DEFAULTS, ...QUICK, ...this.shared, workerProgram: SCRIPTED, graceMs: 5000, dataFolder }
    const worker = await QueueWorker.start({ ...all, ...options }, new Log((line) => log.push(JSON.parse(line))))
    worker.stop = onlyOnce(worker.stop.bind(worker))
    this.ends.push(() => worker.stop())
    return { worker, log }
  }

  /** A worker that can be killed. */
  workerProcess(options: Partial<WorkerOptions> = {}): Promise<ChildProcess> {
    const dataFolder = mkdtempSync(join(this.folder, 'work-'))
    return this.process('../scripted-queue-worker.mjs', [
      JSON.stringify({ ...QUICK, ...this.shared, dataFolder, ...options }),
    ])
  }

  /** A server that can be killed. */
  async serverProcess(port = 0): Promise<{ child: ChildProcess; server: TestServer }> {
    const dataFolder = mkdtempSync(join(this.folder, 'serve-'))
    const options = { shared: this.shared, tokenFile: this.tokenFile }
    const child = await this.process('../../rpc/scripted-server.mjs', [dataFolder, `${port}`, JSON.stringify(options)])
    const { url } = JSON.parse(this.firstLines.get(child)!) as { url: string }
    const token = readFileSync(this.tokenFile, 'utf8').trim()
    return { child, server: { url, token, dataFolder, tokenFile: this.tokenFile, log: [], close: async () => {} } }
  }

  async peer(server: TestServer, token = server.token): Promise<Peer> {
    const peer = await Peer.open(server, 'binary', token)
    this.ends.push(() => peer.close())
    return peer
  }

  /** A client of a server that somebody else has started. */
  peerOf(url: string, tokenFile: string): Promise<Peer> {
    const token = readFileSync(tokenFile, 'utf8').trim().split(' ').at(-1)!
    return this.peer({ url, token, tokenFile, dataFolder: '', log: [], close: async () => {} })
  }

  async end(): Promise<void> {
    for (const end of this.ends.splice(0).reverse()) await end()
    await this.redis.end()
    rmSync(this.folder, { recursive: true, force: true })
  }

  private readonly firstLines = new Map<ChildProcess, string>()

  /** A program of the tests, ready: it has said a first line. */
  private async process(program: string, args: string[]): Promise<ChildProcess> {
    const stderr = process.env['SIDER_TEST_LOG'] ? 'inherit' : 'ignore'
    const child = spawn(process.execPath, [here(program), ...args], { stdio: ['ignore', 'pipe', stderr] })
    this.ends.push(() => void child.kill('SIGKILL'))
    const first = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`)
    this.firstLines.set(child, String(first[0]))
    return child
  }
}

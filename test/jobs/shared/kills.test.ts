/** Workers, servers and Redis killed at random moments: every accepted job ends once, with the files of a run that nobody disturbed. */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isEnd } from '../../../src/jobs/states.js'
import { type Message, Peer, type TestServer } from '../../rpc/service-peer.js'
import { freePort, Machines, MISSING } from './machines.js'

const [JOBS, CANCELLED, KILLS] = [40, 4, 20]
const BIG = 100_000

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Numbers from 0 to 1 that a seed gives again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Digests of the files of a scripted run. */
function filesOf(steps: number): Record<string, string> {
  let digest = ''
  for (let step = 1; step <= steps; step++) digest = sha256(`${digest} ${step}`)
  const report = JSON.stringify({ step: steps, digest, face: -1 })
  return { 'face.glb': sha256(Buffer.alloc(BIG, 7)), 'report.json': sha256(report) }
}

test('nothing is lost, nothing is done twice as its owner sees it, and what was cancelled stops', async () => {
  const seed = Date.now() % 1_000_000
  const chance = random(seed)
  const among = (low: number, high: number): number => low + Math.floor(chance() * (high - low + 1))
  const ports = [await freePort(), await freePort()]
  const servers: { child: ChildProcess; server: TestServer }[] = []
  for (const port of ports) servers.push(await machines.serverProcess(port))
  const worker = () => machines.workerProcess({ concurrency: 2, checkpointMs: 25 })
  const workers = [await worker(), await worker()]

  /** A call as a client makes it who has lost the connection: again, to whichever server there is. */
  async function ask(method: string, params: object): Promise<Message> {
    for (let n = among(0, 1); ; n++) {
      const peer = await Peer.open(servers[n % 2].server).catch(() => undefined)
      try {
        const answer = await Promise.race([peer?.call(method, params), sleep(5000).then(() => undefined)])
        if (answer && (answer.result || !answer.error.data.retry)) return answer
      } catch {
        // the server was killed meanwhile
      } finally {
        peer?.close()
      }
      await sleep(50)
    }
  }
  async function create(n: number, steps: number): Promise<string> {
    const script = { steps, stepMs: 25, resultBytes: BIG }
    const image = { base64: Buffer.from(JSON.stringify(script)).toString('base64') }
    return (await ask('job/create', { image, idempotencyKey: `job ${n}` })).result.id
  }

  async function kill(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const killed = { worker: 0, server: 0, redis: 0 }
  const killing = (async () => {
    for (let n = 0; n < KILLS; n++) {
      await sleep(among(400, 1000))
      const [what, which] = [chance(), among(0, 1)]
      if (what < 0.4) {
        killed.worker++
        await kill(workers[which])
        workers[which] = await worker()
      } else if (what < 0.7) {
        killed.server++
        await kill(servers[which].child)
        servers[which] = await machines.serverProcess(ports[which])
      } else {
        killed.redis++
        await machines.redis.kill()
        await sleep(among(0, 500))
        await machines.redis.start()
      }
    }
  })()

  const accepted = new Map<string, number>()
  const given: string[] = []
  for (let n = 0; n < JOBS; n++) {
    if (n % (JOBS / CANCELLED) === 3) given.push(await create(n, 1_000_000))
    else {
      const steps = among(15, 45)
      accepted.set(await create(n, steps), steps)
    }
    await sleep(among(0, 300))
    if (n % (JOBS / CANCELLED) !== 6) continue
    const { result, error } = await ask('job/cancel', { job: given.at(-1) })
    // The answer to the first call may have been lost.
    expect(result?.state ?? error.data.detail.state, `seed ${seed}`).toBe('cancelled')
  }
  await killing

  for (const [job, steps] of accepted) {
    let state = ''
    for (const patience = performance.now() + 60_000; !isEnd(state as 'queued'); await sleep(100)) {
      state = (await ask('job/get', { job })).result.state
      if (performance.now() > patience) break
    }
    expect({ job, state }, `seed ${seed}`).toEqual({ job, state: 'completed' })
    const { files } = (await ask('job/result', { job })).result
    const digests = Object.fromEntries(files.map((file: { name: string; sha256: string }) => [file.name, file.sha256]))
    expect(digests, `seed ${seed}`).toEqual(filesOf(steps))
  }
  const peer = await machines.peer(servers[0].server)
  for (const job of [...accepted.keys(), ...given]) {
    await peer.ok('job/subscribe', { job, after: 0 })
    const ends = peer.notifications('job/state', job).filter(({ params }) => isEnd(params.state))
    expect(ends.length, `seed ${seed}`).toBe(1)
  }
  const [job] = accepted.keys()
  const { base64 } = await peer.ok('artifact/get', { job, artifact: 'final/report.json', delivery: 'base64' })
  expect(sha256(Buffer.from(base64, 'base64'))).toBe(filesOf(accepted.get(job)!)['report.json'])
  expect((await peer.ok('job/list', { limit: 100 })).jobs.length).toBe(JOBS)
  const health = await (await fetch(`${servers[0].server.url.replace('ws', 'http')}healthz`)).json()
  expect(health.jobs).toEqual({ completed: JOBS - CANCELLED, cancelled: CANCELLED })
  expect(killed.worker + killed.server + killed.redis).toBe(KILLS)
  await expect.poll(() => machines.waiting(), { timeout: 10_000 }).toEqual({ active: 0, waiting: 0, setAside: 0 })
}, 180_000)

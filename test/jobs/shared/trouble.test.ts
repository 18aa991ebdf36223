/** What goes wrong between machines: errors are typed, say what to do, and nothing that was accepted is lost. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Machines, MISSING, TestRedis } from './machines.js'

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))
const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

const image = { base64: Buffer.from('{"steps": 3}').toString('base64') }
/** Runs the command line until it has said its first line, or has ended. */
async function cli(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [CLI, ...args, '--json'], { env: { ...process.env, ...env } })
  const said = { out: '', err: '' }
  child.stdout.on('data', (text) => {
    said.out += text
  })
  child.stderr.on('data', (text) => {
    said.err += text
  })
  const ended = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), ended])
  const last = () => JSON.parse(said.out.trim().split('\n').at(-1) ?? '{}')
  return { child, said, ended, last }
}

describe('Redis', () => {
  test('that is away at the start, keeps nothing, or refuses the password: servers and workers say so', async () => {
    const worker = () => machines.worker().then(() => undefined)
    await machines.redis.kill()
    for (const start of [worker, () => machines.server()])
      await expect(start()).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
        message: expect.stringMatching(/ECONNREFUSED/),
      })
    await machines.redis.end()
    machines.redis = await TestRedis.start('--appendonly', 'no', '--maxmemory-policy', 'allkeys-lru')
    await expect(worker()).rejects.toThrow(/append-only file.*, and it drops keys/)
    await machines.worker({ withoutAof: true })
    await machines.end()
    machines = await Machines.start('--requirepass', 'secret')
    await expect(worker()).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
      message: expect.stringMatching(/SIDER_QUEUE_PASSWORD/),
    })
    vi.stubEnv('SIDER_QUEUE_PASSWORD', 'wrong')
    await expect(worker()).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
      message: expect.stringMatching(/SIDER_QUEUE_PASSWORD/),
    })
    vi.stubEnv('SIDER_QUEUE_PASSWORD', 'secret')
    await machines.worker()
    vi.unstubAllEnvs()
  })

  test('that goes away in mid-run: who asks is told, work goes on, and its end is told when Redis is back', async () => {
    const server = await machines.server()
    const peer = await machines.peer(server)
    await machines.worker()
    const job = await peer.create({ steps: 40, stepMs: 25 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
    await machines.redis.kill()
    const asked = performance.now()
    expect((await peer.fails('job/create', { image })).data).toMatchObject({ name: 'QUEUE_UNAVAILABLE', retry: true })
    expect((await peer.fails('job/cancel', { job })).data).toMatchObject({ name: 'QUEUE_UNAVAILABLE', retry: true })
    expect(performance.now() - asked).toBeLessThan(6000)
    expect((await fetch(`${server.url.replace('ws', 'http')}healthz`)).status).toBe(503)
    await sleep(1000) // the work ends meanwhile
    await machines.redis.start()
    await peer.state(job, 'completed')
    const runs = peer.notifications('job/state', job).filter(({ params }) => params.state === 'running')
    expect(runs.length).toBe(1)
    const finals = peer.notifications('job/artifact', job).filter(({ params }) => params.artifact.role === 'final')
    expect(finals.length).toBe(2)
    expect((await fetch(`${server.url.replace('ws', 'http')}healthz`)).status).toBe(200)
    expect(server.log.filter(({ event }) => event === 'fault')).toEqual([])
  })
})

test('without Redis, servers and workers end all the same when they are asked to', async () => {
  const server = await machines.server()
  const { worker } = await machines.worker({ graceMs: 500 })
  const peer = await machines.peer(server)
  const job = await peer.create({ steps: 1000, stepMs: 25 })
  await peer.ok('job/subscribe', { job })
  await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
  await machines.redis.kill()
  const asked = performance.now()
  await Promise.all([worker.stop(), server.close()])
  expect(performance.now() - asked).toBeLessThan(9000)
  await machines.redis.start()
  const again = await machines.peer(await machines.server())
  await machines.worker()
  await again.ok('job/subscribe', { job })
  await again.state(job, 'running')
})

describe('a shared folder', () => {
  test('that cannot be written: new jobs are refused, running ones wait for it', async () => {
    const peer = await machines.peer(await machines.server())
    const { log } = await machines.worker()
    const job = await peer.create({ steps: 15, stepMs: 25 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
    const folder = fileURLToPath(machines.storage)
    renameSync(folder, `${folder}-aside`)
    writeFileSync(folder, 'in the way')
    expect((await peer.fails('job/create', { image })).data).toMatchObject({ name: 'OUTPUT_UNWRITABLE', retry: true })
    await peer.until(() => log.some(({ event }) => event === 'waits'), 'the worker to wait')
    renameSync(folder, `${folder}-file`)
    renameSync(`${folder}-aside`, folder)
    await peer.state(job, 'completed')
  })

  test('that is away while a worker is stopped: it ends, and another goes on when it can', async () => {
    const peer = await machines.peer(await machines.server())
    const { worker, log } = await machines.worker({ graceMs: 500 })
    const job = await peer.create({ steps: 30, stepMs: 25 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
    const folder = fileURLToPath(machines.storage)
    renameSync(folder, `${folder}-aside`)
    writeFileSync(folder, 'in the way')
    await peer.until(() => log.some(({ event }) => event === 'waits'), 'the worker to wait')
    const asked = performance.now()
    await worker.stop()
    expect(performance.now() - asked).toBeLessThan(4000)
    renameSync(folder, `${folder}-file`)
    renameSync(`${folder}-aside`, folder)
    await machines.worker()
    await peer.state(job, 'completed')
  })

  test('whose photo was damaged: the job fails and says so', async () => {
    const peer = await machines.peer(await machines.server())
    const job = await peer.create({ steps: 2 })
    writeFileSync(join(fileURLToPath(machines.storage), 'jobs', job, 'photo'), 'something else')
    await peer.ok('job/subscribe', { job })
    await machines.worker()
    expect((await peer.state(job, 'failed')).params.error).toMatchObject({ name: 'IMAGE_UNREADABLE', retry: false })
  })

  test('whose checkpoint was damaged: the job starts again', async () => {
    const peer = await machines.peer(await machines.server())
    const first = await machines.worker()
    const job = await peer.create({ steps: 30, stepMs: 20 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
    await first.worker.stop()
    writeFileSync(join(fileURLToPath(machines.storage), 'jobs', job, 'checkpoint'), 'something else')
    await machines.worker()
    await peer.state(job, 'completed')
  })
})

test('a server whose clock is wrong: times are those of Redis, and nobody else is disturbed', async () => {
  const real = Date.now
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000)
  const peer = await machines.peer(await machines.server())
  await machines.workerProcess()
  const job = await peer.create({ steps: 3 })
  await peer.ok('job/subscribe', { job })
  await peer.state(job, 'completed')
  const { created, updated } = await peer.ok('job/get', { job })
  clock.mockRestore()
  expect(Math.abs(created - Date.now())).toBeLessThan(30_000)
  expect(updated).toBeGreaterThanOrEqual(created)
})

describe('the command line', () => {
  test('refuses secrets in addresses without repeating them, and half of what is needed', async () => {
    const storage = machines.storage
    const wrong: [string[], RegExp][] = [
      [['worker'], /needs a queue and a storage/],
      [['serve', '--queue', machines.redis.url], /needs a storage/],
      [['worker', '--queue', 'redis://:s3cret@localhost', '--storage', storage], /holds a secret/],
      [['worker', '--queue', 'http://localhost', '--storage', storage], /redis:\/\//],
      [['worker', '--queue', machines.redis.url, '--storage', 's3://s3cret:s3cret@bucket'], /more than bucket/],
    ]
    for (const [args, words] of wrong) {
      const { ended, said, last } = await cli([...args, '--data', join(machines.folder, 'cli')])
      expect((await ended)[0], args.join(' ')).toBe(2)
      expect(last().error).toMatchObject({ code: 'USAGE', message: expect.stringMatching(words) })
      expect(said.out + said.err).not.toContain('s3cret')
    }
  })

  test('works over TLS with a password, and ends by SIGTERM with its jobs handed back', async () => {
    await machines.end()
    const tls = ['--tls-cert-file', fixture('tls-cert.pem'), '--tls-key-file', fixture('tls-key.pem')]
    const port = ['--port', '0', '--tls-auth-clients', 'no', '--tls-ca-cert-file', fixture('tls-cert.pem')]
    machines = await Machines.start('--requirepass', 's3cret', ...tls, ...port, '--tls-port')
    const queue = `rediss://localhost:${machines.redis.port}`
    const env = { SIDER_QUEUE_PASSWORD: 's3cret', NODE_EXTRA_CA_CERTS: fixture('tls-cert.pem') }
    const both = ['--queue', queue, '--storage', machines.storage]
    const server = await cli(['serve', '--port', '0', ...both, '--data', join(machines.folder, 'cli')], env)
    const { url, tokenFile } = server.last()
    const peer = await machines.peerOf(url, tokenFile)
    const worker = await cli(['worker', ...both, '--data', join(machines.folder, 'cli-work')], env)
    expect(worker.last()).toEqual({ event: 'working', concurrency: 1 })
    const job = await peer.create({ steps: 1 }) // no photo: the real engine says so
    await peer.ok('job/subscribe', { job })
    expect((await peer.state(job, 'failed')).params.error.name).toBe('IMAGE_UNREADABLE')
    for (const { child, ended, said } of [worker, server]) {
      child.kill('SIGTERM')
      expect((await ended)[0]).toBe(0)
      expect(said.out + said.err).not.toContain('s3cret')
    }
  })
})

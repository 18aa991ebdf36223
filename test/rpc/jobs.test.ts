/** The job engine behind the server: states, order, crashes, restarts, late and slow subscribers. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { digest, report } from '../jobs/scripted-result.js'
import { closeAfterEach, endLater, enter, start } from './servers.js'
import { Peer, type TestServer, testServer } from './service-peer.js'

closeAfterEach()

describe('states', () => {
  test('a pause stops after the step, and going on makes the same result', async () => {
    const peer = await enter(await start())
    const job = await peer.create({ steps: 40, stepMs: 10 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 2, 'progress')
    expect((await peer.ok('job/pause', { job })).state).toBe('pausing')
    await peer.state(job, 'paused')
    const paused = await peer.ok('job/get', { job })
    await sleep(100)
    expect(await peer.ok('job/get', { job })).toEqual(paused)
    expect(paused.progress).toBeGreaterThan(0)
    await peer.ok('job/resume', { job })
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 40, digest: digest(40) })
  })

  test('a paused job leaves its place to the next', async () => {
    const peer = await enter(await start())
    const [first, second] = [await peer.create({ steps: 1000 }), await peer.create({ steps: 3 })]
    await peer.ok('job/subscribe', { job: first })
    await peer.ok('job/subscribe', { job: second })
    await peer.state(first, 'running')
    expect((await peer.ok('job/get', { job: second })).position).toBe(0)
    await peer.ok('job/pause', { job: first })
    await peer.state(second, 'completed')
    expect((await peer.ok('job/get', { job: first })).state).toBe('paused')
  })

  test('cancelled at once; with keep, completed with what there is', async () => {
    const server = await start()
    const peer = await enter(server)
    const job = await peer.create({ steps: 1000, stepMs: 50 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 0, 'progress')
    const asked = performance.now()
    expect((await peer.ok('job/cancel', { job })).state).toBe('cancelled')
    expect(performance.now() - asked).toBeLessThan(50)
    expect(readdirSync(join(server.dataFolder, 'jobs', job)).sort()).not.toContain('checkpoint.safetensors')
    const kept = await peer.create({ steps: 1000, stepMs: 5 })
    await peer.ok('job/subscribe', { job: kept })
    await peer.until(() => peer.notifications('job/progress', kept).length > 2, 'progress')
    expect((await peer.ok('job/cancel', { job: kept, keep: true })).state).toBe('finishing')
    await peer.state(kept, 'completed')
    const { step, digest: made } = await report(peer, kept)
    expect(step).toBeLessThan(1000)
    expect(made).toBe(digest(step))
  })

  test('the answer to a question is what the job works with', async () => {
    const peer = await enter(await start())
    const job = await peer.create({ faces: 3 }, { severalFaces: 'ask' })
    await peer.ok('job/subscribe', { job })
    const { params } = await peer.state(job, 'input_required')
    expect(params.question.faces.length).toBe(3)
    expect((await peer.fails('job/input', { job, face: 3 })).message).toMatch(/choose one from 0 to 2/)
    await peer.ok('job/input', { job, face: 2 })
    await peer.state(job, 'completed')
    expect((await report(peer, job)).face).toBe(2)
  })

  test('the same key makes one job, even twice at once', async () => {
    const peer = await enter(await start())
    const [a, b] = await Promise.all([
      peer.create({}, { idempotencyKey: 'same' }),
      peer.create({}, { idempotencyKey: 'same' }),
    ])
    expect(a).toBe(b)
    expect((await peer.ok('job/list')).jobs.length).toBe(1)
  })

  test('a list in pages', async () => {
    const peer = await enter(await start())
    const jobs: string[] = []
    for (let i = 0; i < 5; i++) jobs.push(await peer.create({ steps: 100 }))
    const first = await peer.ok('job/list', { limit: 2 })
    expect(first.jobs.map(({ id }: { id: string }) => id)).toEqual([jobs[4], jobs[3]])
    expect(first.more).toBe(true)
    const rest = await peer.ok('job/list', { before: jobs[3], states: ['queued'] })
    expect(rest.jobs.map(({ id }: { id: string }) => id)).toEqual([jobs[2], jobs[1]])
    expect(rest.more).toBe(false)
  })
})

describe('order and crashes', () => {
  test('tokens take turns', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    writeFileSync(join(dataFolder, 'token'), `ann ${'a'.repeat(40)}\nbob ${'b'.repeat(40)}\n`, { mode: 0o600 })
    const server = await start({ dataFolder })
    const [ann, bob] = [await enter(server), await enter(server, 'b'.repeat(40))]
    const anns = [await ann.create({}), await ann.create({}), await ann.create({})]
    const bobs = await bob.create({})
    for (const job of anns) await ann.ok('job/subscribe', { job, kinds: [] })
    await bob.ok('job/subscribe', { job: bobs, kinds: [] })
    await ann.state(anns[2], 'completed')
    await bob.state(bobs, 'completed')
    const started = server.log.filter(({ event }) => event === 'job started').map(({ job }) => job)
    expect(started).toEqual([anns[0], bobs, anns[1], anns[2]])
  })

  test('a worker that crashes is started again from its checkpoint; after three crashes the job has failed', async () => {
    const peer = await enter(await start())
    const job = await peer.create({ steps: 6, crashAt: 3, crashes: 1 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 6, digest: digest(6) })
    expect(peer.notifications('job/log', job).some(({ params }) => /ended unexpectedly/.test(params.message))).toBe(
      true,
    )
    const hopeless = await peer.create({ crashAtStart: true })
    await peer.ok('job/subscribe', { job: hopeless })
    const { params } = await peer.state(hopeless, 'failed')
    expect(params.error).toMatchObject({ code: 1205, name: 'WORKER_LOST', retry: true })
    expect(peer.notifications('job/state', hopeless).filter((one) => one.params.state === 'running').length).toBe(3)
  })
})

describe('subscribers', () => {
  test('late: the present state and the newest previews', async () => {
    const server = await start()
    const peer = await enter(server)
    const job = await peer.create({ steps: 200, stepMs: 10 })
    await sleep(600)
    const late = await enter(server)
    const { seq } = await late.ok('job/subscribe', { job })
    await late.until(() => late.notifications('job/artifact', job).length >= 2, 'previews')
    const first = late.notifications('job/state', job)[0]
    expect(first.params.state).toBe('running')
    expect(late.notifications('job/state', job).length).toBe(1)
    expect(seq).toBeGreaterThan(first.params.seq)
  })

  test('again, after a number: nothing twice, nothing that counts left out', async () => {
    const server = await start()
    const one = await enter(server)
    const job = await one.create({ steps: 60, stepMs: 5 })
    await one.ok('job/subscribe', { job })
    await one.until(() => one.notifications('job/progress', job).length > 3, 'progress')
    const last = Math.max(...one.messages.filter(({ method }) => method).map(({ params }) => params.seq))
    one.close()
    await sleep(50)
    const again = await enter(server)
    await again.ok('job/subscribe', { job, after: last })
    await again.state(job, 'completed')
    const all = again.messages.filter(({ method }) => method)
    expect(all.every(({ params }) => params.seq > last)).toBe(true)
    expect(again.notifications('job/gap')).toEqual([])
    const finals = again.notifications('job/artifact').filter(({ params }) => params.artifact.role === 'final')
    expect(finals.map(({ params }) => params.artifact.name)).toEqual(['face.glb', 'report.json'])
  })

  test('what is no longer kept is announced, and the present follows', async () => {
    const server = await start({ eventsKept: 3 })
    const peer = await enter(server)
    const job = await peer.create({ steps: 2 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    const late = await enter(server)
    await late.ok('job/subscribe', { job, after: 1 })
    const gap = (await late.until(() => late.notifications('job/gap')[0], 'a gap')).params
    expect(gap.from).toBe(2)
    expect(gap.to).toBeGreaterThan(2)
    expect(late.notifications('job/state').at(-1)?.params.state).toBe('completed')
  })

  test('a least interval thins out previews and progress, and still tells the end', async () => {
    const peer = await enter(await start())
    const job = await peer.create({ steps: 50, stepMs: 10 })
    await peer.ok('job/subscribe', { job, minIntervalMs: 200 })
    await peer.state(job, 'completed')
    expect(peer.notifications('job/progress', job).length).toBeLessThan(15)
    expect(peer.notifications('job/progress', job).length).toBeGreaterThan(1)
  })

  test('one that does not read gets the newest when it reads again, and holds up nobody', async () => {
    const server = await start()
    const slow = await enter(server)
    const quick = await enter(server)
    const job = await slow.create({ steps: 150, stepMs: 10, previewBytes: 1_000_000 })
    await slow.ok('job/subscribe', { job })
    await quick.ok('job/subscribe', { job, kinds: ['mesh'] })
    slow.socket.pause()
    const times: number[] = []
    const ended = () => quick.notifications('job/state', job).some(({ params }) => params.state === 'completed')
    while (!ended()) {
      const asked = performance.now()
      await quick.ok('ping')
      times.push(performance.now() - asked)
      await sleep(5)
    }
    const memory = process.memoryUsage().rss
    slow.socket.resume()
    await slow.state(job, 'completed')
    const meshes = (peer: Peer) =>
      peer.notifications('job/artifact', job).filter(({ params }) => params.artifact.name === 'mesh')
    expect(meshes(quick).length).toBeGreaterThan(100)
    expect(meshes(slow).length).toBeLessThan(meshes(quick).length / 2)
    expect(slow.notifications('job/state', job).map(({ params }) => params.state)).toContain('completed')
    expect(times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]).toBeLessThan(100)
    expect(memory).toBeLessThan(2 ** 30)
  })
})

describe('retention', () => {
  test('ended jobs go when they are too old', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const first = await testServer({ dataFolder })
    const peer = await Peer.open(first)
    const job = await peer.create({ steps: 1 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    peer.close()
    await first.close()
    const second = await start({ dataFolder, keepBytes: 1 })
    const again = await enter(second)
    await again.until(() => !existsSync(join(dataFolder, 'jobs', job)), 'the deletion')
    expect((await again.ok('job/list')).jobs).toEqual([])
  })
})

describe('restarts', () => {
  test('killed between the record and its events: the end is told by the next server', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const first = await testServer({ dataFolder })
    const peer = await Peer.open(first)
    const job = await peer.create({ steps: 2 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    await first.close()
    const file = join(dataFolder, 'jobs', job, 'events.jsonl')
    const early = readFileSync(file, 'utf8').split('\n').slice(0, 2)
    writeFileSync(file, `${early.join('\n')}\n{"method":"job/st`)
    const second = await enter(await start({ dataFolder }))
    await second.ok('job/subscribe', { job })
    await second.state(job, 'completed')
    const finals = second.notifications('job/artifact').map(({ params }) => params.artifact.name)
    expect(finals).toEqual(['face.glb', 'report.json'])
  })

  const SERVER = fileURLToPath(new URL('./scripted-server.mjs', import.meta.url))

  async function launch(dataFolder: string): Promise<{ child: ChildProcess; server: TestServer }> {
    const child = spawn(process.execPath, [SERVER, dataFolder], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const { url } = JSON.parse(line.toString())
    const token = readFileSync(join(dataFolder, 'token'), 'utf8').trim()
    return { child, server: { url, token, dataFolder, tokenFile: '', log: [], close: async () => {} } }
  }

  test('a server that is stopped leaves its jobs with checkpoints to the next', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const first = await testServer({ dataFolder })
    const peer = await Peer.open(first)
    const job = await peer.create({ steps: 60, stepMs: 10 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 3, 'progress')
    await first.close()
    expect((await peer.until(() => peer.closed, 'the end')).code).toBe(1001)
    const second = await enter(await start({ dataFolder }))
    await second.ok('job/subscribe', { job })
    await second.state(job, 'completed')
    expect(await report(second, job)).toMatchObject({ step: 60, digest: digest(60) })
  })

  test('killed twenty times at random moments, it loses no accepted job', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const accepted = new Map<string, number>()
    for (let round = 0; round < 20; round++) {
      const { child, server } = await launch(dataFolder)
      const peer = await Peer.open(server)
      const killAt = performance.now() + 50 + Math.random() * 450
      const creating = (async () => {
        for (let i = 0; i < 3; i++) {
          const steps = 20 + Math.floor(Math.random() * 40)
          accepted.set(await peer.create({ steps, stepMs: 8 }), steps)
        }
      })().catch(() => {})
      await sleep(killAt - performance.now())
      child.kill('SIGKILL')
      await once(child, 'exit')
      peer.close()
      await Promise.race([creating, sleep(10)])
    }
    const { child, server } = await launch(dataFolder)
    endLater(() => void child.kill('SIGKILL'))
    const peer = await enter(server)
    expect(accepted.size).toBeGreaterThan(10)
    for (const [job, steps] of accepted) {
      await peer.ok('job/subscribe', { job, kinds: [] })
      await peer.until(
        () => peer.notifications('job/state', job).some(({ params }) => params.state === 'completed'),
        job,
        90_000,
      )
      expect(await report(peer, job)).toMatchObject({ step: steps, digest: digest(steps) })
    }
    const numbers = peer.notifications('job/state').map(({ params }) => params.seq)
    expect(numbers.every((seq) => seq > 0)).toBe(true)
  }, 240_000)

  test('two servers never share a data folder', async () => {
    const server = await start()
    const child = spawn(process.execPath, [SERVER, server.dataFolder], { stdio: ['ignore', 'ignore', 'pipe'] })
    const [text] = (await once(child.stderr!, 'data')) as [Buffer]
    expect(text.toString()).toMatch(/in use by process/)
    child.kill('SIGKILL')
  })
})

/** Jobs over a queue that several machines share: any server answers for them, any worker works on them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digest, report } from '../scripted-result.js'
import { Machines, MISSING } from './machines.js'

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

const started = (log: Record<string, unknown>[]) =>
  log.filter(({ event }) => event === 'job started').map(({ job }) => job)

describe('any server', () => {
  test('shows, pauses, resumes and reads a job that another has made', async () => {
    const [one, two] = [await machines.server(), await machines.server()]
    await machines.worker()
    const [a, b] = [await machines.peer(one), await machines.peer(two)]
    const job = await a.create({ steps: 60, stepMs: 20 })
    await b.ok('job/subscribe', { job })
    await b.until(() => b.notifications('job/progress', job).length > 2, 'progress')
    const names = () => b.notifications('job/artifact', job).map(({ params }) => params.artifact.name)
    await b.until(() => names().includes('mesh') && names().includes('normals'), 'previews')
    const [{ params }] = b.notifications('job/artifact', job)
    const { artifact } = await a.ok('artifact/get', { job, artifact: params.artifact.id }).catch(() => params)
    expect(artifact.bytes).toBe(params.artifact.bytes)
    const asked = performance.now()
    await b.ok('job/pause', { job })
    await b.state(job, 'paused')
    expect(performance.now() - asked).toBeLessThan(2000)
    await a.ok('job/resume', { job })
    await b.state(job, 'completed')
    expect(await report(b, job)).toMatchObject({ step: 60, digest: digest(60) })
    expect((await b.ok('job/list')).jobs).toEqual((await a.ok('job/list')).jobs)
    expect((await a.ok('job/result', { job })).files.length).toBe(2)
    const numbers = b.notifications('job/state').map(({ params }) => params.seq)
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y))
  })

  test('cancels a job where it runs, within two seconds; with keep it completes with what there is', async () => {
    const [one, two] = [await machines.server(), await machines.server()]
    const { log } = await machines.worker()
    const [a, b] = [await machines.peer(one), await machines.peer(two)]
    const job = await a.create({ steps: 10_000, stepMs: 20 })
    await a.ok('job/subscribe', { job })
    await a.until(() => a.notifications('job/progress', job).length > 0, 'progress')
    expect((await b.ok('job/cancel', { job })).state).toBe('cancelled')
    const next = await a.create({ steps: 10_000, stepMs: 20 })
    const asked = performance.now()
    await a.until(() => started(log).includes(next), 'the place of the cancelled one')
    expect(performance.now() - asked).toBeLessThan(2000)
    await a.ok('job/subscribe', { job: next })
    await a.until(() => a.notifications('job/progress', next).length > 2, 'progress')
    expect((await b.ok('job/cancel', { job: next, keep: true })).state).toBe('finishing')
    await a.state(next, 'completed')
    const { step, digest: made } = await report(b, next)
    expect(step).toBeLessThan(1000)
    expect(made).toBe(digest(step))
  })

  test('answers a question, and makes one job of one key, even at two servers at once', async () => {
    const [one, two] = [await machines.server(), await machines.server()]
    await machines.worker()
    const [a, b] = [await machines.peer(one), await machines.peer(two)]
    const key = { severalFaces: 'ask', idempotencyKey: 'same' }
    const [job, twin] = await Promise.all([a.create({ faces: 3 }, key), b.create({ faces: 3 }, key)])
    expect(twin).toBe(job)
    await a.ok('job/subscribe', { job })
    await a.state(job, 'input_required')
    expect((await b.fails('job/input', { job, face: 3 })).data.name).toBe('FACE_NOT_LISTED')
    await b.ok('job/input', { job, face: 2 })
    await a.state(job, 'completed')
    expect((await report(b, job)).face).toBe(2)
    expect((await b.fails('job/input', { job, face: 1 })).data.name).toBe('WRONG_STATE')
    expect((await b.ok('job/list')).jobs.length).toBe(1)
  })

  test('shows nobody the jobs of others, and deletes all of a job', async () => {
    machines.tokens({ ann: 'a'.repeat(40), bob: 'b'.repeat(40) })
    const server = await machines.server()
    await machines.worker()
    const [ann, bob] = [await machines.peer(server), await machines.peer(server, 'b'.repeat(40))]
    const job = await ann.create({ steps: 2 })
    for (const method of ['job/get', 'job/cancel', 'job/subscribe', 'job/delete'])
      expect((await bob.fails(method, { job })).data.name).toBe('NO_SUCH_JOB')
    await ann.ok('job/subscribe', { job })
    await ann.state(job, 'completed')
    const results = ['photo', 'results/digest', 'results/digest']
    const kept = () => machines.stored(job).map((name) => name.replace(/[0-9a-f]{64}/, 'digest'))
    await ann.until(() => kept().length === results.length, 'the rest is cleared')
    expect(kept()).toEqual(results)
    await ann.ok('job/delete', { job })
    expect(machines.stored(job)).toEqual([])
    expect((await ann.fails('job/get', { job })).data.name).toBe('NO_SUCH_JOB')
    expect((await ann.ok('job/list')).jobs).toEqual([])
  })

  test('tells late subscribers what they have missed, and what is no longer kept', async () => {
    const server = await machines.server({ eventsKept: 3 })
    await machines.worker({ eventsKept: 3 })
    const peer = await machines.peer(server)
    const job = await peer.create({ steps: 2 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    const late = await machines.peer(server)
    await late.ok('job/subscribe', { job, after: 1 })
    const { params } = await late.until(() => late.notifications('job/gap')[0], 'a gap')
    expect(params.from).toBe(2)
    expect(late.notifications('job/state').at(-1)?.params.state).toBe('completed')
    const seq = peer.notifications('job/state', job).at(-1)!.params.seq
    const later = await machines.peer(server)
    await later.ok('job/subscribe', { job, after: seq - 1 })
    expect(later.messages.filter(({ method }) => method).map(({ params }) => params.seq)).toEqual([seq])
  })

  test('deletes ended jobs that are too old, and photos that never became a job', async () => {
    const peer = await machines.peer(await machines.server())
    await machines.worker()
    const job = await peer.create({ steps: 1 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    await machines.server({ keepBytes: 1 })
    await peer.until(() => machines.stored(job).length === 0, 'the deletion')
    expect((await peer.ok('job/list')).jobs).toEqual([])
    const full = await machines.peer(await machines.server({ maxQueued: 0 }))
    const image = { base64: Buffer.from('{}').toString('base64') }
    expect((await full.fails('job/create', { image })).data.name).toBe('QUEUE_FULL')
    expect(machines.stored('')).toEqual([])
  })
})

describe('order', () => {
  test('tokens take turns, and higher priorities go first', async () => {
    machines.tokens({ ann: 'a'.repeat(40), bob: 'b'.repeat(40) })
    const server = await machines.server()
    const [ann, bob] = [await machines.peer(server), await machines.peer(server, 'b'.repeat(40))]
    const anns: string[] = []
    for (let n = 0; n < 4; n++) anns.push(await ann.create({ steps: 1 }))
    const [bob1, bob2] = [await bob.create({ steps: 1 }), await bob.create({ steps: 1 })]
    const low = await bob.create({ steps: 1 }, { priority: 'low' })
    const high = await ann.create({ steps: 1 }, { priority: 'high' })
    const order = [high, anns[0], bob1, anns[1], bob2, anns[2], anns[3], low]
    const known = [...(await ann.ok('job/list')).jobs, ...(await bob.ok('job/list')).jobs]
    const position = (job: string) => known.find(({ id }) => id === job).position
    expect(order.map(position)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    const { log } = await machines.worker()
    await bob.ok('job/subscribe', { job: low })
    await bob.state(low, 'completed')
    expect(started(log)).toEqual(order)
  })
})

describe('a worker', () => {
  test('that is stopped saves a checkpoint and hands its job back at once', async () => {
    const peer = await machines.peer(await machines.server())
    const first = await machines.worker()
    const job = await peer.create({ steps: 100, stepMs: 20 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 3, 'progress')
    await first.worker.stop()
    const back = await peer.ok('job/get', { job })
    expect(back).toMatchObject({ state: 'queued', position: 0 })
    await machines.worker()
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 100, digest: digest(100) })
    const fractions = peer.notifications('job/progress', job).map(({ params }) => params.fraction)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b)) // nothing was begun again
    expect(peer.notifications('job/log', job).filter(({ params }) => params.level === 'warning').length).toBe(1) // the script's
  })

  test('that is killed loses what came after its last checkpoint alone', async () => {
    const peer = await machines.peer(await machines.server())
    const child = await machines.workerProcess()
    const job = await peer.create({ steps: 160, stepMs: 50 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).at(-1)?.params.iteration > 20, 'progress')
    child.kill('SIGKILL')
    const { log } = await machines.worker()
    await peer.until(() => started(log).includes(job), 'another worker')
    const before = peer.notifications('job/progress', job).length
    await peer.until(() => peer.notifications('job/progress', job).length > before, 'progress again')
    // Checkpoints go to the storage ten times a second here; a step takes 50 ms.
    expect(peer.notifications('job/progress', job)[before].params.iteration).toBeGreaterThan(15)
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 160, digest: digest(160) })
    expect(peer.notifications('job/log', job).some(({ params }) => /worker is gone/.test(params.message))).toBe(true)
  })

  test('whose process crashes goes on; a job that does so three times is set aside with its reason', async () => {
    const peer = await machines.peer(await machines.server())
    await machines.worker()
    const job = await peer.create({ steps: 6, crashAt: 3, crashes: 1 })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 6, digest: digest(6) })
    const hopeless = await peer.create({ crashAtStart: true })
    await peer.ok('job/subscribe', { job: hopeless })
    const { params } = await peer.state(hopeless, 'failed')
    expect(params.error).toMatchObject({ code: 1205, name: 'WORKER_LOST', retry: true })
    const runs = peer.notifications('job/state', hopeless).filter((one) => one.params.state === 'running')
    expect(runs.length).toBe(3)
    await sleep(200)
    expect(await machines.setAside()).toEqual([{ job: hopeless, why: `${hopeless} ended its workers again and again` }])
  })

  test('that a job kills again and again, with its machine, does not get it a fourth time', async () => {
    const peer = await machines.peer(await machines.server())
    const job = await peer.create({ steps: 1000, stepMs: 100_000 }) // never gets anywhere
    await peer.ok('job/subscribe', { job })
    for (let n = 1; n <= 3; n++) {
      const child = await machines.workerProcess({ lockMs: 1000 })
      await peer.until(
        () => peer.notifications('job/state', job).filter(({ params }) => params.state === 'running').length === n,
        `run ${n}`,
      )
      child.kill('SIGKILL')
    }
    await machines.worker()
    expect((await peer.state(job, 'failed')).params.error.name).toBe('WORKER_LOST')
    await sleep(200)
    expect((await machines.setAside()).map(({ job }) => job)).toEqual([job])
  })

  test('of several places works on as many jobs', async () => {
    const peer = await machines.peer(await machines.server())
    await machines.worker({ concurrency: 3 })
    const jobs = []
    for (let n = 0; n < 3; n++) jobs.push(await peer.create({ steps: 40, stepMs: 25 }))
    for (const job of jobs) await peer.ok('job/subscribe', { job })
    const running = () => peer.notifications('job/state').filter(({ params }) => params.state === 'running').length
    await peer.until(() => running() === 3, 'three at once')
    expect(peer.notifications('job/state').some(({ params }) => params.state === 'completed')).toBe(false)
    for (const job of jobs) await peer.state(job, 'completed')
  })
})

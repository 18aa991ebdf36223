/** Photos, checkpoints, previews and results in a storage that speaks S3; what happens when it has troubles. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStorage } from '../../../src/jobs/shared/open-storage.js'
import type { Peer } from '../../rpc/service-peer.js'
import { Machines } from './machines.js'
import { MISSING, StorageServer } from './storage-server.js'

let machines: Machines
let storage: StorageServer
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
  storage = await StorageServer.start()
  machines.storage = storage.address
})
afterEach(async () => {
  if (storage) storage.trouble = 'none'
  await machines?.end()
  storage?.end()
})

const image = { base64: Buffer.from('{"steps": 3}').toString('base64') }
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    ({ code }) => code,
  )
const warnings = (peer: Peer, job: string): string[] =>
  peer
    .notifications('job/log', job)
    .filter(({ params }) => params.level === 'warning')
    .map(({ params }) => params.message)

describe('a job', () => {
  test('is seen, read in parts, and deleted; another worker goes on from the checkpoint of one that was killed', async () => {
    const peer = await machines.peer(await machines.server())
    const child = await machines.workerProcess()
    const job = await peer.create({ steps: 50, stepMs: 50, resultBytes: 2_500_000 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).at(-1)?.params.iteration > 15, 'progress')
    await peer.until(() => peer.frames.length > 1, 'previews')
    expect(await storage.stored(job)).toEqual(['checkpoint', 'photo', 'previews/mesh', 'previews/normals'])
    child.kill('SIGKILL')
    await machines.worker()
    await peer.state(job, 'completed')
    await expect.poll(() => storage.stored(job).then(({ length }) => length)).toBe(3) // the photo and two files
    const steps = peer.notifications('job/progress', job).map(({ params }) => params.iteration)
    const again = steps.findIndex((step, i) => step < steps[i - 1])
    expect(steps[again] ?? 50).toBeGreaterThan(5) // not from the start
    const before = peer.frames.length
    const { transfer, artifact } = await peer.ok('artifact/get', { job, artifact: 'final/face.glb' })
    const parts = () => peer.frames.slice(before).filter(({ header }) => header.id === transfer)
    await peer.until(() => parts().at(-1)?.header.sha256, 'the file')
    const bytes = Buffer.concat(parts().map(({ payload }) => payload))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact.sha256)
    await peer.ok('job/delete', { job })
    expect(await storage.stored(job)).toEqual([])
  })

  test.each(['away', 'full', 'read-only'] as const)(
    'waits for a storage that is %s, and so do new ones',
    async (trouble) => {
      const peer = await machines.peer(await machines.server())
      const { log } = await machines.worker()
      const job = await peer.create({ steps: 10, stepMs: 50 })
      await peer.ok('job/subscribe', { job })
      await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
      storage.trouble = trouble
      expect((await peer.fails('job/create', { image })).data).toMatchObject({
        name: 'STORAGE_UNAVAILABLE',
        retry: true,
      })
      await peer.until(() => log.some(({ event }) => event === 'waits'), 'the worker to wait')
      await peer.until(() => warnings(peer, job).some((text) => /the job waits$/.test(text)), 'its owner to be told')
      expect((await peer.ok('job/get', { job })).state).toBe('running')
      storage.trouble = 'none'
      await peer.state(job, 'completed')
      const next = (await peer.ok('job/create', { image })).id
      await peer.ok('job/subscribe', { job: next })
      await peer.state(next, 'completed')
    },
  )

  test('that waits for a storage is cancelled, and its place given to others, all the same', async () => {
    const peer = await machines.peer(await machines.server())
    const { log } = await machines.worker()
    const job = await peer.create({ steps: 10, stepMs: 20 })
    await peer.ok('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/progress', job).length > 1, 'progress')
    storage.trouble = 'full'
    await peer.until(() => log.some(({ event }) => event === 'waits'), 'the worker to wait')
    expect((await peer.ok('job/cancel', { job })).state).toBe('cancelled')
    storage.trouble = 'none'
    const next = await peer.create({ steps: 2 })
    await peer.ok('job/subscribe', { job: next })
    await peer.state(next, 'completed')
  })

  test('is made and watched over a slow storage, which holds up nobody who asks', async () => {
    const peer = await machines.peer(await machines.server())
    await machines.worker()
    const job = await peer.create({ steps: 60, stepMs: 20 })
    storage.trouble = 'slow'
    await peer.ok('job/subscribe', { job })
    const times: number[] = []
    while (!peer.notifications('job/state', job).some(({ params }) => params.state === 'completed')) {
      const asked = performance.now()
      await peer.ok('job/get', { job })
      times.push(performance.now() - asked)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)]).toBeLessThan(200)
    expect(peer.notifications('job/progress', job).length).toBeGreaterThan(2)
    const previews = peer.notifications('job/artifact', job).filter(({ params }) => params.artifact.role === 'preview')
    expect(previews.length).toBeGreaterThan(0)
    expect(previews.length).toBeLessThan(20) // the newest, not all 120
  })
})

describe('at the start', () => {
  test('a bucket that is not there, and addresses that are none, are named', async () => {
    expect(await codeOf(openStorage('s3://no-such-bucket/x'))).toBe('STORAGE_UNAVAILABLE')
    await expect(openStorage('s3://no-such-bucket/x')).rejects.toThrow(/no-such-bucket.*NoSuchBucket/)
    for (const address of ['bucket', 'https://host/bucket', 's3://', 's3://key:secret@bucket', 's3://bucket?key=x'])
      expect(await codeOf(openStorage(address)), address).toBe('USAGE')
  })

  test('one that refuses to be written, or cannot be reached, is named', async () => {
    storage.trouble = 'read-only'
    await expect(openStorage(storage.address)).rejects.toThrow(/AccessDenied/)
    storage.trouble = 'away'
    expect(await codeOf(openStorage(storage.address))).toBe('STORAGE_UNAVAILABLE')
  })

  test('wrong keys are named, and never repeated', async () => {
    const strict = await StorageServer.start({ checksKeys: true })
    try {
      const error = await openStorage(strict.address).catch((one) => one)
      expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
      expect(error.message).toMatch(/InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied/)
      expect(JSON.stringify(error) + error.message).not.toContain('secret')
    } finally {
      strict.end()
    }
  })
})

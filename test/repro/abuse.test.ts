/** What one client can do to the others: messages that cost much, queues that grow long, photos that are never finished. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nearestName } from '../../src/engine/nearest-name.js'
import type { Entry } from '../../src/jobs/entry.js'
import { WaitingJobs } from '../../src/jobs/waiting.js'
import { PART_BYTES } from '../../src/rpc/frames.js'
import { closeAfterEach, enter, start } from '../rpc/servers.js'
import { Peer, type TestServer, testServer } from '../rpc/service-peer.js'

closeAfterEach()

const wide = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`unknown${i}`, i]))

describe('messages that cost much', () => {
  /** Processor milliseconds that the process, server and client in one, takes for something. */
  const cost = async (work: () => Promise<unknown>): Promise<number> => {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }

  test('a ping with 80,000 unknown params, without a token', async () => {
    const server = await start()
    const peer = await Peer.connect(server.url)
    const spent = await cost(async () => {
      peer.socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: wide(80_000) }))
      expect((await peer.until(() => peer.closed, 'the end')).code).toBe(1009)
    })
    expect(spent).toBeLessThan(1500) // it took 46 s
  })

  test.each([
    ['unknown params', 'ping', wide(10_000)],
    ['unknown fields of a field', 'initialize', { protocol: 1, token: 'x', client: wide(10_000) }],
    ['a list of what is wrong', 'job/list', { states: Array(19_000).fill('x') }],
    ['kinds that do not exist', 'job/subscribe', { job: 'a', kinds: Array(19_000).fill('x') }],
    ['unknown settings', 'job/create', { image: { base64: 'AAAA' }, settings: { detail: wide(10_000) } }],
    ['a setting with a long name', 'job/create', { image: { base64: 'AAAA' }, settings: { ['s'.repeat(200_000)]: 1 } }],
    ['a preset with a long name', 'job/create', { image: { base64: 'AAAA' }, preset: 'p'.repeat(200_000) }],
  ])('%s, with a token: refused in a moment, in few words', async (_, method, params) => {
    const peer = await enter(await start())
    const spent = await cost(async () => {
      const { error } = await peer.call(method, params)
      expect(['PARAMS', 'USAGE', 'NOT_INITIALISED']).toContain(error.data.name)
      expect(JSON.stringify(error).length).toBeLessThan(5000)
    })
    expect(spent).toBeLessThan(1000)
  })

  test('too many values, too long a text, too long an id: not even looked at', async () => {
    const peer = await enter(await start())
    const refused = async (text: string) => {
      const before = peer.messages.length
      peer.socket.send(text)
      return (await peer.until(() => peer.messages.length > before && peer.messages.at(-1), 'an answer'))?.error
    }
    expect((await refused(`[${'1,'.repeat(30_000)}1]`)).message).toBe('too many values')
    const long = { jsonrpc: '2.0', id: 5, method: 'job/get', params: { job: 'x'.repeat(300_000) } }
    expect((await refused(JSON.stringify(long))).data.name).toBe('TOO_LARGE')
    expect((await refused(JSON.stringify({ ...long, id: 'x'.repeat(1000), params: {} }))).data.name).toBe('REQUEST')
  })

  test('several problems of a message as people write them are all told, as before', async () => {
    const peer = await enter(await start())
    const error = await peer.fails('job/create', { image: { base64: '%' }, presett: 'a', severalFaces: 'all' })
    const paths = error.data.problems.map(({ path }: { path: string }) => path)
    expect(paths).toEqual(expect.arrayContaining(['params.presett', 'params.severalFaces', 'params.image.base64']))
  })

  test('before initialize a client may send little, in however many messages', async () => {
    const server = await start()
    const large = await Peer.connect(server.url)
    large.socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(5000) } }))
    expect((await large.until(() => large.closed, 'the end')).code).toBe(1009)
    const many = await Peer.connect(server.url)
    const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(2000) } })
    for (let i = 0; i < 100; i++) many.socket.send(ping)
    expect((await many.until(() => many.closed, 'the end')).code).toBe(1009)
    const fragments = await Peer.connect(server.url)
    for (let i = 0; i < 300; i++) fragments.socket.send('x'.repeat(1000), { fin: false })
    expect((await fragments.until(() => fragments.closed, 'the end')).code).toBe(1009)
  })

  test('nobody means a name by something endless', () => {
    expect(nearestName('x'.repeat(1_000_000), ['networks.detail.rays'])).toBeUndefined()
  })
})

describe('a long queue', () => {
  /** Jobs of some owners that wait, and the order by the rule that the queue's index follows. */
  const rounds = (owners: number[]): { waiting: WaitingJobs; expected: Entry[] } => {
    const waiting = new WaitingJobs()
    const expected: Entry[] = []
    const lists = owners.map((count, owner) =>
      Array.from({ length: count }, (_, i) => {
        const record = { owner: `owner ${owner}`, state: 'queued', queued: i }
        return { record, launched: false } as unknown as Entry
      }),
    )
    for (const list of lists) for (const entry of list.toReversed()) waiting.update(entry)
    for (let round = 0; expected.length < owners.reduce((a, b) => a + b); round++)
      expected.push(...lists.flatMap((list) => list.slice(round, round + 1)))
    return { waiting, expected }
  }

  test('owners take turns, and everybody’s place is that in which they are started', () => {
    const { waiting, expected } = rounds([5, 1, 3, 2])
    expect(expected.map((entry) => waiting.position(entry))).toEqual(expected.map((_, i) => i))
    // one in the middle leaves
    const [gone] = expected.splice(6, 1)
    ;(gone.record as { state: string }).state = 'paused'
    waiting.update(gone)
    expect(waiting.position(gone)).toBeUndefined()
    const started: Entry[] = []
    for (let next = waiting.next(); next; next = waiting.next()) {
      started.push(next)
      next.launched = true
      waiting.serve(next)
      waiting.update(next)
    }
    expect(started).toHaveLength(expected.length)
    expect(waiting.size).toBe(0)
    const turns = started.map(({ record }) => record.owner)
    expect(turns.slice(0, 4)).toEqual(['owner 0', 'owner 1', 'owner 2', 'owner 3'])
  })

  test('a place of ten thousand costs what one of a hundred does', () => {
    const time = (count: number): number => {
      const { waiting, expected } = rounds([count])
      waiting.position(expected[0])
      const started = process.cpuUsage()
      for (let i = 0; i < 20_000; i++) waiting.position(expected[i % count])
      const { user, system } = process.cpuUsage(started)
      return user + system
    }
    time(100)
    expect(time(10_000) / time(100)).toBeLessThan(10) // it was a hundred, and sorting
  })
})

describe('photos that are never finished', () => {
  const temporaries = (server: TestServer) => readdirSync(join(server.dataFolder, 'tmp'))
  const part = new Uint8Array(PART_BYTES)

  test('are limited over all clients', async () => {
    const server = await start({ photoBytes: 4 * PART_BYTES, uploadBytes: 6 * PART_BYTES })
    const [one, two] = [await enter(server), await enter(server)]
    await one.ok('upload/begin', { bytes: 4 * PART_BYTES })
    const error = await two.fails('upload/begin', { bytes: 4 * PART_BYTES })
    expect(error.data).toMatchObject({ name: 'RATE', retry: true })
    expect(error.message).toMatch(/unfinished uploads of all clients/)
    one.close()
    await two.until(() => one.closed, 'the end')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await two.ok('upload/begin', { bytes: 4 * PART_BYTES })
  })

  test('are in files, which go with their time and with their client', async () => {
    const server = await start({ uploadMs: 1000 })
    const peer = await enter(server)
    const { upload, parts } = await peer.ok('upload/begin', { bytes: 3 * PART_BYTES })
    peer.upload(upload, 0, parts, part)
    peer.upload(upload, 1, parts, part)
    await peer.ok('ping')
    expect(temporaries(server)).toHaveLength(1)
    await peer.until(() => temporaries(server).length === 0, 'the deletion')
    expect((await peer.fails('job/create', { image: { upload } })).data.name).toBe('NO_SUCH_UPLOAD')
    const again = await peer.ok('upload/begin', { bytes: 3 * PART_BYTES })
    peer.upload(again.upload, 0, parts, part)
    await peer.ok('ping')
    expect(temporaries(server)).toHaveLength(1)
    peer.close()
    await peer.until(() => temporaries(server).length === 0, 'the deletion')
  })

  test('a finished one becomes the photo of a job, byte by byte, and leaves nothing behind', async () => {
    const server = await start()
    const peer = await enter(server)
    const script = Buffer.alloc(2 * PART_BYTES + 5, ' ')
    script.write(JSON.stringify({ steps: 1 }))
    const { upload, parts } = await peer.ok('upload/begin', { bytes: script.length })
    for (let i = 0; i < parts; i++) peer.upload(upload, i, parts, script.subarray(i * PART_BYTES, (i + 1) * PART_BYTES))
    const { id: job } = await peer.ok('job/create', { image: { upload } })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    expect(readFileSync(join(server.dataFolder, 'jobs', job, 'photo')).equals(script)).toBe(true)
    expect(temporaries(server)).toEqual([])
  })

  test('nor may a message be left unfinished', async () => {
    const server = await start({ heartbeatMs: 200 })
    const peer = await enter(server)
    await new Promise((resolve) => setTimeout(resolve, 700)) // who is quiet is no offender
    expect(peer.closed).toBeUndefined()
    for (let i = 0; i < 10; i++) peer.socket.send('x'.repeat(100_000), { fin: false })
    expect((await peer.until(() => peer.closed, 'the end')).code).toBe(1008)
  })

  test('one that a job refuses leaves nothing behind', async () => {
    const server = await start()
    const peer = await enter(server)
    const { upload } = await peer.ok('upload/begin', { bytes: 2 })
    peer.upload(upload, 0, 1, Buffer.from('{}'))
    expect((await peer.fails('job/create', { image: { upload }, preset: 'none' })).data.name).toBe('USAGE')
    expect(temporaries(server)).toEqual([])
  })

  test('what a killed server left of them is deleted by the next, and others’ files are not', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const first = await testServer({ dataFolder })
    await first.close()
    const { mkdirSync, writeFileSync } = await import('node:fs')
    const folder = join(dataFolder, 'tmp')
    writeFileSync(join(folder, crypto.randomUUID()), 'half a photo')
    mkdirSync(join(folder, crypto.randomUUID()))
    writeFileSync(join(folder, 'mine.txt'), 'mine')
    await start({ dataFolder })
    expect(readdirSync(folder)).toEqual(['mine.txt'])
  })
})

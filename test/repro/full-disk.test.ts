/** A disk that is full or cannot be written: who asks is told so by name, states are told, and nothing ends the server. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fill, type SmallDisk, smallDisk } from '../../scripts/torture/disks.js'
import { SiderError } from '../../src/engine/errors.js'
import { Disk, diskError } from '../../src/jobs/disk.js'
import { Log } from '../../src/jobs/log.js'
import { Peer, type TestServer, testServer } from '../rpc/service-peer.js'
import { batchHere, photosOf } from '../support/batch.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')

let ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  ends = []
})

const errno = (code: string) => Object.assign(new Error(code), { code })
const folder = () => mkdtempSync(join(tmpdir(), 'sider-disk-'))

describe('the policy', () => {
  async function disk(): Promise<{ disk: Disk; log: string[]; place: string }> {
    const place = folder()
    mkdirSync(join(place, 'tmp'))
    const log: string[] = []
    const one = new Disk(place, new Log((line) => log.push(JSON.parse(line).event)))
    ends.push(() => one.close())
    await one.open()
    return { disk: one, log, place }
  }

  test('what is small and must be kept gets the reserve when the disk is full', async () => {
    const { disk: one, log, place } = await disk()
    expect(readFileSync(join(place, 'reserve')).length).toBeGreaterThan(2 ** 20)
    const write = vi.fn().mockRejectedValueOnce(errno('ENOSPC')).mockResolvedValue('written')
    expect(await one.record(write)).toBe('written')
    expect(() => readFileSync(join(place, 'reserve'))).toThrow()
    expect(log).toEqual(['the disk cannot be written', 'the reserve of disk space is used up'])
    expect(one.trouble?.code).toBe('DISK_FULL')
  })

  test('what is new is refused while there is trouble, and let in when it is over, with the reserve again', async () => {
    const { disk: one, place } = await disk()
    const relief = vi.fn()
    one.onRelief(relief)
    rmSync(join(place, 'reserve'))
    mkdirSync(join(place, 'reserve')) // in the way: the disk cannot be put right
    one.report(errno('ENOSPC'))
    await expect(one.admit(1, async () => 'new')).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    rmSync(join(place, 'reserve'), { recursive: true })
    expect(await one.admit(1, async () => 'new')).toBe('new')
    expect(relief).toHaveBeenCalledOnce()
    expect(readFileSync(join(place, 'reserve')).length).toBeGreaterThan(2 ** 20)
    await expect(one.admit(2 ** 60, async () => 'endless')).rejects.toMatchObject({ code: 'DISK_FULL' })
  })

  test('what has come about is tried until it is written, and given up only when the server ends', async () => {
    const { disk: one } = await disk()
    const waits = vi.fn()
    const write = vi.fn().mockRejectedValueOnce(errno('EROFS')).mockResolvedValue('written')
    expect(await one.insist(write, waits)).toBe('written')
    expect(waits).toHaveBeenCalledOnce()
    const never = one.insist(() => Promise.reject(errno('EROFS')), waits)
    one.close()
    await expect(never).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
  })

  test('clients are told without the server’s paths, and faults are no trouble of the disk', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EIO']) {
      const error = diskError(errno(code), '/srv/secret')
      expect(['DISK_FULL', 'OUTPUT_UNWRITABLE']).toContain(error.code)
      expect(error.message + error.hint).not.toContain('secret')
    }
    const fault = new TypeError('x is not a function')
    expect(() => diskError(fault, '/srv')).toThrow(fault)
    const other = new SiderError('USAGE', 'nothing to do with it')
    expect(() => diskError(other, '/srv')).toThrow(other)
  })
})

const small = smallDisk(24)
if (typeof small !== 'string') small.unmount()

describe.skipIf(typeof small === 'string')(
  `small disks${typeof small === 'string' ? `: skipped, ${small}` : ''}`,
  () => {
    async function onSmallDisk(): Promise<{ disk: SmallDisk; server: TestServer; peer: Peer }> {
      const disk = smallDisk(24) as SmallDisk
      ends.push(() => disk.unmount())
      const server = await testServer({ dataFolder: join(disk.folder, 'data') })
      ends.push(() => server.close())
      const peer = await Peer.open(server)
      ends.push(() => peer.close())
      return { disk, server, peer }
    }

    test('one job whose result finds no room: told as it is, tried again when there is, failed after three attempts', async () => {
      const { disk, peer } = await onSmallDisk()
      const job = await peer.create({ steps: 3, resultBytes: 40_000_000 })
      await peer.ok('job/subscribe', { job })
      const { params } = await peer.state(job, 'failed')
      expect(params.error).toMatchObject({ name: 'DISK_FULL', retry: true })
      expect(params.error.message).not.toContain(disk.folder)
      const states = peer.notifications('job/state', job).map((one) => one.params.state)
      const attempts = ['running', 'queued', 'running', 'queued', 'running', 'failed']
      expect(states.slice(-6)).toEqual(attempts)
      expect(peer.notifications('job/log', job)[0].params.message).toMatch(/the disk of the data folder is full/)
      expect((await peer.ok('job/get', { job })).state).toBe('failed')
      const next = await peer.create({ steps: 1, resultBytes: 100 }) // what the attempts wrote is gone
      await peer.ok('job/subscribe', { job: next })
      await peer.state(next, 'completed')
    })

    test('a full disk: what is new is refused by name, uploads too, and taken when there is room', async () => {
      const { disk, server, peer } = await onSmallDisk()
      fill(disk.folder)
      const image = { base64: Buffer.from('{"steps":1}').toString('base64') }
      expect((await peer.fails('job/create', { image })).data).toMatchObject({ name: 'DISK_FULL', retry: true })
      expect((await peer.fails('upload/begin', { bytes: 1000 })).data.name).toBe('DISK_FULL')
      rmSync(join(disk.folder, 'filler'))
      const job = await peer.create({ steps: 1 })
      await peer.ok('job/subscribe', { job })
      await peer.state(job, 'completed')
      expect(server.log.filter(({ event }) => event === 'fault')).toEqual([])
    })

    test('a batch says so and stops, and goes on where it was when there is room', async () => {
      const disk = smallDisk(24) as SmallDisk
      ends.push(() => disk.unmount())
      const place = folder()
      const photo = (name: string, script: object) => {
        writeFileSync(join(place, name), JSON.stringify(script))
        return join(place, name)
      }
      const photos = [
        photo('small', { steps: 1, resultBytes: 1000 }),
        photo('large', { steps: 1, resultBytes: 10_000_000 }),
      ]
      writeFileSync(join(disk.folder, 'filler'), Buffer.alloc(15_000_000, 1))
      const batch = () =>
        batchHere(photosOf(photos), folder(), {}, { dataFolder: join(disk.folder, 'data'), maxRunning: 1 })
      await expect(batch()).rejects.toMatchObject({ code: 'DISK_FULL' })
      rmSync(join(disk.folder, 'filler'))
      expect((await batch()).rows.map(({ state }) => state)).toEqual(['completed', 'completed'])
    })

    test('a result that cannot be written down waits, is told so, and is told when it can', async () => {
      const { disk, peer } = await onSmallDisk()
      const job = await peer.create({ fail: true, steps: 1 })
      await peer.ok('job/subscribe', { job })
      await peer.state(job, 'failed')
      const long = await peer.create({ steps: 100, stepMs: 10 })
      await peer.ok('job/subscribe', { job: long })
      await peer.state(long, 'running')
      await disk.setWritable(false)
      expect((await peer.fails('job/pause', { job: long })).data.name).toBe('OUTPUT_UNWRITABLE')
      expect((await peer.fails('job/delete', { job })).data.name).toBe('OUTPUT_UNWRITABLE')
      await peer.until(() => peer.notifications('job/log', long).length > 0, 'a word on the disk')
      expect((await peer.ok('job/get', { job: long })).state).toBe('running') // as on disk, as told
      expect((await peer.fails('job/cancel', { job: long })).data.name).toBe('OUTPUT_UNWRITABLE')
      await disk.setWritable(true)
      await peer.state(long, 'completed')
      await peer.ok('job/delete', { job })
    })
  },
)

describe('sider serve', () => {
  const serve = (...args: string[]) =>
    spawnSync(process.execPath, [CLI, 'serve', '--port', '0', ...args], { encoding: 'utf8', timeout: 30_000 })

  test('on what cannot be a data folder says what to do, and is no fault', () => {
    const place = folder()
    writeFileSync(join(place, 'file'), '')
    mkdirSync(join(place, 'tokens'))
    for (const args of [
      ['--data', join(place, 'file')],
      ['--data', join(place, 'file', 'below')],
      ['--data', '/proc/nothing'],
      ['--data', join(place, 'data'), '--token-file', join(place, 'tokens')],
    ]) {
      const { status, stderr } = serve(...args)
      expect(stderr, args.join(' ')).toMatch(/^Error: .*\[OUTPUT_UNWRITABLE\]$/m)
      expect(stderr).not.toMatch(/A fault in sider/)
      expect(status).toBe(9)
    }
  })

  test('that cannot listen says so, and is no fault', () => {
    const place = folder()
    for (const args of [
      ['--host', '127.255.255.255.1'],
      ['--tls-cert', join(place, 'c'), '--tls-key', join(place, 'c')],
    ]) {
      writeFileSync(join(place, 'c'), 'no certificate')
      chmodSync(join(place, 'c'), 0o600)
      const { status, stderr } = serve('--data', place, ...args)
      expect(stderr, args.join(' ')).toMatch(/^Error: .*\[USAGE\]$/m)
      expect(status).toBe(2)
    }
  })
})

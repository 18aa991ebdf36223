/** Disks that fill up, or become read-only, under a server at work: it stays up, says so, and goes on when there is room. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { allJobs, freshFolder, isAlive, launch, Peer, until } from './peer.js'
import { none, type Row, row, skipped } from './table.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** A small file system of its own. */
export interface SmallDisk {
  folder: string
  setWritable(writable: boolean): Promise<void>
  unmount(): void
}

/** @returns why there can be none here, if so */
export function smallDisk(megabytes: number): SmallDisk | string {
  const folder = freshFolder()
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'sider', folder])
  if (status !== 0) {
    rmSync(folder, { recursive: true })
    return `no file system can be mounted: ${String(stderr ?? error?.message).trim()}`
  }
  return {
    folder,
    async setWritable(writable) {
      const options = `remount,${writable ? 'rw' : 'ro'}`
      // Refused while a file is being written.
      for (let i = 0; i < 200; i++) {
        if (spawnSync('mount', ['-o', options, folder]).status === 0) return
        await sleep(20)
      }
      throw new Error(`the disk cannot be made ${writable ? 'writable' : 'read-only'}`)
    },
    unmount() {
      spawnSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Fills a disk to the last byte. */
export function fill(folder: string): void {
  const handle = openSync(join(folder, 'filler'), 'w')
  try {
    for (let block = 1 << 20; block >= 1; ) {
      try {
        if (writeSync(handle, Buffer.alloc(block, 1)) < block) block >>= 1
      } catch {
        block >>= 1
      }
    }
  } finally {
    closeSync(handle)
  }
}

export async function fullDisk(): Promise<Row[]> {
  const disk = smallDisk(24)
  if (typeof disk === 'string') return [skipped('full disk', disk)]
  const dataFolder = join(disk.folder, 'data')
  mkdirSync(dataFolder)
  let server = await launch(dataFolder)
  try {
    let peer = await Peer.open(server)
    const script = { steps: 80, stepMs: 10, resultBytes: 300_000 }
    const accepted: string[] = []
    for (let i = 0; i < 6; i++) accepted.push((await peer.create(script)).job!)
    for (const job of accepted) await peer.ok('job/subscribe', { job, kinds: [] })
    await until(() => [...peer.told.values()].includes('running'), 5000)
    fill(disk.folder)
    const refused = await peer.create(script)
    const cancelled = await peer.call('job/cancel', { job: accepted[5] })
    await until(() => [...peer.told.values()].every((state) => state !== 'running'), 10_000)
    const alive = isAlive(server)
    const untold = [...(await allJobs(peer))].filter(([job, { state }]) => peer.told.get(job) !== state)
    await server.kill()
    const restarted = await launch(dataFolder).catch((error: Error) => error)
    const rows = [
      row('server on a full disk', alive ? 'up' : 'down', 'up', alive),
      row('a new job on it', String(refused.error ?? 'accepted'), 'DISK_FULL', refused.error === 'DISK_FULL'),
      row('cancelling on it', cancelled.error?.data?.name ?? 'done', 'done', !cancelled.error),
      none('states that differ from what was told', untold),
      row('killed and started on it', restarted instanceof Error ? restarted.message : 'up', 'up', 'url' in restarted),
    ]
    if (restarted instanceof Error) return rows
    server = restarted
    peer = await Peer.open(server)
    rmSync(join(disk.folder, 'filler'))
    const again = await until(async () => (await peer.create(script)).job !== undefined, 10_000)
    const wanted = accepted.slice(0, 5)
    const states = async () => allJobs(peer).then((jobs) => wanted.map((job) => jobs.get(job)?.state ?? 'gone'))
    await until(async () => (await states()).every((state) => state === 'completed'), 30_000)
    const left = (await states()).filter((state) => state !== 'completed')
    peer.close()
    return [
      ...rows,
      row('new jobs when there is room', again ? 'accepted' : 'refused', 'accepted', again),
      none('accepted jobs that do not complete then', left),
    ]
  } finally {
    await server.kill('SIGKILL')
    disk.unmount()
  }
}

/** What a disk that may not be written is called. */
const READ_ONLY = 'OUTPUT_UNWRITABLE'

export async function readOnlyDisk(): Promise<Row[]> {
  const disk = smallDisk(24)
  if (typeof disk === 'string') return [skipped('read-only disk', disk)]
  const dataFolder = join(disk.folder, 'data')
  const server = await launch(dataFolder)
  try {
    const peer = await Peer.open(server)
    const script = { steps: 60, stepMs: 10, resultBytes: 300_000 }
    const accepted: string[] = []
    for (let i = 0; i < 4; i++) accepted.push((await peer.create(script)).job!)
    for (const job of accepted) await peer.ok('job/subscribe', { job, kinds: [] })
    await until(() => [...peer.told.values()].includes('running'), 5000)
    await disk.setWritable(false)
    const refused = await peer.create(script)
    const cancelled = await peer.call('job/cancel', { job: accepted[3] })
    const waited = await until(() => server.log.some(({ event }) => event === 'the disk cannot be written'), 10_000)
    const alive = isAlive(server)
    const started = spawnSync(process.execPath, [CLI, 'serve', '--port', '0', '--data', join(disk.folder, 'other')], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    await disk.setWritable(true)
    const states = async () => allJobs(peer).then((jobs) => accepted.map((job) => jobs.get(job)?.state ?? 'gone'))
    await until(async () => (await states()).every((state) => state === 'completed'), 30_000)
    const left = (await states()).filter((state) => state !== 'completed')
    const untold = [...(await allJobs(peer))].filter(([job, { state }]) => peer.told.get(job) !== state)
    peer.close()
    return [
      row('server on a disk that became read-only', alive && waited ? 'up' : 'down', 'up', alive && waited),
      row('a new job on it', String(refused.error ?? 'accepted'), READ_ONLY, refused.error === READ_ONLY),
      row('cancelling on it', cancelled.error?.data?.name ?? 'done', READ_ONLY, !!cancelled.error),
      row(
        'starting on it',
        `status ${started.status}: ${started.stderr.split('\n')[0]}`,
        'status 9, OUTPUT_UNWRITABLE',
        started.status === 9 && started.stderr.includes('[OUTPUT_UNWRITABLE]'),
      ),
      none('accepted jobs that do not complete when it is writable again', left),
      none('states that differ from what was told', untold),
    ]
  } finally {
    await server.kill('SIGKILL')
    disk.unmount()
  }
}

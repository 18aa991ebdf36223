/** What a server does to the data folder it is given: nothing is deleted that it does not understand, nothing lost that can be saved. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Shell } from '../../src/cli/command.js'
import { main } from '../../src/cli.js'
import { makeFolder, prepareOutputFolder } from '../../src/engine/system/files.js'
import { listQuarantine } from '../../src/jobs/quarantine.js'
import type { ServerOptions } from '../../src/rpc/options.js'
import { recorder } from '../cli/recorder.js'
import { report } from '../jobs/scripted-result.js'
import { Peer, type TestServer, testServer } from '../rpc/service-peer.js'

let dataFolder: string
let ends: (() => Promise<void> | void)[] = []
beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'sider-data-'))
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  ends = []
})

async function start(options: Partial<ServerOptions> = {}): Promise<{ server: TestServer; peer: Peer }> {
  const server = await testServer({ dataFolder, ...options })
  ends.push(() => server.close())
  const peer = await Peer.open(server)
  ends.push(() => peer.close())
  return { server, peer }
}

/** A server that makes one job, waits for a state of it, and stops. */
async function madeJob(script: object, state: string): Promise<string> {
  const server = await testServer({ dataFolder })
  const peer = await Peer.open(server)
  const job = await peer.create(script)
  await peer.ok('job/subscribe', { job })
  await peer.state(job, state)
  if (state === 'running') await peer.ok('job/pause', { job }).then(() => peer.state(job, 'paused'))
  peer.close()
  await server.close()
  return job
}

const inJob = (job: string, ...names: string[]): string => join(dataFolder, 'jobs', job, ...names)

function changeByte(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] ^= 4
  writeFileSync(file, bytes)
}

/** What `sider doctor` says; its engine knows no backends. */
async function doctor(...args: string[]): Promise<string> {
  const [stdout, stderr] = [recorder(), recorder()]
  const engine = { describeBackends: async () => ({ backends: [], chosen: 'ort-cpu', why: 'it is there' }) }
  const shell = { stdout, stderr, program: ['sider'], argv: ['doctor', ...args], engine: async () => engine }
  expect(await main({ ...shell, onInterrupt: () => () => {}, exit: () => {} } as unknown as Shell)).toBe(0)
  return stdout.text
}

describe('a folder among the jobs that is no job', () => {
  test('is put aside with the reason, whole, and doctor lists it', async () => {
    mkdirSync(inJob('holiday', 'pictures'), { recursive: true })
    writeFileSync(inJob('holiday', 'pictures', 'beach.jpg'), 'a beach')
    mkdirSync(inJob('0b0e5a52-0000-4000-8000-000000000000'))
    writeFileSync(inJob('0b0e5a52-0000-4000-8000-000000000000', 'photo'), 'a face')
    writeFileSync(inJob('notes.txt'), 'notes')
    symlinkSync(tmpdir(), inJob('link'))
    const { peer } = await start()
    expect((await peer.ok('job/list')).jobs).toEqual([])
    const found = await listQuarantine(dataFolder)
    expect(found.map(({ from }) => from).sort()).toEqual([
      'jobs/0b0e5a52-0000-4000-8000-000000000000',
      'jobs/holiday',
      'jobs/link',
      'jobs/notes.txt',
    ])
    const at = (from: string) => found.find((one) => one.from === from)!
    expect(readFileSync(join(at('jobs/holiday').path, 'pictures', 'beach.jpg'), 'utf8')).toBe('a beach')
    expect(at('jobs/holiday').why).toMatch(/no record of the job: job.json is not there/)
    expect(at('jobs/link').why).toMatch(/not the folder of a job/)
    expect(existsSync(tmpdir())).toBe(true)

    const text = await doctor('--data', dataFolder)
    expect(text).toContain('jobs/holiday')
    expect(text).toMatch(/no record of the job/)
    expect(JSON.parse(await doctor('--json', '--data', dataFolder)).quarantine).toHaveLength(4)
  })

  test('nor is what others put into the folder of a job deleted with the job', async () => {
    const job = await madeJob({ steps: 1 }, 'completed')
    writeFileSync(inJob(job, 'my-notes.txt'), 'notes')
    writeFileSync(inJob(job, '.job.json.123-4.tmp'), 'half a record')
    const { peer } = await start()
    expect(existsSync(inJob(job, '.job.json.123-4.tmp'))).toBe(false)
    await peer.ok('job/delete', { job })
    expect(existsSync(inJob(job))).toBe(false)
    const [{ path }] = await listQuarantine(dataFolder)
    expect(readFileSync(path, 'utf8')).toBe('notes')
    expect(readdirSync(join(dataFolder, 'tmp'))).toEqual([])
  })
})

describe('a damaged record', () => {
  const harms: [string, (file: string) => void][] = [
    ['one byte of it changed so that it is no JSON', (file) => changeByte(file, 0)],
    ['one digit of it changed', (file) => changeByte(file, readFileSync(file, 'utf8').indexOf('"created":') + 12)],
    ['cut short', (file) => truncateSync(file, 100)],
    ['emptied', (file) => truncateSync(file, 0)],
    ['deleted', (file) => rmSync(file)],
  ]
  test.each(harms)('%s: the job is there with photo and result', async (_, harm) => {
    const job = await madeJob({ steps: 3 }, 'completed')
    harm(inJob(job, 'job.json'))
    const { server, peer } = await start()
    expect(await peer.ok('job/get', { job })).toMatchObject({ id: job, state: 'completed', progress: 1 })
    expect(await report(peer, job)).toMatchObject({ step: 3 })
    expect(existsSync(inJob(job, 'photo'))).toBe(true)
    expect(server.log.map(({ event }) => event)).toContain('the record was made anew from its copy')
    expect(JSON.parse(readFileSync(inJob(job, 'job.json'), 'utf8')).id).toBe(job)
    expect(await listQuarantine(dataFolder)).toEqual([])
  })

  test('its copy is damaged: the record makes it good', async () => {
    const job = await madeJob({ steps: 1 }, 'completed')
    truncateSync(inJob(job, 'job.copy.json'), 10)
    await start()
    expect(statSync(inJob(job, 'job.copy.json')).size).toBe(statSync(inJob(job, 'job.json')).size)
  })

  test('both are: the job is put aside with photo and result', async () => {
    const job = await madeJob({ steps: 1 }, 'completed')
    changeByte(inJob(job, 'job.json'), 30)
    truncateSync(inJob(job, 'job.copy.json'), 30)
    const { peer } = await start()
    expect((await peer.ok('job/list')).jobs).toEqual([])
    const [{ path, why }] = await listQuarantine(dataFolder)
    expect(why).toMatch(/job\.json is damaged.*job\.copy\.json is damaged/)
    const [result] = readdirSync(path).filter((name) => name.startsWith('result-'))
    expect(readdirSync(join(path, result)).sort()).toEqual(['face.glb', 'report.json'])
    expect(existsSync(join(path, 'photo'))).toBe(true)
  })

  test('of a job that is not done: it goes on', async () => {
    const job = await madeJob({ steps: 40, stepMs: 10 }, 'running')
    truncateSync(inJob(job, 'job.json'), 50)
    const { peer } = await start()
    expect((await peer.ok('job/get', { job })).state).toBe('paused')
    await peer.ok('job/subscribe', { job })
    await peer.ok('job/resume', { job })
    await peer.state(job, 'completed')
    expect(await report(peer, job)).toMatchObject({ step: 40 })
  })

  test('of an earlier version, without digest and copy, is read', async () => {
    const job = await madeJob({ steps: 1 }, 'completed')
    const { digest: _, ...record } = JSON.parse(readFileSync(inJob(job, 'job.json'), 'utf8'))
    writeFileSync(inJob(job, 'job.json'), JSON.stringify(record))
    rmSync(inJob(job, 'job.copy.json'))
    const { peer } = await start()
    expect((await peer.ok('job/get', { job })).state).toBe('completed')
    expect(existsSync(inJob(job, 'job.copy.json'))).toBe(true)
  })
})

describe('other damaged files', () => {
  test('events: what is damaged is left out, and what counts is told again', async () => {
    const job = await madeJob({ steps: 2 }, 'completed')
    const lines = readFileSync(inJob(job, 'events.jsonl'), 'utf8').split('\n')
    const damaged = lines.map((line) => line.replace('"params"', '"parama"').replace('"completed"', '"complfted"'))
    writeFileSync(inJob(job, 'events.jsonl'), damaged.join('\n'))
    const { peer } = await start()
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    const finals = peer.notifications('job/artifact').map(({ params }) => params.artifact.name)
    expect(finals).toEqual(['face.glb', 'report.json'])
  })

  test('the photo: the job fails and says so', async () => {
    const job = await madeJob({ steps: 500, stepMs: 10 }, 'running')
    changeByte(inJob(job, 'photo'), 3)
    const { peer } = await start()
    await peer.ok('job/subscribe', { job })
    await peer.ok('job/resume', { job })
    const { params } = await peer.state(job, 'failed')
    expect(params.error).toMatchObject({ name: 'IMAGE_UNREADABLE' })
    expect(params.error.message).toMatch(/damaged/)
    expect(params.error.hints.page).toMatch(/Send the photo again/)
  })
})

describe('the lock', () => {
  test('whose process is another program by now holds nobody up', async () => {
    const other = spawn('sleep', ['60'])
    await once(other, 'spawn')
    ends.push(() => void other.kill())
    for (const text of [`${other.pid}`, `${other.pid} 12345`, '1', 'nonsense', '']) {
      mkdirSync(dataFolder, { recursive: true })
      writeFileSync(join(dataFolder, 'lock'), text)
      const server = await testServer({ dataFolder })
      await server.close()
    }
  })

  test('of a server at work still does', async () => {
    const { server } = await start()
    const lock = readFileSync(join(dataFolder, 'lock'), 'utf8')
    expect(lock).toMatch(new RegExp(`^${process.pid} \\S+$`))
    const program = join(import.meta.dirname, '../rpc/scripted-server.mjs')
    const child = spawn(process.execPath, [program, server.dataFolder], { stdio: ['ignore', 'ignore', 'pipe'] })
    ends.push(() => void child.kill('SIGKILL'))
    const [text] = (await once(child.stderr, 'data')) as [Buffer]
    expect(text.toString()).toMatch(/in use by process/)
  })
})

test('probes and unfinished files that a killed run left are nobody’s files', async () => {
  writeFileSync(join(dataFolder, '.sider-probe'), 'probe')
  writeFileSync(join(dataFolder, '.report.json.4711-3.tmp'), '{')
  await prepareOutputFolder(dataFolder)
  writeFileSync(join(dataFolder, 'thesis.tmp'), 'years of work')
  await expect(prepareOutputFolder(dataFolder)).rejects.toThrow(/holds files of something else/)
})

test('the same new folders made by several at the same moment are made', async () => {
  for (let n = 0; n < 50; n++) {
    const folders = ['a', 'b', 'c'].map((name) => join(dataFolder, `new-${n}`, 'deep', name))
    await Promise.all([...folders, ...folders].map((folder) => makeFolder(folder)))
    expect(folders.every((folder) => existsSync(folder))).toBe(true)
  }
  await expect(makeFolder('/proc/none/such')).rejects.toMatchObject({ code: 'ENOENT' })
})

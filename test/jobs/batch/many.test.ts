/** Batches of many photos: as they come, within a bound of memory, and again from where they were. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeCsv, writeParquet } from '../../../src/cli/batch/summary.js'
import { SiderError } from '../../../src/engine/index.js'
import type { Job, JobResult } from '../../../src/generated/protocol.js'
import { Journal, type Row } from '../../../src/jobs/batch/journal.js'
import { type BatchOptions, type BatchPhoto, newEnd, runBatch } from '../../../src/jobs/batch/run.js'
import type { JobEngine } from '../../../src/jobs/engine.js'
import { batchHere, photosOf } from '../../support/batch.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-many-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An engine that does nothing, at once; it fails what a name asks it to. Only what batches ask of engines is there. */
class IdleEngine implements Partial<JobEngine> {
  readonly jobs = new Map<string, { name: string; looks: number }>()
  most = 0
  created = 0

  async create(_: string, { name = '', idempotencyKey = '' }: Parameters<JobEngine['create']>[1]): Promise<Job> {
    this.created++
    this.jobs.set(idempotencyKey, { name, looks: 0 })
    this.most = Math.max(this.most, this.jobs.size)
    return this.get('', idempotencyKey)
  }

  async get(_: string, id: string): Promise<Job> {
    const job = this.jobs.get(id)!
    const state = job.looks++ < 1 ? 'running' : job.name.endsWith('7') ? 'failed' : 'completed'
    const error = {
      code: 1102,
      name: 'NO_FACE',
      message: 'no face',
      retry: false,
      hints: { cli: '', page: '', blender: '' },
    }
    const about = { id, created: 0, updated: 0, seq: 1, preset: 'preview', progress: 0 }
    return { ...about, state, ...(state === 'failed' && { error }) } as Job
  }

  async result(_: string, job: string): Promise<JobResult> {
    return { job, backend: 'none', seconds: { detail: 2 }, quality: { psnr: 30 }, warnings: [], files: [] }
  }

  async delete(_: string, id: string): Promise<void> {
    this.jobs.delete(id)
  }
}

async function* madeUp(count: number): AsyncGenerator<BatchPhoto> {
  for (let i = 0; i < count; i++) {
    const name = `https://photos.example/albums/summer/photo-${i}`
    yield { name, identity: name, folder: `photo-${i}`, read: async () => Buffer.from(name) }
  }
}

const idle = (engine: IdleEngine, journal: Journal): BatchOptions => ({
  engine: engine as unknown as JobEngine,
  journal,
  out: folder,
  preset: 'preview',
  settings: {},
  inFlight: 500,
  moving: 50,
  lookMs: 1,
  files: [],
})

async function* rows(journal: Journal, keys: number[]): AsyncGenerator<Row> {
  for (const key of keys) yield (await journal.read(key))!
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is in use, MiB. */
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

describe('a hundred thousand photos', () => {
  test('take a few bytes each, never more than so many jobs, and a second run does nothing again', {
    timeout: 120_000,
  }, async () => {
    const count = 100_000
    const engine = new IdleEngine()
    const journal = await Journal.open(join(folder, 'journal.jsonl'))
    Object.assign(journal['handle'], { datasync: async () => {} }) // the disk's pace is not what is measured
    const before = heap()
    let highest = 0
    const end = newEnd()
    let told = 0
    await runBatch(
      madeUp(count),
      {
        ...idle(engine, journal),
        onRow: () => {
          if (++told % 20_000 === 0) highest = Math.max(highest, heap() - before)
        },
      },
      end,
    )
    expect(end.tally).toMatchObject({ completed: 90_000, failed: 10_000, atWork: 0, failures: { NO_FACE: 10_000 } })
    expect(engine.most).toBeLessThanOrEqual(500)
    // Rows, names and photos together would take more than ten times that.
    expect(highest).toBeLessThan(30)
    await writeCsv(join(folder, 'summary.csv'), rows(journal, end.keys))
    await writeParquet(join(folder, 'summary.parquet'), rows(journal, end.keys))
    await journal.close()

    const lines = readFileSync(join(folder, 'summary.csv'), 'utf8').trim().split('\n')
    expect(lines.length).toBe(count + 1)
    expect(lines[8]).toMatch(/^https:\/\/photos\.example\/albums\/summer\/photo-7,failed,,,,,,NO_FACE,no face,$/)
    const { buffer } = Uint8Array.from(readFileSync(join(folder, 'summary.parquet')))
    expect(Number(parquetMetadata(buffer).num_rows)).toBe(count)
    const [first] = await parquetReadObjects({ file: buffer, rowStart: 99_998, rowEnd: 99_999 })
    expect(first).toMatchObject({
      state: 'completed',
      backend: 'none',
      seconds: 2,
      psnr: 30,
      folder: 'photo-99998',
      error: null,
    })

    const again = await Journal.open(join(folder, 'journal.jsonl'))
    Object.assign(again['handle'], { datasync: async () => {} })
    const second = await runBatch(madeUp(20_000), idle(engine, again))
    expect(second.tally).toMatchObject({ skipped: 18_000, failed: 2000, completed: 0 })
    expect(engine.created).toBe(102_000)
    expect(second.keys).toEqual(end.keys.slice(0, 20_000))
    await again.close()
  })
})

describe('a batch', () => {
  const script = (name: string, what: object) => {
    mkdirSync(join(folder, 'photos'), { recursive: true })
    writeFileSync(join(folder, 'photos', name), JSON.stringify(what))
    return join(folder, 'photos', name)
  }
  const out = () => join(folder, 'out')

  test('goes on where it was: what is done stays, what failed is tried again, and no photo is left behind', async () => {
    const files = [script('a.jpg', { steps: 1, resultBytes: 100 }), script('b.jpg', { fail: true })]
    const { rows: first } = await batchHere(photosOf(files), out())
    expect(first.map(({ state, error }) => [state, error?.name])).toEqual([
      ['completed', undefined],
      ['failed', 'NO_FACE'],
    ])
    writeFileSync(join(out(), 'a', 'mine.txt'), 'a file of mine')
    script('b.jpg', { steps: 1, resultBytes: 100 })
    const { rows: second, tally } = await batchHere(photosOf([...files, files[0]]), out())
    expect(second.map(({ state }) => state)).toEqual(['completed', 'completed'])
    expect(tally).toMatchObject({ skipped: 1, completed: 1, duplicates: 1 })
    expect(readFileSync(join(out(), 'a', 'mine.txt'), 'utf8')).toBe('a file of mine')
    rmSync(join(out(), 'a'), { recursive: true })
    expect((await batchHere(photosOf(files), out())).tally).toMatchObject({ skipped: 1, completed: 1 })
    expect(readFileSync(join(out(), 'a', 'report.json'), 'utf8')).toContain('digest')
  })

  test('one that was stopped goes on with the job that it had', async () => {
    const files = [script('slow.jpg', { steps: 100, stepMs: 20, resultBytes: 100 })]
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 1500)
    await expect(batchHere(photosOf(files), out(), { signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const began = performance.now()
    expect((await batchHere(photosOf(files), out())).tally).toMatchObject({ completed: 1 })
    expect(performance.now() - began).toBeLessThan(2500) // the whole of it takes longer
  })

  test('brings the files that are asked for', async () => {
    const files = [script('a.jpg', { steps: 1, resultBytes: 100 })]
    await batchHere(photosOf(files), out(), { files: ['report.json'] })
    expect(() => readFileSync(join(out(), 'a', 'face.glb'))).toThrow()
    expect(readFileSync(join(out(), 'a', 'report.json'), 'utf8')).toContain('digest')
  })

  test('waits for a queue that is away, and says so', async () => {
    const engine = new IdleEngine()
    const create = engine.create.bind(engine)
    let away = 2
    engine.create = async (...args) => {
      if (away-- > 0) throw new SiderError('QUEUE_UNAVAILABLE', 'the queue cannot be used: away')
      return create(...args)
    }
    const journal = await Journal.open(join(folder, 'journal.jsonl'))
    const waits: string[] = []
    const { tally } = await runBatch(madeUp(1), {
      ...idle(engine, journal),
      onWait: ({ code }) => void waits.push(code),
    })
    expect(waits).toEqual(['QUEUE_UNAVAILABLE', 'QUEUE_UNAVAILABLE'])
    expect(tally).toMatchObject({ completed: 1, failed: 0 })
    await journal.close()
  })
})

describe('the journal', () => {
  const row = (name: string): Row => ({ name, folder: name, state: 'completed', quality: { text: 'ä'.repeat(9000) } })

  test('forgets a row that was being written when the program was killed, and no other', async () => {
    const file = join(folder, 'journal.jsonl')
    const journal = await Journal.open(file)
    for (const [i, name] of ['one', 'two', 'three'].entries()) await journal.add(i, row(name))
    await journal.close()
    const size = readFileSync(file).length
    truncateSync(file, size - 5)
    const again = await Journal.open(file)
    expect(again.id).toBe(journal.id)
    expect([...again.keys()]).toEqual([0, 1])
    await again.add(3, row('four'))
    expect(await again.read(1)).toEqual(row('two'))
    expect(await again.read(3)).toEqual(row('four'))
    expect(again.state(2)).toBeUndefined()
    await again.close()
    const third = await Journal.open(file)
    expect([...third.keys()]).toEqual([0, 1, 3])
    await third.close()
  })
})

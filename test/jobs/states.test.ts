/** The table of job states, and that nothing but the table decides. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { END_STATES, JOB_STATES, type JobAction, type JobState, TRANSITIONS } from '../../src/generated/job-states.js'
import { newEntry } from '../../src/jobs/entry.js'
import { EventLog } from '../../src/jobs/events.js'
import { JobIndex } from '../../src/jobs/job-index.js'
import { Log } from '../../src/jobs/log.js'
import { Metrics } from '../../src/jobs/metrics.js'
import type { JobRecord } from '../../src/jobs/record.js'
import { readRecord, writeRecord } from '../../src/jobs/record-file.js'
import type { JobStore } from '../../src/jobs/store.js'
import { Transitions } from '../../src/jobs/transitions.js'

const ACTIONS = [...new Set(Object.values(TRANSITIONS).flatMap((row) => Object.keys(row)))] as JobAction[]
const PAIRS = JOB_STATES.flatMap((state) => ACTIONS.map((action) => [state, action] as const))

const recordIn = (state: JobState): JobRecord =>
  ({
    id: 'a',
    owner: 'ann',
    state,
    created: 1,
    updated: 1,
    queued: 1,
    seq: 0,
    preset: 'preview',
    settings: { photo: {} },
    severalFaces: 'largest',
    photo: { bytes: 1, sha256: 'x' },
    progress: 0.5,
    crashes: 0,
    ...(state === 'completed' && { result: { files: [] } }),
  }) as unknown as JobRecord

describe('the table', () => {
  test('leads to known states alone, from the first to every other one, and nowhere from an end', () => {
    const reached = new Set<JobState>(['queued'])
    for (const state of reached) for (const to of Object.values(TRANSITIONS[state])) reached.add(to)
    expect([...reached].sort()).toEqual([...JOB_STATES].sort())
    expect(Object.keys(TRANSITIONS)).toEqual(JOB_STATES)
    for (const state of JOB_STATES)
      expect(Object.keys(TRANSITIONS[state]).length === 0, state).toBe(END_STATES.includes(state))
  })

  test('what is not an end can be cancelled, and is where it is after a restart or goes on', () => {
    for (const state of JOB_STATES.filter((one) => !END_STATES.includes(one)))
      expect(TRANSITIONS[state].cancel, state).toBe('cancelled')
    const after = JOB_STATES.map((state) => TRANSITIONS[state].again ?? state)
    expect(after).not.toContain('running')
    expect(after).not.toContain('pausing')
  })
})

describe('a job', () => {
  test.each(PAIRS)('%s, asked to %s, does what the table says', async (state, action) => {
    const saved: JobRecord[] = []
    const store = {
      disk: { trouble: undefined, record: (write: () => Promise<void>) => write() },
      save: async (record: JobRecord) => void saved.push(record),
      appendEvent: async () => {},
      tidy: async () => {},
    } as unknown as JobStore
    const entry = newEntry(recordIn(state), new EventLog('a', [], 10, { seq: 0, restarted: false }))
    const metrics = new Metrics()
    const told: string[] = []
    entry.events.listen(({ params }) => told.push((params as { state: string }).state))
    const transitions = new Transitions(store, new Log(() => {}), metrics, () => {})
    const to = TRANSITIONS[state][action]
    expect(await transitions.ask(entry, action)).toBe(to !== undefined)
    metrics.close()
    expect(entry.record.state).toBe(to ?? state)
    // What changes nothing is neither written nor told.
    expect(saved.map((one) => one.state)).toEqual(to === undefined || to === state ? [] : [to])
    expect(told).toEqual(saved.map((one) => one.state))
  })
})

describe('a record on disk', () => {
  test('is read as it was written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sider-record-'))
    for (const state of JOB_STATES) {
      await writeRecord(folder, recordIn(state))
      expect(await readRecord(folder, 'a')).toEqual({ record: recordIn(state) })
    }
  })

  test.each([
    ['running', 'pause', 'pausing'],
    ['running', 'finish', 'finishing'],
    ['queued', 'finish', 'finishing'],
  ] as const)('of an earlier version: %s that was asked to %s is %s', async (state, stopping, now) => {
    const folder = mkdtempSync(join(tmpdir(), 'sider-record-'))
    const old = {
      ...recordIn(state),
      stopping,
      error: { code: 1102, name: 'NO_FACE', message: 'm', retry: false, hint: 'h' },
    }
    for (const name of ['job.json', 'job.copy.json']) writeFileSync(join(folder, name), JSON.stringify(old))
    const hints = { cli: 'h', page: 'h', blender: 'h' }
    expect(await readRecord(folder, 'a')).toEqual({
      record: { ...recordIn(now), error: { code: 1102, name: 'NO_FACE', message: 'm', retry: false, hints } },
    })
  })
})

test('the jobs of an owner keep their order when one comes back', () => {
  const index = new JobIndex()
  const entries = [1, 2, 3].map((created) => {
    const record = { ...recordIn('completed'), id: `j${created}`, created }
    return newEntry(record, new EventLog(record.id, [], 10, { seq: 0, restarted: false }))
  })
  for (const entry of entries) index.add(entry)
  index.delete(entries[1])
  index.add(entries[1])
  expect([...index.newestFirst('ann')].map(({ record }) => record.id)).toEqual(['j3', 'j2', 'j1'])
})

test('clients know the ends from the table', () => {
  const python = readFileSync(join(import.meta.dirname, '../../plugins/blender-bridge/sider/core/generated.py'), 'utf8')
  const [, names] = /^END_STATES = \((.*)\)$/m.exec(python)!
  expect(names.replaceAll('"', '').split(', ')).toEqual(END_STATES)
})

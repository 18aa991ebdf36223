/** The one way to run a face: progress, output as a stage, stops, checkpoints, clean up. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { SiderError, type StageName } from '../../../src/engine/errors.js'
import { type RunOptions, type RunParts, runFace } from '../../../src/engine/run/service.js'
import type { Progress, Reconstruction } from '../../../src/engine/run/types.js'
import { CHECKPOINT_FILE, REPORT_FILE } from '../../../src/engine/system/files.js'
import { GENERATOR } from '../../../src/engine/system/version.js'

const STAGES: StageName[] = ['photo', 'landmarks', 'head', 'coarse', 'detail', 'surface']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-run-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const settings = resolveSettings({ preset: 'preview' })
const out = () => join(folder, 'out')

/** Stages that take no time and save a checkpoint, and a writer of one file in two parts. */
const parts = (changes: Partial<RunParts> = {}): RunParts => ({
  async stages({ checkpoint, inspector }, progress) {
    for (const stage of STAGES) {
      progress.enter(stage)
      inspector!.stage = stage
      inspector!.record('facts', { kind: 'json', value: { stage } })
      if (stage === 'detail') progress.step({ iteration: 1, iterations: 2, loss: 1 })
    }
    writeFileSync(checkpoint!.file, 'state')
    return { seconds: {} } as Reconstruction
  },
  async write(_, to, { onPart }) {
    onPart?.(0.5)
    writeFileSync(join(to, REPORT_FILE), JSON.stringify({ generator: GENERATOR }))
    onPart?.(1)
  },
  ...changes,
})

const run = (changes: Partial<RunOptions> = {}, of: Partial<RunParts> = {}): Promise<Reconstruction> =>
  runFace(parts(of), { photo: 'a.jpg', settings, folder: out(), ...changes })

describe('progress', () => {
  test('only rises, and is 1 when everything is written, not before', async () => {
    const told: (Progress & { written: boolean })[] = []
    const onProgress = (progress: Progress): void => {
      told.push({
        ...progress,
        written: existsSync(join(out(), REPORT_FILE)) && !existsSync(join(out(), CHECKPOINT_FILE)),
      })
    }
    const { seconds } = await run({ onProgress })
    const fractions = told.map(({ fraction }) => fraction)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect([...new Set(told.map(({ stage }) => stage))]).toEqual([...STAGES, 'output'])
    expect(told.at(-1)).toMatchObject({ stage: 'output', fraction: 1, etaSeconds: 0, written: true })
    const writing = told.find(({ stage }) => stage === 'output')!
    expect(writing.fraction).toBeGreaterThan(0.5)
    expect(writing.fraction).toBeLessThan(0.95)
    expect(told.filter(({ fraction }) => fraction === 1).map(({ written }) => written)).toEqual([true])
    expect(seconds.output).toBeGreaterThanOrEqual(0)
  })

  test('rises too when the run begins again', async () => {
    const fractions: number[] = []
    const checkpoint = join(folder, 'kept')
    writeFileSync(checkpoint, 'damaged')
    const notes: string[] = []
    const damaged = new SiderError('CHECKPOINT_INVALID', 'it is damaged')
    const { stages } = parts()
    await run(
      {
        checkpoint,
        resume: 'may',
        onProgress: (one) => fractions.push(one.fraction),
        onNote: (text) => notes.push(text),
      },
      {
        async stages(options, progress) {
          progress.enter('photo')
          if (options.resumeFrom) throw damaged
          return stages(options, progress)
        },
      },
    )
    expect(notes).toEqual(['starting again: it is damaged'])
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect(fractions.filter((one) => one === 1).length).toBe(1)
  })
})

describe('checkpoints', () => {
  test('the run’s own goes when everything is written; one that the caller names stays', async () => {
    await run()
    expect(readdirSync(out())).toEqual([REPORT_FILE])
    const checkpoint = join(folder, 'kept')
    await run({ checkpoint })
    expect(existsSync(checkpoint)).toBe(true)
  })

  test('one that must be good is not replaced by a start from nothing', async () => {
    const invalid = new SiderError('CHECKPOINT_INVALID', 'there is none')
    const asked: (string | undefined)[] = []
    const stages: RunParts['stages'] = async ({ resumeFrom }) => {
      asked.push(resumeFrom)
      throw invalid
    }
    await expect(run({ resume: 'must' }, { stages })).rejects.toBe(invalid)
    await expect(run({ resume: 'may' }, { stages })).rejects.toBe(invalid) // there is none: it starts from nothing
    expect(asked).toEqual([join(out(), CHECKPOINT_FILE), undefined])
  })
})

describe('a stop', () => {
  test('while files are written: CANCELLED in the stage output, and the checkpoint is still there', async () => {
    const stop = new AbortController()
    const written = run(
      { signal: stop.signal },
      {
        async write(_result, _folder, { signal, onPart }) {
          onPart?.(0.5)
          stop.abort()
          signal!.throwIfAborted()
        },
      },
    )
    await expect(written).rejects.toMatchObject({ code: 'CANCELLED', stage: 'output' })
    expect(readdirSync(out())).toEqual([CHECKPOINT_FILE])
  })

  test('at the last moment counts too: nothing says that it was done', async () => {
    const stop = new AbortController()
    const fractions: number[] = []
    const { write } = parts()
    const written = run(
      { signal: stop.signal, onProgress: ({ fraction }) => fractions.push(fraction) },
      {
        async write(...given) {
          await write(...given)
          stop.abort()
        },
      },
    )
    await expect(written).rejects.toMatchObject({ code: 'CANCELLED', stage: 'output' })
    expect(fractions).not.toContain(1)
    expect(existsSync(join(out(), CHECKPOINT_FILE))).toBe(true)
  })
})

describe('what is left', () => {
  test('a folder of something else is not touched, and no stage begins', async () => {
    writeFileSync(join(folder, 'letter.txt'), 'dear')
    let begun = false
    const stages: RunParts['stages'] = async () => {
      begun = true
      throw new Error('no')
    }
    await expect(run({ folder }, { stages })).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(begun).toBe(false)
    await run({ folder, force: true })
    expect(existsSync(join(folder, REPORT_FILE))).toBe(true)
  })

  test('intermediates are written whole before it is done, and also when it fails', async () => {
    const dumping = resolveSettings({ preset: 'preview', overrides: { 'output.dump': true } })
    await run({ settings: dumping })
    expect(readdirSync(join(out(), 'dump')).sort()).toEqual([...STAGES].sort())
    const dump = join(folder, 'elsewhere')
    const failed = run({ settings: dumping, dump }, { write: () => Promise.reject(new SiderError('DISK_FULL')) })
    await expect(failed).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(readdirSync(dump).sort()).toEqual([...STAGES].sort())
  })
})

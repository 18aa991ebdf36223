/** Command lines that were misunderstood, silently ignored, or answered with advice that did not help. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inBatchWords } from '../../src/cli/batch/disk-errors.js'
import { BatchReport } from '../../src/cli/batch/report.js'
import { resolveSettings, SETTING_GROUPS } from '../../src/engine/config.js'
import type { SiderError } from '../../src/engine/errors.js'
import { nearestName } from '../../src/engine/nearest-name.js'
import { newEnd } from '../../src/jobs/batch/run.js'
import { diskError } from '../../src/jobs/disk.js'
import { recorder } from '../cli/recorder.js'
import { RecordingEngine, sider } from '../cli/recording-engine.js'
import { thrown } from '../support/thrown.js'
import { CLI } from './strace.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-usage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const QUEUE = ['--queue', 'redis://nowhere', '--storage', 'file:///nowhere']

describe('numbers below zero', () => {
  test.each([
    [['reconstruct', 'a.jpg', '-o', 'x', '--ipd', '-5'], 'head.ipdMm is -5, but must be 0, or a number from 40 to 90'],
    [['reconstruct', 'a.jpg', '-o', 'x', '--face', '-2'], 'photo.face is -2, but must be an integer from -1 to 1000'],
    [['reconstruct', 'a.jpg', '-o', 'x', '--seed', '-1'], 'seed is -1, but must be an integer from 0 to 4294967295'],
    [['serve', '--jobs', '-1'], "--jobs is '-1', but must be a whole number from 1 to"],
    [['generate', '-o', 'x', '-n', '-1'], "--count is '-1', but must be a whole number, 1 to 10000"],
  ])('%j: the allowed range is said', async (args, message) => {
    const { status, stderr } = await sider(args)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) })
  })

  test('that are allowed are taken', async () => {
    const engine = new RecordingEngine()
    const { status } = await sider(['reconstruct', 'a.jpg', '-o', join(folder, 'x'), '--face', '-1'], engine)
    expect(status).toBe(0)
    expect(engine.asked?.settings.photo.face).toBe(-1)
  })

  test('another value with a dash in front: how it is given', async () => {
    const { stderr } = await sider(['reconstruct', 'a.jpg', '-o', 'x', '--landmarks', '-points.json'])
    expect(stderr).toMatch(/needs a value.*\n.*--landmarks=-points\.json|needs a value.*\n.*--landmarks=-XYZ/)
  })
})

describe('options that did nothing', () => {
  test.each([
    [['serve', '--allow-origin', 'junk'], "--allow-origin is 'junk'", '--allow-origin http://localhost:8080'],
    [['serve', '--allow-origin', 'https://x.example/app/'], "is 'https://x.example/app/'", 'https://x.example\n'],
    [['serve', '--without-aof'], 'a queue needs a storage', 'Give both'],
    [['batch', '.', '-o', 'x', '--in-flight', '5'], '--in-flight is about a queue', 'Give --queue'],
    [['batch', '.', '-o', 'x', '--priority', 'high'], '--priority is about a queue', 'Give --queue'],
    [['batch', '.', '-o', 'x', '--jobs', '2', ...QUEUE], '--jobs is about this machine', '--concurrency'],
    [['faces', 'a.jpg', '--face', '3'], '--face needs --overlay', '--overlay overlay.png --face 3'],
  ])('%j', async (args, message, hint) => {
    const { status, stderr } = await sider(args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
  })

  test('a setting with two values', () => {
    const twice = { 'relief.steps': 100, relief: { steps: 200 } }
    expect(thrown(() => resolveSettings({ overrides: twice })).message).toBe(
      'relief.steps is given twice, as 100 and as 200',
    )
    const same = resolveSettings({ overrides: { relief: { steps: 200 }, 'relief.steps': 200, seed: 3 } })
    expect([same.relief.steps, same.seed]).toEqual([200, 3])
  })
})

describe('advice', () => {
  test.each([
    [['reconstruct', 'a.jpg', '-o', 'x', '--server', 'ws://x', '--resume'], /Leave --resume away/],
    [['head', 'list', 'extra'], /See: sider head --help/],
    [
      ['serve', '--tls-cert', '/nope', '--tls-key', '/nope'],
      /--tls-cert: there is no file \/nope.*path of a PEM file/s,
    ],
    [['evaluate', '.', '-r', 'x', '--size', '64'], /Here it is a setting: --set photo\.cropSize=/],
  ])('%j', async (args, words) => {
    const { stderr } = await sider(args)
    expect(stderr).toMatch(words)
    expect(stderr).not.toMatch(/The message names the option|ENOENT/)
  })

  test.each(['relief.steps.a.b.c.d', '__proto__.polluted', 'a.b.c'])('%s is near to no setting', (name) => {
    const names = SETTING_GROUPS.flatMap(({ settings }) => settings.map(({ path }) => path))
    expect(nearestName(name, names)).toBeUndefined()
  })

  test('a folder of results that is not there is not made', async () => {
    const results = join(folder, 'typo')
    const { status, stderr } = await sider(['evaluate', 'scans', '-r', results], new RecordingEngine())
    expect(status).toBe(10)
    expect(stderr).toMatch(/there is no folder .*typo/)
    expect(existsSync(results)).toBe(false)
  })

  test.skipIf(process.platform === 'win32')(
    'doctor says nothing but what it found',
    () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'doctor'], { encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(/auto takes/)
    },
    60_000,
  )
})

describe('a batch', () => {
  const made = () => {
    const [photos, out] = [join(folder, 'shots'), join(folder, 'out')]
    mkdirSync(photos)
    writeFileSync(join(photos, 'a.jpg'), 'no photo')
    return { photos, out }
  }

  test('takes the options that are short for settings', async () => {
    const { photos, out } = made()
    const { stderr } = await sider(['batch', photos, '-o', out, '--size', '7', '--profile', 'vrm', '--mesh', 'head'])
    expect(stderr).toMatch(/photo\.cropSize is 7/)
  })

  test('says how many are worked on, not how many wait behind them', () => {
    const shell = { stdout: recorder(), stderr: recorder() }
    const report = new BatchReport(shell, { ...newEnd().tally, atWork: 3 }, { total: 5, atOnce: 1 }, false)
    expect(report.state()).toMatchObject({ atWork: 1 })
    report.close()
  })

  test('does not write among foreign files unless it is told to, and knows its own folder again', async () => {
    const { photos, out } = made()
    const refused = await sider(['batch', photos, '-o', photos])
    expect(refused.status).toBe(9)
    expect(refused.stderr).toMatch(/holds files of something else/)
    expect(existsSync(join(photos, '.sider'))).toBe(false)
    const args = ['batch', photos, '-o', out, '--no-sheets']
    for (const _ of [1, 2]) expect((await sider(args)).status).toBe(0)
    expect(readFileSync(join(out, 'summary.csv'), 'utf8')).toMatch(/a\.jpg,failed/)
    expect((await sider(['batch', photos, '-o', photos, '--force', '--no-sheets'])).status).toBe(0)
  }, 60_000)

  test.skipIf(process.platform === 'win32')(
    'makes only its own folder private',
    async () => {
      const { photos, out } = made()
      expect((await sider(['batch', photos, '-o', out, '--no-sheets'])).status).toBe(0)
      const mode = (path: string) => statSync(path).mode & 0o777
      expect(mode(out)).toBe(0o777 & ~process.umask())
      expect(mode(join(out, '.sider'))).toBe(0o700)
    },
    60_000,
  )

  test('says on a full disk that it has ended, and goes on when it is called again', () => {
    const space = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const told = inBatchWords(diskError(space, '/photos/out/.sider'), '/photos/out/.sider') as SiderError
    expect(told).toMatchObject({ code: 'DISK_FULL', message: 'no space left to write /photos/out' })
    expect(told.hint).toMatch(/call the batch again/)
    const right = Object.assign(new Error('denied'), { code: 'EACCES' })
    expect(inBatchWords(diskError(right, '/photos/out/.sider'), '/photos/out/.sider')).toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: 'cannot write /photos/out/.sider: permission denied',
    })
    const other = new Error('something else')
    expect(inBatchWords(other, '/photos/out/.sider')).toBe(other)
  })

  test.skipIf(process.platform !== 'linux')(
    'speaks of batches when its folder is a file, or another one is at work there',
    async () => {
      const { photos, out } = made()
      writeFileSync(join(folder, 'file'), '')
      const wrong = await sider(['batch', photos, '-o', join(folder, 'file')])
      expect(wrong.status).toBe(9)
      expect(wrong.stderr).toMatch(/cannot write .*file: a part of the path is a file/)
      mkdirSync(join(out, '.sider'), { recursive: true })
      const started = readFileSync(`/proc/${process.ppid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19]
      writeFileSync(join(out, '.sider', 'lock'), `${process.ppid} ${started}`)
      const taken = await sider(['batch', photos, '-o', out])
      expect(taken.status).toBe(9)
      expect(taken.stderr).toMatch(/another batch, process \d+, is at work in .*out/)
      expect(`${wrong.stderr}${taken.stderr}`).not.toMatch(/server|data folder/)
    },
  )
})

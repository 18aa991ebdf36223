import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { REPORT_FILE } from '../../src/engine/system/files.js'
import { lastJson, RecordingEngine, sider } from './recording-engine.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('generate', () => {
  test('asks the engine for a set, into a folder of its own', async () => {
    const engine = new RecordingEngine()
    const out = join(folder, 'truth')
    const { status, stdout } = await sider(['generate', '-o', out, '--count', '2', '--seed', '9', '--json'], engine)
    expect(status).toBe(0)
    expect(engine.generated).toMatchObject({ count: 2, seed: 9, size: 1024, output: out })
    expect(lastJson(stdout)).toMatchObject({ event: 'result', cases: ['s0001/view'] })
    writeFileSync(join(folder, 'notes.txt'), '')
    expect((await sider(['generate', '-o', folder], engine)).status).toBe(9)
  })

  test('takes ranges of expressions in turn, several views, and says which ranges there are', async () => {
    const engine = new RecordingEngine()
    const out = join(folder, 'views')
    const { status } = await sider(['generate', '-o', out, '--views', '3', '-e', 'mild,strong'], engine)
    expect(status).toBe(0)
    expect(engine.generated).toMatchObject({ views: 3, expressions: ['mild', 'strong'] })
    await sider(['generate', '-o', out, '--force'], engine)
    expect(engine.generated).toMatchObject({ views: 1, expressions: undefined })
    const wrong = await sider(['generate', '-o', out, '--expressions', 'mild,wild'], engine)
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toContain("'wild', but must be one or several of rest, mild, strong")
    expect((await sider(['generate', '-o', out, '--views', '0'], engine)).status).toBe(2)
  })
})

describe('evaluate', () => {
  test('measures, writes and says the figures', async () => {
    const engine = new RecordingEngine()
    const results = join(folder, 'results')
    mkdirSync(results)
    const argv = ['evaluate', 'truth', '-r', results, '--scale', 'fixed', '--unit', 'mm']
    const { status, stdout, stderr } = await sider(argv, engine)
    expect(status).toBe(0)
    expect(stderr).toContain(
      'mouth 21.7 for 24.0 mm, lids 0.5 for 0.0 and 8.0 for 9.1 mm, contours of lips 1.1 %, lids hidden',
    )
    expect(engine.asked).toBeUndefined()
    expect(engine.evaluated).toMatchObject({ results, scale: 'fixed', predictionUnits: 1000 })
    expect(engine.evaluated?.cases).toHaveLength(2)
    expect(stdout).toContain('all (2): 0.91 / 1.42 / 1.83')
    expect(stdout).toContain('Mean errors of openings (2 cases): mouth 2.30 mm, lids 0.80 mm')
    expect(stdout).toContain('Heads at rest of 2 people, 6 results: 1.05 mm')
    expect(stdout).toContain('98.6 % in the right order')
    expect(existsSync(join(results, 'evaluation/evaluation.json'))).toBe(true)
    // Its own folder is written again; somebody else's is not.
    expect((await sider(argv, engine)).status).toBe(0)
    writeFileSync(join(folder, 'notes.txt'), '')
    expect((await sider([...argv, '-o', folder], engine)).status).toBe(9)
  })

  test('--reconstruct runs the engine on every case with the asked settings', async () => {
    const engine = new RecordingEngine()
    const options = ['--reconstruct', '--preset', 'paper', '--set', 'networks.detail.epochs=7', '--json']
    const { status, stdout } = await sider(['evaluate', 'truth', '-r', folder, ...options], engine)
    expect(status).toBe(0)
    expect(engine.asked).toMatchObject({
      photo: 'a/2.png',
      settings: { networks: { detail: { epochs: 7 } }, method: 'networks' },
    })
    for (const name of ['a/1', 'a/2']) expect(existsSync(join(folder, name, REPORT_FILE)), name).toBe(true)
    expect(lastJson(stdout)).toMatchObject({ event: 'result', pooled: { cases: 2, detail: { median: 0.91 } } })
  })
})

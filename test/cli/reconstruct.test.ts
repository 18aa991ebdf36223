import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Shell } from '../../src/cli/command.js'
import { shellWords } from '../../src/cli/shell-words.js'
import { SiderError } from '../../src/engine/errors.js'
import { saveCheckpoint } from '../../src/engine/run/checkpoint.js'
import { REPORT_FILE } from '../../src/engine/system/files.js'
import { recorder } from './recorder.js'
import { lastJson, RecordingEngine, sider } from './recording-engine.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('reconstruct', () => {
  test('options become settings, over the preset', async () => {
    const engine = new RecordingEngine()
    const argv = [
      'reconstruct',
      'a.jpg',
      '-o',
      join(folder, 'out'),
      '--preset',
      'paper',
      '--backend',
      'tfjs-cpu',
      '--head',
      'f.pkl',
    ]
    argv.push(
      '--face',
      '2',
      '--size',
      '128',
      '--seed',
      '9',
      '--set',
      'networks.detail.rays=64',
      '-s',
      'networks.renderer.useNormal=false',
    )
    const { status, stdout, stderr } = await sider(argv, engine)
    expect(status).toBe(0)
    const { photo, settings, resumeFrom, checkpoint } = engine.asked!
    expect(photo).toBe('a.jpg')
    expect(settings).toMatchObject({
      seed: 9,
      backend: 'tfjs-cpu',
      photo: { face: 2, cropSize: 128 },
      head: { model: 'f.pkl' },
      networks: {
        geometry: { width: 512 },
        renderer: { useNormal: false },
        detail: { rays: 64, epochs: 250 },
      },
      output: { dump: false },
    })
    expect(resumeFrom).toBeUndefined()
    expect(checkpoint).toEqual({ file: join(folder, 'out', 'checkpoint.safetensors'), everySeconds: 30 })
    expect(stderr).toContain(' 50% Detail 10/20  loss 0.123  1:05 left')
    expect(stdout).toContain('Note: alpha removed')
    expect(stdout).toContain(join(folder, 'out', 'face.glb'))
  })

  test('--json: progress, then the result with its files', async () => {
    const { stdout, stderr } = await sider(['reconstruct', 'a.jpg', '-o', folder, '--json'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ event: 'progress', stage: 'detail', fraction: 0.5, etaSeconds: 65 })
    expect(lines.at(-1)).toMatchObject({
      event: 'result',
      folder,
      files: [join(folder, REPORT_FILE)],
      backend: 'ort-cpu',
      warnings: ['alpha removed'],
    })
    expect(stderr).toBe('')
  })

  test('--quiet says nothing', async () => {
    expect(await sider(['reconstruct', 'a.jpg', '-o', folder, '-q'])).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('--dump writes what the stages record, there or elsewhere', async () => {
    const engine = new RecordingEngine(async ({ inspector }) => inspector!.record('fit', { kind: 'json', value: 1 }))
    const out = join(folder, 'out')
    expect((await sider(['reconstruct', 'a.jpg', '-o', out, '--dump'], engine)).status).toBe(0)
    expect(existsSync(join(out, 'dump', 'setup', 'fit.json'))).toBe(true)
    expect((await sider(['reconstruct', 'a.jpg', '-o', out, `--dump=${join(folder, 'd')}`], engine)).status).toBe(0)
    expect(existsSync(join(folder, 'd', 'setup', 'fit.json'))).toBe(true)
    expect((await sider(['reconstruct', 'a.jpg', '-o', out], engine)).status).toBe(0)
    expect(engine.asked!.inspector!.wants('fit')).toBe(false)
  })

  test('landmarks are read as JSON', async () => {
    const engine = new RecordingEngine()
    const file = join(folder, 'l.json')
    writeFileSync(file, '[[1,2]]')
    await sider(['reconstruct', 'a.jpg', '-o', join(folder, 'o'), '--landmarks', file], engine)
    expect(engine.asked!.landmarks).toEqual([[1, 2]])
    writeFileSync(file, '[[1,NaN]]')
    const { status, stderr } = await sider(
      ['reconstruct', 'a.jpg', '-o', join(folder, 'o'), '--landmarks', file],
      engine,
    )
    expect(status).toBe(4)
    expect(stderr).toContain('LANDMARKS_INVALID')
  })

  test('landmarks put in their places: handed on as they are given, and what cannot be read is told', async () => {
    const engine = new RecordingEngine()
    const out = ['reconstruct', 'a.jpg', '-o', join(folder, 'o')]
    const { stdout } = await sider([...out, '--landmark', '57=412,530.5', '--landmark', '478:13 = 400, 520'], engine)
    expect(engine.asked!.corrections).toEqual({ 57: [412, 530.5], '478:13': [400, 520] })
    expect(stdout).toContain('77 % of what faces differ in')
    await sider(out, engine)
    expect(engine.asked!.corrections).toBeUndefined()
    for (const wrong of ['57', '57=412', '57=412,', '57=a,b', '=1,2', '57=1,2,3']) {
      const { status, stderr } = await sider([...out, '--landmark', wrong], new RecordingEngine())
      expect(status, wrong).toBe(2)
      expect(stderr).toContain('57=412,530')
    }
  })

  test("somebody else's folder is refused before the engine is loaded; --force takes it", async () => {
    writeFileSync(join(folder, 'thesis.tex'), '')
    const engine = new RecordingEngine()
    const refused = await sider(['reconstruct', 'a.jpg', '-o', folder], engine)
    expect(refused.status).toBe(9)
    expect(engine.asked).toBeUndefined()
    expect((await sider(['reconstruct', 'a.jpg', '-o', folder, '--force'], engine)).status).toBe(0)
  })

  test('failures of the engine keep code, hint and exit status', async () => {
    const engine = new RecordingEngine(async () => {
      throw new SiderError('NO_FACE', 'no face here', { stage: 'landmarks', hint: 'Try another photo.' })
    })
    const { status, stderr } = await sider(['reconstruct', 'a.jpg', '-o', folder], engine)
    expect(status).toBe(4)
    expect(stderr).toContain('Error: no face here [NO_FACE]\nTry another photo.\n')
  })

  test('a fault of the program is told as such, with its stack', async () => {
    const engine = new RecordingEngine(async () => {
      throw new TypeError('x is not a function')
    })
    const { status, stderr } = await sider(['reconstruct', 'a.jpg', '-o', folder], engine)
    expect(status).toBe(1)
    expect(stderr).toMatch(/please report[\s\S]*TypeError: x is not a function\n +at /)
  })
})

describe('Ctrl-C', () => {
  /** An engine that does what the contract says: when aborted, a checkpoint is saved and CANCELLED thrown. */
  function stoppable(interrupt: () => void): RecordingEngine {
    return new RecordingEngine(async ({ signal, checkpoint, settings }) => {
      interrupt()
      if (!signal!.aborted) return
      await saveCheckpoint(checkpoint!.file, { photoSha256: '', settings, stage: 'detail', state: {}, tensors: {} })
      throw new SiderError('CANCELLED', 'stopped after step 12', { stage: 'detail' })
    })
  }

  /** Keys to press: whoever listens hears them. */
  function keyboard(): { press(): void; onInterrupt: Shell['onInterrupt'] } {
    const listeners = new Set<() => void>()
    return {
      press: () => {
        for (const listener of listeners) listener()
      },
      onInterrupt: (callback) => {
        listeners.add(callback)
        return () => listeners.delete(callback)
      },
    }
  }

  test('once: a checkpoint, exit 130, and the exact command that goes on from it', async () => {
    const out = join(folder, "it's out")
    const { press, onInterrupt } = keyboard()
    const argv = ['reconstruct', 'my photo.jpg', '-o', out, '--set', 'networks.detail.rays=64']
    const stopped = await sider(argv, stoppable(press), { onInterrupt })
    expect(stopped.status).toBe(130)
    expect(stopped.stderr).toContain('Finishing the current step')
    const command = `sider reconstruct 'my photo.jpg' -o ${shellWords([out])} --set networks.detail.rays=64 --resume`
    expect(stopped.stderr).toContain(`Stopped: stopped after step 12 [CANCELLED]\nGo on with: ${command}\n`)

    const engine = new RecordingEngine()
    expect((await sider([...argv, '--resume'], engine)).status).toBe(0)
    expect(engine.asked!.resumeFrom).toBe(join(out, 'checkpoint.safetensors'))
    expect(existsSync(join(out, 'checkpoint.safetensors'))).toBe(false)
  })

  test('twice: leaves at once, with the error line', async () => {
    const { press, onInterrupt } = keyboard()
    const left: number[] = []
    const stdout = recorder()
    const twice = stoppable(() => {
      press()
      press()
      expect(left).toEqual([130])
      expect(lastJson(stdout.text)).toMatchObject({ event: 'error', error: { code: 'CANCELLED' } })
    })
    const exit = (code: number) => void left.push(code)
    await sider(['reconstruct', 'a.jpg', '-o', folder, '--json'], twice, { onInterrupt, exit, stdout })
    expect(left).toEqual([130])
  })

  test('a checkpoint that was there before the run is not called its own', async () => {
    const { press, onInterrupt } = keyboard()
    const out = join(folder, 'out')
    const stopped = new RecordingEngine(async () => {
      press()
      throw new SiderError('CANCELLED', 'stopped', { stage: 'head' })
    })
    mkdirSync(out)
    writeFileSync(join(out, 'checkpoint.safetensors'), '')
    utimesSync(join(out, 'checkpoint.safetensors'), 1e9, 1e9)
    expect((await sider(['reconstruct', 'a.jpg', '-o', out], stopped, { onInterrupt })).stderr).not.toContain(
      '--resume',
    )
    const again = await sider(['reconstruct', 'a.jpg', '-o', out, '--resume'], stopped, { onInterrupt })
    expect(again.stderr).toContain(`Go on with: sider reconstruct a.jpg -o ${out} --resume\n`)
  })

  test('words with odd characters survive a shell', () => {
    expect(shellWords(['a b', "it's", 'plain.jpg', '$HOME', ''])).toBe(`'a b' 'it'\\''s' plain.jpg '$HOME' ''`)
  })
})

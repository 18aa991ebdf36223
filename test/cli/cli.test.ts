import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, Shell } from '../../src/cli/command.js'
import { shellWords } from '../../src/cli/shell-words.js'
import { COMMANDS, main } from '../../src/cli.js'
import { SiderError } from '../../src/engine/errors.js'
import type { CaseScore, EvaluateOptions, Evaluation } from '../../src/engine/evaluate/index.js'
import type { GenerateOptions } from '../../src/engine/generate/index.js'
import { drawFaces } from '../../src/engine/landmarks/draw.js'
import { saveCheckpoint } from '../../src/engine/run/checkpoint.js'
import { runFace } from '../../src/engine/run/service.js'
import type { Reconstruction, ReconstructOptions } from '../../src/engine/run/types.js'
import { REPORT_FILE } from '../../src/engine/system/files.js'
import { GROUP_FACES } from '../support/group.js'
import { recorder } from './recorder.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An engine that records what it is asked, so that the command line is tested alone; the rest of the tests run the real one. */
class RecordingEngine implements Engine {
  asked: ReconstructOptions | undefined
  evaluated: EvaluateOptions | undefined
  generated: GenerateOptions | undefined
  overlaid: Parameters<Engine['faceOverlay']> | undefined
  constructor(private readonly during: (options: ReconstructOptions) => Promise<void> = async () => {}) {}

  reconstructInto: Engine['reconstructInto'] = (options) =>
    runFace({ stages: (all) => this.stages(all), write: (_, out) => this.write(out) }, options)

  private async stages(options: ReconstructOptions): Promise<Reconstruction> {
    this.asked = options
    options.onProgress?.({
      stage: 'detail',
      fraction: 0.5,
      iteration: 10,
      iterations: 20,
      loss: 0.1234,
      etaSeconds: 65,
    })
    await this.during(options)
    const quality = { identityDetermined: 0.77 }
    return { backend: 'ort-cpu', seconds: {}, warnings: ['alpha removed'], quality } as unknown as Reconstruction
  }
  private async write(out: string): Promise<void> {
    writeFileSync(join(out, REPORT_FILE), JSON.stringify({ generator: 'sider' }))
  }
  drawFaces: Engine['drawFaces'] = drawFaces
  async findFaces(): ReturnType<Engine['findFaces']> {
    const face = (x: number) => ({
      box: { x, y: 10, width: 40, height: 50 },
      score: 0.9,
      landmarks: { layout: 68 as const, points: new Float64Array(136) },
    })
    const data = new Uint8Array(200 * 100 * 3).fill(128)
    const photo = { width: 200, height: 100, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
    return { photo, faces: [face(20), face(120)] }
  }
  async faceOverlay(...asked: Parameters<Engine['faceOverlay']>): ReturnType<Engine['faceOverlay']> {
    this.overlaid = asked
    const landmarks = [{ name: '57', x: 412, y: 530 }]
    const figures = { landmarkRmsRelative: 0.021, identityDetermined: 0.77, warnings: ['look at it'] }
    return { picture: Uint8Array.of(137, 80), landmarks, ...figures }
  }
  async findCases(): ReturnType<Engine['findCases']> {
    return ['a/1', 'a/2'].map((name) => ({ name, group: 'a', image: `${name}.png`, scan: 'gt.ply', scanUnits: 1 }))
  }
  async evaluate(options: EvaluateOptions): ReturnType<Engine['evaluate']> {
    this.evaluated = options
    const of = { count: 10, median: 0.91, mean: 1.42, std: 1.83 }
    const scores = options.cases.map(({ name, group }): CaseScore => {
      const shut = { trueMm: 0, foundMm: 0.5 }
      const lids = { rightLids: shut, leftLids: { trueMm: 9.1, foundMm: 8 } }
      const mouth = { trueMm: 24, foundMm: 21.7 }
      const expression = { mouth, ...lids, lipsPercent: 1.1, lidsPercent: undefined, pointsPercent: 2 }
      return { name, group, alignment: 'pixels', scan: { detail: { ...of, scale: 1.1 } }, expression }
    })
    const expression = { cases: 2, mouthMm: 2.3, lidsMm: 0.8, lipsPercent: 1.1, lidsPercent: 1.4 }
    const identity = { results: 6, subjects: 2, sameMm: 1.05, differentMm: 2.58, ordered: 0.986, nearest: 1 }
    for (const [i, score] of scores.entries()) options.onCase?.(score, i + 1, scores.length)
    const pooled = { cases: scores.length, detail: of }
    const curve = { distance: [0, 1], detail: [0, 50] }
    const figures = { scores, pooled, groups: { a: pooled }, curve, expression, identity }
    return { ...figures, missing: [], options: {}, pictures: [] }
  }
  async writeEvaluation(_: Evaluation, out: string): Promise<void> {
    writeFileSync(join(out, 'evaluation.json'), JSON.stringify({ generator: 'sider' }))
  }
  async generateSet(options: GenerateOptions): Promise<string[]> {
    this.generated = options
    return ['s0001/view']
  }
  async describeBackends(): ReturnType<Engine['describeBackends']> {
    const backends = [
      { name: 'ort-cpu', available: true, reason: 'bundled', device: '8 threads' },
      { name: 'ort-cuda', available: false, reason: 'CUDA is not installed' },
    ]
    return { backends, chosen: 'ort-cpu', why: 'there is no GPU' }
  }
}

interface Ran {
  status: number
  stdout: string
  stderr: string
}

async function sider(
  argv: string[],
  engine: Engine = new RecordingEngine(),
  changes: Partial<Shell> = {},
): Promise<Ran> {
  const [stdout, stderr] = [recorder(), recorder()]
  const shell: Shell = {
    stdout,
    stderr,
    argv,
    program: ['sider'],
    engine: async () => engine,
    onInterrupt: () => () => {},
    exit: () => {},
    ...changes,
  }
  const status = await main(shell)
  return { status, stdout: stdout.text, stderr: stderr.text }
}

const lastJson = (text: string) => JSON.parse(text.trimEnd().split('\n').at(-1)!)

describe('help', () => {
  test('lists the commands, alone or asked for', async () => {
    const shown = await sider(['help'])
    expect(shown.status).toBe(0)
    for (const command of COMMANDS) expect(shown.stdout).toContain(`\n  ${command.name} `)
    expect((await sider([])).stdout).toBe(shown.stdout)
    expect((await sider(['--help'])).stdout).toBe(shown.stdout)
  })

  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    '%s explains its options, with examples that parse',
    async (name, command) => {
      const { status, stdout } = await sider([name, '--help'])
      expect(status).toBe(0)
      for (const option of Object.keys(command.options)) expect(stdout).toContain(`--${option}`)
      expect((await sider(['help', name])).stdout).toBe(stdout)
      expect(command.examples.length).toBeGreaterThan(0)
      for (const [line] of command.examples) {
        expect(stdout).toContain(line)
        const words = line.split(' ').slice(1)
        expect((await sider([...words, '--help'])).status, line).toBe(0)
      }
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100)
    },
  )

  test('--version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect((await sider(['--version'])).stdout).toBe(`${version}\n`)
  })
})

describe('wrong usage leaves with 2 and says what to do', () => {
  test.each([
    [['reconstrct', 'a.jpg'], "unknown command 'reconstrct'", 'Did you mean: sider reconstruct?'],
    [['reconstruct', 'a.jpg', '--presett', 'paper'], 'unknown option --presett', 'Did you mean --preset?'],
    [['reconstruct'], '<photo> is missing', 'sider reconstruct --help'],
    [['reconstruct', 'a.jpg', 'b.jpg'], "'b.jpg' is one argument too many", 'sider reconstruct --help'],
    [['reconstruct', 'a.jpg'], 'the output folder is missing', '-o out'],
    [['reconstruct', 'a.jpg', '-o'], "'-o, --output <value>'", 'sider reconstruct --help'],
    [
      ['reconstruct', 'a.jpg', '-o', 'x', '--preset', 'best'],
      "unknown preset 'best'",
      'preview, balanced, neural, paper',
    ],
    [
      ['reconstruct', 'a.jpg', '-o', 'x', '--face', 'left'],
      'photo.face is "left", but must be an integer',
      'sider settings',
    ],
    [
      ['reconstruct', 'a.jpg', '-o', 'x', '--size', '8'],
      'photo.cropSize is 8, but must be an integer from 32',
      'sider settings',
    ],
    [
      ['reconstruct', 'a.jpg', '-o', 'x', '--set', 'detail.epoch=3'],
      "unknown setting 'detail.epoch'",
      "'networks.detail.epochs'",
    ],
    [['generate'], 'the output folder is missing', '-o truth'],
    [['generate', '-o', 'x', '--count', '0.5'], "--count is '0.5'", 'generate --help'],
    [['evaluate', 'truth'], 'the folder of results is missing', '-r out'],
    [['evaluate', 'truth', '-r', 'x', '--preset', 'paper'], '--preset needs --reconstruct', 'evaluate --help'],
    [['evaluate', 'truth', '-r', 'x', '--scale', 'big'], "--scale is 'big'", 'evaluate --help'],
  ])('%j', async (argv, message, hint) => {
    const words = await sider(argv)
    expect(words.status).toBe(2)
    expect(words.stderr).toContain(message)
    expect(words.stderr).toContain('[USAGE]')
    expect(words.stderr).toContain(hint)
    const json = await sider([...argv, '--json'])
    if (argv.at(-1) !== '-o') expect(lastJson(json.stdout)).toMatchObject({ event: 'error', error: { code: 'USAGE' } })
    expect(existsSync('x')).toBe(false)
  })
})

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

  test('faces --overlay: the chosen face with corrections, its figures in words and as JSON', async () => {
    const engine = new RecordingEngine()
    const [picture, overlay] = [join(folder, 'faces.png'), join(folder, 'overlay.png')]
    const line = ['faces', 'a.jpg', '--picture', picture, '--overlay', overlay, '--face', '1', '--landmark', '57=1,2']
    const { status, stdout } = await sider(line, engine)
    expect(status).toBe(0)
    expect([...readFileSync(overlay)]).toEqual([137, 80])
    expect(engine.overlaid![1]).toEqual({ 57: [1, 2] })
    expect(engine.overlaid![2].photo.face).toBe(1)
    for (const words of ['2.1 %', '77 %', 'Note: look at it', '--landmark N=X,Y']) expect(stdout).toContain(words)
    const result = JSON.parse((await sider([...line, '--json'], engine)).stdout)
    expect(result).toMatchObject({ overlay, identityDetermined: 0.77, landmarks: [{ name: '57', x: 412, y: 530 }] })
    const refused = await sider(['faces', 'a.jpg', '--picture', picture, '--landmark', '57=1,2'], engine)
    expect(refused.status).toBe(2)
    expect(refused.stderr).toContain('--overlay')
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

describe('the other commands', () => {
  test('faces lists them and numbers them in a picture', async () => {
    const picture = join(folder, 'p.png')
    const { status, stdout } = await sider(['faces', 'group.jpg', '--picture', picture])
    expect(status).toBe(0)
    expect(stdout).toContain('1: 40x50 pixels at (120, 10), confidence 0.90')
    const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([200, 100])
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)]
    expect(pixel(120, 40)).toEqual([0, 230, 118]) // on the box's left edge
    expect(pixel(100, 40)).toEqual([128, 128, 128]) // between the faces
  })

  test('faces have the numbers that all clients show', async () => {
    const engine = new RecordingEngine()
    const { photo, faces } = await engine.findFaces()
    engine.findFaces = async () => ({ photo, faces: GROUP_FACES.map((box) => ({ ...faces[0], box })) })
    const argv = ['faces', 'group.jpg', '--picture', join(folder, 'p.png')]
    const lines = (await sider(argv, engine)).stdout.split('\n').slice(0, 3)
    expect(lines).toEqual(
      GROUP_FACES.map(({ x, y, width, height }, number) => {
        return `${number}: ${width}x${height} pixels at (${x}, ${y}), confidence 0.90`
      }),
    )
    const { faces: list } = lastJson((await sider([...argv, '--json'], engine)).stdout)
    expect(list.map(({ face, box }: { face: number; box: object }) => ({ face, box }))).toEqual(
      GROUP_FACES.map((box, face) => ({ face, box })),
    )
  })

  test('--face list of reconstruct does the same, and reconstructs nothing', async () => {
    const engine = new RecordingEngine()
    const before = process.cwd()
    process.chdir(folder)
    try {
      const { status, stdout } = await sider(['reconstruct', 'group.jpg', '--face', 'list'], engine)
      expect(status).toBe(0)
      expect(stdout).toContain('0: 40x50 pixels')
      expect(existsSync('group-faces.png')).toBe(true)
    } finally {
      process.chdir(before)
    }
    expect(engine.asked).toBeUndefined()
  })

  test('settings names every preset value', async () => {
    const { stdout } = await sider(['settings'])
    expect(stdout).toContain('networks.renderer.useFeature = true')
    expect(stdout).toMatch(/detail\.epochs = (250|preview \d+, balanced \d+, paper 250)\n/)
    const json = lastJson((await sider(['settings', '--json'])).stdout)
    const detail = json.groups.find((group: { name: string }) => group.name === 'networks.detail')
    expect(detail.settings.find((one: { path: string }) => one.path === 'networks.detail.epochs').presets.paper).toBe(
      250,
    )
  })

  test('doctor tells what is there, what is not and why, and the choice', async () => {
    const { stdout } = await sider(['doctor'])
    expect(stdout).toContain('✓ ort-cpu   bundled (8 threads)')
    expect(stdout).toContain('✗ ort-cuda  CUDA is not installed')
    expect(stdout).toContain('auto takes ort-cpu: there is no GPU')
    expect(stdout).toContain(process.version)
    expect(lastJson((await sider(['doctor', '--json'])).stdout)).toMatchObject({ event: 'result', chosen: 'ort-cpu' })
  })
})

describe('as a process', () => {
  const cli = (...args: string[]) => [process.execPath, '--import', 'tsx', 'src/cli.ts', ...args]
  const start = (command: string[], shell = false) =>
    spawnSync(command[0], command.slice(1), { cwd: new URL('../../', import.meta.url), encoding: 'utf8', shell })

  test('leaves with the exit status, and answers without loading the engine', () => {
    const { status, stderr, stdout } = start(cli('reconstruct', 'nowhere.jpg', '-o', folder, '--preset', 'best'))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain("unknown preset 'best'")
  })

  test('what only tells loads no library: it answers at once', () => {
    const report = 'process.on("exit", () => console.error(JSON.stringify(process.report.getReport().sharedObjects)))'
    const [node, ...rest] = cli('settings')
    const { stderr, stdout } = start([node, '--import', `data:text/javascript,${encodeURIComponent(report)}`, ...rest])
    expect(stdout).toContain('networks.renderer.useFeature')
    const libraries = JSON.parse(stderr.trim().split('\n').at(-1)!) as string[]
    expect(libraries.length).toBeGreaterThan(1)
    expect(libraries.filter((file) => /sharp|vips|onnxruntime/.test(file))).toEqual([])
  })

  test.skipIf(process.platform === 'win32')('a reader that stops reading is no failure', () => {
    const { status, stderr } = start([`${shellWords(cli('settings'))} | true`], true)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

/** The command line as a whole: help, wrong usage, `settings`, `doctor`, as a process. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { shellWords } from '../../src/cli/shell-words.js'
import { COMMANDS } from '../../src/cli.js'
import { lastJson, sider } from './recording-engine.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

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

describe('commands that tell', () => {
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

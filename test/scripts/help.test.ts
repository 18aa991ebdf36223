/** Every command of the project says how it is used, with an example, and takes no word for another. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const TSX = createRequire(import.meta.url).resolve('tsx')
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** What stands after set-up in package.json's commands, where it is ours and not a compiler's; `sider` has tests of its own. */
const named = Object.values(scripts).flatMap((line) => /(?:tsx|node) ((?:scripts|bench)\/\S+)$/.exec(line)?.[1] ?? [])
const sources = ['scripts', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => `${folder}/${String(name).replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.ts') && name !== 'scripts/command-line.ts'),
)
const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const commands = [...new Set([...named, ...sources.filter((file) => text(file).includes('commandLine('))])].sort()
/** Started by others with what they write for each other. */
const CHILDREN = ['bench/queue/sleeper.ts', 'scripts/torture/bystander.ts']
/** They hand options that they do not know on to another program, and set up what that needs. */
const HANDING_ON = ['scripts/demo.mjs', 'scripts/test.mjs']

interface Said {
  status: number
  stdout: string
  stderr: string
  /** What was left in its working folder. */
  left: string[]
}

/** Runs a command in an empty folder. */
function run(file: string, ...args: string[]): Promise<Said> {
  const cwd = mkdtempSync(join(tmpdir(), 'sider-help-'))
  return new Promise((done) => {
    const line = ['--import', TSX, join(ROOT, file), ...args]
    execFile(process.execPath, line, { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      const left = readdirSync(cwd)
      rmSync(cwd, { recursive: true })
      done({ status: error ? Number(error.code) : 0, stdout, stderr, left })
    })
  })
}

/** Two at a time. */
async function each(files: readonly string[], work: (file: string) => Promise<void>): Promise<void> {
  const waiting = [...files]
  const next = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await work(file)
  }
  await Promise.all([next(), next()])
}

test('the scan sees them, and each reads its command line in one way', () => {
  expect(commands).toContain('scripts/results.ts')
  expect(commands).toContain('scripts/demo.mjs')
  expect(commands).toContain('scripts/dev/kill-loop.ts')
  for (const file of named) expect(existsSync(join(ROOT, file)), file).toBe(true)
  const alone = sources.filter((file) => /parseArgs|process\.argv(\.slice|\[[2-9])/.test(text(file)))
  expect(alone.filter((file) => !CHILDREN.includes(file))).toEqual([])
})

test('--help tells what a command does and shows it, and does nothing', { timeout: 300_000 }, async () => {
  await each(commands, async (file) => {
    const { status, stdout, stderr, left } = await run(file, '--help')
    expect([status, stderr, left], file).toEqual([0, '', []])
    expect(stdout, file).toMatch(/^Usage: (npm|npx tsx) /m)
    expect(stdout, file).toMatch(/^Examples?\b/m)
    const usage = /^Usage: npx tsx (\S+)/m.exec(stdout)?.[1]
    if (usage) expect(usage).toBe(file)
    const script = /^Usage: npm (?:run )?(\S+)/m.exec(stdout)?.[1]
    if (script) expect(scripts[script]).toContain(file)
  })
})

test('a wrong option is told of in a line, and nothing is done', { timeout: 300_000 }, async () => {
  await each(
    named.filter((file) => !HANDING_ON.includes(file)),
    async (file) => {
      const { status, stdout, stderr, left } = await run(file, '--no-such-option')
      expect([status, stdout, left], `${file}: ${stderr}`).toEqual([2, '', []])
      expect(stderr, file).toMatch(/^.*--no-such-option.* See: .* --help\n$/)
    },
  )
})

test.each([
  ['bench/peer.ts', ['--steps', 'many'], "--steps is 'many', but must be a whole number of at least 1."],
  ['bench/peer.ts', ['--steps', '2.5'], "--steps is '2.5'"],
  ['bench/peer.ts', ['--steps', ''], "--steps is ''"],
  ['bench/peer.ts', ['--set', 'relief.stepz=2'], 'relief.stepz'],
  ['bench/gpu-check/main.ts', [], '--out is missing.'],
  ['bench/gpu-check/main.ts', ['--out'], "Option '--out <value>' needs a value."],
  ['bench/main.ts', ['--presett', 'paper'], 'Did you mean --preset?'],
  ['scripts/results.ts', ['--preset', 'fine'], "--preset is 'fine', but must be one of preview, "],
  ['scripts/close-ups.ts', [], '<result> is missing.'],
  ['scripts/dev/fit-scans.ts', ['extra'], "'extra' is one argument too many."],
  ['scripts/dev/kill-loop.ts', ['photo.jpg', 'x'], "kills is 'x'"],
])('%s %j', async (file, args, words) => {
  const { status, stdout, stderr } = await run(file, ...args)
  expect([status, stdout], stderr).toEqual([2, ''])
  expect(stderr).toContain(words)
  expect(stderr).toMatch(/ See: .* --help\n$/)
})

import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { commandLine, refuse } from './command-line.js'
import { compareFolders, type Difference } from './same/compare.js'

const HELP = `Does this tree make the same results as another revision? Builds the revision in a temporary worktree, runs
photos with both methods in both trees, and compares all files: numbers, pixels and values, to the last digit.

Usage: npm run same -- --base REV [--photo FILE]... [--method NAME]... [--preset NAME] [--set KEY=VALUE]... [--out DIR] [--reuse]

  --base REV       the revision to compare with: a commit, branch or tag
  --photo FILE     default: two group photos that come with the packages for tests, and a rendered scan of
                   ../shared/data where it is (else a third group photo)
  --method NAME    relief, networks; default: both
  --preset NAME    of the relief (default balanced); the networks are run at a tiny size
  --set KEY=VALUE  any setting, in both trees
  --out DIR        the results (default out/same)
  --reuse          takes the revision's results of an earlier call, if they are there (then there is no ratio of times)

Examples:
  npm run same -- --base main
  npm run same -- --base HEAD~3 --photo me.jpg --method relief --preset preview

Prints what differs and by how much, and the present tree's time as a multiple of the revision's. Exit status: 0 the same,
1 something differs or fails, 2 wrong options.`

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const GROUPS = join(ROOT, 'node_modules/@vladmandic/face-api/demo')
const SCAN = resolve(ROOT, '../shared/data/scans/lpsw/L1/image.png')

/** Settings with which networks take seconds; the names that each has had, the latest first. */
const TINY: [names: string[], value: number][] = [
  [['photo.cropSize'], 64],
  [['networks.geometry.width', 'field.width'], 64],
  [['networks.geometry.feature', 'field.feature'], 32],
  [['networks.renderer.width', 'renderer.width'], 64],
  [['networks.coarse.steps', 'coarse.steps'], 60],
  [['networks.coarse.batch', 'coarse.batch'], 1024],
  [['networks.detail.epochs', 'detail.epochs'], 2],
  [['networks.detail.rays', 'detail.rays'], 512],
  [['networks.detail.points', 'detail.points'], 256],
  [['output.sdfGrid'], 32],
  [['surface.textureSize'], 512],
]

interface Tree {
  name: 'base' | 'present'
  folder: string
}

interface Run {
  photo: string
  method: string
}

const run = promisify(execFile)
const stopped = new AbortController()
process.once('SIGINT', () => stopped.abort())

const options = readOptions()
const seconds = { base: 0, present: 0 }
let failed = false
const commit = (
  await run('git', ['rev-parse', '--short=12', `${options.base}^{commit}`], { cwd: ROOT }).catch(() =>
    refuse(HELP, `--base is '${options.base}', which git knows no commit by.`),
  )
).stdout.trim()
const base = await buildBase(commit)
try {
  const runs = options.method.flatMap((method) => options.photo.map((photo): Run => ({ photo, method })))
  for (const [i, one] of runs.entries()) {
    const trees: Tree[] = [base, { name: 'present', folder: ROOT }]
    const title = `${one.method}, ${basename(dirname(one.photo))}/${basename(one.photo)}`
    const took: Partial<Record<Tree['name'], number>> = {}
    try {
      // Each is the first as often as the second: what warms the machine up favours none.
      for (const tree of i % 2 === 0 ? trees : trees.reverse()) took[tree.name] = await reconstruct(tree, one)
      tell(title, await compareFolders(folderOf('base', one), folderOf('present', one)), took)
    } catch (error) {
      if (stopped.signal.aborted) throw error
      failed = true
      console.log(`${title}: ${(error as Error).message}`)
    }
  }
} finally {
  await removeBase(base.folder)
}
if (seconds.base > 0)
  console.log(`time of all: ${(seconds.present / seconds.base).toFixed(2)} of that of ${options.base}`)
console.log(failed ? 'not the same' : 'the same')
process.exit(failed ? 1 : 0)

function readOptions() {
  const { values } = commandLine(HELP, {
    base: { type: 'string', required: true },
    photo: { type: 'string', multiple: true },
    method: { type: 'string', multiple: true, default: ['relief', 'networks'], choices: ['relief', 'networks'] },
    preset: { type: 'string', default: 'balanced' },
    set: { type: 'string', multiple: true, default: [] },
    out: { type: 'string', default: 'out/same' },
    reuse: { type: 'boolean' },
  })
  const groups = ['sample1.jpg', 'sample2.jpg', 'sample3.jpg'].map((name) => join(GROUPS, name))
  const photo = values.photo ?? (existsSync(SCAN) ? [...groups.slice(0, 2), SCAN] : groups)
  return { ...values, photo: photo.map((file) => resolve(file)) }
}

/** The revision's tree, compiled; its packages are those of this tree. */
async function buildBase(commit: string): Promise<Tree> {
  const folder = join(await mkdtemp(join(tmpdir(), 'sider-same-')), 'tree')
  console.log(`building ${options.base} (${commit})`)
  try {
    await run('git', ['worktree', 'add', '--detach', folder, commit], { cwd: ROOT })
    await symlink(await realpath(join(ROOT, 'node_modules')), join(folder, 'node_modules'), 'junction')
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    await run(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: folder, signal: stopped.signal })
  } catch (error) {
    await removeBase(folder)
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string }
    throw new Error(`${options.base} cannot be built: ${`${stdout}${stderr}` || message}`)
  }
  return { name: 'base', folder }
}

async function removeBase(folder: string): Promise<void> {
  await rm(join(folder, 'node_modules'), { force: true }) // the link alone
  await run('git', ['worktree', 'remove', '--force', folder], { cwd: ROOT }).catch(() => {})
  await rm(dirname(folder), { recursive: true, force: true })
}

/** Where a run's results are: the revision's by its name, so that they can be taken again. */
function folderOf(tree: Tree['name'], { photo, method }: Run): string {
  const of = tree === 'base' ? commit : 'present'
  const name = `${basename(dirname(photo))}-${basename(photo, extname(photo))}`
  const how = method === 'relief' ? options.preset : 'tiny'
  return resolve(ROOT, options.out, of, [method, how, name, ...options.set].join('-').replace(/[^\w.=-]/g, '_'))
}

/** Reconstructs a face with a tree's own program. @returns seconds; undefined where an earlier result is taken */
async function reconstruct(tree: Tree, one: Run): Promise<number | undefined> {
  const out = folderOf(tree.name, one)
  if (tree.name === 'base' && options.reuse && existsSync(join(out, 'report.json'))) return undefined
  await rm(out, { recursive: true, force: true })
  const settings = one.method === 'relief' ? ['--preset', options.preset] : ['--preset', 'paper', ...tiny(tree)]
  const all = [...settings, ...options.set.flatMap((text) => ['--set', text])]
  const started = performance.now()
  await command(join(tree.folder, 'dist/cli.js'), ['reconstruct', one.photo, '-o', out, '--quiet', ...all], tree)
  return (performance.now() - started) / 1000
}

/** Runs a program of a tree to its end. @throws Error with what it has said where it fails */
async function command(program: string, line: string[], { name, folder }: Tree): Promise<void> {
  const child = spawn(process.execPath, [program, ...line], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const leave = () => child.kill('SIGINT')
  stopped.signal.addEventListener('abort', leave)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const status = await new Promise((done, fail) => child.once('error', fail).once('close', done))
  stopped.signal.removeEventListener('abort', leave)
  stopped.signal.throwIfAborted()
  if (status !== 0) throw new Error(`${name} fails with exit status ${status}: ${said.trim()}`)
}

/** TINY in the names that a tree knows. */
function tiny({ folder }: Tree): string[] {
  const schema = JSON.parse(readFileSync(join(folder, 'schemas/settings.schema.json'), 'utf8'))
  const known = (name: string): boolean =>
    name.split('.').reduce((at, part) => at?.properties?.[part], schema) !== undefined
  return TINY.flatMap(([names, value]) => {
    const name = names.find(known)
    if (name === undefined) throw new Error(`the tree in ${folder} knows none of the settings ${names.join(', ')}`)
    return ['--set', `${name}=${value}`]
  })
}

function tell(title: string, differences: Difference[], took: Partial<Record<Tree['name'], number>>): void {
  const { base, present } = took
  let times = ''
  if (base !== undefined && present !== undefined) {
    seconds.base += base
    seconds.present += present
    times = ` (${present.toFixed(1)} s, ${(present / base).toFixed(2)} of ${base.toFixed(1)} s)`
  }
  console.log(`${title}: ${differences.length === 0 ? 'the same' : `${differences.length} differences`}${times}`)
  for (const { file, what } of differences) console.log(`  ${file}: ${what}`)
  if (differences.length > 0) failed = true
}

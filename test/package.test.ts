/** What users install: the packed file in an empty folder, and what it is made of. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listOfParts, unknownLicences } from '../scripts/audit-parts.js'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
/** What npm says where there is no network, and its cache does not hold all. */
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ENETUNREACH|ENOTCACHED/

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-package-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (program: string, args: string[], cwd: string): SpawnSyncReturns<string> =>
  spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26, shell: process.platform === 'win32' })

describe('the packed file, installed into an empty folder', () => {
  let place: string
  let missing: string | undefined
  const sider = () => join(place, 'node_modules/.bin/sider')
  const installed = (...names: string[]) => join(place, 'node_modules/sider-face', ...names)

  beforeAll(() => {
    // As README.md says it: the project's .npmrc turns scripts off, and prepack is one.
    const packed = run('npm', ['pack', '--ignore-scripts=false', '--pack-destination', folder], ROOT)
    if (packed.status !== 0 && /pip could not fetch/.test(packed.stderr)) {
      missing = 'no network: the Blender add-on needs a package of PyPI'
      return
    }
    expect(packed.status, packed.stderr).toBe(0)
    place = join(folder, 'empty')
    mkdirSync(place)
    writeFileSync(join(place, 'package.json'), '{ "private": true }')
    const file = join(folder, `sider-face-${version}.tgz`)
    const args = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', file]
    const { status, stderr } = run('npm', args, place)
    if (status !== 0 && NO_NETWORK.test(stderr)) missing = 'no network: npm cannot fetch the dependencies'
    else expect(status, stderr).toBe(0)
  }, 300_000)

  test('the command runs', ({ skip }) => {
    if (missing) skip(missing)
    const { status, stdout } = run(sider(), ['--version'], place)
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` })
    const faces = run(sider(), ['settings', '--json'], place)
    expect(JSON.parse(faces.stdout)).toMatchObject({ event: 'result', defaultPreset: 'balanced' })
  })

  test('the library and the client are imported by name, and find a face', ({ skip }) => {
    if (missing) skip(missing)
    const photo = join(ROOT, 'node_modules/@vladmandic/face-api/demo/sample3.jpg')
    writeFileSync(
      join(place, 'use.mjs'),
      `import { findFaces, resolveSettings, VERSION } from 'sider-face'
       import { SiderClient } from 'sider-face/client'
       const { faces } = await findFaces(${JSON.stringify(photo)}, resolveSettings({}))
       console.log(JSON.stringify({ VERSION, faces: faces.length, client: typeof SiderClient.connect }))`,
    )
    const { status, stdout, stderr } = run(process.execPath, ['use.mjs'], place)
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ VERSION: version, faces: 3, client: 'function' })
  })

  test('the server starts and serves its page and the editor panel', async ({ skip }) => {
    if (missing) skip(missing)
    const args = ['serve', '--port', '0', '--data', join(folder, 'data'), '--json']
    const server = spawn(process.execPath, [installed('dist/cli.js'), ...args], { cwd: place })
    const ended = once(server, 'close')
    try {
      const [line] = await once(server.stdout, 'data')
      const address = JSON.parse(String(line)).url.replace(/^ws/, 'http')
      const page = await (await fetch(address)).text()
      const [, script] = /<script[^>]* src="([^"]+)"/.exec(page) ?? []
      expect(script, page).toBeDefined()
      for (const path of [script, 'editor.js']) expect((await fetch(new URL(path, address))).status, path).toBe(200)
    } finally {
      server.kill('SIGTERM')
    }
    expect((await ended)[0]).toBe(0)
  })

  test("Blender's add-on is inside, and `sider doctor` says where", ({ skip }) => {
    if (missing) skip(missing)
    const { addOn } = JSON.parse(run(sider(), ['doctor', '--json'], place).stdout.trim().split('\n').at(-1)!)
    expect(addOn).toBe(installed(`dist/blender/sider-blender-${version}.zip`))
    const names = Object.keys(unzipSync(readFileSync(addOn)))
    for (const name of ['sider/__init__.py', 'sider/blender_manifest.toml', 'sider/LICENSE', 'sider/core/glb.py'])
      expect(names).toContain(name)
    expect(names.some((name) => /^sider\/wheels\/websocket_client-.*\.whl$/.test(name))).toBe(true)
  })

  test('what errors refer to is there; sources and tests are not', ({ skip }) => {
    if (missing) skip(missing)
    for (const name of ['docs/errors.md', 'docs/backends.md', 'docs/privacy.md', 'examples/reconstruct.py', 'LICENSE'])
      expect(existsSync(installed(name)), name).toBe(true)
    for (const name of ['src', 'test', 'scripts', 'plugins']) expect(existsSync(installed(name)), name).toBe(false)
  })
})

describe('what it is made of', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; license?: string }>
  }

  test('licences: those of all packages are allowed; others are named', () => {
    expect(unknownLicences(packages)).toEqual([])
    const found = unknownLicences({
      '': { license: 'MIT' },
      'node_modules/a': { version: '1.0.0', license: 'GPL-3.0-only' },
      'node_modules/b': { version: '1.0.0' },
      'node_modules/c': { version: '1.0.0', license: '(MIT AND AGPL-3.0-only)' },
      'node_modules/d': { version: '1.0.0', license: '(GPL-2.0-only OR MIT)' },
      'node_modules/c/node_modules/@x/e': { version: '2.0.0', license: 'LGPL-3.0-or-later' },
    })
    expect(found).toEqual([
      'a@1.0.0: GPL-3.0-only',
      'b@1.0.0: no licence stated',
      'c@1.0.0: (MIT AND AGPL-3.0-only)',
      '@x/e@2.0.0: LGPL-3.0-or-later',
    ])
  })

  test('the list of parts has all packages, and says which are for development', () => {
    const { metadata, components } = listOfParts()
    expect(metadata.component.name).toBe('sider-face')
    const names = (development: boolean) =>
      components
        .filter(({ properties = [] }) => development === properties.some(({ name }) => name.endsWith(':development')))
        .map(({ name }) => name)
    const shipped = Object.keys(packages).filter((path) => path !== '' && !packages[path].dev)
    for (const path of shipped) expect(names(false)).toContain(path.slice(path.lastIndexOf('node_modules/') + 13))
    expect(names(false)).toContain('websocket-client')
    expect(names(true)).toContain('vitest')
  })
})

test("nobody is told to install or run somebody else's package", () => {
  const files = [
    'README.md',
    'CHANGELOG.md',
    ...below('docs'),
    ...below('plugins'),
    ...below('examples'),
    ...below('src'),
  ]
  const wrong = /npm (install|i|exec)\b[^`\n]*[\s']sider\b(?!-)|npx sider (?!elsewhere)\w|from 'sider(\/client)?'/
  const found = files.filter((file) => wrong.test(readFileSync(join(ROOT, file), 'utf8')))
  expect(found).toEqual([])
  expect('npm install -g sider').toMatch(wrong)
  expect("import { reconstruct } from 'sider'").toMatch(wrong)
})

/** Text files below a folder, by their path from the project's. */
function below(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => /\.(md|ts|mjs|py|toml|html)$/.test(name))
}

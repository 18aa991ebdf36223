/** The Blender bridge's core in plain Python, against a server; its package and manifest. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { strFromU8, unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { packageBlender, wheel } from '../../../scripts/package-blender.js'
import { testServer } from '../../rpc/service-peer.js'
import { blenderFixture } from './fixture.js'

const ROOT = join(import.meta.dirname, '../../..')
const python = ['/usr/bin/python3', 'python3', join(ROOT, '.cache/bpy/bin/python')].find(
  (one) => spawnSync(one, ['-c', 'import numpy']).status === 0,
)

/** Blender's `extension validate` as a program, in a Python with bpy; undefined if there is none. */
function findValidator(module: string): string | undefined {
  const folders = (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [])
  return folders(join(module, 'lib'))
    .flatMap((python) => folders(join(python, 'site-packages/bpy')))
    .map((version) => join(version, 'scripts/addons_core/bl_pkg/cli/blender_ext.py'))
    .find(existsSync)
}

describe('core', () => {
  const title = 'speaks with a server, reads meshes, and finds the engine of this machine'
  it.skipIf(python === undefined)(python ? title : `${title}: skipped, no Python with numpy`, async () => {
    const { meshes, resultFolder } = await blenderFixture()
    const home = mkdtempSync(join(tmpdir(), 'sider-core-'))
    const server = await testServer({ dataFolder: join(home, 'sider'), maxRunning: 2 })
    const script = join(home, 'script.json')
    writeFileSync(script, JSON.stringify({ meshes, resultFolder }))
    const env = { ...process.env, SIDER_DATA_HOME: home, SIDER_SCRIPT: script, SIDER_WHEEL: wheel() }
    const child = spawn(python!, [join(import.meta.dirname, 'python/test_core.py')], { env })
    let said = ''
    child.stderr.on('data', (text) => {
      said += text
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    await server.close()
    expect(said.match(/ \.\.\. (FAIL|ERROR)/g) ?? [], said).toEqual([])
    expect(status, said).toBe(0)
    expect(Number(said.match(/Ran (\d+) tests/)?.[1])).toBeGreaterThan(15)
  })
})

describe('package', () => {
  const zip = packageBlender(mkdtempSync(join(tmpdir(), 'sider-zip-')))
  const files = unzipSync(readFileSync(zip))
  const text = (name: string): string => strFromU8(files[`sider/${name}`])
  const manifest = text('blender_manifest.toml')
  const value = (key: string): string => manifest.match(new RegExp(`^${key} = (.*)$`, 'm'))?.[1] ?? ''
  const list = (key: string): string[] => JSON.parse(value(key))

  it('is one folder with sources, licence and wheel, and nothing else', () => {
    const names = Object.keys(files)
    expect(names.every((name) => /^sider\/(core\/)?[\w.]+$|^sider\/wheels\//.test(name))).toBe(true)
    expect(names).toContain('sider/__init__.py')
    expect(text('LICENSE')).toMatch(/GNU GENERAL PUBLIC LICENSE\s+Version 3/)
  })

  it('follows the rules of extension manifests', () => {
    // https://docs.blender.org/manual/en/latest/advanced/extensions/getting_started.html#manifest
    expect(value('schema_version')).toBe('"1.0.0"')
    expect(JSON.parse(value('id'))).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(JSON.parse(value('version'))).toMatch(/^\d+\.\d+\.\d+$/)
    expect(JSON.parse(value('type'))).toBe('add-on')
    expect(JSON.parse(value('tagline'))).toMatch(/^.{1,63}[\w)]$/) // at most 64 characters, no full stop
    expect(JSON.parse(value('blender_version_min'))).toBe('4.2.0')
    expect(list('license')).toEqual(['SPDX:GPL-3.0-or-later'])
    expect(list('copyright')[0]).toMatch(/^\d{4}(-\d{4})? .+/)
    const known = ['3D View', 'Import-Export', 'Mesh'] // of the list of the manual
    for (const tag of list('tags')) expect(known).toContain(tag)
    for (const path of list('wheels')) expect(files[path.replace('./', 'sider/')], path).toBeDefined()
    const permissions = manifest.split('[permissions]')[1].trim().split('\n')
    expect(permissions.map((line) => line.split(' = ')[0])).toEqual(['network', 'files', 'clipboard'])
    for (const line of permissions) expect(JSON.parse(line.split(' = ')[1])).toMatch(/^.{1,63}[^.]$/)
  })

  const module = join(ROOT, '.cache/bpy')
  const validator = findValidator(module)
  const judged = "passes Blender's own validation of extensions"
  it.skipIf(!validator)(validator ? judged : `${judged}: skipped, no bpy in .cache/bpy (see .ci/run)`, () => {
    const args = [validator!, 'validate', zip, '--valid-tags=']
    const { status, stdout, stderr } = spawnSync(join(module, 'bin/python'), args, { encoding: 'utf8' })
    expect(status, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/Success/)
    expect(stdout + stderr).not.toMatch(/warning|error/i)
  })

  it('has one version everywhere', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(JSON.parse(value('version'))).toBe(version)
    expect(text('__init__.py')).toContain(`"version": (${version.replaceAll('.', ', ')})`)
    expect(text('__init__.py')).toContain('"blender": (3, 4, 0)')
  })

  it('keeps bpy out of the core', () => {
    for (const name of Object.keys(files))
      if (name.startsWith('sider/core/'))
        expect(strFromU8(files[name]), name).not.toMatch(/^\s*(import|from) (bpy|mathutils)/m)
  })

  it('compares versions of Blender in compat.py alone', () => {
    for (const name of Object.keys(files))
      if (name.endsWith('.py') && !name.endsWith('compat.py'))
        expect(strFromU8(files[name]), name).not.toMatch(/bpy\.app\.version\b/)
  })
})

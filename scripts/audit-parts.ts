/** `npm run audit:parts`: what the program is made of. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { commandLine } from './command-line.js'
import { WHEEL } from './package-blender.js'

const HELP = `What the program is made of: the licence of every package in the lockfile against a list of those that may be used, a list of parts
(CycloneDX), and the registry's known weaknesses of what users install.

Usage: npm run audit:parts -- [folder]

  folder   sbom.cdx.json goes there (default out)

Leaves with 1 for a licence, or a weakness of level high. A registry that cannot be asked fails nothing: that is said.

Example: npm run audit:parts -- /tmp/parts
`

const ROOT = join(import.meta.dirname, '..')
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { name: string }

/** SPDX names of licences that ask for no more than to be named. */
const FREE = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT']
/** Others, by the start of the name of the packages that may have them, and why. */
const EXCEPTIONS: { licence: string; packages: string; why: string }[] = [
  {
    licence: 'LGPL-3.0-or-later',
    packages: '@img/sharp-',
    why: 'libvips, a shared library of its own that users can replace',
  },
  { licence: 'MPL-2.0', packages: 'lightningcss', why: 'builds the page, is no part of it' },
  { licence: 'Python-2.0', packages: 'argparse', why: 'used while developing' },
  { licence: 'PSF-2.0', packages: 'argparse', why: 'used while developing' },
]

interface LockedPackage {
  version?: string
  license?: string
  dev?: boolean
}

/** Packages by name whose licence is not on the list. */
export function unknownLicences(packages: Record<string, LockedPackage>): string[] {
  return Object.entries(packages).flatMap(([path, { version, license }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (path === '' || mayUse(license ?? 'none', name)) return []
    return `${name}@${version}: ${license ?? 'no licence stated'}`
  })
}

/** Whether an SPDX expression can be met: one side of an OR is enough, AND needs both. */
function mayUse(expression: string, name: string): boolean {
  const text = expression.replace(/^\((.*)\)$/, '$1')
  const [any, all] = [text.split(' OR '), text.split(' AND ')]
  if (any.length > 1) return any.some((one) => mayUse(one, name))
  if (all.length > 1) return all.every((one) => mayUse(one, name))
  return FREE.includes(text) || EXCEPTIONS.some((one) => one.licence === text && name.startsWith(one.packages))
}

/** CycloneDX, as far as it is looked at here. */
interface PartList {
  metadata: { component: { name: string } }
  /** Those for development alone have the property cdx:npm:package:development. */
  components: { name: string; properties?: { name: string; value: string }[] }[]
}

/**
 * All parts, on any platform, as npm lists them; and what npm does not know of: the add-on's Python package. With `--omit dev` npm
 * forgets parts that development needs too.
 */
export function listOfParts(): PartList {
  const { status, stdout, stderr } = npm('sbom', '--package-lock-only', '--sbom-format', 'cyclonedx')
  if (status !== 0) throw new Error(`npm sbom failed: ${stderr}`)
  const list = JSON.parse(stdout)
  list.metadata.component.name = PACKAGE.name // npm says the folder's
  const [name, version] = WHEEL.requirement.split('==')
  list.components.push({
    type: 'library',
    'bom-ref': WHEEL.requirement,
    name,
    version,
    purl: `pkg:pypi/${name}@${version}`,
    hashes: [{ alg: 'SHA-256', content: WHEEL.sha256 }],
    licenses: [{ license: { id: 'Apache-2.0' } }],
  })
  return list
}

/** Known weaknesses of what users install, and whether one is of npm's level high or worse; or why the registry could not be asked. */
function weaknesses(): { bad: boolean; words: string } {
  const { status, stdout, stderr } = npm('audit', '--audit', '--audit-level', 'high', '--omit', 'dev', '--json')
  const answer = stdout === '' ? {} : JSON.parse(stdout)
  if (!answer.metadata) {
    const why = answer.message ?? answer.error?.summary ?? stderr.trim().split('\n')[0]
    return { bad: false, words: `not checked: the registry could not be asked (${why})` }
  }
  const names = Object.keys(answer.vulnerabilities)
  return { bad: status !== 0, words: names.length === 0 ? 'none known' : `known in ${names.join(', ')}: npm audit` }
}

function npm(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    shell: process.platform === 'win32', // npm is a script there
  })
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { positionals } = commandLine(HELP, {}, ['[folder]'])
  const folder = resolve(positionals[0] ?? join(ROOT, 'out'))
  mkdirSync(folder, { recursive: true })
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const unknown = unknownLicences(packages)
  console.log(`Licences: ${unknown.length === 0 ? 'all allowed' : `NOT ALLOWED:\n  ${unknown.join('\n  ')}`}`)
  const parts = listOfParts()
  writeFileSync(join(folder, 'sbom.cdx.json'), `${JSON.stringify(parts, null, 2)}\n`)
  console.log(`List of parts: ${parts.components.length}, in ${join(folder, 'sbom.cdx.json')}`)
  const { bad, words } = weaknesses()
  console.log(`Known weaknesses: ${words}`)
  if (unknown.length > 0 || bad) process.exitCode = 1
}

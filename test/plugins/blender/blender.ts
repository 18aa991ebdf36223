/** Blenders for tests: which there are, and scenarios run in them (test/plugins/blender/python/scenario.py). */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCENARIO = join(import.meta.dirname, 'python/scenario.py')
/** A Python with the bpy module; `.ci/run` makes it. */
const BPY = process.env['SIDER_BPY_PYTHON'] ?? join(import.meta.dirname, '../../../.cache/bpy/bin/python')

export interface Blender {
  name: string
  command: string[]
  /** Why it cannot be used. */
  missing?: string
}

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { timeout: 120_000, stdio: 'ignore' }).status === 0

/** The distribution's Blender and a newer one as Python's module bpy. */
export function blenders(): Blender[] {
  const debian = { name: 'Blender', command: ['blender', '-b', '--factory-startup', '-P', SCENARIO] }
  const module = { name: 'bpy', command: [BPY, SCENARIO] }
  return [
    works('blender', '--version')
      ? debian
      : { ...debian, missing: 'no blender here (apt install blender python3-numpy)' },
    existsSync(BPY) ? module : { ...module, missing: `no Python with bpy at ${BPY} (see .ci/run)` },
  ]
}

/** What a scenario found. */
// biome-ignore lint/suspicious/noExplicitAny: written by the scenario, judged by the tests
export type Found = Record<string, any>

export interface Run {
  found: Found
  /** Everything that Blender printed. */
  output: string
}

/**
 * Runs a scenario in a Blender with a clean user folder.
 * @param given arguments of the scenario; @param data folder in which the add-on looks for the local engine's data
 * @throws Error with Blender's output if it wrote no result, or the scenario failed
 */
export async function inBlender(blender: Blender, name: string, given: Found, data: string): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'sider-user-'))
  for (const one of ['scripts', 'config', 'extensions']) mkdirSync(join(folder, one))
  const result = join(folder, 'result.json')
  const [program, ...args] = blender.command
  const child = spawn(program, [...args, '--', name, result, JSON.stringify(given)], {
    env: {
      ...process.env,
      XDG_DATA_HOME: data,
      BLENDER_USER_RESOURCES: folder,
      BLENDER_USER_SCRIPTS: join(folder, 'scripts'),
      BLENDER_USER_CONFIG: join(folder, 'config'),
      BLENDER_USER_EXTENSIONS: join(folder, 'extensions'),
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text
    })
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  if (!existsSync(result)) throw new Error(`${blender.name} wrote no result:\n${output.slice(-4000)}`)
  const found = JSON.parse(readFileSync(result, 'utf8')) as Found
  if (found['failed']) throw new Error(`${name} in ${blender.name}:\n${found['failed']}\n${output.slice(-2000)}`)
  return { found, output }
}

/** A GLB through Blender's own importer and exporter. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(import.meta.dirname, 'blender.py')

/** @param command a Blender, or a Python that has the module bpy @param file the GLB's path; @throws Error with what Blender said */
export function throughBlender(command: string, file: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'sider-round-trip-'))
  try {
    const made = join(folder, 'made.glb')
    const python = /python[\d.]*$/.test(command)
    const start = python ? [SCRIPT] : ['-b', '--factory-startup', '--python-exit-code', '1', '-P', SCRIPT]
    const { status, stdout, stderr, error } = spawnSync(command, [...start, '--', file, made], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? `${stdout}\n${stderr}`.slice(-2000)}`)
    return readFileSync(made)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

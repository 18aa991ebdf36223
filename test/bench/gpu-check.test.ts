/** `npm run gpu-check` at a tiny size; a GPU in software stands for one where Vulkan and SwiftShader are installed. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { GpuCheck } from '../../bench/gpu-check/report.js'
import { softwareVulkan } from '../../bench/gpu-check/vulkan.js'
import { hasVulkanLoader } from '../../src/engine/compute/hardware.js'
import { PRESETS, resolveSettings } from '../../src/engine/config.js'

const SCRIPT = join(import.meta.dirname, '../../bench/gpu-check/main.ts')
const TSX = createRequire(import.meta.url).resolve('tsx')

function run(...args: string[]) {
  return spawnSync(process.execPath, ['--import', TSX, SCRIPT, ...args], { encoding: 'utf8', timeout: 290_000 })
}

test('one command tells of backends, agreement, speed and presets, on one page', { timeout: 300_000 }, () => {
  const out = mkdtempSync(join(tmpdir(), 'sider-gpu-'))
  const { status, stderr } = run('--tiny', '--out', out)
  expect(status, stderr).toBe(0)
  const check = JSON.parse(readFileSync(join(out, 'gpu-check.json'), 'utf8')) as GpuCheck
  const of = (name: string) => check.backends.find((backend) => backend.name === name)!

  // one that is missing says why, and stops nothing
  for (const { name, available, reason, agreement } of check.backends) {
    expect(reason, name).toMatch(/\w/)
    expect(agreement !== undefined, name).toBe(available)
  }
  expect(of('tfjs-node').available).toBe(false)
  expect(of('tfjs-node').reason).toMatch(/not installed|Node 23/)
  expect(of('tfjs-cpu').agreement).toMatchObject({ agrees: true })
  expect(of('tfjs-cpu').agreement!.results).toBeGreaterThan(0)
  if (hasVulkanLoader() && softwareVulkan()['VK_ICD_FILENAMES']) {
    expect(of('ort-webgpu').agreement).toMatchObject({ agrees: true })
    expect(of('ort-webgpu').speed[0].sgemmGflops).toBeGreaterThan(0)
    expect(check.presets[0].backend).toBe('ort-webgpu')
  }
  const [speed] = of('ort-cpu').speed
  expect(speed.stepSeconds).toBeGreaterThan(speed.traceSeconds!)
  expect(speed.memoryMiB).toBeGreaterThan(50)

  expect(check.presets.map(({ preset }) => preset)).toEqual(Object.keys(PRESETS))
  for (const one of check.presets) {
    expect(one.failure, one.preset).toBeUndefined()
    expect(one.scanMm, one.preset).toBeGreaterThan(0.1)
    expect(one.scanMm, one.preset).toBeLessThan(5)
    // networks of a few steps have no face yet
    expect(one.normalDegrees, one.preset).toBeLessThan(resolveSettings(one).method === 'relief' ? 30 : 90)
    expect(one.stages!['surface'], one.preset).toBeGreaterThan(0)
  }

  const page = readFileSync(join(out, 'gpu-check.html'), 'utf8')
  for (const { name, reason } of check.backends) {
    expect(page).toContain(`<td>${name}</td>`)
    expect(page).toContain(reason)
  }
  for (const preset of Object.keys(PRESETS)) expect(page).toContain(`<td>${preset}</td>`)
  expect(page).not.toMatch(/undefined|NaN|https?:/)
})

test('what it wants to know is told', () => {
  expect(run('--help').stdout).toMatch(/--tiny/)
  const { status, stderr } = run()
  expect([status, stderr.includes('--out is missing')]).toEqual([2, true])
})

/** Which backends work on this machine, whether they agree, how fast they are, and what the presets take. */
import { mkdir } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import type { BackendReport } from '../../src/engine/compute/index.js'
import type { Arrays } from '../../src/engine/compute/program.js'
import { PRESETS } from '../../src/engine/config.js'
import { writeFileAtomic } from '../../src/engine/system/files.js'
import { VERSION } from '../../src/engine/system/version.js'
import { runScript } from './child.js'
import { gpuName } from './nvidia.js'
import { gpuCheckPage } from './page.js'
import { runPreset, truthCase } from './presets.js'
import { RESULTS, worstDifference } from './programs.js'
import type { BackendFigures, GpuCheck, PresetFigures, SpeedFigures } from './report.js'
import { softwareVulkan } from './vulkan.js'

/** As test/engine/compute/compute.test.ts has it: Adam's first steps divide by the gradient, and GPUs round every product differently. */
const AGREES = { results: 1e-3, weights: 0.02 }
const REFERENCE = 'ort-cpu'
/** Backends whose speed matters; the others are only compared. */
const FAST = ['ort-cuda', 'ort-webgpu', 'tfjs-node-gpu', 'tfjs-webgpu', REFERENCE]

export interface GpuCheckOptions {
  out: string
  /** Folder of ground truth. */
  truth: string
  tiny: boolean
  limitSeconds: number
}

/** Checks, and writes gpu-check.json and gpu-check.html. Whatever fails is written down, and the rest goes on. */
export async function gpuCheck({ out, truth, tiny, limitSeconds: limit }: GpuCheckOptions): Promise<void> {
  const started = performance.now()
  const passed = (): number => (performance.now() - started) / 1000
  /** Seconds that a part may take: its own limit, and a share of what is left. */
  const within = (most: number, share = 1): number => Math.max(1, Math.min(most, share * (limit - passed())))
  const env = tiny ? softwareVulkan() : {}
  const say = (words: string): void => console.log(`${passed().toFixed(0).padStart(4)} s  ${words}`)
  await mkdir(out, { recursive: true })
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'an unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    gpu: gpuName(),
    load: loadavg()[0],
  }

  say('backends')
  const listed = await runScript('backends.ts', [], within(60), env)
  const found: BackendReport = listed.failure
    ? { backends: [], chosen: REFERENCE, why: `the backends could not be listed: ${listed.failure}` }
    : lastJson(listed.stdout)
  const backends: BackendFigures[] = []
  const expected = await programs(REFERENCE, within(60), env)
  for (const { name, available, reason } of found.backends) {
    const figures: BackendFigures = { name, available, reason, speed: [] }
    backends.push(figures)
    if (!available) continue
    say(`${name}: agreement`)
    figures.agreement = await agreement(name, expected, within(tiny ? 90 : 45), env)
    if (!FAST.includes(name)) continue
    for (const width of tiny ? [32] : [256, 512]) {
      say(`${name}: speed at width ${width}`)
      figures.speed.push(await speed(name, width, tiny, within(tiny ? 60 : 40, 0.25), env))
    }
  }

  const one = await truthCase(truth, out, tiny, within(120), env)
  const working = backends.filter(({ agreement }) => agreement?.agrees)
  const software = working.find(({ name }) => name === 'ort-webgpu')?.name ?? REFERENCE
  const presets: PresetFigures[] = []
  const names = Object.keys(PRESETS)
  for (const [i, preset] of names.entries()) {
    // a GPU in software stands for one where only small things are asked: one preset is enough
    const backend = !tiny ? found.chosen : i === 0 ? software : REFERENCE
    say(`${preset} on ${backend}`)
    // what is left is shared out, most of it to the last one: presets come in the order of their time
    const share = i === names.length - 1 ? 1 : 0.4
    presets.push(await runPreset({ preset, backend, one, out, tiny, limit: within(limit, share), env }))
  }
  const result: GpuCheck = {
    version: VERSION,
    date: new Date().toISOString().slice(0, 10),
    tiny,
    machine,
    backends,
    chosen: { name: found.chosen, why: found.why },
    truth: one.name,
    presets,
    seconds: passed(),
  }
  await writeFileAtomic(join(out, 'gpu-check.json'), `${JSON.stringify(result, null, 2)}\n`)
  await writeFileAtomic(join(out, 'gpu-check.html'), gpuCheckPage(result))
  say(`${join(out, 'gpu-check.html')}, ${join(out, 'gpu-check.json')}`)
}

/** The programs' numbers on a backend, or why there are none. */
async function programs(name: string, limit: number, env: Record<string, string>): Promise<Arrays | string> {
  const { failure, stdout } = await runScript('programs.ts', [name], limit, env)
  if (failure) return failure
  const numbers = lastJson<Record<string, number[]>>(stdout)
  return Object.fromEntries(Object.entries(numbers).map(([key, list]) => [key, Float32Array.from(list)]))
}

async function agreement(
  name: string,
  expected: Arrays | string,
  limit: number,
  env: Record<string, string>,
): Promise<NonNullable<BackendFigures['agreement']>> {
  const started = performance.now()
  const got = await programs(name, limit, env)
  const seconds = (performance.now() - started) / 1000
  if (typeof expected === 'string') return { failure: `${REFERENCE} failed: ${expected}`, seconds }
  if (typeof got === 'string') return { failure: got, seconds }
  const only = (all: Arrays): Arrays => Object.fromEntries(RESULTS.map((key) => [key, all[key]]))
  const results = worstDifference(only(expected), only(got))
  const weights = worstDifference(expected, got)
  const agrees = results.error < AGREES.results && weights.error < AGREES.weights
  const worst = results.error < AGREES.results ? weights.name : results.name
  return { results: results.error, weights: weights.error, worst, agrees, seconds }
}

async function speed(
  name: string,
  width: number,
  tiny: boolean,
  limit: number,
  env: Record<string, string>,
): Promise<SpeedFigures> {
  const args = [name, String(width), ...(tiny ? ['tiny'] : [])]
  const { failure, stdout, gpuMiB } = await runScript('speed.ts', args, limit, env)
  return failure ? { width, failure } : { ...lastJson<SpeedFigures>(stdout), width, gpuMiB }
}

/** What a child's last line says. */
function lastJson<T>(stdout: string): T {
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}

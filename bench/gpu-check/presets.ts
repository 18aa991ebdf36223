/** The presets from end to end, as a user runs them. */
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Case, evaluate, findCases } from '../../src/engine/evaluate/index.js'
import { REPORT_FILE } from '../../src/engine/system/files.js'
import { runSider } from './child.js'
import type { PresetFigures } from './report.js'

/** The photo that the presets work on. */
export async function truthCase(
  truth: string,
  out: string,
  tiny: boolean,
  limit: number,
  env: Record<string, string>,
): Promise<Case> {
  if (existsSync(truth)) return (await findCases(truth))[0]
  const folder = join(out, 'truth')
  const size = tiny ? ['--size', '384'] : []
  const { failure } = await runSider(['generate', '-o', folder, '--count', '1', '--force', ...size], limit, env)
  if (failure) throw new Error(`there is no ground truth at ${truth}, and none could be generated: ${failure}`)
  return (await findCases(folder))[0]
}

/** Settings under which a preset ends in seconds on any machine. */
const TINY = [
  'photo.cropSize=64',
  'evidence.rounds=0',
  'output.sdfGrid=32',
  'surface.textureSize=256',
  'surface.subdivisions=0',
  'relief.steps=3',
  'neural.steps=3',
  'neural.rays=512',
  'neural.geometry.width=16',
  'neural.renderer.width=16',
  'networks.geometry.width=16',
  'networks.geometry.feature=8',
  'networks.geometry.layers=4',
  'networks.geometry.skip=2',
  'networks.renderer.width=16',
  'networks.renderer.layers=2',
  'networks.coarse.steps=4',
  'networks.coarse.batch=256',
  'networks.detail.epochs=1',
  'networks.detail.rays=1024',
  'networks.detail.points=64',
  'networks.detail.traceSteps=4',
]

export interface PresetRun {
  preset: string
  backend: string
  one: Case
  out: string
  tiny: boolean
  /** Seconds. */
  limit: number
  env: Record<string, string>
}

/** Reconstructs the photo with the built command line, and measures the result. */
export async function runPreset(run: PresetRun): Promise<PresetFigures> {
  const { preset, backend, one, out, tiny, limit, env } = run
  const folder = join(out, 'runs', preset)
  await rm(folder, { recursive: true, force: true })
  const changes = tiny ? TINY.flatMap((change) => ['--set', change]) : []
  const line = ['reconstruct', one.image, '-o', folder, '--preset', preset, '--backend', backend, '--json', ...changes]
  const { failure, stdout, seconds, gpuMiB } = await runSider(line, limit, env)
  if (failure) {
    const steps = [...stdout.matchAll(/"event":"progress".*"fraction":([\d.e-]+)/g)]
    return { preset, backend, failure, fraction: Number(steps.at(-1)?.[1] ?? 0), seconds, gpuMiB }
  }
  const report = JSON.parse(await readFile(join(folder, REPORT_FILE), 'utf8')) as {
    seconds: Record<string, number>
    memoryMiB: number
  }
  const figures: PresetFigures = {
    preset,
    backend,
    seconds,
    stages: report.seconds,
    memoryMiB: report.memoryMiB,
    gpuMiB,
  }
  try {
    const { scores } = await evaluate({ cases: [one], results: folder })
    return { ...figures, scanMm: scores[0].scan.detail.median, normalDegrees: scores[0].normals?.detail.medianDegrees }
  } catch (error) {
    return { ...figures, failure: `the result could not be measured: ${(error as Error).message}` }
  }
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine, Shell } from '../../src/cli/command.js'
import { main } from '../../src/cli.js'
import type { CaseScore, EvaluateOptions, Evaluation } from '../../src/engine/evaluate/index.js'
import type { GenerateOptions } from '../../src/engine/generate/index.js'
import { drawFaces } from '../../src/engine/landmarks/draw.js'
import { runFace } from '../../src/engine/run/service.js'
import type { Reconstruction, ReconstructOptions } from '../../src/engine/run/types.js'
import { REPORT_FILE } from '../../src/engine/system/files.js'
import { recorder } from './recorder.js'

/** An engine that records what it is asked, so that the command line is tested alone; the rest of the tests run the real one. */
export class RecordingEngine implements Engine {
  asked: ReconstructOptions | undefined
  evaluated: EvaluateOptions | undefined
  generated: GenerateOptions | undefined
  overlaid: Parameters<Engine['faceOverlay']> | undefined
  constructor(private readonly during: (options: ReconstructOptions) => Promise<void> = async () => {}) {}

  reconstructInto: Engine['reconstructInto'] = (options) =>
    runFace({ stages: (all) => this.stages(all), write: (_, out) => this.write(out) }, options)

  private async stages(options: ReconstructOptions): Promise<Reconstruction> {
    this.asked = options
    options.onProgress?.({
      stage: 'detail',
      fraction: 0.5,
      iteration: 10,
      iterations: 20,
      loss: 0.1234,
      etaSeconds: 65,
    })
    await this.during(options)
    const quality = { identityDetermined: 0.77 }
    return { backend: 'ort-cpu', seconds: {}, warnings: ['alpha removed'], quality } as unknown as Reconstruction
  }
  private async write(out: string): Promise<void> {
    writeFileSync(join(out, REPORT_FILE), JSON.stringify({ generator: 'sider' }))
  }
  drawFaces: Engine['drawFaces'] = drawFaces
  async findFaces(): ReturnType<Engine['findFaces']> {
    const face = (x: number) => ({
      box: { x, y: 10, width: 40, height: 50 },
      score: 0.9,
      landmarks: { layout: 68 as const, points: new Float64Array(136) },
    })
    const data = new Uint8Array(200 * 100 * 3).fill(128)
    const photo = { width: 200, height: 100, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
    return { photo, faces: [face(20), face(120)] }
  }
  async faceOverlay(...asked: Parameters<Engine['faceOverlay']>): ReturnType<Engine['faceOverlay']> {
    this.overlaid = asked
    const landmarks = [{ name: '57', x: 412, y: 530 }]
    const figures = { landmarkRmsRelative: 0.021, identityDetermined: 0.77, warnings: ['look at it'] }
    return { picture: Uint8Array.of(137, 80), landmarks, ...figures }
  }
  async findCases(): ReturnType<Engine['findCases']> {
    return ['a/1', 'a/2'].map((name) => ({ name, group: 'a', image: `${name}.png`, scan: 'gt.ply', scanUnits: 1 }))
  }
  async evaluate(options: EvaluateOptions): ReturnType<Engine['evaluate']> {
    this.evaluated = options
    const of = { count: 10, median: 0.91, mean: 1.42, std: 1.83 }
    const scores = options.cases.map(({ name, group }): CaseScore => {
      const shut = { trueMm: 0, foundMm: 0.5 }
      const lids = { rightLids: shut, leftLids: { trueMm: 9.1, foundMm: 8 } }
      const mouth = { trueMm: 24, foundMm: 21.7 }
      const expression = { mouth, ...lids, lipsPercent: 1.1, lidsPercent: undefined, pointsPercent: 2 }
      return { name, group, alignment: 'pixels', scan: { detail: { ...of, scale: 1.1 } }, expression }
    })
    const expression = { cases: 2, mouthMm: 2.3, lidsMm: 0.8, lipsPercent: 1.1, lidsPercent: 1.4 }
    const identity = { results: 6, subjects: 2, sameMm: 1.05, differentMm: 2.58, ordered: 0.986, nearest: 1 }
    for (const [i, score] of scores.entries()) options.onCase?.(score, i + 1, scores.length)
    const pooled = { cases: scores.length, detail: of }
    const curve = { distance: [0, 1], detail: [0, 50] }
    const figures = { scores, pooled, groups: { a: pooled }, curve, expression, identity }
    return { ...figures, missing: [], options: {}, pictures: [] }
  }
  async writeEvaluation(_: Evaluation, out: string): Promise<void> {
    writeFileSync(join(out, 'evaluation.json'), JSON.stringify({ generator: 'sider' }))
  }
  async generateSet(options: GenerateOptions): Promise<string[]> {
    this.generated = options
    return ['s0001/view']
  }
  async describeBackends(): ReturnType<Engine['describeBackends']> {
    const backends = [
      { name: 'ort-cpu', available: true, reason: 'bundled', device: '8 threads' },
      { name: 'ort-cuda', available: false, reason: 'CUDA is not installed' },
    ]
    return { backends, chosen: 'ort-cpu', why: 'there is no GPU' }
  }
}

export interface Ran {
  status: number
  stdout: string
  stderr: string
}

/** Runs a command line in this process. */
export async function sider(
  argv: string[],
  engine: Engine = new RecordingEngine(),
  changes: Partial<Shell> = {},
): Promise<Ran> {
  const [stdout, stderr] = [recorder(), recorder()]
  const shell: Shell = {
    stdout,
    stderr,
    argv,
    program: ['sider'],
    engine: async () => engine,
    onInterrupt: () => () => {},
    exit: () => {},
    ...changes,
  }
  const status = await main(shell)
  return { status, stdout: stdout.text, stderr: stderr.text }
}

/** The last of several lines of JSON. */
export const lastJson = (text: string) => JSON.parse(text.trimEnd().split('\n').at(-1)!)

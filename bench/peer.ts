/**
 * `npm run peer`: the engine's network optimisation beside the same written plainly in PyTorch (bench/peers/idr.py), on the same
 * photo, fitted face, rays and points, in one run on this machine, in alternation: time per step, and time to the peer's error.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { askedSettings } from '../scripts/asked-settings.js'
import { commandLine } from '../scripts/command-line.js'
import { CoarseTarget } from '../src/engine/coarse/target.js'
import { openDevice } from '../src/engine/compute/index.js'
import type { Device } from '../src/engine/compute/program.js'
import type { Settings } from '../src/engine/config.js'
import { encodeNpz } from '../src/engine/formats/npy.js'
import { Rng } from '../src/engine/geometry/rng.js'
import { fitHead } from '../src/engine/head/fit.js'
import { loadHead } from '../src/engine/head/load.js'
import { LandmarkDetector } from '../src/engine/landmarks/detect.js'
import type { NearPoints } from '../src/engine/methods/method.js'
import { coarseStart, trainCoarse } from '../src/engine/methods/networks/coarse.js'
import { DetailTrainer } from '../src/engine/methods/networks/detail.js'
import { SiderField } from '../src/engine/methods/networks/field.js'
import { type FaceRays, makeRays } from '../src/engine/methods/networks/rays.js'
import { detailStep } from '../src/engine/methods/networks/step.js'
import { correctedRate } from '../src/engine/optimise/adam.js'
import { decodePhoto } from '../src/engine/photo/decode.js'
import { gatherEvidence } from '../src/engine/pipeline/gather-evidence.js'
import { writeFileAtomic } from '../src/engine/system/files.js'
import type { PeerFigures } from './peer-figures.js'
import { PeerProcess } from './peer-process.js'
import { median, timed } from './timing.js'

const HELP = `Times the network optimisation beside the same in PyTorch, in one run and in alternation.

Usage: npm run peer -- [options]

  --photo FILE     photo of a face (default: one that comes with the development packages)
  --python FILE    a Python with PyTorch and NumPy (default: $PEER_PYTHON, else python3)
  --steps N        steps of the peer's optimisation (default 200)
  --coarse N       steps in which both first learn the fitted face; they do not count (default 300)
  --set KEY=VALUE  any setting over preset paper, e.g. networks.geometry.width=256; repeatable
  --out FILE       figures as JSON (default out/peer.json)

Example: npm run peer -- --python venv/bin/python --steps 100
`

/** Steps that are done on one side before the other's turn. */
const BLOCK = 5
/** Losses are compared as means over so many steps. */
const WINDOW = 20
/** The engine gives up catching up with the peer's loss after this many times the peer's steps. */
const PATIENCE = 4

interface Problem {
  settings: Settings
  target: CoarseTarget
  rays: () => FaceRays
  near: NearPoints
}

async function prepare(photoPath: string | URL, settings: Settings): Promise<Problem> {
  const photo = await decodePhoto(await readFile(photoPath), {})
  const detector = await LandmarkDetector.create()
  const [face] = await detector.detect(photo)
  detector.dispose()
  if (!face) throw new Error('no face in the photo')
  const fit = fitHead(await loadHead(settings.head.model), face, photo, settings)
  const target = new CoarseTarget(fit, settings.coarse.thickness)
  const { evidence } = gatherEvidence(photo, face, fit, undefined, settings)
  return {
    settings,
    target,
    rays: () => makeRays(evidence, target.frame),
    near: await target.sample(65536, settings.networks.coarse.sampleSigma, new Rng(settings.seed + 1)),
  }
}

/** Writes what the peer reads. */
function exportProblem({ settings, rays, near }: Problem, folder: string): { problem: string; settings: string } {
  const { count, origin, directions, colours, weights } = rays()
  const files = { problem: join(folder, 'problem.npz'), settings: join(folder, 'settings.json') }
  writeFileSync(
    files.problem,
    encodeNpz({
      origin: { data: origin, shape: [3] },
      directions: { data: directions, shape: [count, 3] },
      colours: { data: colours, shape: [count, 3] },
      weights: { data: weights, shape: [count] },
      points: { data: near.points, shape: [near.distance.length, 3] },
      distance: { data: near.distance, shape: [near.distance.length] },
    }),
  )
  writeFileSync(files.settings, JSON.stringify({ seed: settings.seed, ...settings.networks }))
  return files
}

/** The step without tracing, on inputs of its own. */
async function differentiableStep(
  device: Device,
  { settings, target, rays, near }: Problem,
): Promise<() => Promise<number>> {
  const field = new SiderField(device, settings, target.frame)
  const step = await device.compile(detailStep(field, settings.networks.detail), field.variables)
  const { rays: r, points } = settings.networks.detail
  const all = rays()
  const x = new Float32Array(3 * (r + points))
  const view = new Float32Array(3 * r)
  const colour = new Float32Array(3 * r)
  for (let i = 0; i < r; i++)
    for (let k = 0; k < 3; k++) {
      const ray = i % all.count
      x[3 * i + k] = all.origin[k] + all.t[ray] * all.directions[3 * ray + k]
      view[3 * i + k] = all.directions[3 * ray + k]
      colour[3 * i + k] = all.colours[3 * ray + k]
    }
  x.set(near.points.subarray(0, 3 * points), 3 * r)
  const feeds = {
    x,
    view,
    colour,
    weight: new Float32Array(r).fill(1),
    distance: near.distance.slice(0, points),
    rate: Float32Array.of(correctedRate(settings.networks.detail.learningRate, 1)),
  }
  await step.run(feeds)
  return async () => (await timed(1, () => step.run(feeds)))[0]
}

async function compare(problem: Problem, python: string, steps: number, coarseSteps: number): Promise<PeerFigures> {
  const { settings, target, near } = problem
  const threads = settings.threads || availableParallelism()
  const folder = mkdtempSync(join(tmpdir(), 'sider-peer-'))
  const files = exportProblem(problem, folder)
  const peer = new PeerProcess(python, files.problem, files.settings, threads)
  try {
    const about = await peer.about()
    console.error(`PyTorch ${about.torch}, ${about.threads} threads`)
    const peerCoarse = await peer.coarse(coarseSteps)
    const device = await openDevice(settings.backend, settings.threads)
    const field = new SiderField(device, settings, target.frame)
    const coarse = await trainCoarse(
      field,
      target,
      { ...settings.networks.coarse, steps: coarseSteps },
      coarseStart(settings.seed),
    )
    const trainer = await DetailTrainer.create(field, problem.rays(), near, settings.networks.detail, settings.seed)
    const alone = await differentiableStep(device, problem)
    const peerSeconds: number[] = []
    const peerTracing: number[] = []
    const peerLoss: number[] = []
    const own: number[] = []
    const ownLoss: number[] = []
    const differentiable: number[] = []
    const stop = new AbortController()
    let sum = 0
    let started = performance.now()
    const reached = (): boolean => {
      const wanted = mean(peerLoss.slice(-WINDOW))
      return peerLoss.length >= steps && ownLoss.length >= WINDOW && mean(ownLoss.slice(-WINDOW)) <= wanted
    }
    const run = trainer.run({
      signal: stop.signal,
      onStep: async ({ loss }) => {
        own.push((performance.now() - started) / 1000)
        // The trainer tells the mean of the epoch so far.
        const inEpoch = ((own.length - 1) % trainer.stepsPerEpoch) + 1
        ownLoss.push(loss * inEpoch - (inEpoch === 1 ? 0 : sum))
        sum = loss * inEpoch
        if (own.length % BLOCK === 0 && peerLoss.length < steps) {
          const block = await peer.steps(BLOCK)
          peerSeconds.push(...block.seconds)
          peerTracing.push(...block.tracing)
          peerLoss.push(...block.loss)
          differentiable.push(await alone())
          if (own.length % 25 === 0)
            console.error(`${own.length}: engine ${ownLoss.at(-1)?.toFixed(4)}, peer ${peerLoss.at(-1)?.toFixed(4)}`)
        }
        if (reached() || own.length >= PATIENCE * steps) stop.abort()
        started = performance.now()
      },
    })
    await run.catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
    const loss = mean(peerLoss.slice(-WINDOW))
    const at = ownLoss.findIndex((_, i) => i + 1 >= WINDOW && mean(ownLoss.slice(i + 1 - WINDOW, i + 1)) <= loss)
    const total = (values: number[]): number => values.reduce((a, b) => a + b, 0)
    const toEngine = at < 0 ? undefined : { seconds: total(own.slice(0, at + 1)), steps: at + 1 }
    const toPeer = { seconds: total(peerSeconds), steps: peerLoss.length }
    const engine = { step: median(own), differentiable: median(differentiable) }
    const peerDifferentiable = median(peerSeconds.map((s, i) => s - peerTracing[i]))
    const { geometry, detail } = settings.networks
    return {
      settings: {
        width: geometry.width,
        layers: geometry.layers,
        rays: detail.rays,
        points: detail.points,
        cropSize: settings.photo.cropSize,
        coarseSteps,
      },
      machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores`,
      ...about,
      backend: device.name,
      load: loadavg()[0],
      engine,
      peer: { step: median(peerSeconds), differentiable: peerDifferentiable, tracing: median(peerTracing) },
      coarseError: { engine: coarse.distanceError / target.frame.scale, peer: peerCoarse.error },
      steps: peerLoss.length,
      loss,
      toLoss: { peer: toPeer, ...(toEngine && { engine: toEngine }) },
      ratios: {
        differentiable: engine.differentiable / peerDifferentiable,
        step: median(peerSeconds) / engine.step,
        ...(toEngine && { toLoss: toPeer.seconds / toEngine.seconds }),
      },
    }
  } finally {
    peer.quit()
    rmSync(folder, { recursive: true, force: true })
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

async function main(): Promise<void> {
  const { values } = commandLine(HELP, {
    photo: { type: 'string' },
    python: { type: 'string', default: process.env['PEER_PYTHON'] ?? 'python3' },
    steps: { type: 'number', whole: true, least: 1, default: 200 },
    coarse: { type: 'number', whole: true, least: 1, default: 300 },
    set: { type: 'string', multiple: true, default: [] },
    out: { type: 'string', default: 'out/peer.json' },
  })
  // Both run a fixed number of steps, so the engine must not stop at a plateau, nor after its epochs.
  const endless = { 'networks.detail.plateauEpochs': 0, 'networks.detail.epochs': 100_000 }
  const settings = askedSettings(HELP, 'paper', values.set, endless)
  const photo = values.photo ?? new URL('../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url)
  const steps = BLOCK * Math.ceil(values.steps / BLOCK)
  const figures = await compare(await prepare(photo, settings), values.python, steps, values.coarse)
  await writeFileAtomic(values.out, `${JSON.stringify(figures, null, 2)}\n`)
  console.log(JSON.stringify(figures, null, 2))
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}

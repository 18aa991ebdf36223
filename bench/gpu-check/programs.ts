/**
 * Small programs that use everything the engine asks of a backend: distances of a network and their gradient, steps of both networks
 * (second order, through the intersection, Adam inside), steps of a relief and its picture. The numbers are compared between backends.
 */
import { commandLine } from '../../scripts/command-line.js'
import type { Arrays, Device } from '../../src/engine/compute/program.js'
import { resolveSettings } from '../../src/engine/config.js'
import { Rng } from '../../src/engine/geometry/rng.js'
import { SiderField } from '../../src/engine/methods/networks/field.js'
import { detailStep } from '../../src/engine/methods/networks/step.js'
import { ReliefModel } from '../../src/engine/methods/relief/model.js'
import { correctedRate, withMoments } from '../../src/engine/optimise/adam.js'
import { capScene } from '../../test/engine/methods/scenes.js'

const HELP = `Runs small programs, which use everything the engine asks of a backend, on one, and prints the numbers as one line of JSON.

Usage: npx tsx bench/gpu-check/programs.ts <backend>

Example: npx tsx bench/gpu-check/programs.ts ort-webgpu
`

const RAYS = 24
const POINTS = 16
const STEPS = 3

async function networkSteps(device: Device): Promise<Arrays> {
  const settings = resolveSettings({
    overrides: {
      method: 'networks',
      networks: {
        geometry: { layers: 4, width: 16, skip: 2, feature: 4, bands: 2, beta: 20 },
        renderer: { layers: 2, width: 16, viewBands: 1 },
        detail: { rays: RAYS, points: POINTS },
      },
    },
  })
  const field = new SiderField(device, settings, { center: new Float64Array(3), scale: 1 })
  const step = await device.compile(detailStep(field, settings.networks.detail), field.variables)
  const rng = new Rng(5)
  const random = (n: number): Float32Array => Float32Array.from({ length: n }, () => rng.uniform(-0.6, 0.6))
  const view = new Float32Array(RAYS * 3).map((_, i) => (i % 3 === 2 ? -1 : 0))
  const feeds = {
    x: random(3 * (RAYS + POINTS)),
    view,
    colour: random(3 * RAYS).map(Math.abs),
    weight: new Float32Array(RAYS).fill(1),
    distance: random(POINTS),
  }
  const { sdf, gradient } = await field.sdfAndGradient(feeds.x)
  const distance = await field.sdf(feeds.x)
  const losses: number[] = []
  for (let i = 1; i <= STEPS; i++) {
    losses.push((await step.run({ ...feeds, rate: Float32Array.of(correctedRate(1e-3, i)) }))['loss'][0])
  }
  const weights = await field.variables.read()
  await step.dispose()
  await field.dispose()
  return { 'network/losses': Float32Array.from(losses), sdf, gradient, distance, ...weights }
}

async function reliefSteps(device: Device): Promise<Arrays> {
  const { relief, evidence } = resolveSettings({ overrides: { relief: { finest: 4 } } })
  const model = new ReliefModel(capScene(24).scene, relief, evidence)
  const variables = device.variables(withMoments(model.initial()))
  const step = await device.compile(model.step(), variables)
  const view = await device.compile(model.view(), variables)
  const losses: number[] = []
  for (let i = 1; i <= STEPS; i++) {
    losses.push((await step.run({ rate: Float32Array.of(correctedRate(1e-2, i)) }))['loss'][0])
  }
  const { normal, colour } = await view.run({})
  const light = (await variables.read(['light']))['light']
  await step.dispose()
  await view.dispose()
  variables.dispose()
  return { 'relief/losses': Float32Array.from(losses), normal, colour, light }
}

/** Everything both programs give, by name. Adam's moments are left out: they repeat the gradients. */
export async function runBackendPrograms(device: Device): Promise<Arrays> {
  const all = { ...(await networkSteps(device)), ...(await reliefSteps(device)) }
  return Object.fromEntries(Object.entries(all).filter(([name]) => !/\/[mv]$/.test(name)))
}

/** What comes of steps; the other values are what they change, where rounding decides more. */
export const RESULTS = ['network/losses', 'relief/losses', 'sdf', 'gradient', 'distance', 'normal', 'colour']

/** Largest difference over largest value, tensor by tensor; infinite where a tensor is missing or has another size. */
export function worstDifference(expected: Arrays, got: Arrays): { name: string; error: number } {
  let worst = { name: '', error: 0 }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const [a, b] = [expected[name], got[name]]
    let error = Number.POSITIVE_INFINITY
    if (a && b && a.length === b.length) {
      const scale = a.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-3)
      error = a.reduce((m, x, i) => Math.max(m, Math.abs(x - b[i])), 0) / scale
    }
    if (!(error <= worst.error)) worst = { name, error }
  }
  return worst
}

if (process.argv[1]?.endsWith('programs.ts')) {
  const { positionals } = commandLine(HELP, {}, ['<backend>'])
  const { openDevice } = await import('../../src/engine/compute/index.js')
  const device = await openDevice(positionals[0], 1)
  const values = await runBackendPrograms(device)
  console.log(JSON.stringify(Object.fromEntries(Object.entries(values).map(([name, data]) => [name, [...data]]))))
  // Dawn keeps threads alive.
  process.exit(0)
}

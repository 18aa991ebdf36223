/**
 * Ready-made tfjs graph models beside the engine's own programs, in one process.
 *
 * tfjs keeps ONE global engine: the active backend is process-wide state, and whoever awaits between two ops may find it
 * changed. So a backend is made ready first (the asynchronous part), without becoming active, and all tensor work then runs
 * inside `withTfjsBackend`, which switches, runs a *synchronous* function and switches back: no other code can run between.
 */
import { readFile } from 'node:fs/promises'
import '@tensorflow/tfjs-backend-cpu'
import '@tensorflow/tfjs-backend-wasm'
import { type GraphModel, loadGraphModelSync } from '@tensorflow/tfjs-converter'
import * as tf from '@tensorflow/tfjs-core'
import { SiderError } from '../errors.js'

/** tfjs backends that need no native code and no GPU. */
export type PortableBackend = 'wasm' | 'cpu'

// Otherwise the cpu backend greets every program in Node with an advertisement for the native packages.
tf.enableProdMode()

const ready = new Map<PortableBackend, Promise<void>>()

async function makeReady(backend: PortableBackend): Promise<void> {
  const engine = tf.engine()
  if (engine.registry[backend] !== undefined) return
  const factory = tf.findBackendFactory(backend)
  if (factory === null) throw new Error(`tfjs backend '${backend}' is not registered`)
  // tf.setBackend(name) of a backend with an asynchronous start would leave the engine between two backends until the start
  // is over. Starting it here and registering the finished instance makes every later switch synchronous.
  const instance = await factory()
  if (engine.registry[backend] !== undefined) return
  tf.removeBackend(backend)
  tf.registerBackend(backend, () => instance, backend === 'wasm' ? 2 : 1)
}

/**
 * Makes a backend ready for `withTfjsBackend`, without making it the active one.
 * @throws SiderError BACKEND_MISSING where it cannot start
 */
export async function loadTfjs(backend: PortableBackend): Promise<typeof tf> {
  let started = ready.get(backend)
  if (started === undefined) {
    started = makeReady(backend)
    ready.set(backend, started)
  }
  try {
    await started
  } catch (cause) {
    ready.delete(backend)
    throw new SiderError('BACKEND_MISSING', `the tfjs backend '${backend}' does not start: ${String(cause)}`, {
      stage: 'setup',
      hint: 'Reinstall the npm packages, or choose another backend.',
      data: { backend },
      cause,
    })
  }
  return tf
}

/**
 * Runs `work` with `backend` active and inside `tf.tidy`, then restores the backend that was active before.
 * `work` must be synchronous, and `loadTfjs(backend)` must have finished. All tensors made in it are freed: return numbers.
 */
export function withTfjsBackend<T>(backend: PortableBackend, work: () => T): T {
  const engine = tf.engine()
  if (!ready.has(backend)) throw new Error(`loadTfjs('${backend}') must come before withTfjsBackend`)
  const before = engine.backendName
  // Synchronous in effect: both backends are started, so setBackend has switched before its promise is returned.
  if (before !== backend) void tf.setBackend(backend)
  engine.startScope('sider')
  try {
    const result = work()
    if (result instanceof Promise) throw new Error('work given to withTfjsBackend must be synchronous')
    return result
  } finally {
    engine.endScope()
    if (before && before !== backend && tf.findBackendFactory(before) !== null) void tf.setBackend(before)
  }
}

/** A network with one image-like input, run by name of its outputs. */
export interface GraphProgram {
  readonly backend: PortableBackend
  /** Input shape with batch 1. */
  readonly inputShape: readonly number[]
  /** Runs one input (flat, `inputShape`); returns each output flat, by its name. */
  run(input: Float32Array): Record<string, Float32Array>
  dispose(): void
}

/**
 * Loads a tfjs graph model from its two files (`model.json` and one weight file).
 * @throws SiderError COMPUTE_FAILED where the files are missing or are no graph model
 */
export async function loadGraphProgram(
  jsonPath: string,
  weightsPath: string,
  backend: PortableBackend,
): Promise<GraphProgram> {
  await loadTfjs(backend)
  let model: GraphModel<tf.io.IOHandlerSync>
  try {
    const [text, weights] = await Promise.all([readFile(jsonPath, 'utf8'), readFile(weightsPath)])
    const json = JSON.parse(text) as tf.io.ModelJSON
    const buffer = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength) as ArrayBuffer
    model = loadKept(json, buffer, backend)
  } catch (cause) {
    throw new SiderError('COMPUTE_FAILED', `the network '${jsonPath}' cannot be loaded: ${String(cause)}`, {
      stage: 'setup',
      hint: 'Reinstall the npm packages (npm ci): a model file is missing or damaged.',
      data: { path: jsonPath },
      cause,
    })
  }
  const shape = (model.inputs[0]?.shape ?? []).map((d) => (d < 0 ? 1 : d))
  const count = shape.reduce((a, b) => a * b, 1)
  const names = model.outputs.map(({ name }) => name)
  return {
    backend,
    inputShape: shape,
    run(input) {
      if (input.length !== count) throw new Error(`input has ${input.length} numbers, the network wants ${count}`)
      return withTfjsBackend(backend, () => {
        const outputs = [model.execute(tf.tensor(input, shape), names)].flat() as tf.Tensor[]
        return Object.fromEntries(names.map((name, i) => [name, Float32Array.from(outputs[i].dataSync())]))
      })
    },
    dispose() {
      withTfjsBackend(backend, () => model.dispose())
    },
  }
}

/** Weights are made outside any tidy scope, or they would be freed with it. */
function loadKept(
  json: tf.io.ModelJSON,
  weights: ArrayBuffer,
  backend: PortableBackend,
): GraphModel<tf.io.IOHandlerSync> {
  const before = tf.engine().backendName
  if (before !== backend) void tf.setBackend(backend)
  try {
    return loadGraphModelSync([json, weights])
  } finally {
    if (before && before !== backend && tf.findBackendFactory(before) !== null) void tf.setBackend(before)
  }
}

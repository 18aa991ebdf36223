/**
 * Compute devices: what is available on this machine, what 'auto' takes, and opening one. The only folder that imports a
 * tfjs backend or ONNX Runtime.
 */
import { createRequire } from 'node:module'
import '@tensorflow/tfjs'
import { engine, findBackendFactory, type KernelBackend, registerBackend } from '@tensorflow/tfjs-core'
import { SiderError } from '../errors.js'
import { EagerDevice } from './eager-device.js'
import { hasCudaProvider, hasGpu, hasVulkanLoader } from './hardware.js'
import { OrtDevice, type OrtProvider } from './ort-device.js'
import type { Device, Program } from './program.js'
import { loadTfjs } from './tfjs.js'

/** One compute backend on this machine. */
export interface BackendDescription {
  /** As in the setting `backend`. */
  name: string
  available: boolean
  /** Why it is or is not available, in a sentence. */
  reason: string
  /** What it would run on, e.g. the GPU's name. */
  device?: string
}

export interface BackendReport {
  backends: BackendDescription[]
  /** What `backend: 'auto'` takes here, and why. */
  chosen: string
  why: string
}

/** In the order in which 'auto' prefers them; the first that works and is fast is taken. */
const NAMES = [
  'ort-cuda',
  'tfjs-node-gpu',
  'ort-webgpu',
  'ort-cpu',
  'tfjs-node',
  'tfjs-webgpu',
  'tfjs-wasm',
  'tfjs-cpu',
]

/** A tiny program with every kind of work in it: run to see whether a device really computes. */
const PROBE: Program = {
  name: 'probe',
  inputs: { x: [2, 2] },
  body: ({ x }) => ({ outputs: { y: x } }),
}

/** Backends that 'auto' must not take here although they work, by name. */
const isSoftware = (name: string): boolean => name.endsWith('webgpu') && !hasGpu()
const NO_VULKAN = 'no Vulkan loader (libvulkan.so.1): install the GPU driver, on Debian and Ubuntu also libvulkan1'
const SOFTWARE = ', but there is no GPU, so a software rasteriser would do the work: never taken by auto'

async function tryOrt(provider: OrtProvider): Promise<BackendDescription> {
  const name = `ort-${provider}`
  const unavailable = (reason: string): BackendDescription => ({ name, available: false, reason })
  if (provider === 'cuda' && !hasCudaProvider()) {
    return unavailable('the CUDA part of onnxruntime-node is not installed: see docs/backends.md')
  }
  if (provider === 'webgpu' && !hasVulkanLoader()) return unavailable(NO_VULKAN)
  try {
    const device = new OrtDevice({ provider })
    const program = await device.compile(PROBE)
    const { y } = await program.run({ x: Float32Array.of(1, 2, 3, 4) })
    await program.dispose()
    if (y[3] !== 4) throw new Error('wrong result')
    const software = isSoftware(name) ? SOFTWARE : ''
    return { name, available: true, reason: `ONNX Runtime compiles and runs programs on ${provider}${software}` }
  } catch (error) {
    return unavailable((error instanceof Error ? error.message : String(error)).split('\n')[0].slice(0, 160))
  }
}

/** Loads an optional native tfjs package and says whether it has a GPU. */
async function tryNative(
  packageName: '@tensorflow/tfjs-node-gpu' | '@tensorflow/tfjs-node',
): Promise<BackendDescription> {
  const name = packageName.slice('@tensorflow/'.length)
  const unavailable = (reason: string): BackendDescription => ({ name, available: false, reason })
  if (Number(process.versions.node.split('.')[0]) >= 23) {
    return unavailable(`${packageName} 4.22 does not work on Node 23 or later (it uses a removed function)`)
  }
  try {
    createRequire(import.meta.url)(packageName)
  } catch {
    return unavailable(`${packageName} is not installed: see docs/backends.md`)
  }
  const factory = findBackendFactory('tensorflow')
  if (!factory) return unavailable(`${packageName} loads, but registers no backend`)
  const backend = (await factory()) as KernelBackend & { isUsingGpuDevice?: boolean }
  if (name === 'tfjs-node-gpu' && !backend.isUsingGpuDevice) return unavailable('TensorFlow loads, but finds no GPU')
  return { name, available: true, reason: `TensorFlow ${backend.isUsingGpuDevice ? 'with' : 'without'} a GPU` }
}

async function tryTfjs(backend: 'wasm' | 'cpu'): Promise<BackendDescription> {
  const name = `tfjs-${backend}`
  try {
    await loadTfjs(backend)
    return {
      name,
      available: true,
      reason: backend === 'wasm' ? 'one thread, SIMD: slow' : 'plain JavaScript: very slow',
    }
  } catch (error) {
    return { name, available: false, reason: (error as Error).message }
  }
}

/** tfjs's own WebGPU backend, in Node through the npm package `webgpu` (Dawn). */
async function tryTfjsWebgpu(): Promise<BackendDescription> {
  const name = 'tfjs-webgpu'
  if (!hasVulkanLoader()) return { name, available: false, reason: NO_VULKAN }
  try {
    await openTfjsWebgpu()
    return { name, available: true, reason: `tfjs on WebGPU through Dawn${isSoftware(name) ? SOFTWARE : ''}` }
  } catch (error) {
    return { name, available: false, reason: (error as Error).message.split('\n')[0] }
  }
}

async function openTfjsWebgpu(): Promise<void> {
  if (engine().registry['webgpu']) return
  const dawn = (await import('webgpu' as string).catch(() => {
    throw new Error('the npm package webgpu is not installed: npm install webgpu')
  })) as { create(flags: string[]): GPU; globals: object }
  Object.assign(globalThis, dawn.globals)
  const gpu = dawn.create([])
  // tfjs asks the browser's navigator whether there is WebGPU; Node 20 has no such object, later versions an empty one.
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true })
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('no WebGPU adapter: no GPU, or no Vulkan driver')
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu')
  const device = await adapter.requestDevice({
    requiredLimits: {
      maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
      maxBufferSize: adapter.limits.maxBufferSize,
      maxComputeInvocationsPerWorkgroup: adapter.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: adapter.limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupStorageSize: adapter.limits.maxComputeWorkgroupStorageSize,
    },
  })
  const backend = new WebGPUBackend(device, adapter.info) as unknown as KernelBackend
  registerBackend('webgpu', () => backend)
  await loadTfjs('webgpu' as 'wasm')
}

function describe(name: string): Promise<BackendDescription> {
  switch (name) {
    case 'tfjs-node-gpu':
    case 'tfjs-node':
      return tryNative(`@tensorflow/${name}`)
    case 'tfjs-webgpu':
      return tryTfjsWebgpu()
    case 'tfjs-wasm':
    case 'tfjs-cpu':
      return tryTfjs(name.slice('tfjs-'.length) as 'wasm' | 'cpu')
    default:
      return tryOrt(name.slice('ort-'.length) as OrtProvider)
  }
}

/** Tries every backend. Takes a second or two. */
export async function describeBackends(): Promise<BackendReport> {
  const backends: BackendDescription[] = []
  for (const name of NAMES) backends.push(await describe(name))
  const { chosen, why } = choose(backends)
  return { backends, chosen, why }
}

function choose(backends: readonly BackendDescription[]): { chosen: string; why: string } {
  const first = backends.find(({ name, available }) => available && !isSoftware(name))
  const chosen = first?.name ?? 'tfjs-cpu'
  const before = NAMES.slice(0, NAMES.indexOf(chosen))
  const why =
    before.length === 0
      ? 'it is the fastest there is'
      : `it is the fastest that works here (not available, or only in software: ${before.join(', ')})`
  return { chosen, why }
}

/**
 * Opens a compute device. 'auto' tries the fast ones in order.
 * @throws SiderError BACKEND_MISSING when the chosen one cannot be used, with the reason
 */
export async function openDevice(name: string, threads: number): Promise<Device> {
  if (name === 'auto') {
    for (const candidate of NAMES) {
      if (!isSoftware(candidate) && (await describe(candidate)).available) return make(candidate, threads)
    }
  }
  const { available, reason } = await describe(name)
  if (!available) {
    throw new SiderError('BACKEND_MISSING', `the backend ${name} cannot be used here: ${reason}`, {
      stage: 'setup',
      hint: { cli: 'Leave out --backend to take the fastest that works; `sider doctor` lists them.' },
      data: { backend: name },
    })
  }
  return make(name, threads)
}

async function make(name: string, threads: number): Promise<Device> {
  if (name.startsWith('ort-')) return new OrtDevice({ provider: name.slice(4) as OrtProvider, threads })
  const backend = name.startsWith('tfjs-node') ? 'tensorflow' : name.slice('tfjs-'.length)
  await loadTfjs(backend as 'wasm')
  return new EagerDevice(backend)
}

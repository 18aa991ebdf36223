/** Every backend: what it needs here, and how it is opened. */
import { createRequire } from 'node:module'
import '@tensorflow/tfjs'
import { engine, findBackendFactory, type KernelBackend, registerBackend } from '@tensorflow/tfjs-core'
import { EagerDevice } from './eager-device.js'
import { hasCudaProvider, hasGpu, hasVulkanLoader } from './hardware.js'
import { OrtDevice, type OrtProvider } from './ort-device.js'
import type { Device } from './program.js'
import { loadTfjs } from './tfjs.js'

export interface Backend {
  /** As in the setting `backend`. */
  name: string
  /** What is to be known of it where it works. */
  about: string
  /** Whether it would run on a software rasteriser here: 'auto' does not take it then. */
  isSoftware(): boolean
  /** @throws Error saying what it lacks here */
  open(threads: number): Promise<Device>
}

const NO_VULKAN = 'no Vulkan loader (libvulkan.so.1): install the GPU driver, on Debian and Ubuntu also libvulkan1'

const ort = (provider: OrtProvider): Backend => ({
  name: `ort-${provider}`,
  about: `ONNX Runtime compiles and runs programs on ${provider}`,
  isSoftware: () => provider === 'webgpu' && !hasGpu(),
  async open(threads) {
    if (provider === 'cuda' && !hasCudaProvider())
      throw new Error('the CUDA part of onnxruntime-node is not installed: see docs/backends.md')
    if (provider === 'webgpu' && !hasVulkanLoader()) throw new Error(NO_VULKAN)
    return new OrtDevice({ provider, threads })
  },
})

/** An optional native package of tfjs. */
const native = (name: 'tfjs-node-gpu' | 'tfjs-node'): Backend => ({
  name,
  about: `TensorFlow ${name === 'tfjs-node-gpu' ? 'with' : 'without'} a GPU`,
  isSoftware: () => false,
  async open() {
    const packageName = `@tensorflow/${name}`
    if (Number(process.versions.node.split('.')[0]) >= 23)
      throw new Error(`${packageName} 4.22 does not work on Node 23 or later (it uses a removed function)`)
    try {
      createRequire(import.meta.url)(packageName)
    } catch {
      throw new Error(`${packageName} is not installed: see docs/backends.md`)
    }
    const factory = findBackendFactory('tensorflow')
    if (!factory) throw new Error(`${packageName} loads, but registers no backend`)
    const backend = (await factory()) as KernelBackend & { isUsingGpuDevice?: boolean }
    if (name === 'tfjs-node-gpu' && !backend.isUsingGpuDevice) throw new Error('TensorFlow loads, but finds no GPU')
    return eager('tensorflow')
  },
})

const portable = (backend: 'wasm' | 'cpu', about: string): Backend => ({
  name: `tfjs-${backend}`,
  about,
  isSoftware: () => false,
  open: () => eager(backend),
})

/** tfjs's own WebGPU backend, in Node through the npm package `webgpu` (Dawn). */
const tfjsWebgpu: Backend = {
  name: 'tfjs-webgpu',
  about: 'tfjs on WebGPU through Dawn',
  isSoftware: () => !hasGpu(),
  async open() {
    if (!hasVulkanLoader()) throw new Error(NO_VULKAN)
    if (!engine().registry['webgpu']) await registerWebgpu()
    return eager('webgpu')
  },
}

/** In the order in which 'auto' prefers them. */
export const BACKENDS: readonly Backend[] = [
  ort('cuda'),
  native('tfjs-node-gpu'),
  ort('webgpu'),
  ort('cpu'),
  native('tfjs-node'),
  tfjsWebgpu,
  portable('wasm', 'one thread, SIMD: slow'),
  portable('cpu', 'plain JavaScript: very slow'),
]

/** A device on a backend that is registered with tfjs. */
async function eager(backend: 'wasm' | 'cpu' | 'webgpu' | 'tensorflow'): Promise<Device> {
  await loadTfjs(backend as 'wasm')
  return new EagerDevice(backend)
}

async function registerWebgpu(): Promise<void> {
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
}

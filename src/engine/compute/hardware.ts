/**
 * What the machine has, found by looking for files: asked before ONNX Runtime or Dawn is, because they print errors of
 * their own where something is missing, and take a software rasteriser for a GPU.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'

/** Where Linux distributions and containers keep shared libraries; LD_LIBRARY_PATH comes before. */
const LIBRARY_FOLDERS = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/lib',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/wsl/lib',
  '/run/opengl-driver/lib',
]
/** Linux's files for GPUs: any with a kernel driver, NVIDIA's, Windows' inside WSL. */
const GPU_DEVICES = ['/dev/dri/renderD128', '/dev/dri/card0', '/dev/dri/card1', '/dev/nvidia0', '/dev/dxg']

/** Whether ONNX Runtime's CUDA part is installed: the npm package leaves it out unless asked. */
export function hasCudaProvider(): boolean {
  const name = process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so'
  // The package's main file is dist/index.js; the version of the Node interface is part of the folder's name.
  const root = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..')
  return existsSync(join(root, 'bin', 'napi-v6', process.platform, process.arch, name))
}

/** Whether a Vulkan loader can be found. Only Linux needs one: Windows has Direct3D, macOS Metal. */
export function hasVulkanLoader(): boolean {
  if (process.platform !== 'linux') return true
  const folders = [...(process.env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(Boolean), ...LIBRARY_FOLDERS]
  return folders.some((folder) => existsSync(join(folder, 'libvulkan.so.1')))
}

/** Whether the machine has a GPU, as far as the file system tells; true on systems that do not show it there. */
export const hasGpu = (): boolean => process.platform !== 'linux' || GPU_DEVICES.some((path) => existsSync(path))

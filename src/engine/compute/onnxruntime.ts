/**
 * ONNX Runtime, loaded here and nowhere else. Its Linux and macOS builds (from 1.29 on) write a device id into the home folder
 * and send events of use to their maker, unless a variable stands in the process's environment before the library starts.
 */
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import type * as Ort from 'onnxruntime-node'
import { SiderError } from '../errors.js'

const SWITCH = 'ORT_DISABLE_TELEMETRY'

// A worker thread has a copy of the environment: what it sets, the library does not see.
if (!isMainThread && process.env[SWITCH] !== '1') {
  throw new SiderError('USAGE', 'ONNX Runtime would send telemetry from this worker thread', {
    stage: 'setup',
    hint: `Import the package in the main thread before the worker is started, or start the program with ${SWITCH}=1.`,
  })
}
process.env[SWITCH] = '1'

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof Ort

export const { InferenceSession, Tensor: OrtTensor } = ort
export type InferenceSession = Ort.InferenceSession
export type OrtTensor = Ort.Tensor
export type OrtValues = Ort.InferenceSession.OnnxValueMapType

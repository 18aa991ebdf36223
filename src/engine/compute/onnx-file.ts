/** Ready-made ONNX networks with one input and one output, on the processor. */
import { SiderError } from '../errors.js'
import { InferenceSession, OrtTensor } from './onnxruntime.js'

export interface OnnxNetwork {
  /**
   * @param input values of the input, row-major
   * @returns the output, row-major
   */
  run(input: Float32Array, shape: readonly number[]): Promise<Float32Array>
  dispose(): Promise<void>
}

/**
 * @param path an .onnx file
 * @param threads 0: all cores
 * @throws SiderError COMPUTE_FAILED where the file is missing, damaged or needs what this build lacks
 */
export async function loadOnnx(path: string, threads: number): Promise<OnnxNetwork> {
  const failed = (what: string, cause: unknown): SiderError =>
    new SiderError('COMPUTE_FAILED', `the network '${path}' ${what}: ${(cause as Error).message}`, {
      stage: 'setup',
      hint: 'Reinstall the package: a model file is missing or damaged.',
      data: { path },
      cause,
    })
  let session: InferenceSession
  try {
    session = await InferenceSession.create(path, { intraOpNumThreads: threads, logSeverityLevel: 3 })
  } catch (cause) {
    throw failed('cannot be loaded', cause)
  }
  const [input, output] = [session.inputNames[0], session.outputNames[0]]
  return {
    async run(values, shape) {
      try {
        const result = await session.run({ [input]: new OrtTensor('float32', values, [...shape]) })
        return result[output].data as Float32Array
      } catch (cause) {
        throw failed('failed', cause)
      }
    },
    dispose: () => session.release(),
  }
}

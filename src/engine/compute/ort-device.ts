/**
 * Compiled execution: programs are traced into ONNX and run by ONNX Runtime, on the CPU, on any GPU through WebGPU, or
 * on CUDA. On the GPU providers variables stay in device memory between runs.
 */
import { SiderError } from '../errors.js'
import { asMemoryError } from '../system/memory.js'
import { InferenceSession, OrtTensor, type OrtValues } from './onnxruntime.js'
import {
  type Arrays,
  checkFeeds,
  type Device,
  type Executable,
  type Program,
  type Shape,
  type Variables,
} from './program.js'
import { sizeOf } from './trace/graph.js'
import { outputName, traceProgram, updateName } from './trace/index.js'
import { toOnnx } from './trace/onnx.js'
import { matrixFlops } from './trace/optimise.js'

export type OrtProvider = 'cpu' | 'webgpu' | 'cuda'

export interface OrtDeviceOptions {
  provider: OrtProvider
  /** CPU threads; 0 lets ONNX Runtime take all cores. */
  threads?: number
  /** Prefix of a file that ONNX Runtime's own profiler writes (Chrome trace format). */
  profile?: string
}

function failed(name: string, cause: unknown): unknown {
  const error = asMemoryError(cause)
  if (error instanceof SiderError) return error
  const words = cause instanceof Error ? cause.message : String(cause)
  return new SiderError('COMPUTE_FAILED', `the program "${name}" failed: ${words}`, {
    cause,
  })
}

class OrtVariables implements Variables {
  readonly shapes: Record<string, Shape> = {}
  readonly tensors = new Map<string, OrtTensor>()

  constructor(
    initial: Record<string, { shape: Shape; data: Float32Array }>,
    private readonly device: OrtDevice,
  ) {
    for (const [name, { shape, data }] of Object.entries(initial)) {
      this.shapes[name] = shape
      this.set(name, new OrtTensor('float32', data.slice(), [...shape]))
    }
  }

  /** Replaces one variable; the former tensor's device memory is given back. */
  set(name: string, tensor: OrtTensor): void {
    const former = this.tensors.get(name)
    if (former && former !== tensor && former.location !== 'cpu') former.dispose()
    this.tensors.set(name, tensor)
  }

  async read(names: readonly string[] = Object.keys(this.shapes)): Promise<Arrays> {
    const result: Arrays = {}
    const remote = names.filter((name) => this.tensors.get(name)!.location !== 'cpu')
    if (remote.length > 0) Object.assign(result, await this.device.readBack(this, remote))
    for (const name of names) {
      const tensor = this.tensors.get(name)!
      if (tensor.location === 'cpu') result[name] = (tensor.data as Float32Array).slice()
    }
    return result
  }

  write(values: Arrays): void {
    for (const [name, data] of Object.entries(values)) {
      const shape = this.shapes[name]
      if (!shape || sizeOf(shape) !== data.length) throw new Error(`no variable ${name} of ${data.length} numbers`)
      this.set(name, new OrtTensor('float32', data.slice(), [...shape]))
    }
  }

  /** Copies variables to the host: device memory belongs to the session that filled it and dies with it. */
  async bringHome(names: readonly string[]): Promise<void> {
    const remote = names.filter((name) => (this.tensors.get(name)?.location ?? 'cpu') !== 'cpu')
    if (remote.length > 0) this.write(await this.device.readBack(this, remote))
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) if (tensor.location !== 'cpu') tensor.dispose()
    this.tensors.clear()
  }
}

export class OrtDevice implements Device {
  readonly name: string
  private readonly onGpu: boolean

  constructor(private readonly options: OrtDeviceOptions) {
    this.name = `ort-${options.provider}`
    this.onGpu = options.provider !== 'cpu'
  }

  variables(initial: Record<string, { shape: Shape; data: Float32Array }>): Variables {
    return new OrtVariables(initial, this)
  }

  async compile(program: Program, variables?: Variables): Promise<Executable> {
    const store = variables as OrtVariables | undefined
    const traced = traceProgram(program.body, program.inputs, store?.shapes ?? {})
    const used = new Set(traced.nodes.flatMap((node) => node.inputs))
    // Feeds that no live node reads are dropped from the model: a program need not use every variable.
    traced.graph.inputs.splice(0, Infinity, ...traced.graph.inputs.filter((value) => used.has(value)))
    const fed = traced.graph.inputs.map((value) => value.name)
    const session = await this.session(program.name, toOnnx(program.name, traced.graph, traced.nodes), traced)
    const variableNames = fed.filter((name) => store && name in store.shapes)
    const inputNames = fed.filter((name) => name in program.inputs)
    const run = async (feeds: Arrays): Promise<Arrays> => {
      checkFeeds(program, feeds)
      const all: Record<string, OrtTensor> = {}
      for (const name of inputNames) all[name] = new OrtTensor('float32', feeds[name]!, [...program.inputs[name]!])
      for (const name of variableNames) all[name] = store!.tensors.get(name)!
      let results: OrtValues
      try {
        results = await session.run(all)
      } catch (error) {
        throw failed(program.name, error)
      }
      for (const name of traced.updates) store!.set(name, results[updateName(name)] as OrtTensor)
      return Object.fromEntries(traced.outputs.map((name) => [name, results[outputName(name)]!.data as Float32Array]))
    }
    return {
      run,
      matrixFlops: matrixFlops(traced.nodes),
      dispose: async () => {
        await store?.bringHome(traced.updates)
        if (this.options.profile) session.endProfiling()
        await session.release()
      },
    }
  }

  /** Copies device-resident variables to the host through a program of its own: ONNX Runtime's getData() on a GPU
   * tensor aborts the process (1.30). */
  async readBack(variables: OrtVariables, names: readonly string[]): Promise<Arrays> {
    const program: Program = {
      name: 'read-back',
      inputs: {},
      body: (_, all) => ({ outputs: Object.fromEntries(names.map((name) => [`host:${name}`, all[name]!])) }),
    }
    const executable = await this.compile(program, variables)
    const values = await executable.run({})
    await executable.dispose()
    return Object.fromEntries(names.map((name) => [name, values[`host:${name}`]!]))
  }

  private async session(
    name: string,
    model: Uint8Array,
    traced: { outputs: string[]; updates: string[] },
  ): Promise<InferenceSession> {
    const location: Record<string, 'cpu' | 'gpu-buffer'> = {}
    for (const output of traced.outputs) location[outputName(output)] = 'cpu'
    for (const update of traced.updates) location[updateName(update)] = 'gpu-buffer'
    try {
      return await InferenceSession.create(model, {
        executionProviders: [this.options.provider],
        graphOptimizationLevel: 'all',
        executionMode: 'sequential',
        intraOpNumThreads: this.options.threads ?? 0,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        ...(this.onGpu ? { preferredOutputLocation: location } : {}),
        ...(this.options.profile
          ? { enableProfiling: true, profileFilePrefix: `${this.options.profile}-${name}` }
          : {}),
        // Adam's second moments decay into denormal numbers, which are ten times slower.
        extra: { session: { set_denormal_as_zero: '1' } },
      })
    } catch (error) {
      throw failed(name, error)
    }
  }

  async dispose(): Promise<void> {}
}

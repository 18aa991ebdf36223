/** Eager execution: programs run op by op on a tfjs backend (node-gpu, node, webgpu, wasm, cpu). */
// Registers the gradients of all operations: without them tfjs-core differentiates nothing.
import '@tensorflow/tfjs'
import { dispose, engine, keep, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { SiderError } from '../errors.js'
import {
  type Arrays,
  checkFeeds,
  type Device,
  type Executable,
  type Program,
  type Shape,
  type Variables,
} from './program.js'

class EagerVariables implements Variables {
  readonly shapes: Record<string, Shape> = {}
  readonly tensors: Record<string, Tensor> = {}

  constructor(
    initial: Record<string, { shape: Shape; data: Float32Array }>,
    private readonly enter: <T>(action: () => T) => T,
  ) {
    for (const [name, { shape }] of Object.entries(initial)) this.shapes[name] = shape
    this.write(Object.fromEntries(Object.entries(initial).map(([name, { data }]) => [name, data])))
  }

  set(name: string, value: Tensor): void {
    this.tensors[name]?.dispose()
    this.tensors[name] = keep(value)
  }

  async read(names: readonly string[] = Object.keys(this.shapes)): Promise<Arrays> {
    const values = await Promise.all(names.map(async (name) => (await this.tensors[name]!.data()) as Float32Array))
    return Object.fromEntries(names.map((name, i) => [name, values[i]!.slice()]))
  }

  write(values: Arrays): void {
    this.enter(() => {
      for (const [name, data] of Object.entries(values)) this.set(name, tensor(data, [...this.shapes[name]!]))
    })
  }

  dispose(): void {
    dispose(this.tensors)
  }
}

export class EagerDevice implements Device {
  readonly name: string

  /** `backendName` must be registered with tfjs and initialised (tfjs.ts does both). */
  constructor(private readonly backendName: string) {
    this.name = `tfjs-${backendName}`
  }

  private enter<T>(action: () => T): T {
    const current = engine()
    const previous = current.backendName
    if (previous !== this.backendName) void current.setBackend(this.backendName)
    try {
      return action()
    } finally {
      if (previous && previous !== this.backendName) void current.setBackend(previous)
    }
  }

  variables(initial: Record<string, { shape: Shape; data: Float32Array }>): Variables {
    return new EagerVariables(initial, (action) => this.enter(action))
  }

  async compile(program: Program, variables?: Variables): Promise<Executable> {
    const store = variables as EagerVariables | undefined
    const run = async (feeds: Arrays): Promise<Arrays> => {
      checkFeeds(program, feeds)
      let outputs: Record<string, Tensor>
      try {
        outputs = this.enter(() => {
          const kept = tidy(() => {
            const inputs = Object.fromEntries(
              Object.entries(program.inputs).map(([name, shape]) => [name, tensor(feeds[name]!, [...shape])]),
            )
            const result = program.body(inputs, { ...store?.tensors })
            return {
              ...result.outputs,
              ...Object.fromEntries(Object.entries(result.updates ?? {}).map(([k, v]) => [`update:${k}`, v])),
            }
          })
          const left: Record<string, Tensor> = {}
          for (const [name, value] of Object.entries(kept)) {
            if (name.startsWith('update:')) store!.set(name.slice('update:'.length), value)
            else left[name] = value
          }
          return left
        })
      } catch (cause) {
        throw new SiderError('COMPUTE_FAILED', `the program "${program.name}" failed: ${String(cause)}`, {
          cause,
        })
      }
      const entries = await Promise.all(
        Object.entries(outputs).map(async ([name, value]) => [name, (await value.data()) as Float32Array] as const),
      )
      dispose(outputs)
      return Object.fromEntries(entries)
    }
    return { run, matrixFlops: undefined, dispose: async () => {} }
  }

  async dispose(): Promise<void> {}
}

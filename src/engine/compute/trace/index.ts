/** Tracing: runs a tfjs program once on a backend that records it. */
// Registers the gradients of all operations: without them tfjs-core differentiates nothing.
import '@tensorflow/tfjs'
import { engine, registerBackend, type Tensor, type TensorInfo, tidy } from '@tensorflow/tfjs-core'
import type { Body, Shapes, Tensors } from '../program.js'
import { TraceBackend } from './backend.js'
import { Graph, type Node } from './graph.js'
import { registerTraceKernels, TRACE_BACKEND } from './kernels.js'
import { optimise } from './optimise.js'

let backend: TraceBackend | undefined

function traceBackend(): TraceBackend {
  if (!backend) {
    backend = new TraceBackend()
    registerBackend(TRACE_BACKEND, () => backend as TraceBackend)
    registerTraceKernels()
  }
  return backend
}

export interface TracedProgram {
  graph: Graph
  nodes: Node[]
  outputs: string[]
  updates: string[]
}

/** Names of graph outputs: those handed out, and those that replace a variable. Inputs have bare names. */
export const outputName = (output: string): string => `output:${output}`
export const updateName = (variable: string): string => `update:${variable}`

/**
 * Traces `body` for inputs and variables of the given shapes.
 * tfjs has one global current backend; it is switched for the duration of the trace, which is synchronous.
 */
export function traceProgram(body: Body, inputs: Shapes, variables: Shapes): TracedProgram {
  const trace = traceBackend()
  const current = engine()
  const previous = current.backendName
  const graph = new Graph()
  trace.graph = graph
  try {
    void current.setBackend(TRACE_BACKEND)
    tidy(() => {
      const enter = (shapes: Shapes): Tensors =>
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape]) => {
            const info: TensorInfo = trace.wrap(graph.input(name, shape, 'float32'))
            return [name, current.makeTensorFromTensorInfo(info, trace)]
          }),
        )
      const result = body(enter(inputs), enter(variables))
      const leave = (prefix: (name: string) => string, tensors: Record<string, Tensor>): void => {
        for (const [name, tensor] of Object.entries(tensors)) graph.output(prefix(name), trace.lookup(tensor))
      }
      leave(outputName, result.outputs)
      leave(updateName, result.updates ?? {})
    })
  } finally {
    trace.graph = undefined
    trace.dispose()
    if (previous) void current.setBackend(previous)
  }
  const named = (prefix: string): string[] =>
    graph.outputs.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name.slice(prefix.length))
  return { graph, nodes: optimise(graph), outputs: named(outputName('')), updates: named(updateName('')) }
}

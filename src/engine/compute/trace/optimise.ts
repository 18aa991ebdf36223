/**
 * Passes over a finished graph. Common subexpressions and constants are dealt with while tracing (graph.ts);
 * what is left needs to know who uses a value: dead code, and sums that a Gemm can take as its third operand.
 */
import type { Graph, Node, Value } from './graph.js'

function liveNodes(graph: Graph): Node[] {
  const live = new Set<Node>()
  const producer = new Map<Value, Node>()
  for (const node of graph.nodes) for (const output of node.outputs) producer.set(output, node)
  const stack = graph.outputs.map((value) => producer.get(value)).filter((node) => node !== undefined)
  while (stack.length > 0) {
    const node = stack.pop()!
    if (live.has(node)) continue
    live.add(node)
    for (const input of node.inputs) {
      const from = producer.get(input)
      if (from) stack.push(from)
    }
  }
  return graph.nodes.filter((node) => live.has(node))
}

/** Whether `c` can be Gemm's third operand for a result of `shape` [m, n] (one-way broadcasting). */
function fitsAsC(c: Value, shape: readonly number[]): boolean {
  if (c.shape.length > 2 || c.splat !== undefined) return false
  return c.shape.every((d, i) => d === 1 || d === shape[i + 2 - c.shape.length])
}

/**
 * Add(Gemm(a, b), c) → Gemm(a, b, c): biases, and weight gradients that are a sum of products, cost no extra pass.
 * The fused node stands where the Add stood, after everything that it reads.
 */
function fuseGemmAdd(nodes: Node[]): Node[] {
  const uses = new Map<Value, number>()
  for (const node of nodes) for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1)
  const producer = new Map<Value, Node>()
  for (const node of nodes) for (const output of node.outputs) producer.set(output, node)
  const fused = new Set<Node>()
  const result: Node[] = []
  for (const node of nodes) {
    let next = node
    if (node.op === 'Add') {
      const [a, b] = node.inputs as [Value, Value]
      for (const [product, c] of [
        [a, b],
        [b, a],
      ] as const) {
        const gemm = producer.get(product)
        const plain = gemm?.op === 'Gemm' && gemm.inputs.length === 2 && uses.get(product) === 1
        if (!gemm || !plain || fused.has(gemm) || !fitsAsC(c, product.shape)) continue
        fused.add(gemm)
        next = { ...gemm, inputs: [...gemm.inputs, c], outputs: node.outputs }
        for (const output of node.outputs) producer.set(output, next)
        break
      }
    }
    result.push(next)
  }
  return result.filter((node) => !fused.has(node))
}

/**
 * Outputs come out of Identity nodes (Graph.output), each a copy. Where an output's source is made by a node and is no
 * other output already, the source itself takes the output's name.
 */
function nameOutputs(graph: Graph, nodes: Node[]): Node[] {
  const renamed = new Map<Value, Value>()
  const outputs = new Set(graph.outputs)
  const made = new Set(nodes.flatMap((node) => node.outputs))
  const kept = nodes.filter((node) => {
    const [output] = node.outputs
    const [source] = node.inputs
    if (!outputs.has(output) || !made.has(source) || renamed.has(source)) return true
    renamed.set(source, output)
    return false
  })
  const swap = (value: Value): Value => renamed.get(value) ?? value
  return kept.map((node) => ({ ...node, inputs: node.inputs.map(swap), outputs: node.outputs.map(swap) }))
}

/** Nodes of the graph in an order that can be executed, without dead or fusible ones. */
export function optimise(graph: Graph): Node[] {
  return nameOutputs(graph, fuseGemmAdd(liveNodes(graph)))
}

/** Floating-point operations of the matrix products (2 m n k each): the work a step cannot avoid. */
export function matrixFlops(nodes: readonly Node[]): number {
  let flops = 0
  for (const node of nodes) {
    if (node.op !== 'Gemm' && node.op !== 'MatMul') continue
    const [a] = node.inputs as [Value]
    const out = node.outputs[0]!.shape.reduce((x, y) => x * y, 1)
    const k =
      node.op === 'Gemm' && node.attributes['transA'] ? a.shape[a.shape.length - 2]! : a.shape[a.shape.length - 1]!
    flops += 2 * out * k
  }
  return flops
}

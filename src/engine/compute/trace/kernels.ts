/**
 * The tracing backend's kernels: one ONNX node (or a few) for each tfjs kernel that the engine's programs and their
 * gradients use. Elementwise arithmetic goes through `Graph.binary` and `Graph.unary`, which fold constants.
 */
import { type KernelFunc, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import type { TraceBackend } from './backend.js'
import { broadcastShape, type DType, type Graph, sizeOf, type Value } from './graph.js'

export const TRACE_BACKEND = 'sider-trace'

type Attrs = Record<string, unknown>
type Rule = (graph: Graph, inputs: Value[], attrs: Attrs) => Value | Value[]

/** Registers a kernel whose inputs are named `names` (or a list, for Concat and the like). */
function kernel(name: string, names: readonly string[] | 'list', rule: Rule): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
    const trace = backend as TraceBackend
    const infos = names === 'list' ? (inputs as unknown as TensorInfo[]) : names.map((n) => inputs[n]).filter((t) => t)
    const result = rule(
      trace.activeGraph,
      Array.from(infos, (t) => trace.lookup(t as TensorInfo)),
      (attrs ?? {}) as Attrs,
    )
    return Array.isArray(result) ? result.map((v) => trace.wrap(v)) : trace.wrap(result)
  }
  registerKernel({ kernelName: name, backendName: TRACE_BACKEND, kernelFunc })
}

const numbers = (x: unknown): number[] => (Array.isArray(x) ? x.map(Number) : [Number(x)])

function positiveAxes(axis: unknown, rank: number): number[] {
  if (axis === null || axis === undefined) return Array.from({ length: rank }, (_, i) => i)
  return numbers(axis).map((a) => (a < 0 ? a + rank : a))
}

const asFloat = (g: Graph, x: Value): Value => cast(g, x, 'float32')

function cast(g: Graph, x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x
  if (x.splat !== undefined) {
    const n = dtype === 'bool' ? Number(x.splat !== 0) : dtype === 'int32' ? Math.trunc(x.splat) : x.splat
    return g.splat(n, x.shape, dtype)
  }
  const onnxType = { float32: 1, int32: 6, bool: 9 }[dtype]
  return g.node('Cast', [x], x.shape, dtype, { to: onnxType })
}

function reduce(op: string): Rule {
  return (g, [x], attrs) => {
    // tfjs calls it `axis` everywhere but in its Max.
    const axes = positiveAxes(attrs['axis'] ?? attrs['reductionIndices'], x!.shape.length)
    const keepDims = Boolean(attrs['keepDims'])
    const kept = x!.shape.map((d, i) => (axes.includes(i) ? 1 : d))
    const shape = keepDims ? kept : x!.shape.filter((_, i) => !axes.includes(i))
    const count = axes.reduce((n, a) => n * x!.shape[a]!, 1)
    if (x!.splat !== undefined) return g.splat(op === 'ReduceSum' ? x!.splat * count : x!.splat, shape, x!.dtype)
    if (count === 1) return g.reshape(x!, shape)
    const source = x!.dtype === 'bool' ? cast(g, x!, 'int32') : x!
    // Opset 17: ReduceSum takes its axes as an input, the other reductions as an attribute.
    if (op === 'ReduceSum') {
      return g.node(op, [source, g.shapeLiteral(axes)], shape, source.dtype, { keepdims: Number(keepDims) })
    }
    return g.node(op, [source], shape, source.dtype, { axes, keepdims: Number(keepDims) })
  }
}

function compare(op: string): Rule {
  return (g, [a, b]) => g.node(op, [a!, b!], broadcastShape(a!.shape, b!.shape), 'bool')
}

function transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  if (perm.every((p, i) => p === i)) return x
  const shape = perm.map((p) => x.shape[p]!)
  if (x.splat !== undefined) return g.splat(x.splat, shape, x.dtype)
  return g.node('Transpose', [x], shape, x.dtype, { perm })
}

/** Rank-2 products become Gemm, which transposes its operands for free; higher ranks go through MatMul. */
function matmul(g: Graph, a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
  const rank = a.shape.length
  const [m, k] = transposeA ? [a.shape[rank - 1]!, a.shape[rank - 2]!] : [a.shape[rank - 2]!, a.shape[rank - 1]!]
  const n = transposeB ? b.shape[b.shape.length - 2]! : b.shape[b.shape.length - 1]!
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const shape = [...batch, m, n]
  if (a.splat === 0 || b.splat === 0) return g.splat(0, shape)
  if (sizeOf(batch) === 1 && sizeOf(a.shape) === m * k && sizeOf(b.shape) === k * n) {
    const flat = (x: Value): Value => g.reshape(x, x.shape.slice(-2))
    const attributes = { transA: Number(transposeA), transB: Number(transposeB) }
    return g.reshape(g.node('Gemm', [flat(a), flat(b)], [m, n], 'float32', attributes), shape)
  }
  const swap = (x: Value): Value => {
    const r = x.shape.length
    return transpose(g, x, [...Array.from({ length: r - 2 }, (_, i) => i), r - 1, r - 2])
  }
  return g.node('MatMul', [transposeA ? swap(a) : a, transposeB ? swap(b) : b], shape, 'float32')
}

function slice(g: Graph, x: Value, begin: readonly number[], size: readonly number[]): Value {
  if (begin.every((b, i) => b === 0 && size[i] === x.shape[i])) return x
  if (x.splat !== undefined) return g.splat(x.splat, size, x.dtype)
  const axes = x.shape.map((_, i) => i).filter((i) => begin[i] !== 0 || size[i] !== x.shape[i])
  const starts = g.shapeLiteral(axes.map((i) => begin[i]!))
  const ends = g.shapeLiteral(axes.map((i) => begin[i]! + size[i]!))
  return g.node('Slice', [x, starts, ends, g.shapeLiteral(axes)], size, x.dtype)
}

function registerElementwise(): void {
  const binary: Record<string, string> = {
    Add: 'Add',
    Sub: 'Sub',
    Multiply: 'Mul',
    RealDiv: 'Div',
    Maximum: 'Max',
    Minimum: 'Min',
  }
  for (const [name, op] of Object.entries(binary)) kernel(name, ['a', 'b'], (g, [a, b]) => g.binary(op, a!, b!))
  const unary = [
    'Neg',
    'Abs',
    'Sqrt',
    'Exp',
    'Log',
    'Sin',
    'Cos',
    'Tanh',
    'Sigmoid',
    'Relu',
    'Sign',
    'Floor',
    'Reciprocal',
  ]
  for (const op of unary) kernel(op, ['x'], (g, [x]) => g.unary(op, asFloat(g, x!)))
  kernel('Rsqrt', ['x'], (g, [x]) => g.unary('Reciprocal', g.unary('Sqrt', x!)))
  kernel('Square', ['x'], (g, [x]) => g.binary('Mul', x!, x!))
  kernel('SquaredDifference', ['a', 'b'], (g, [a, b]) => {
    const d = g.binary('Sub', a!, b!)
    return g.binary('Mul', d, d)
  })
  kernel('AddN', 'list', (g, xs) => xs.reduce((a, b) => g.binary('Add', a, b)))
  kernel('Pow', ['a', 'b'], (g, [a, b]) => g.node('Pow', [a!, b!], broadcastShape(a!.shape, b!.shape), 'float32'))
  kernel('ClipByValue', ['x'], (g, [x], { clipValueMin, clipValueMax }) =>
    g.binary('Min', g.binary('Max', x!, g.splat(Number(clipValueMin), [])), g.splat(Number(clipValueMax), [])),
  )
  // softplus(x) = relu(x) + log(1 + exp(-|x|)); log(1 + exp(-|x|)) = -log(sigmoid(|x|)). All four are vectorised in
  // ONNX Runtime, whose own Softplus is not (a tenth of the speed).
  kernel('Softplus', ['x'], (g, [x]) => {
    const tail = g.unary('Log', g.unary('Sigmoid', g.unary('Abs', x!)))
    return g.binary('Sub', g.unary('Relu', x!), tail)
  })
  // tfjs's Step has an `alpha`: its value for x < 0 (the gradient of abs uses -1).
  kernel('Step', ['x'], (g, [x], { alpha }) => {
    const positive = g.node('Greater', [x!, g.splat(0, [])], x!.shape, 'bool')
    // For a plain step (the gradient of relu), a cast is half the price of a choice.
    if (!alpha) return cast(g, positive, 'float32')
    return g.node('Where', [positive, g.splat(1, []), g.splat(Number(alpha), [])], x!.shape, 'float32')
  })
}

function registerLogic(): void {
  for (const op of ['Greater', 'Less', 'Equal']) kernel(op, ['a', 'b'], compare(op))
  kernel('GreaterEqual', ['a', 'b'], compare('GreaterOrEqual'))
  kernel('LessEqual', ['a', 'b'], compare('LessOrEqual'))
  kernel('LogicalAnd', ['a', 'b'], compare('And'))
  kernel('LogicalOr', ['a', 'b'], compare('Or'))
  kernel('LogicalNot', ['x'], (g, [x]) => g.node('Not', [x!], x!.shape, 'bool'))
  kernel('Select', ['condition', 't', 'e'], (g, [condition, t, e]) =>
    g.node('Where', [cast(g, condition!, 'bool'), t!, e!], broadcastShape(t!.shape, e!.shape), t!.dtype),
  )
}

function registerShapes(): void {
  kernel('Identity', ['x'], (_, [x]) => x!)
  kernel('Cast', ['x'], (g, [x], { dtype }) => cast(g, x!, dtype as DType))
  kernel('Reshape', ['x'], (g, [x], { shape }) => {
    const wanted = numbers(shape)
    const known = wanted.filter((d) => d >= 0).reduce((a, b) => a * b, 1)
    return g.reshape(
      x!,
      wanted.map((d) => (d < 0 ? sizeOf(x!.shape) / known : d)),
    )
  })
  kernel('ExpandDims', ['input'], (g, [x], { dim }) => {
    const at = Number(dim) < 0 ? x!.shape.length + 1 + Number(dim) : Number(dim)
    return g.reshape(x!, [...x!.shape.slice(0, at), 1, ...x!.shape.slice(at)])
  })
  kernel('Fill', [], (g, _, { shape, value, dtype }) =>
    g.splat(Number(value), numbers(shape), (dtype ?? 'float32') as DType),
  )
  kernel('ZerosLike', ['x'], (g, [x]) => g.splat(0, x!.shape, x!.dtype))
  kernel('OnesLike', ['x'], (g, [x]) => g.splat(1, x!.shape, x!.dtype))
  kernel('Transpose', ['x'], (g, [x], { perm }) => transpose(g, x!, numbers(perm)))
  kernel('Tile', ['x'], (g, [x], { reps }) => {
    const times = numbers(reps)
    const shape = x!.shape.map((d, i) => d * times[i]!)
    if (x!.splat !== undefined) return g.splat(x!.splat, shape, x!.dtype)
    if (x!.shape.every((d, i) => d === 1 || times[i] === 1)) return g.expand(x!, shape)
    return g.node('Tile', [x!, g.shapeLiteral(times)], shape, x!.dtype)
  })
  kernel('Concat', 'list', (g, xs, { axis }) => {
    const parts = xs.filter((x) => sizeOf(x.shape) > 0)
    const at = positiveAxes(axis, parts[0]!.shape.length)[0]!
    if (parts.length === 1) return parts[0]!
    const shape = [...parts[0]!.shape]
    shape[at] = parts.reduce((n, x) => n + x.shape[at]!, 0)
    return g.node('Concat', parts, shape, parts[0]!.dtype, { axis: at })
  })
  kernel('Slice', ['x'], (g, [x], { begin, size }) => {
    const from = numbers(begin)
    return slice(
      g,
      x!,
      from,
      numbers(size).map((s, i) => (s < 0 ? x!.shape[i]! - from[i]! : s)),
    )
  })
  kernel('SplitV', ['x'], (g, [x], { numOrSizeSplits, axis }) => {
    const at = positiveAxes(axis, x!.shape.length)[0]!
    const extent = x!.shape[at]!
    const sizes = Array.isArray(numOrSizeSplits)
      ? numbers(numOrSizeSplits)
      : Array.from({ length: Number(numOrSizeSplits) }, () => extent / Number(numOrSizeSplits))
    const shapes = sizes.map((s) => x!.shape.map((d, i) => (i === at ? s : d)))
    return g.nodeMulti('Split', [x!, g.shapeLiteral(sizes)], shapes, x!.dtype, { axis: at })
  })
  kernel('PadV2', ['x'], (g, [x], { paddings, constantValue }) => {
    const pads = paddings as [number, number][]
    const shape = x!.shape.map((d, i) => d + pads[i]![0] + pads[i]![1])
    if (x!.splat === constantValue) return g.splat(Number(constantValue), shape, x!.dtype)
    const flat = [...pads.map((p) => p[0]), ...pads.map((p) => p[1])]
    return g.node('Pad', [x!, g.shapeLiteral(flat), g.splat(Number(constantValue ?? 0), [], x!.dtype)], shape, x!.dtype)
  })
  kernel('GatherV2', ['x', 'indices'], (g, [x, indices], { axis }) => {
    const at = positiveAxes(axis ?? 0, x!.shape.length)[0]!
    const shape = [...x!.shape.slice(0, at), ...indices!.shape, ...x!.shape.slice(at + 1)]
    return g.node('Gather', [x!, indices!], shape, x!.dtype, { axis: at })
  })
}

/** Registers every kernel of the tracing backend with tfjs. Call once. */
export function registerTraceKernels(): void {
  registerElementwise()
  registerLogic()
  registerShapes()
  const reductions = { Sum: 'ReduceSum', Mean: 'ReduceMean', Max: 'ReduceMax', Min: 'ReduceMin' }
  for (const [name, op] of Object.entries(reductions)) kernel(name, ['x'], reduce(op))
  kernel('BatchMatMul', ['a', 'b'], (g, [a, b], { transposeA, transposeB }) =>
    matmul(g, a!, b!, Boolean(transposeA), Boolean(transposeB)),
  )
}

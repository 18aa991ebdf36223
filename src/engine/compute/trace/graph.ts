/**
 * The intermediate form of a traced program: a list of ONNX nodes over values of known shape. Nodes are made through
 * `Graph.node`, which shares equal nodes (common subexpressions) and applies the few rewrites that tfjs's automatic
 * differentiation makes worthwhile: arithmetic on constants, neutral elements, reshapes of reshapes.
 */

export type DType = 'float32' | 'int32' | 'bool'

/** A tensor of the graph. Constants of one repeated number keep only that number (`splat`). */
export interface Value {
  readonly id: number
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Literal contents in row-major order, when known while tracing. */
  readonly data?: Float32Array | Int32Array
  /** The one number that every element has, when known while tracing. */
  readonly splat?: number
  readonly node?: Node
}

export type Attribute = number | string | readonly number[] | { readonly float: number }

export interface Node {
  readonly op: string
  /** '' is ONNX's own operator set. */
  readonly inputs: readonly Value[]
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly outputs: Value[]
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i])

/** A number that equal contents share. */
function checksum({ buffer, byteOffset, length }: Float32Array | Int32Array): number {
  const bits = new Int32Array(buffer, byteOffset, length)
  let sum = 0
  for (let i = 0; i < length; i++) sum = Math.imul(sum ^ bits[i], 0x01000193)
  return sum
}

/** Shape of an elementwise result under NumPy's broadcasting rules. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1
    const y = b[i - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) throw new Error(`cannot broadcast [${a}] with [${b}]`)
    return x === 1 ? y : x
  })
}

const FOLD: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Max: (a, b) => Math.max(a, b),
  Min: (a, b) => Math.min(a, b),
}

const FOLD_UNARY: Record<string, (a: number) => number> = {
  Neg: (a) => -a,
  Abs: Math.abs,
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Reciprocal: (a) => 1 / a,
}

export class Graph {
  readonly nodes: Node[] = []
  readonly inputs: Value[] = []
  readonly outputs: Value[] = []
  private nextId = 0
  private readonly known = new Map<string, Value[]>()

  private value(shape: readonly number[], dtype: DType, extra: Partial<Value> = {}): Value {
    const id = this.nextId++
    return { id, name: `v${id}`, shape: [...shape], dtype, ...extra }
  }

  input(name: string, shape: readonly number[], dtype: DType): Value {
    const value = this.value(shape, dtype, { name })
    this.inputs.push(value)
    return value
  }

  /** Names an output. The value gets an Identity node of that name, so that one value may be several outputs. */
  output(name: string, value: Value): void {
    const out = this.value(value.shape, value.dtype, { name })
    this.nodes.push({ op: 'Identity', inputs: [value], attributes: {}, outputs: [out] })
    this.outputs.push(out)
  }

  constant(data: ArrayLike<number>, shape: readonly number[], dtype: DType): Value {
    const size = sizeOf(shape)
    let uniform = size > 0
    for (let i = 1; i < size && uniform; i++) uniform = data[i] === data[0]
    if (uniform) return this.splat(data[0] as number, shape, dtype)
    const literal = dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data)
    // a program that makes the same constant again would have all that follows from it computed again
    const key = `data|${shape}|${dtype}|${checksum(literal)}`
    const alike = this.known.get(key) ?? []
    const known = alike.find((value) => value.data!.every((x, i) => Object.is(x, literal[i])))
    if (known) return known
    const value = this.value(shape, dtype, { data: literal })
    this.known.set(key, [...alike, value])
    return value
  }

  splat(number: number, shape: readonly number[], dtype: DType = 'float32'): Value {
    const key = `splat|${number}|${shape}|${dtype}`
    const known = this.known.get(key)
    if (known) return known[0]!
    const value = this.value(shape, dtype, { splat: number })
    this.known.set(key, [value])
    return value
  }

  /** Adds a node with one output, or returns the value that an equal node already made. */
  node(
    op: string,
    inputs: readonly Value[],
    shape: readonly number[],
    dtype: DType,
    attributes: Record<string, Attribute> = {},
  ): Value {
    return this.nodeMulti(op, inputs, [shape], dtype, attributes)[0]!
  }

  /** Adds a node with several outputs of one type. */
  nodeMulti(
    op: string,
    inputs: readonly Value[],
    shapes: readonly (readonly number[])[],
    dtype: DType,
    attributes: Record<string, Attribute> = {},
  ): Value[] {
    const key = `${op}|${inputs.map((v) => v.id)}|${JSON.stringify(attributes)}|${dtype}`
    const known = this.known.get(key)
    if (known) return known
    const outputs: Value[] = []
    const node: Node = { op, inputs, attributes, outputs }
    for (const shape of shapes) outputs.push(this.value(shape, dtype, { node }))
    this.nodes.push(node)
    this.known.set(key, outputs)
    return outputs
  }

  reshape(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x
    if (x.splat !== undefined) return this.splat(x.splat, shape, x.dtype)
    if (x.data) return this.value(shape, x.dtype, { data: x.data })
    const source = x.node?.op === 'Reshape' ? x.node.inputs[0]! : x
    if (source !== x) return this.reshape(source, shape)
    return this.node('Reshape', [x, this.shapeLiteral(shape)], shape, x.dtype)
  }

  /** An int64 literal (ONNX wants shapes, axes and bounds so). Marked by the attribute-free dtype 'int32' and a name. */
  shapeLiteral(numbers: readonly number[]): Value {
    const key = `int64|${numbers}`
    const known = this.known.get(key)
    if (known) return known[0]!
    const id = this.nextId++
    const value: Value = {
      id,
      name: `i64_${id}`,
      shape: [numbers.length],
      dtype: 'int32',
      data: Int32Array.from(numbers),
    }
    this.known.set(key, [value])
    return value
  }

  /** Broadcasts to a shape where an operator needs the full tensor. */
  expand(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x
    if (x.splat !== undefined) return this.splat(x.splat, shape, x.dtype)
    return this.node('Expand', [x, this.shapeLiteral(shape)], shape, x.dtype)
  }

  unary(op: string, x: Value, dtype: DType = x.dtype): Value {
    const fold = FOLD_UNARY[op]
    if (fold && x.splat !== undefined) return this.splat(Math.fround(fold(x.splat)), x.shape, dtype)
    return this.node(op, [x], x.shape, dtype)
  }

  /** Elementwise Add, Sub, Mul, Div, Max, Min with constant folding and neutral elements. */
  binary(op: string, a: Value, b: Value): Value {
    const shape = broadcastShape(a.shape, b.shape)
    const fold = FOLD[op]
    if (fold && a.splat !== undefined && b.splat !== undefined) {
      return this.splat(
        a.dtype === 'float32' ? Math.fround(fold(a.splat, b.splat)) : fold(a.splat, b.splat),
        shape,
        a.dtype,
      )
    }
    const full = (x: Value): boolean => sameShape(x.shape, shape)
    if (full(a) && b.splat === (op === 'Mul' || op === 'Div' ? 1 : 0) && op !== 'Max' && op !== 'Min') return a
    if (full(b) && a.splat === (op === 'Mul' ? 1 : 0) && (op === 'Mul' || op === 'Add')) return b
    if (op === 'Mul' && (a.splat === 0 || b.splat === 0)) return this.splat(0, shape, a.dtype)
    if ((op === 'Mul' && a.splat === -1) || (op === 'Sub' && a.splat === 0)) if (full(b)) return this.unary('Neg', b)
    if (op === 'Mul' && b.splat === -1 && full(a)) return this.unary('Neg', a)
    if (op === 'Div' && b.splat !== undefined)
      return this.binary('Mul', a, this.splat(Math.fround(1 / b.splat), b.shape, b.dtype))
    // A repeated number is fed as a scalar: elementwise operators broadcast it without reading a tensor.
    const slim = (x: Value): Value =>
      x.splat !== undefined && sizeOf(x.shape) > 1 ? this.splat(x.splat, [], x.dtype) : x
    const [x, y] = [slim(a), slim(b)]
    if ((x !== a || y !== b) && !sameShape(broadcastShape(x.shape, y.shape), shape))
      return this.node(op, [a, b], shape, a.dtype)
    const commutes = op === 'Add' || op === 'Mul'
    return this.node(op, commutes && x.id > y.id ? [y, x] : [x, y], shape, a.dtype)
  }
}

/** Writes a traced graph as an ONNX model (opset 17). */
import proto from 'onnx-proto'
import type { Attribute, Graph, Node, Value } from './graph.js'
import { sizeOf } from './graph.js'

const { onnx } = proto
const ELEMENT_TYPE = { float32: 1, int32: 6, bool: 9, int64: 7 } as const
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const

function attribute(name: string, value: Attribute): InstanceType<typeof onnx.AttributeProto> {
  if (typeof value === 'number') return onnx.AttributeProto.create({ name, type: ATTRIBUTE_TYPE.int, i: value })
  if (typeof value === 'string') {
    return onnx.AttributeProto.create({ name, type: ATTRIBUTE_TYPE.string, s: new TextEncoder().encode(value) })
  }
  if ('float' in value) return onnx.AttributeProto.create({ name, type: ATTRIBUTE_TYPE.float, f: value.float })
  return onnx.AttributeProto.create({ name, type: ATTRIBUTE_TYPE.ints, ints: [...value] })
}

const isInt64 = (v: Value): boolean => v.name.startsWith('i64_')

function valueInfo(value: Value): InstanceType<typeof onnx.ValueInfoProto> {
  const dim = value.shape.map((d) => onnx.TensorShapeProto.Dimension.create({ dimValue: d }))
  const tensorType = { elemType: ELEMENT_TYPE[value.dtype], shape: { dim } }
  return onnx.ValueInfoProto.create({ name: value.name, type: onnx.TypeProto.create({ tensorType }) })
}

function initializer(value: Value): InstanceType<typeof onnx.TensorProto> {
  const type = isInt64(value) ? 'int64' : value.dtype
  const size = sizeOf(value.shape)
  const data =
    value.data ?? (value.dtype === 'float32' ? new Float32Array(size) : new Int32Array(size)).fill(value.splat!)
  let raw: ArrayBufferView
  if (type === 'int64') raw = BigInt64Array.from(data, (n) => BigInt(n))
  else if (type === 'bool') raw = Uint8Array.from(data)
  else raw = data
  return onnx.TensorProto.create({
    name: value.name,
    dims: [...value.shape],
    dataType: ELEMENT_TYPE[type],
    rawData: new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength),
  })
}

/** Serialises the program made of `nodes` (already optimised) as a self-contained ONNX model. */
export function toOnnx(name: string, graph: Graph, nodes: readonly Node[]): Uint8Array {
  const constants = new Map<string, Value>()
  for (const node of nodes) {
    for (const input of node.inputs) if (input.data || input.splat !== undefined) constants.set(input.name, input)
  }
  const model = onnx.ModelProto.create({
    irVersion: 8,
    producerName: 'sider',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name,
      node: nodes.map((n) => ({
        opType: n.op,
        input: n.inputs.map((v) => v.name),
        output: n.outputs.map((v) => v.name),
        attribute: Object.entries(n.attributes).map(([k, v]) => attribute(k, v)),
      })),
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      initializer: [...constants.values()].map(initializer),
    },
  })
  return onnx.ModelProto.encode(model).finish()
}

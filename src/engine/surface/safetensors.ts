/**
 * The safetensors format for network weights: u64 header length, JSON header, raw little-endian tensors. Reading checks every
 * offset against the file and executes nothing.
 */
import { fromHalf } from '../image/half.js'

export type TensorData = Float32Array | Float64Array | Uint16Array | Uint8Array | Int32Array | Uint32Array

export interface NamedTensor {
  shape: number[]
  data: TensorData
}

/** Bytes of a safetensors file. Float32 → F32, Float64 → F64, Uint16 → U16, Uint8 → U8, Int32 → I32, Uint32 → U32. */
export function encodeSafetensors(
  tensors: Record<string, NamedTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata
  // wider types first, so that every tensor is aligned to its own size
  const entries = Object.entries(tensors).sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT)
  let offset = 0
  for (const [name, { shape, data }] of entries) {
    if (shape.reduce((a, b) => a * b, 1) !== data.length)
      throw new RangeError(`${name}: shape [${shape.join(', ')}] does not hold ${data.length} numbers`)
    header[name] = { dtype: typeName(data), shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  let text = JSON.stringify(header)
  while (new TextEncoder().encode(text).length % 8 !== 0) text += ' '
  const json = new TextEncoder().encode(text)
  const out = new Uint8Array(8 + json.length + offset)
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true)
  out.set(json, 8)
  let position = 8 + json.length
  for (const [, { data }] of entries) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position)
    position += data.byteLength
  }
  return out
}

function typeName(data: TensorData): string {
  if (data instanceof Float32Array) return 'F32'
  if (data instanceof Float64Array) return 'F64'
  if (data instanceof Uint16Array) return 'U16'
  if (data instanceof Uint8Array) return 'U8'
  return data instanceof Int32Array ? 'I32' : 'U32'
}

const SIZES: Record<string, number> = { F64: 8, F32: 4, I32: 4, U32: 4, F16: 2, U16: 2, U8: 1, BOOL: 1 }

/** Reads a safetensors file; F16 becomes Float32Array. Throws RangeError for damaged files and unsupported types. */
export function decodeSafetensors(file: Uint8Array): {
  tensors: Record<string, NamedTensor>
  metadata: Record<string, string>
} {
  const fail = (what: string): never => {
    throw new RangeError(`not a valid safetensors file: ${what}`)
  }
  if (file.length < 8) fail('too short')
  const headerLength = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true))
  if (headerLength > 100_000_000 || 8 + headerLength > file.length) fail('the header reaches beyond the file')
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = {}
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + headerLength)))
  } catch {
    fail('the header is not JSON')
  }
  if (typeof header !== 'object' || header === null) fail('the header is not an object')
  const tensors: Record<string, NamedTensor> = Object.create(null)
  const base = 8 + headerLength
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets: offsets } = entry
    const size = SIZES[dtype]
    if (size === undefined) fail(`${name} has the unsupported type ${dtype}`)
    const isIndex = (v: unknown) => Number.isSafeInteger(v) && (v as number) >= 0
    if (!Array.isArray(shape) || !shape.every(isIndex) || !Array.isArray(offsets) || !offsets.every(isIndex))
      fail(`${name} has no proper shape or offsets`)
    const [from, to] = offsets
    if (to - from !== shape.reduce((a, b) => a * b, 1) * size || base + to > file.length)
      fail(`${name} reaches beyond the file or has the wrong length`)
    // a copy: Buffer.slice would share memory, at an offset the typed arrays cannot have
    const buffer = new Uint8Array(file.subarray(base + from, base + to)).buffer
    tensors[name] = { shape, data: typed(dtype, buffer) }
  }
  return { tensors, metadata: (header['__metadata__'] as unknown as Record<string, string> | undefined) ?? {} }
}

function typed(dtype: string, buffer: ArrayBuffer): TensorData {
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer)
    case 'F32':
      return new Float32Array(buffer)
    case 'I32':
      return new Int32Array(buffer)
    case 'U32':
      return new Uint32Array(buffer)
    case 'U16':
      return new Uint16Array(buffer)
    case 'F16':
      return fromHalf(new Uint16Array(buffer))
    default:
      return new Uint8Array(buffer)
  }
}

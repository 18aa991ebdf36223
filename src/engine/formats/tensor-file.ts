/**
 * Named arrays in one file, in the safetensors layout (8 bytes header length, JSON header, data), which Python reads with
 * `safetensors.numpy.load_file`. Used for checkpoints, network weights and assets. Reading checks every offset against the file
 * and executes nothing.
 */
import { fromHalf } from './half.js'

const DTYPES = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const

type Dtype = keyof typeof DTYPES

type TensorData =
  | Float64Array
  | BigInt64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array

export interface NamedTensor {
  shape: number[]
  /** Row-major. */
  data: TensorData
}

export interface TensorFile {
  tensors: Record<string, NamedTensor>
  /** Free texts, kept in the header's `__metadata__`. */
  metadata: Record<string, string>
}

interface HeaderEntry {
  dtype: Dtype
  shape: number[]
  data_offsets: [number, number]
}

/**
 * The file's bytes. Arrays of wide elements come first, so that each is aligned to its element size.
 *
 * @throws RangeError if a shape does not hold its data
 */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const entries = Object.entries(tensors).sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT, // stable: else in the order given
  )
  const header: Record<string, HeaderEntry | Record<string, string>> = { __metadata__: metadata }
  let end = 0
  for (const [name, { shape, data }] of entries) {
    if (elements(shape) !== data.length)
      throw new RangeError(`${name}: shape [${shape}] does not hold ${data.length} numbers`)
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [end, end + data.byteLength] }
    end += data.byteLength
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(start + end)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true)
  bytes.fill(0x20, 8, start) // the layout pads its header with spaces
  bytes.set(json, 8)
  let offset = start
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
    offset += data.byteLength
  }
  return bytes
}

/**
 * Reads what `encodeTensors` or another safetensors writer wrote; F16 becomes Float32Array. Every array is a copy, independent
 * of `bytes`.
 *
 * @throws RangeError saying what is damaged or unsupported: callers turn it into their own typed error
 */
export function decodeTensors(bytes: Uint8Array): TensorFile {
  if (bytes.length < 8) throw damaged('too short')
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
  if (headerLength > bytes.length - 8) throw damaged('the header reaches beyond the file')
  const start = 8 + Number(headerLength)
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)))
  } catch {
    throw damaged('the header is not JSON')
  }
  if (typeof header !== 'object' || header === null) throw damaged('the header is not an object')
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>
  const data = bytes.subarray(start)
  const tensors: [string, NamedTensor][] = Object.entries(entries).map(([name, entry]) => [
    name,
    readTensor(name, (entry ?? {}) as Partial<HeaderEntry>, data),
  ])
  return { tensors: Object.fromEntries(tensors), metadata: metadata as Record<string, string> }
}

function readTensor(name: string, entry: Partial<HeaderEntry>, data: Uint8Array): NamedTensor {
  const { dtype, shape, data_offsets: offsets } = entry
  const isSize = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0
  if (!Array.isArray(shape) || !shape.every(isSize) || !Array.isArray(offsets) || !offsets.every(isSize)) {
    throw damaged(`${name} has no proper shape or offsets`)
  }
  const half = (dtype as string) === 'F16'
  const Type = half ? Uint16Array : DTYPES[dtype as Dtype]
  if (!Type) throw damaged(`${name} has the unsupported type ${dtype}`)
  const [begin, end] = offsets
  if (end > data.length || end - begin !== elements(shape) * Type.BYTES_PER_ELEMENT) {
    throw damaged(`${name} reaches beyond the file or has the wrong length`)
  }
  // A copy: Buffer.slice would share memory, at an offset the typed arrays cannot have.
  const values = new Type(new Uint8Array(data.subarray(begin, end)).buffer)
  return { shape, data: half ? fromHalf(values as Uint16Array) : values }
}

function damaged(what: string): RangeError {
  return new RangeError(`not a valid safetensors file: ${what}`)
}

function dtypeOf(data: TensorData): Dtype {
  return (Object.keys(DTYPES) as Dtype[]).find((key) => data instanceof DTYPES[key])!
}

function elements(shape: number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}

/**
 * Named arrays in one file, in the safetensors layout (8 bytes header length, JSON header, data), which Python reads with
 * `safetensors.numpy.load_file`. Used for checkpoints, network weights and the built-in assets.
 */

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

export type TensorData = InstanceType<(typeof DTYPES)[Dtype]>

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

/** The file's bytes. Arrays of wide elements come first, so that each is aligned to its element size. */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const entries = Object.entries(tensors).sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT, // stable: else in the order given
  )
  const header: Record<string, HeaderEntry | Record<string, string>> = { __metadata__: metadata }
  let end = 0
  for (const [name, { shape, data }] of entries) {
    if (elements(shape) !== data.length) throw new RangeError(`tensor ${name}: ${data.length} values for [${shape}]`)
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
 * Reads what `encodeTensors` or another safetensors writer wrote. Every array is a copy, independent of `bytes`.
 *
 * @throws Error saying what is wrong: callers turn it into their own typed error.
 */
export function decodeTensors(bytes: Uint8Array): TensorFile {
  if (bytes.length < 8) throw new Error('the file is too short for a header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 8 + Number(view.getBigUint64(0, true))
  if (start > bytes.length) throw new Error('the file is shorter than its header says')
  let header: Record<string, unknown>
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)))
  } catch {
    throw new Error('the header is not JSON')
  }
  const tensors: Record<string, NamedTensor> = {}
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    tensors[name] = readTensor(name, entry as Partial<HeaderEntry>, bytes.subarray(start))
  }
  return { tensors, metadata: (header['__metadata__'] ?? {}) as Record<string, string> }
}

function readTensor(name: string, entry: Partial<HeaderEntry>, data: Uint8Array): NamedTensor {
  const { dtype, shape, data_offsets: offsets } = entry
  if (!dtype || !Object.hasOwn(DTYPES, dtype)) throw new Error(`tensor ${name} has the unknown type ${dtype}`)
  const isSize = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0
  if (!Array.isArray(shape) || !shape.every(isSize) || !Array.isArray(offsets) || !offsets.every(isSize)) {
    throw new Error(`tensor ${name} has a malformed entry`)
  }
  const [begin, end] = offsets
  const Type = DTYPES[dtype]
  if (end > data.length) throw new Error(`the file ends within tensor ${name}`)
  if (end - begin !== elements(shape) * Type.BYTES_PER_ELEMENT) throw new Error(`tensor ${name} has a wrong size`)
  return { shape, data: new Type(data.slice(begin, end).buffer) }
}

function dtypeOf(data: TensorData): Dtype {
  return (Object.keys(DTYPES) as Dtype[]).find((key) => data instanceof DTYPES[key])!
}

function elements(shape: number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}

/** Arrays of numbers out of files, whatever their element type and order of bytes and axes. */
import { fromHalf } from './half.js'

/** An array of numbers in row-major order. */
export interface NumericArray {
  data: Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array
  shape: number[]
}

/** The largest array that is accepted: the largest of a model, GNM's expression basis, has twenty million numbers. */
export const MAX_ELEMENTS = 400_000_000

const KINDS = ['f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1']

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** How the bytes of an array are to be read. */
export interface ArrayLayout {
  /** NumPy's type string without or with byte order, e.g. '<f8'. */
  type: string
  shape: number[]
  /** Whether the first axis runs fastest. */
  fortran?: boolean
}

/**
 * Raw array bytes → numbers. 64-bit integers become doubles, half floats singles. The numbers may share memory with the bytes.
 * @throws RangeError for an unknown type, and where the bytes do not hold the shape
 */
export function numbersOf(bytes: Uint8Array, { type, shape, fortran = false }: ArrayLayout): NumericArray {
  const [, order, kind] = /^([<>|=]?)(\w\d+)$/.exec(type) ?? []
  const size = Number(kind?.slice(1))
  const count = product(shape)
  if (!KINDS.includes(kind)) throw new RangeError(`an array of type ${type} is not supported`)
  checkSize(bytes, shape, size)
  const swapped = order === '>' && size > 1
  const shared = bytes.subarray(0, count * size)
  const raw = swapped || shared.byteOffset % size !== 0 ? new Uint8Array(shared) : shared
  if (swapped) for (let i = 0; i < raw.length; i += size) raw.subarray(i, i + size).reverse()
  const data = typed(raw, kind, count)
  if (!fortran || shape.length < 2) return { data, shape }
  const out = data.slice()
  const stride = shape.map((_, axis) => product(shape.slice(0, axis)))
  const index = shape.map(() => 0)
  for (let i = 0; i < count; i++) {
    out[i] = data[index.reduce((sum, n, axis) => sum + n * stride[axis], 0)]
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0
  }
  return { data: out, shape }
}

/** @throws RangeError where `bytes` do not hold `shape` elements of `size` bytes, or these are too many */
export function checkSize(bytes: Uint8Array, shape: readonly number[], size: number): void {
  const count = product(shape)
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0) || count > MAX_ELEMENTS || count * size > bytes.length)
    throw new RangeError(`an array of shape (${shape.join(', ')}) does not fit its ${bytes.length} bytes`)
}

function typed({ buffer, byteOffset }: Uint8Array, kind: string, count: number): NumericArray['data'] {
  switch (kind) {
    case 'f2':
      return fromHalf(new Uint16Array(buffer, byteOffset, count))
    case 'f4':
      return new Float32Array(buffer, byteOffset, count)
    case 'f8':
      return new Float64Array(buffer, byteOffset, count)
    case 'i1':
      return Int32Array.from(new Int8Array(buffer, byteOffset, count))
    case 'i2':
      return Int32Array.from(new Int16Array(buffer, byteOffset, count))
    case 'i4':
      return new Int32Array(buffer, byteOffset, count)
    case 'i8':
      return Float64Array.from(new BigInt64Array(buffer, byteOffset, count), Number)
    case 'u2':
      return Uint32Array.from(new Uint16Array(buffer, byteOffset, count))
    case 'u4':
      return new Uint32Array(buffer, byteOffset, count)
    case 'u8':
      return Float64Array.from(new BigUint64Array(buffer, byteOffset, count), Number)
    default:
      return new Uint8Array(buffer, byteOffset, count)
  }
}

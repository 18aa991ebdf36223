/** Numeric arrays out of pickles, `.npy` and `.npz` files: numpy, scipy.sparse (made dense) and chumpy values. */
import { unzipSync } from 'fflate'
import { fromHalf } from '../image/half.js'
import { readPickle } from './pickle.js'
import { invalidHead, keyText, PickleBytes, PickleObject, type PickleValue } from './pickle-values.js'

/** An array of numbers in row-major order. */
export interface NumericArray {
  data: Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array
  shape: number[]
}

/** A `.npy` file's or pickle's content: numbers, or for object arrays the pickled value. */
export type ArrayOrValue = NumericArray | { value: PickleValue }

/** The largest array that is accepted: FLAME's shape basis has six million numbers. */
const MAX_ELEMENTS = 400_000_000

const HINT = 'Download the model file again.'
const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/**
 * Raw array bytes → numbers. 64-bit integers become doubles, half floats singles.
 * @param type numpy's type string without or with byte order, e.g. '<f8'
 */
function numbersOf(bytes: Uint8Array, type: string, shape: number[], fortran: boolean, file: string): NumericArray {
  const [, order, kind] = /^([<>|=]?)(\w\d+)$/.exec(type) ?? []
  const size = Number(kind?.slice(1))
  const count = product(shape)
  const known = ['f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1'].includes(kind)
  if (!known) throw invalidHead(file, `an array of type ${type} is not supported`, HINT)
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0) || count > MAX_ELEMENTS || count * size > bytes.length)
    throw invalidHead(file, `an array of shape (${shape.join(', ')}) does not fit its ${bytes.length} bytes`, HINT)
  const raw = new Uint8Array(bytes.subarray(0, count * size)) // a copy: aligned
  if (order === '>' && size > 1) for (let i = 0; i < raw.length; i += size) raw.subarray(i, i + size).reverse()
  const data = typed(raw.buffer, kind)
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

function typed(buffer: ArrayBuffer, kind: string): NumericArray['data'] {
  switch (kind) {
    case 'f2':
      return fromHalf(new Uint16Array(buffer))
    case 'f4':
      return new Float32Array(buffer)
    case 'f8':
      return new Float64Array(buffer)
    case 'i1':
      return Int32Array.from(new Int8Array(buffer))
    case 'i2':
      return Int32Array.from(new Int16Array(buffer))
    case 'i4':
      return new Int32Array(buffer)
    case 'i8':
      return Float64Array.from(new BigInt64Array(buffer), Number)
    case 'u2':
      return Uint32Array.from(new Uint16Array(buffer))
    case 'u4':
      return new Uint32Array(buffer)
    case 'u8':
      return Float64Array.from(new BigUint64Array(buffer), Number)
    default:
      return new Uint8Array(buffer)
  }
}

/**
 * The array that a pickled value stands for; undefined if it is none.
 * @throws SiderError HEAD_INVALID for damaged arrays
 */
export function toArray(value: PickleValue | undefined, file: string): NumericArray | undefined {
  if (typeof value === 'number') return { data: Float64Array.of(value), shape: [] }
  if (Array.isArray(value)) return listToArray(value, file)
  if (!(value instanceof PickleObject)) return undefined
  const { callee, args, state } = value
  const fields = state instanceof Map ? state : stateOfSlots(state)
  switch (callee.name) {
    case '_reconstruct':
      return Array.isArray(state) ? reconstructed(state, file) : undefined
    case '_frombuffer': {
      const [buffer, type, shape, order] = args
      if (!(buffer instanceof PickleBytes) || !Array.isArray(shape)) return undefined
      return numbersOf(buffer.bytes, typeString(type, file), shape.map(Number), keyText(order) === 'F', file)
    }
    case 'scalar': {
      const [type, raw] = args
      return raw instanceof PickleBytes ? numbersOf(raw.bytes, typeString(type, file), [], false, file) : undefined
    }
    case 'Ch':
      return toArray(fields?.get('x'), file)
    case 'Select':
      return selected(fields, file)
    case '_reconstructor': // protocols 0 and 1: the class is the first argument
      return /^(csc|csr)/.test((args[0] as { name?: string } | null)?.name ?? '')
        ? denseOf(fields, (args[0] as { name: string }).name, file)
        : toArray(fields?.get('x'), file)
    default:
      return /^(csc|csr)_/.test(callee.name) ? denseOf(fields, callee.name, file) : undefined
  }
}

/** Objects with slots pickle their state as (dict, slots). */
function stateOfSlots(state: PickleValue): Map<string, PickleValue> | undefined {
  return Array.isArray(state) ? state.find((s): s is Map<string, PickleValue> => s instanceof Map) : undefined
}

function reconstructed(state: PickleValue[], file: string): NumericArray | undefined {
  const [, shape, type, fortran, data] = state
  if (!Array.isArray(shape)) return undefined
  const sizes = shape.map(Number)
  if (Array.isArray(data)) {
    // an object array; of single numbers or arrays only a lone one is of use
    return data.length === 1 ? toArray(data[0], file) : undefined
  }
  const bytes =
    typeof data === 'string' ? Buffer.from(data, 'latin1') : data instanceof PickleBytes ? data.bytes : undefined
  if (bytes === undefined) return undefined
  return numbersOf(bytes, typeString(type, file), sizes, fortran === true || fortran === 1, file)
}

/** '<f8' of a pickled numpy.dtype. */
function typeString(type: PickleValue, file: string): string {
  if (!(type instanceof PickleObject) || type.callee.name !== 'dtype')
    throw invalidHead(file, 'an array without a proper type', HINT)
  const name = keyText(type.args[0] ?? '')
  const order = Array.isArray(type.state) ? keyText(type.state[1] ?? '<') : '<'
  return /^[<>|=]/.test(name) ? name : `${order === '>' ? '>' : '<'}${name}`
}

function listToArray(list: PickleValue[], file: string): NumericArray | undefined {
  if (list.every((v) => typeof v === 'number'))
    return { data: Float64Array.from(list as number[]), shape: [list.length] }
  const rows = list.map((v) => toArray(v, file))
  const first = rows[0]
  if (!first || !rows.every((r) => r && r.data.length === first.data.length)) return undefined
  const data = new Float64Array(rows.length * first.data.length)
  rows.forEach((r, i) => {
    data.set(r!.data, i * first.data.length)
  })
  return { data, shape: [rows.length, ...first.shape] }
}

/** chumpy's Select: some elements of another array, reshaped. */
function selected(fields: Map<string, PickleValue> | undefined, file: string): NumericArray | undefined {
  const from = toArray(fields?.get('a'), file)
  const at = toArray(fields?.get('idxs'), file)
  const shape = toArray(fields?.get('preferred_shape'), file)
  if (!from || !at) return undefined
  return { data: Float64Array.from(at.data, (i) => from.data[i]), shape: shape ? [...shape.data] : at.shape }
}

/** A compressed sparse matrix as a dense one. */
function denseOf(fields: Map<string, PickleValue> | undefined, kind: string, file: string): NumericArray {
  const part = (name: string): ArrayLike<number> => toArray(fields?.get(name), file)?.data ?? []
  const shape = [...(toArray(fields?.get('_shape') ?? fields?.get('shape'), file)?.data ?? [])]
  const [data, indices, starts] = [part('data'), part('indices'), part('indptr')]
  const byColumn = kind.startsWith('csc')
  const lines = byColumn ? shape[1] : shape[0]
  if (
    shape.length !== 2 ||
    product(shape) > MAX_ELEMENTS ||
    starts.length !== lines + 1 ||
    indices.length !== data.length
  )
    throw invalidHead(file, 'a damaged sparse matrix', HINT)
  const out = new Float64Array(product(shape))
  for (let line = 0; line < lines; line++)
    for (let k = starts[line]; k < starts[line + 1]; k++) {
      const [row, column] = byColumn ? [indices[k], line] : [line, indices[k]]
      if (!(row < shape[0] && column < shape[1])) throw invalidHead(file, 'a damaged sparse matrix', HINT)
      out[row * shape[1] + column] += data[k]
    }
  return { data: out, shape }
}

/** Reads an `.npy` file, also Fortran-ordered ones and pickled objects (which are never executed, see pickle.ts). */
export function readNpy(file: Uint8Array, name: string): ArrayOrValue {
  const magic = Buffer.from(file.subarray(0, 6)).toString('latin1')
  if (file.length < 12 || magic !== '\x93NUMPY') throw invalidHead(name, 'not an .npy file', HINT)
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const long = file[6] >= 2
  const start = long ? 12 : 10
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = Buffer.from(file.subarray(start, end)).toString('latin1')
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1]
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  if (type === undefined || shape === undefined) throw invalidHead(name, 'an .npy file without type or shape', HINT)
  const sizes = shape
    .split(',')
    .filter((s) => s.trim() !== '')
    .map((s) => Number.parseInt(s, 10))
  if (type === '|O') return { value: unwrap(readPickle(file.subarray(end), name)) }
  return numbersOf(file.subarray(end), type, sizes, /'fortran_order':\s*True/.test(header), name)
}

/** The one element of a pickled object array of shape (). */
function unwrap(value: PickleValue): PickleValue {
  if (!(value instanceof PickleObject) || !Array.isArray(value.state)) return value
  const data = value.state[4]
  return Array.isArray(data) && data.length === 1 ? data[0] : value
}

/** Reads an `.npz` file. */
export function readNpz(file: Uint8Array, name: string): Map<string, ArrayOrValue> {
  let entries: Record<string, Uint8Array>
  try {
    entries = unzipSync(file, { filter: (entry) => entry.originalSize < 4 * MAX_ELEMENTS })
  } catch (cause) {
    throw invalidHead(name, `not an .npz file (${(cause as Error).message})`, HINT)
  }
  return new Map(
    Object.entries(entries).map(([key, bytes]) => [key.replace(/\.npy$/, ''), readNpy(bytes, `${name}:${key}`)]),
  )
}

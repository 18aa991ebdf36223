/** Numeric arrays out of pickles: numpy, scipy.sparse (made dense) and chumpy values. */
import { type ArrayLayout, MAX_ELEMENTS, type NumericArray, numbersOf, product } from './numeric-array.js'
import { damagedHead, keyText, PickleBytes, PickleObject, type PickleValue, readingHead } from './pickle-values.js'

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
      return read(
        buffer.bytes,
        { type: typeString(type, file), shape: shape.map(Number), fortran: keyText(order) === 'F' },
        file,
      )
    }
    case 'scalar': {
      const [type, raw] = args
      return raw instanceof PickleBytes ? read(raw.bytes, { type: typeString(type, file), shape: [] }, file) : undefined
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

const read = (bytes: Uint8Array, layout: ArrayLayout, file: string): NumericArray =>
  readingHead(file, () => numbersOf(bytes, layout))

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
  return read(bytes, { type: typeString(type, file), shape: sizes, fortran: fortran === true || fortran === 1 }, file)
}

/** '<f8' of a pickled numpy.dtype. */
function typeString(type: PickleValue, file: string): string {
  if (!(type instanceof PickleObject) || type.callee.name !== 'dtype')
    throw damagedHead(file, 'an array without a proper type')
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
    throw damagedHead(file, 'a damaged sparse matrix')
  const out = new Float64Array(product(shape))
  for (let line = 0; line < lines; line++)
    for (let k = starts[line]; k < starts[line + 1]; k++) {
      const [row, column] = byColumn ? [indices[k], line] : [line, indices[k]]
      if (!(row < shape[0] && column < shape[1])) throw damagedHead(file, 'a damaged sparse matrix')
      out[row * shape[1] + column] += data[k]
    }
  return { data: out, shape }
}

/** NumPy's `.npy` and `.npz` files of head models: numbers, texts, and pickled objects, which are never executed (pickle.ts). */
import type { SiderError } from '../errors.js'
import { checkSize, DAMAGED_HINT, type NumericArray, numbersOf, product } from './numeric-array.js'
import { readPickle } from './pickle.js'
import { invalidHead, PickleObject, type PickleValue } from './pickle-values.js'
import { type ZipEntry, zipEntries } from './zip.js'

/** What a `.npy` file holds: numbers, texts, or for object arrays the pickled value. */
export type NpyContent = NumericArray | { texts: string[]; shape: number[] } | { value: PickleValue }

/** The arrays of an `.npz` file, each read when it is asked for. */
export interface Npz {
  names: string[]
  /** @throws SiderError HEAD_INVALID where the array is damaged */
  get(name: string): NpyContent | undefined
}

/** The most that the arrays of a file may take, bytes: GNM's take 170 million, FLAME's a hundred. */
const MAX_UNPACKED = 2 ** 30

/** Reads an `.npy` file, also Fortran-ordered ones and pickled objects. @throws SiderError HEAD_INVALID */
export function readNpy(file: Uint8Array, name: string): NpyContent {
  const { type, shape, fortran, data } = parseNpy(file, name)
  if (type === '|O') return { value: unwrap(readPickle(data, name)) }
  const text = /^[<>|=]?([US])(\d+)$/.exec(type)
  if (!text) return numbersOf(data, type, shape, fortran, name)
  const size = Number(text[2]) * (text[1] === 'U' ? 4 : 1)
  checkSize(data, shape, size, name)
  return { texts: texts(data, text[1] === 'U', size, product(shape)), shape }
}

/** Reads an `.npz` file. @throws SiderError HEAD_INVALID where it is none, or would take too much memory */
export function readNpz(file: Uint8Array, path: string): Npz {
  const fail = (cause: unknown): SiderError => {
    const what = cause instanceof RangeError ? cause.message : String(cause)
    return invalidHead(path, `not a whole .npz file (${what})`, DAMAGED_HINT)
  }
  let entries: Map<string, ZipEntry>
  try {
    entries = new Map(zipEntries(file).map((entry) => [entry.name.replace(/\.npy$/, ''), entry]))
  } catch (cause) {
    throw fail(cause)
  }
  const size = [...entries.values()].reduce((sum, entry) => sum + entry.size, 0)
  if (!(size <= MAX_UNPACKED))
    throw invalidHead(
      path,
      `its arrays would take ${Math.round(size / 2 ** 20)} MiB, more than a head model has`,
      'Use the unchanged file of the model.',
    )
  return {
    names: [...entries.keys()],
    get: (name) => {
      const entry = entries.get(name)
      if (!entry) return undefined
      let bytes: Uint8Array
      try {
        bytes = entry.read()
      } catch (cause) {
        throw fail(cause)
      }
      return readNpy(bytes, `${path}:${name}`)
    },
  }
}

function parseNpy(
  file: Uint8Array,
  name: string,
): { type: string; shape: number[]; fortran: boolean; data: Uint8Array } {
  const magic = Buffer.from(file.subarray(0, 6)).toString('latin1')
  if (file.length < 12 || magic !== '\x93NUMPY') throw invalidHead(name, 'not an .npy file', DAMAGED_HINT)
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const long = file[6] >= 2
  const start = long ? 12 : 10
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = Buffer.from(file.subarray(start, end)).toString('latin1')
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1]
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  if (type === undefined || shape === undefined)
    throw invalidHead(name, 'an .npy file without type or shape', DAMAGED_HINT)
  const sizes = shape
    .split(',')
    .filter((s) => s.trim() !== '')
    .map((s) => Number.parseInt(s, 10))
  return { type, shape: sizes, fortran: /'fortran_order':\s*True/.test(header), data: file.subarray(end) }
}

/** Texts of fixed width, padded with zeros: UTF-32 in little-endian order, or bytes. */
function texts(data: Uint8Array, wide: boolean, size: number, count: number): string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  return Array.from({ length: count }, (_, i) => {
    let text = ''
    for (let at = i * size; at < (i + 1) * size; at += wide ? 4 : 1) {
      const code = wide ? view.getUint32(at, true) : data[at]
      if (code === 0) break
      text += code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
    }
    return text
  })
}

/** The one element of a pickled object array of shape (). */
function unwrap(value: PickleValue): PickleValue {
  if (!(value instanceof PickleObject) || !Array.isArray(value.state)) return value
  const data = value.state[4]
  return Array.isArray(data) && data.length === 1 ? data[0] : value
}

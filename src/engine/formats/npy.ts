/**
 * NumPy's array files: `.npy` and `.npz` (a zip of them). Written row-major and little-endian, half-precision arrays as
 * `{ half: Uint16Array }`. Files of unknown origin can be read: sizes are checked before memory is taken, entries are unpacked
 * one at a time, and pickles are handed on as they are.
 */
import { zipSync } from 'fflate'
import { checkSize, type NumericArray, numbersOf, product } from './numeric-array.js'
import { zipEntries } from './zip.js'

type TypedArray = Float32Array | Float64Array | Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array

/** What can be written: a typed array or the raw bits of half-precision floats. */
export type Writable = TypedArray | { half: Uint16Array }

function describe(data: Writable): { descr: string; bytes: Uint8Array; length: number } {
  const array = 'half' in data ? data.half : data
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  let descr: string
  if ('half' in data) descr = '<f2'
  else if (data instanceof Float32Array) descr = '<f4'
  else if (data instanceof Float64Array) descr = '<f8'
  else if (data instanceof Uint8Array) descr = '|u1'
  else if (data instanceof Uint16Array) descr = '<u2'
  else if (data instanceof Int16Array) descr = '<i2'
  else if (data instanceof Uint32Array) descr = '<u4'
  else descr = '<i4'
  return { descr, bytes, length: array.length }
}

/** Bytes of an `.npy` file. Throws RangeError if the shape does not fit the data. */
export function encodeNpy(data: Writable, shape: readonly number[]): Uint8Array {
  const { descr, bytes, length } = describe(data)
  if (shape.reduce((a, b) => a * b, 1) !== length)
    throw new RangeError(`shape [${shape.join(', ')}] does not hold ${length} numbers`)
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`
  // magic (6) + version (2) + length (2) + header + newline: a multiple of 64
  header += `${' '.repeat(63 - ((10 + header.length) % 64))}\n`
  const out = new Uint8Array(10 + header.length + bytes.length)
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8])
  for (let i = 0; i < header.length; i++) out[10 + i] = header.charCodeAt(i)
  out.set(bytes, 10 + header.length)
  return out
}

/** Bytes of a compressed `.npz` file with the named arrays. Equal content gives equal bytes. */
export function encodeNpz(arrays: Record<string, { data: Writable; shape: readonly number[] }>): Uint8Array {
  const files: Record<string, Uint8Array> = {}
  for (const [name, { data, shape }] of Object.entries(arrays)) files[`${name}.npy`] = encodeNpy(data, shape)
  return zipSync(files, { level: 6, mtime: '1980-01-01T00:00:00' })
}

/** What an `.npy` file holds: numbers, texts, or a pickle of Python objects, which is not read here. */
export type NpyContent = NumericArray | { texts: string[]; shape: number[] } | { pickle: Uint8Array; shape: number[] }

/** The arrays of an `.npz` file, each read when it is asked for. */
export interface Npz {
  names: string[]
  /** @throws RangeError where the array is damaged */
  get(name: string): NpyContent | undefined
}

/** The most that the arrays of a file may take, bytes: the largest head model's take 170 million. */
const MAX_UNPACKED = 2 ** 30

/** Reads an `.npy` file of unknown origin, also Fortran-ordered ones. @throws RangeError saying what is damaged or unsupported */
export function readNpy(file: Uint8Array): NpyContent {
  const { type, shape, fortran, data } = parseNpy(file)
  if (type === '|O') return { pickle: data, shape }
  const text = /^[<>|=]?([US])(\d+)$/.exec(type)
  if (!text) return numbersOf(data, { type, shape, fortran })
  const size = Number(text[2]) * (text[1] === 'U' ? 4 : 1)
  checkSize(data, shape, size)
  return { texts: texts(data, text[1] === 'U', size, product(shape)), shape }
}

/**
 * Reads an `.npz` file of unknown origin.
 * @throws RangeError where it is none, or would take too much memory
 */
export function readNpz(file: Uint8Array): Npz {
  const entries = new Map(zipEntries(file).map((entry) => [entry.name.replace(/\.npy$/, ''), entry]))
  const size = [...entries.values()].reduce((sum, entry) => sum + entry.size, 0)
  const [mib, most] = [size, MAX_UNPACKED].map((bytes) => Math.round(bytes / 2 ** 20))
  if (!(size <= MAX_UNPACKED)) throw new RangeError(`its arrays would take ${mib} MiB; ${most} are read at most`)
  return {
    names: [...entries.keys()],
    get: (name) => {
      const entry = entries.get(name)
      return entry && readNpy(entry.read())
    },
  }
}

/** The numbers of what was read. @throws RangeError where it holds something else */
export function numbersIn(content: NpyContent): NumericArray {
  if ('data' in content) return content
  throw new RangeError(`it holds ${'texts' in content ? 'texts' : 'Python objects'}, not numbers`)
}

function parseNpy(file: Uint8Array): { type: string; shape: number[]; fortran: boolean; data: Uint8Array } {
  const magic = Buffer.from(file.subarray(0, 6)).toString('latin1')
  if (file.length < 12 || magic !== '\x93NUMPY') throw new RangeError('not an .npy file')
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const long = file[6] >= 2
  const start = long ? 12 : 10
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = Buffer.from(file.subarray(start, end)).toString('latin1')
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1]
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  if (type === undefined || shape === undefined) throw new RangeError('an .npy file without type or shape')
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

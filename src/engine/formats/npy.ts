/**
 * NumPy's array files: `.npy` (format 1.0) and `.npz` (a zip of them). Row-major, little-endian.
 * Half-precision arrays are passed as `{ half: Uint16Array }` and read back as Float32Array; bool as Uint8Array.
 */
import { unzipSync, zipSync } from 'fflate'
import { fromHalf } from './half.js'

type TypedArray = Float32Array | Float64Array | Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array

/** An array with its shape. */
export interface NdArray<T extends TypedArray = TypedArray> {
  data: T
  shape: number[]
}

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

/** Reads an `.npy` file. Throws RangeError for damaged files, Fortran order and unsupported types. */
export function decodeNpy(file: Uint8Array): NdArray {
  if (file.length < 12 || file[0] !== 0x93 || String.fromCharCode(...file.subarray(1, 6)) !== 'NUMPY')
    throw new RangeError('not an .npy file')
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const version = file[6]
  const start = version >= 2 ? 12 : 10
  const headerLength = version >= 2 ? view.getUint32(8, true) : view.getUint16(8, true)
  const header = new TextDecoder('latin1').decode(file.subarray(start, start + headerLength))
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? ''
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  if (shapeText === undefined) throw new RangeError('the .npy header has no shape')
  if (/'fortran_order':\s*True/.test(header)) throw new RangeError('Fortran-ordered .npy files are not supported')
  const shape = shapeText
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number)
  const count = shape.reduce((a, b) => a * b, 1)
  const sizes: Record<string, number> = {
    '<f2': 2,
    '<f4': 4,
    '<f8': 8,
    '|u1': 1,
    '|b1': 1,
    '<u2': 2,
    '<i2': 2,
    '<u4': 4,
    '<i4': 4,
    '<i8': 8,
  }
  const size = sizes[descr]
  if (size === undefined) throw new RangeError(`.npy files of type ${descr} are not supported`)
  const from = start + headerLength
  if (file.length < from + count * size) throw new RangeError('the .npy file is truncated')
  // a copy: Buffer.slice would share memory, at an offset the typed arrays cannot have
  const buffer = new Uint8Array(file.subarray(from, from + count * size)).buffer
  switch (descr) {
    case '<f2':
      return { data: fromHalf(new Uint16Array(buffer)), shape }
    case '<f4':
      return { data: new Float32Array(buffer), shape }
    case '<f8':
      return { data: new Float64Array(buffer), shape }
    case '<u2':
      return { data: new Uint16Array(buffer), shape }
    case '<i2':
      return { data: new Int16Array(buffer), shape }
    case '<u4':
      return { data: new Uint32Array(buffer), shape }
    case '<i4':
      return { data: new Int32Array(buffer), shape }
    case '<i8':
      return { data: Float64Array.from(new BigInt64Array(buffer), Number), shape }
    default:
      return { data: new Uint8Array(buffer), shape }
  }
}

/** Bytes of a compressed `.npz` file with the named arrays. Equal content gives equal bytes. */
export function encodeNpz(arrays: Record<string, { data: Writable; shape: readonly number[] }>): Uint8Array {
  const files: Record<string, Uint8Array> = {}
  for (const [name, { data, shape }] of Object.entries(arrays)) files[`${name}.npy`] = encodeNpy(data, shape)
  return zipSync(files, { level: 6, mtime: '1980-01-01T00:00:00' })
}

/** Reads an `.npz` file. */
export function decodeNpz(file: Uint8Array): Record<string, NdArray> {
  const out: Record<string, NdArray> = {}
  for (const [name, bytes] of Object.entries(unzipSync(file))) out[name.replace(/\.npy$/, '')] = decodeNpy(bytes)
  return out
}

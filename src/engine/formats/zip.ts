/**
 * Reads zip archives of unknown origin: entries are unpacked one at a time, never to more bytes than the archive says, and must
 * have their checksum. Format: PKWARE's APPNOTE.TXT (stored and deflated entries, zip64).
 */
import { crc32, inflateRawSync } from 'node:zlib'

export interface ZipEntry {
  name: string
  /** Bytes, unpacked. */
  size: number
  /** Reads it. Throws RangeError where it is damaged or packed in a way that is not supported. */
  read(): Uint8Array
}

/** Signatures of an archive's records. */
const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
/** An archive ends with a comment of at most 65,535 bytes after this many. */
const END_BYTES = 22
const LOCATOR_BYTES = 20
/** Stands for a number in the zip64 record. */
const ELSEWHERE = 0xffffffff

/**
 * The entries of an archive, unread.
 * @throws RangeError where the file is no zip archive or its directory is damaged
 */
export function zipEntries(file: Uint8Array): ZipEntry[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const u64 = (at: number): number => Number(view.getBigUint64(at, true))
  const end = endRecord(view)
  let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)]
  const locator = end - LOCATOR_BYTES
  if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
    const end64 = u64(locator + 8)
    if (view.getUint32(end64, true) !== END_64) throw new RangeError('the directory of the archive is damaged')
    ;[count, at] = [u64(end64 + 32), u64(end64 + 48)]
  }
  const entries: ZipEntry[] = []
  for (let n = 0; n < count; n++) {
    if (view.getUint32(at, true) !== CENTRAL) throw new RangeError('the directory of the archive is damaged')
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
    const crc = view.getUint32(at + 16, true)
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => view.getUint16(at + k, true))
    const extra = at + 46 + nameLength
    const [size, packed, offset] = wide([24, 20, 42], extra, extra + extraLength)
    const name = Buffer.from(file.subarray(at + 46, extra)).toString('utf8')
    entries.push({ name, size, read: () => unpack(name, { flags, method, crc, size, packed, offset }) })
    at = extra + extraLength + commentLength
  }
  return entries

  /** Numbers of the central record at `at`, or of its zip64 field where they do not fit. */
  function wide(places: number[], extra: number, extraEnd: number): number[] {
    let next = Number.POSITIVE_INFINITY
    for (let field = extra; field + 4 <= extraEnd; field += 4 + view.getUint16(field + 2, true))
      if (view.getUint16(field, true) === 1) next = field + 4
    return places.map((place) => {
      const value = view.getUint32(at + place, true)
      if (value !== ELSEWHERE || next + 8 > extraEnd) return value
      next += 8
      return u64(next - 8)
    })
  }

  function unpack(
    name: string,
    entry: { flags: number; method: number; crc: number; size: number; packed: number; offset: number },
  ): Uint8Array {
    const { flags, method, crc, size, packed, offset } = entry
    if (flags & 1) throw new RangeError(`${name} is encrypted`)
    if (view.getUint32(offset, true) !== LOCAL) throw new RangeError(`${name} is not where the archive says`)
    const from = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true)
    const data = file.subarray(from, from + packed)
    if (data.length !== packed) throw new RangeError(`${name} is cut off`)
    const bytes = method === 0 ? data : method === 8 ? inflated(name, data, size) : undefined
    if (!bytes) throw new RangeError(`${name} is packed by method ${method}, which is not supported`)
    if (bytes.length !== size || crc32(bytes) !== crc) throw new RangeError(`${name} is damaged (wrong checksum)`)
    return bytes
  }
}

function inflated(name: string, data: Uint8Array, size: number): Uint8Array {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, size) })
  } catch (cause) {
    throw new RangeError(`${name} is damaged (${(cause as Error).message})`)
  }
}

/** Where the end record begins: the last place that can be one. */
function endRecord(view: DataView): number {
  const first = Math.max(0, view.byteLength - END_BYTES - 65535)
  for (let at = view.byteLength - END_BYTES; at >= first; at--) if (view.getUint32(at, true) === END) return at
  throw new RangeError('not a zip archive')
}

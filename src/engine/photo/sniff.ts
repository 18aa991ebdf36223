/** Tells image containers apart by their first bytes, so that only formats we mean to read ever reach the decoder. */

export type Container = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif' | 'heic' | 'unknown'

const HEVC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'])

/** Container of a file from its magic number; 'heic' is HEVC-coded HEIF (iPhone photos), 'avif' AV1-coded. */
export function sniffContainer(bytes: Uint8Array): Container {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(0, 4) === 'GIF8') return 'gif'
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(text(0, 4))) return 'tiff'
  if (text(4, 8) === 'ftyp') return sniffHeif(bytes, text)
  return 'unknown'
}

/** The `ftyp` box lists a major brand at byte 8 and compatible brands from byte 16 on. */
function sniffHeif(bytes: Uint8Array, text: (from: number, to: number) => string): Container {
  const size = Math.min(((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0), bytes.length, 256)
  const brands = [text(8, 12)]
  for (let at = 16; at + 4 <= size; at += 4) brands.push(text(at, at + 4))
  if (brands.includes('avif') || brands.includes('avis')) return 'avif'
  if (brands.some((b) => HEVC_BRANDS.has(b)) || brands[0] === 'mif1' || brands[0] === 'msf1') return 'heic'
  return 'unknown'
}

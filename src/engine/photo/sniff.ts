/** Tells file formats apart by their first bytes, so that only formats we mean to read ever reach the decoder. */

/** Formats that are read. */
export type Readable = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif'

/** A format that is known, but not read. */
export interface Foreign {
  /** What it is, with its article: 'a HEIC photo'. */
  name: string
  /** How to make a photo of it that is read. */
  convert: string
}

const latin1 = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

/** What a file is by its magic number; undefined for what is not known. */
export function sniffFormat(bytes: Uint8Array): Readable | Foreign | undefined {
  const starts = (...magics: string[]): boolean => magics.some((magic) => latin1(bytes, 0, magic.length) === magic)
  if (starts('\xff\xd8\xff')) return 'jpeg'
  if (starts('\x89PNG\r\n\x1a\n')) return 'png'
  if (starts('RIFF') && latin1(bytes, 8, 12) === 'WEBP') return 'webp'
  if (starts('GIF8')) return 'gif'
  if (latin1(bytes, 4, 8) === 'ftyp') return sniffBoxes(bytes)
  if (starts('II*\0', 'MM\0*', 'II+\0', 'MM\0+')) return isRaw(bytes) ? RAW : 'tiff'
  return FOREIGN.find(({ magics }) => starts(...magics)) ?? sniffMarkup(bytes)
}

const anyProgram = (extension: string): string =>
  `Save it as PNG in a photo program, or: magick photo.${extension} photo.png`

const RAW: Foreign = {
  name: "a camera's raw file",
  convert: 'Develop it (in darktable, RawTherapee or the maker’s program) and export a 16-bit TIFF or a JPEG.',
}
const HEIC: Foreign = {
  name: 'a HEIC photo',
  convert:
    'Convert it to JPEG: in the photo app, or on macOS with sips -s format jpeg photo.heic --out photo.jpg, on Linux with ' +
    'heif-convert photo.heic photo.jpg. New iPhone photos are JPEGs with Settings, Camera, Formats, "Most Compatible".',
}
const VIDEO: Foreign = {
  name: 'a video',
  convert: 'Take a picture out of it: ffmpeg -i video.mp4 -frames:v 1 photo.png',
}
const JPEG_2000: Foreign = {
  name: 'a JPEG 2000 picture',
  convert: 'Convert it to PNG: opj_decompress -i photo.jp2 -o photo.png',
}
const JPEG_XL: Foreign = { name: 'a JPEG XL picture', convert: 'Convert it to PNG: djxl photo.jxl photo.png' }
const SVG: Foreign = {
  name: 'an SVG drawing',
  convert: 'Give the photo itself. A drawing can be exported as PNG: rsvg-convert drawing.svg -o drawing.png',
}
const WEB_PAGE: Foreign = {
  name: 'a web page',
  convert: 'It was saved in place of the photo. Save the picture itself (in a browser: "Save Image As").',
}

const FOREIGN: (Foreign & { magics: string[] })[] = [
  { ...JPEG_XL, magics: ['\xff\x0a', '\0\0\0\x0cJXL \r\n\x87\n'] },
  { ...JPEG_2000, magics: ['\0\0\0\x0cjP  \r\n\x87\n', '\xff\x4f\xff\x51'] },
  { ...RAW, magics: ['IIRO', 'IIRS', 'MMOR', 'IIU\0', 'FUJIFILMCCD-RAW', 'FOVb', 'II\x1a\0\0\0HEAPCCDR', '\0MRM'] },
  { name: 'a Photoshop document', convert: anyProgram('psd'), magics: ['8BPS'] },
  {
    name: 'a PDF document',
    convert: 'Take the photo out of it: pdfimages -png document.pdf photo',
    magics: ['%PDF-'],
  },
  { name: 'a PostScript document', convert: anyProgram('eps'), magics: ['%!PS', '\xc5\xd0\xd3\xc6'] },
  { name: 'a JPEG XR picture', convert: anyProgram('jxr'), magics: ['II\xbc'] },
  { name: 'an icon', convert: anyProgram('ico'), magics: ['\0\0\x01\0'] },
  { name: 'a TGA picture', convert: anyProgram('tga'), magics: ['\0\0\x02\0', '\0\0\x0a\0'] },
  { name: 'an OpenEXR picture', convert: anyProgram('exr'), magics: ['\x76\x2f\x31\x01'] },
  { name: 'a Radiance picture', convert: anyProgram('hdr'), magics: ['#?RADIANCE', '#?RGBE'] },
  { name: 'a GIMP document', convert: 'Export it as PNG in GIMP.', magics: ['gimp xcf'] },
  { ...VIDEO, magics: ['\x1a\x45\xdf\xa3'] },
  { name: 'a ZIP archive', convert: 'Unpack it and give the photo in it.', magics: ['PK\x03\x04'] },
  { name: 'a BMP picture', convert: anyProgram('bmp'), magics: ['BM'] },
  ...['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7'].map((magic) => ({
    name: 'a portable anymap (PNM)',
    convert: anyProgram('pnm'),
    magics: [`${magic}\n`, `${magic} `, `${magic}\r`],
  })),
]

const HEVC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1']

/** ISO base media files: the `ftyp` box has the major brand at byte 8 and compatible brands from byte 16 on. */
function sniffBoxes(bytes: Uint8Array): Readable | Foreign {
  const size = Math.min(((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0), bytes.length, 256)
  const brands = [latin1(bytes, 8, 12)]
  for (let at = 16; at + 4 <= size; at += 4) brands.push(latin1(bytes, at, at + 4))
  if (brands.includes('avif') || brands.includes('avis')) return 'avif'
  if (brands.some((brand) => HEVC_BRANDS.includes(brand))) return HEIC
  if (brands[0] === 'crx ') return RAW
  return brands[0].startsWith('jp') ? JPEG_2000 : VIDEO
}

const NEW_SUBFILE_TYPE = 254
const SUB_IFDS = 330
const DNG_VERSION = 50706

/** Whether a TIFF file is a camera's raw file: the first picture of those is a thumbnail, the raw one is in a directory below. */
function isRaw(bytes: Uint8Array): boolean {
  if (latin1(bytes, 8, 10) === 'CR') return true // Canon CR2
  if (latin1(bytes, 0, 4).includes('+')) return false // BigTIFF
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  if (view.byteLength < 8) return false
  const start = view.getUint32(4, little)
  const count = start + 2 <= view.byteLength ? view.getUint16(start, little) : 0
  const tags = new Map<number, number>()
  for (let at = start + 2, k = 0; k < count && at + 12 <= view.byteLength; k++, at += 12)
    tags.set(view.getUint16(at, little), view.getUint32(at + 8, little))
  const thumbnail = ((tags.get(NEW_SUBFILE_TYPE) ?? 0) & 1) === 1
  return tags.has(DNG_VERSION) || (thumbnail && tags.has(SUB_IFDS))
}

/** SVG and web pages are texts. */
function sniffMarkup(bytes: Uint8Array): Foreign | undefined {
  const text = latin1(bytes, 0, 1024).toLowerCase()
  const [svg, html] = [text.indexOf('<svg'), text.search(/<(!doctype html|html|head|body)\b/)]
  if (html >= 0 && (svg < 0 || html < svg)) return WEB_PAGE
  return svg >= 0 ? SVG : undefined
}

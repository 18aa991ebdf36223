/** From a file's pixels, of any depth and colour space, to upright 8-bit sRGB. */
import sharp, { type Metadata, type Sharp } from 'sharp'
import { adobeToSrgb } from './adobe-rgb.js'
import { exifAdobeRgb } from './exif.js'
import { isJpegDamaged } from './jpeg-damage.js'

export interface Pixels {
  width: number
  height: number
  /** 3, unless the decoder makes something else of the file. */
  channels: number
  /** [height, width, channels] */
  data: Uint8Array
  /** Whether the data is damaged, though it can be decoded. */
  damaged: boolean
}

/** Depths of a channel that are read; what has more is measured light rather than a picture. */
export const DEPTHS = ['uchar', 'ushort']

/**
 * Decodes a photo: EXIF orientation applied, its colour profile and CMYK converted to sRGB, alpha laid over white. Colours are
 * converted at the file's own depth and rounded to 8 bits at the end.
 */
export async function decodePixels(file: Buffer, header: Metadata, maxPixels: number): Promise<Pixels> {
  const damaged = header.format === 'jpeg' ? isJpegDamaged(file) : false
  if (damaged !== undefined) return { ...(await decode(file, header, maxPixels, 'error')), damaged }
  // The decoder reads JPEGs of several passes whole before it starts, and can then say whether it met any fault.
  try {
    return { ...(await decode(file, header, maxPixels, 'warning')), damaged: false }
  } catch {
    return { ...(await decode(file, header, maxPixels, 'error')), damaged: true }
  }
}

async function decode(
  file: Buffer,
  header: Metadata,
  maxPixels: number,
  failOn: 'error' | 'warning',
): Promise<Omit<Pixels, 'damaged'>> {
  const upright = sharp(file, { limitInputPixels: maxPixels, failOn, sequentialRead: true })
    .autoOrient()
    .flatten({ background: '#ffffff' })
  const deep = header.space === 'rgb16' || header.space === 'grey16'
  const { data, info } = await (deep ? deepSrgb(upright, header) : upright.toColourspace('srgb').raw()).toBuffer({
    resolveWithObject: true,
  })
  const { width, height, channels } = info
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const bytes = deep ? toBytes(stored) : stored
  if (channels === 3 && !header.icc && exifAdobeRgb(header.exif)) adobeToSrgb(bytes)
  return { width, height, channels, data: bytes }
}

/**
 * Left to itself, sharp converts 16-bit colours to Display P3 and leaves them there, and ignores profiles of 16-bit greys:
 * asking for an sRGB profile in the output makes it go on from the file's profile.
 */
function deepSrgb(image: Sharp, header: Metadata): Sharp {
  const srgb = header.icc
    ? image.toColourspace(header.space as 'rgb16' | 'grey16').withIccProfile('srgb')
    : image.toColourspace('rgb16')
  return srgb.raw({ depth: 'ushort' })
}

/** 16-bit samples as bytes, rounded. */
function toBytes(data: Uint8Array): Uint8Array {
  const deep = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
  return Uint8Array.from(deep, (value) => Math.round(value / 257))
}

/** From a file's pixels, of any depth and colour space, to upright 8-bit sRGB. */
import sharp, { type Metadata, type Sharp } from 'sharp'
import { adobeToSrgb } from './adobe-rgb.js'
import { exifAdobeRgb } from './exif.js'

export interface Pixels {
  width: number
  height: number
  /** 3, unless the decoder makes something else of the file. */
  channels: number
  /** [height, width, channels] */
  data: Uint8Array
  /** Whether the decoder met damaged data and went on. */
  damaged: boolean
}

/** Depths of a channel that are read; what has more is measured light rather than a picture. */
export const DEPTHS = ['uchar', 'ushort']

/** What the decoder says of data that it could make nothing of, and went on. */
const DAMAGE = /read gave \d+ warnings|error in tile/

let turn: Promise<unknown> = Promise.resolve()

/**
 * Decodes a photo: EXIF orientation applied, its colour profile and CMYK converted to sRGB, alpha laid over white. Colours are
 * converted at the file's own depth and rounded to 8 bits at the end.
 */
export function decodePixels(file: Buffer, header: Metadata, maxPixels: number): Promise<Pixels> {
  // The decoder hands all warnings of the process to whoever is done first, so photos take turns.
  const pixels = turn.then(() => decode(file, header, maxPixels))
  turn = pixels.catch(() => {})
  return pixels
}

async function decode(file: Buffer, header: Metadata, maxPixels: number): Promise<Pixels> {
  const upright = sharp(file, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true })
    .autoOrient()
    .flatten({ background: '#ffffff' })
  let damaged = false
  upright.on('warning', (message: string) => {
    damaged ||= DAMAGE.test(message)
  })
  const deep = header.space === 'rgb16' || header.space === 'grey16'
  const { data, info } = await (deep ? deepSrgb(upright, header) : upright.toColourspace('srgb').raw()).toBuffer({
    resolveWithObject: true,
  })
  const { width, height, channels } = info
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const bytes = deep ? toBytes(stored) : stored
  if (channels === 3 && !header.icc && exifAdobeRgb(header.exif)) adobeToSrgb(bytes)
  return { width, height, channels, data: bytes, damaged }
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

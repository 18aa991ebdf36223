/** Stage 0: a photo file becomes upright 8-bit sRGB pixels. */
import { createHash } from 'node:crypto'
import sharp, { type Metadata } from 'sharp'
import { SiderError } from '../errors.js'
import type { Photo } from '../stages.js'
import { exifFocal } from './exif.js'
import { DEPTHS, decodePixels, type Pixels } from './pixels.js'
import { MAX_BYTES, readPhotoFile, tooManyBytes } from './read.js'
import { sniffFormat } from './sniff.js'

/** Bounds on what is decoded. */
export interface PhotoLimits {
  /** Pixels (width x height), checked from the header before anything is decoded. */
  maxPixels: number
  /** Size of the file in bytes, checked before it is read. */
  maxBytes: number
  /** Pixels of the shorter side: below it no face can be reconstructed. */
  minSide: number
}

const DEFAULT_PHOTO_LIMITS: Readonly<PhotoLimits> = {
  maxPixels: 100_000_000,
  maxBytes: MAX_BYTES,
  minSide: 64,
}

const READABLE = 'JPEG, PNG, WebP, AVIF, TIFF or GIF'

/**
 * Decodes a photo: EXIF orientation applied, colour profiles and CMYK converted to sRGB, greyscale and 16-bit to 8-bit RGB,
 * alpha composited over white, the first page of animations and multi-page files. The resolution is kept: the camera that
 * comes out at the end is stated in pixels of this photo.
 *
 * @param input path of a file, or its bytes
 * @throws SiderError IMAGE_NOT_FOUND (no such file, a folder, not permitted), IMAGE_UNREADABLE (no image, a format without
 *   decoder, truncated, more than 16 bits a channel), IMAGE_TOO_SMALL, IMAGE_TOO_LARGE
 */
export async function decodePhoto(input: string | Uint8Array, limits: Partial<PhotoLimits> = {}): Promise<Photo> {
  const bounds = { ...DEFAULT_PHOTO_LIMITS, ...limits }
  const name = typeof input === 'string' ? `'${input}'` : 'the photo'
  const path = typeof input === 'string' ? { path: input } : {}
  const bytes = typeof input === 'string' ? await readPhotoFile(input, bounds.maxBytes) : input
  if (bytes.length > bounds.maxBytes) throw tooManyBytes(name, bytes.length, bounds.maxBytes, path)
  checkFormat(bytes, name, path)

  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The header is read without sharp's own pixel limit, so that our check can name the photo's true size.
  const header = await unreadable(name, path, () =>
    sharp(buffer, { limitInputPixels: false, failOn: 'error' }).metadata(),
  )
  checkSize(header.autoOrient.width, header.autoOrient.height, bounds, name, path)

  checkDepth(header, name, path)
  const pixels = await unreadable(name, path, () => decodePixels(buffer, header, bounds.maxPixels))
  if (pixels.channels !== 3) {
    throw new SiderError('IMAGE_UNREADABLE', `${name} decodes to ${pixels.channels} channels instead of 3`, {
      stage: 'photo',
      hint: 'Save the photo as an ordinary RGB JPEG or PNG.',
      data: path,
    })
  }
  const focal = exifFocal(header.exif, header.width, header.height)
  return {
    width: pixels.width,
    height: pixels.height,
    data: pixels.data,
    exifFocalPx: focal.focalPx,
    format: header.format,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    warnings: [...conversionWarnings(header, pixels), ...(focal.warning === undefined ? [] : [focal.warning])],
  }
}

/** @throws SiderError IMAGE_UNREADABLE for what is no photo that can be read; the error says what it is */
function checkFormat(bytes: Uint8Array, name: string, data: Record<string, unknown>): void {
  const format = sniffFormat(bytes)
  if (typeof format === 'string') return
  const what =
    bytes.length === 0 ? 'empty' : format === undefined ? 'not an image' : `${format.name}, which is not read`
  throw new SiderError('IMAGE_UNREADABLE', `${name} is ${what}`, {
    stage: 'photo',
    hint: format?.convert ?? `Give a photo in one of these formats: ${READABLE}.`,
    data,
  })
}

function checkDepth({ depth }: Metadata, name: string, data: Record<string, unknown>): void {
  if (DEPTHS.includes(depth)) return
  throw new SiderError('IMAGE_UNREADABLE', `the samples of ${name} have an unusual depth (${depth})`, {
    stage: 'photo',
    hint: 'Save the photo with 8 or 16 bits a channel.',
    data: { ...data, depth },
  })
}

function checkSize(width: number, height: number, bounds: PhotoLimits, name: string, path: object): void {
  const data = { ...path, width, height }
  if (width * height > bounds.maxPixels) {
    const mega = (n: number): string => `${(n / 1e6).toFixed(n < 1e7 ? 2 : 0)} megapixels`
    throw new SiderError(
      'IMAGE_TOO_LARGE',
      `${name} has ${width}x${height} pixels (${mega(width * height)}); the limit is ${mega(bounds.maxPixels)}`,
      {
        stage: 'photo',
        hint: 'Crop the photo around the face or scale it down.',
        data: { ...data, maxPixels: bounds.maxPixels },
      },
    )
  }
  if (Math.min(width, height) < bounds.minSide) {
    throw new SiderError('IMAGE_TOO_SMALL', `${name} has only ${width}x${height} pixels`, {
      stage: 'photo',
      hint: `Both sides must have at least ${bounds.minSide} pixels; a good result wants a face of 250 pixels or more.`,
      data: { ...data, minSide: bounds.minSide },
    })
  }
}

async function unreadable<T>(name: string, data: Record<string, unknown>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    // libvips repeats itself over several lines; the first says it.
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]
    throw new SiderError('IMAGE_UNREADABLE', `${name} is damaged, incomplete or of an unusual kind: ${reason}`, {
      stage: 'photo',
      hint: `Open it in a photo program and save it again, as one of these formats: ${READABLE}.`,
      data,
      cause,
    })
  }
}

function conversionWarnings(header: Metadata, { damaged }: Pixels): string[] {
  const warnings: string[] = []
  if (damaged) warnings.push('The file is damaged: it can be decoded, but parts of the picture may be wrong.')
  // GIFs always report an alpha channel, which says nothing.
  if (header.hasAlpha && header.format !== 'gif')
    warnings.push('The photo has an alpha channel: it was laid over white.')
  if (header.space === 'cmyk') warnings.push('The photo is CMYK: it was converted to sRGB.')
  if (header.channels <= 2) warnings.push('The photo is greyscale: the texture will be grey.')
  if ((header.pages ?? 1) > 1) warnings.push(`The file has ${header.pages} pages or frames: the first was used.`)
  return warnings
}

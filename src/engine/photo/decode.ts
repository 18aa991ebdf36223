/** Stage 0: a photo file becomes upright 8-bit sRGB pixels. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import sharp, { type Metadata } from 'sharp'
import { SiderError } from '../errors.js'
import type { Photo } from '../stages.js'
import { exifFocal } from './exif.js'
import { type Container, sniffContainer } from './sniff.js'

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
  maxBytes: 512 * 1024 * 1024,
  minSide: 64,
}

const READABLE = 'JPEG, PNG, WebP, AVIF, TIFF or GIF'

/**
 * Decodes a photo: EXIF orientation applied, ICC profile and CMYK converted to sRGB, greyscale and 16-bit to 8-bit RGB,
 * alpha composited over white, the first page of animations and multi-page files. The resolution is kept: the camera that
 * comes out at the end is stated in pixels of this photo.
 *
 * @param input path of a file, or its bytes
 * @throws SiderError IMAGE_NOT_FOUND (no such file, a folder, not permitted), IMAGE_UNREADABLE (no image, a format without
 *   decoder, truncated), IMAGE_TOO_SMALL, IMAGE_TOO_LARGE
 */
export async function decodePhoto(input: string | Uint8Array, limits: Partial<PhotoLimits> = {}): Promise<Photo> {
  const bounds = { ...DEFAULT_PHOTO_LIMITS, ...limits }
  const name = typeof input === 'string' ? `'${input}'` : 'the photo'
  const path = typeof input === 'string' ? { path: input } : {}
  const bytes = typeof input === 'string' ? await readPhotoFile(input, bounds.maxBytes) : input
  if (bytes.length > bounds.maxBytes) throw tooManyBytes(name, bytes.length, bounds.maxBytes, path)
  checkContainer(sniffContainer(bytes), bytes, name, path)

  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The header is read without sharp's own pixel limit, so that our check can name the photo's true size.
  const header = await unreadable(name, path, () =>
    sharp(buffer, { limitInputPixels: false, failOn: 'error' }).metadata(),
  )
  checkSize(header.autoOrient.width, header.autoOrient.height, bounds, name, path)

  const { data, info } = await unreadable(name, path, () =>
    sharp(buffer, { limitInputPixels: bounds.maxPixels, failOn: 'error', sequentialRead: true })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true }),
  )
  if (info.channels !== 3) {
    throw new SiderError('IMAGE_UNREADABLE', `${name} decodes to ${info.channels} channels instead of 3`, {
      stage: 'photo',
      hint: 'Save the photo as an ordinary RGB JPEG or PNG.',
      data: path,
    })
  }
  const focal = exifFocal(header.exif, header.width, header.height)
  return {
    width: info.width,
    height: info.height,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    exifFocalPx: focal.focalPx,
    format: header.format,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    warnings: [...conversionWarnings(header), ...(focal.warning === undefined ? [] : [focal.warning])],
  }
}

/**
 * The bytes of a photo's file.
 * @throws SiderError IMAGE_NOT_FOUND (no such file, a folder, a pipe or a device, not permitted), IMAGE_TOO_LARGE
 */
export async function readPhotoFile(path: string, maxBytes = DEFAULT_PHOTO_LIMITS.maxBytes): Promise<Uint8Array> {
  const data = { path }
  try {
    const info = await stat(path)
    if (!info.isFile()) {
      throw new SiderError('IMAGE_NOT_FOUND', `'${path}' is ${info.isDirectory() ? 'a folder' : 'not a file'}`, {
        stage: 'photo',
        hint: 'Give the path of one photo file.',
        data,
      })
    }
    if (info.size > maxBytes) throw tooManyBytes(`'${path}'`, info.size, maxBytes, data)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof SiderError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    const denied = code === 'EACCES' || code === 'EPERM'
    throw new SiderError(
      'IMAGE_NOT_FOUND',
      denied ? `'${path}' may not be read` : `there is no file '${path}'${code === 'ENOENT' ? '' : ` (${code})`}`,
      { stage: 'photo', hint: denied ? "Check the file's permissions." : 'Check the path of the photo.', data, cause },
    )
  }
}

function checkContainer(container: Container, bytes: Uint8Array, name: string, data: Record<string, unknown>): void {
  if (container === 'heic') {
    throw new SiderError('IMAGE_UNREADABLE', `${name} is a HEIC photo, for which there is no decoder here`, {
      stage: 'photo',
      hint: 'Convert it to JPEG first (on an iPhone: Settings, Camera, Formats, "Most Compatible"; or export it from the photo app).',
      data: { ...data, format: 'heic' },
    })
  }
  if (container !== 'unknown') return
  throw new SiderError('IMAGE_UNREADABLE', bytes.length === 0 ? `${name} is empty` : `${name} is not an image`, {
    stage: 'photo',
    hint: `Give a photo in one of these formats: ${READABLE}.`,
    data,
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

function tooManyBytes(name: string, size: number, limit: number, data: Record<string, unknown>): SiderError {
  const mega = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`
  return new SiderError('IMAGE_TOO_LARGE', `${name} has ${mega(size)}; the limit is ${mega(limit)}`, {
    stage: 'photo',
    hint: 'Save the photo as a JPEG or scale it down.',
    data: { ...data, bytes: size, maxBytes: limit },
  })
}

async function unreadable<T>(name: string, data: Record<string, unknown>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    // libvips repeats itself over several lines; the first says it.
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]
    throw new SiderError('IMAGE_UNREADABLE', `${name} is damaged or incomplete: ${reason}`, {
      stage: 'photo',
      hint: `Open it in a photo program and save it again, as one of these formats: ${READABLE}.`,
      data,
      cause,
    })
  }
}

function conversionWarnings(header: Metadata): string[] {
  const warnings: string[] = []
  // GIFs always report an alpha channel, which says nothing.
  if (header.hasAlpha && header.format !== 'gif')
    warnings.push('The photo has an alpha channel: it was laid over white.')
  if (header.space === 'cmyk') warnings.push('The photo is CMYK: it was converted to sRGB.')
  if (header.channels <= 2) warnings.push('The photo is greyscale: the texture will be grey.')
  if ((header.pages ?? 1) > 1) warnings.push(`The file has ${header.pages} pages or frames: the first was used.`)
  return warnings
}

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorCode, SiderError } from '../../../src/engine/errors.js'
import { cropImage } from '../../../src/engine/photo/crop.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { exifFocal } from '../../../src/engine/photo/exif.js'
import type { Photo } from '../../../src/engine/stages.js'

const W = 96
const H = 64

/** Four quadrants of known colours: top-left red, top-right green, bottom-left blue, bottom-right grey. */
const QUADRANTS = { tl: [200, 40, 30], tr: [40, 170, 60], bl: [30, 50, 180], br: [120, 120, 120] } as const

function quadrants(width = W, height = H, channels: 3 | 4 = 3): Uint8Array {
  const out = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const key = `${y < height / 2 ? 't' : 'b'}${x < width / 2 ? 'l' : 'r'}` as keyof typeof QUADRANTS
      out.set(QUADRANTS[key], (y * width + x) * channels)
      if (channels === 4) out[(y * width + x) * channels + 3] = 255
    }
  }
  return out
}

const picture = () => sharp(quadrants(), { raw: { width: W, height: H, channels: 3 } })

/** Colour in the middle of a quadrant of a decoded photo. */
function quadrant(photo: Photo, key: keyof typeof QUADRANTS): number[] {
  const x = Math.floor(photo.width * (key[1] === 'l' ? 0.25 : 0.75))
  const y = Math.floor(photo.height * (key[0] === 't' ? 0.25 : 0.75))
  return [...photo.data.subarray((y * photo.width + x) * 3, (y * photo.width + x) * 3 + 3)]
}

function expectColour(actual: number[], wanted: readonly number[], tolerance: number): void {
  for (let c = 0; c < 3; c++)
    expect(Math.abs(actual[c] - wanted[c]), `${actual} vs ${wanted}`).toBeLessThanOrEqual(tolerance)
}

async function failure(input: string | Uint8Array, limits = {}): Promise<SiderError> {
  try {
    await decodePhoto(input, limits)
  } catch (error) {
    expect(error).toBeInstanceOf(SiderError)
    return error as SiderError
  }
  throw new Error('the photo was accepted')
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sider-photo-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('decodePhoto: formats', () => {
  it.each([
    ['jpeg', 'jpeg', () => picture().jpeg({ quality: 95 }).toBuffer(), 4],
    ['png', 'png', () => picture().png().toBuffer(), 0],
    ['webp', 'webp', () => picture().webp({ quality: 95 }).toBuffer(), 6],
    ['avif', 'heif', () => picture().avif({ quality: 90 }).toBuffer(), 6],
    ['tiff', 'tiff', () => picture().tiff({ compression: 'lzw' }).toBuffer(), 0],
    ['gif', 'gif', () => picture().gif().toBuffer(), 4],
  ] as const)('%s', async (_, format, make, tolerance) => {
    const bytes = await make()
    const photo = await decodePhoto(bytes)
    expect([photo.width, photo.height, photo.format]).toEqual([W, H, format])
    expect(photo.data.length).toBe(W * H * 3)
    expect(photo.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(photo.warnings).toEqual([])
    for (const key of ['tl', 'tr', 'bl', 'br'] as const) expectColour(quadrant(photo, key), QUADRANTS[key], tolerance)
  })

  it('reads a file by its path as it reads its bytes', async () => {
    const bytes = await picture().png().toBuffer()
    const path = join(folder, 'photo.anything')
    await writeFile(path, bytes)
    expect(await decodePhoto(path)).toEqual(await decodePhoto(bytes))
  })

  it.each(['png', 'tiff'] as const)('16-bit %s', async (format) => {
    const wide = Uint16Array.from(quadrants(), (v) => v * 257)
    const pipeline = sharp(wide, { raw: { width: W, height: H, channels: 3 } }).toColourspace('rgb16')
    const bytes = await (format === 'png' ? pipeline.png() : pipeline.tiff({ compression: 'lzw' })).toBuffer()
    expect((await sharp(bytes).metadata()).depth).toBe('ushort')
    const photo = await decodePhoto(bytes)
    for (const key of ['tl', 'tr', 'bl', 'br'] as const) expectColour(quadrant(photo, key), QUADRANTS[key], 1)
  })

  it('greyscale, 8 and 16 bit, becomes three equal channels', async () => {
    const grey = await picture().toColourspace('b-w').png().toBuffer()
    const wide = await picture().toColourspace('grey16').png().toBuffer()
    for (const bytes of [grey, wide]) {
      const photo = await decodePhoto(bytes)
      expect(photo.data.length).toBe(W * H * 3)
      const [r, g, b] = quadrant(photo, 'br')
      expect([g, b]).toEqual([r, r])
      expect(Math.abs(r - 120)).toBeLessThanOrEqual(1)
      expect(photo.warnings.join()).toMatch(/greyscale/)
    }
  })

  it('CMYK becomes sRGB', async () => {
    const bytes = await picture().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()
    expect((await sharp(bytes).metadata()).space).toBe('cmyk')
    const photo = await decodePhoto(bytes)
    // Through a press profile and back: muted, yet the hues stay.
    for (const key of ['tl', 'tr', 'bl', 'br'] as const) expectColour(quadrant(photo, key), QUADRANTS[key], 50)
    expect(photo.warnings.join()).toMatch(/CMYK/)
  })

  it('an ICC profile is applied', async () => {
    const bytes = await picture().withIccProfile('p3').png().toBuffer()
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer()
    const at = (16 * W + 24) * 3
    expect(Math.abs(stored[at] - QUADRANTS.tl[0])).toBeGreaterThan(5) // the file's own numbers are Display P3
    const photo = await decodePhoto(bytes)
    for (const key of ['tl', 'tr', 'bl', 'br'] as const) expectColour(quadrant(photo, key), QUADRANTS[key], 2)
  })

  it('alpha is laid over white', async () => {
    const rgba = quadrants(W, H, 4)
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++) if (x >= W / 2) rgba[(y * W + x) * 4 + 3] = y < H / 2 ? 0 : 128
    const bytes = await sharp(rgba, { raw: { width: W, height: H, channels: 4 } })
      .png()
      .toBuffer()
    const photo = await decodePhoto(bytes)
    expectColour(quadrant(photo, 'tl'), QUADRANTS.tl, 0)
    expectColour(quadrant(photo, 'tr'), [255, 255, 255], 0)
    expectColour(quadrant(photo, 'br'), [187, 187, 187], 1)
    expect(photo.warnings.join()).toMatch(/alpha/)
  })

  it('an animation gives its first frame', async () => {
    const frames = new Uint8Array(W * H * 2 * 3).fill(255)
    frames.set(quadrants())
    const raw = { width: W, height: H * 2, channels: 3, pageHeight: H } as const
    const bytes = await sharp(frames, { raw }).webp({ lossless: true }).toBuffer()
    expect((await sharp(bytes).metadata()).pages).toBe(2)
    const photo = await decodePhoto(bytes)
    expect([photo.width, photo.height]).toEqual([W, H])
    expectColour(quadrant(photo, 'br'), QUADRANTS.br, 1)
    expect(photo.warnings.join()).toMatch(/2 pages/)
  })

  // What EXIF says must be done to the stored picture, as the quadrants' colours that then stand in reading order.
  const UPRIGHT: Record<number, (keyof typeof QUADRANTS)[]> = {
    1: ['tl', 'tr', 'bl', 'br'],
    2: ['tr', 'tl', 'br', 'bl'],
    3: ['br', 'bl', 'tr', 'tl'],
    4: ['bl', 'br', 'tl', 'tr'],
    5: ['tl', 'bl', 'tr', 'br'],
    6: ['bl', 'tl', 'br', 'tr'],
    7: ['br', 'tr', 'bl', 'tl'],
    8: ['tr', 'br', 'tl', 'bl'],
  }
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i', async (orientation) => {
    const photo = await decodePhoto(await picture().withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer())
    expect([photo.width, photo.height]).toEqual(orientation < 5 ? [W, H] : [H, W])
    const wanted = UPRIGHT[orientation]
    for (const [i, key] of (['tl', 'tr', 'bl', 'br'] as const).entries()) {
      expectColour(quadrant(photo, key), QUADRANTS[wanted[i]], 4)
    }
  })
})

describe('decodePhoto: focal length', () => {
  const withExif = (tags: Record<string, string>, orientation = 1) =>
    picture()
      .withExif({ IFD0: { Orientation: `${orientation}` }, IFD2: tags })
      .jpeg()
      .toBuffer()
  const diagonal = Math.hypot(W, H)

  it('FocalLengthIn35mmFilm, by the diagonal, upright or turned', async () => {
    const wanted = (50 * diagonal) / Math.hypot(36, 24)
    for (const orientation of [1, 6]) {
      const photo = await decodePhoto(await withExif({ FocalLengthIn35mmFilm: '50' }, orientation))
      expect(photo.exifFocalPx).toBeCloseTo(wanted, 6)
    }
    expect(wanted).toBeCloseTo((50 / 36) * W, 6) // a 3:2 photo: the other reading of the tag agrees
  })

  it('FocalLength with FocalPlaneXResolution, in inches or centimetres, also when the photo was scaled', () => {
    // 50 mm on a sensor 24 mm wide: 4 pixels per mm of this photo; the camera's own photo had ten times as many.
    const base = { FocalLength: 50, PixelXDimension: W * 10, PixelYDimension: H * 10 }
    const cm = exifBlock({ ...base, FocalPlaneXResolution: 400, FocalPlaneResolutionUnit: 3 })
    const inch = exifBlock({ ...base, FocalPlaneXResolution: 1016, FocalPlaneResolutionUnit: 2 })
    for (const block of [cm, inch]) expect(exifFocal(block, W, H).focalPx).toBeCloseTo(200, 6)
    // The photo was scaled by a program that changed PixelXDimension alone: a sensor 2.4 mm wide is none.
    const scaled = { ...base, PixelXDimension: W, PixelYDimension: H, FocalPlaneXResolution: 400 }
    expect(exifFocal(exifBlock({ ...scaled, FocalPlaneResolutionUnit: 3 }), W, H).focalPx).toBeUndefined()
  })

  it('prefers the finer of two figures that agree, and the 35 mm equivalent where they do not', () => {
    const diagonalMm = Math.hypot(36, 24)
    const plane = { FocalLength: 85.3, FocalPlaneXResolution: W / 3.6, FocalPlaneResolutionUnit: 3 } // sensor 36 mm wide
    const both = exifFocal(exifBlock({ ...plane, FocalLengthIn35mmFilm: 85 }), W, H)
    expect(both.focalPx).toBeCloseTo((85.3 / 36) * W, 2)
    const apart = exifFocal(exifBlock({ ...plane, FocalLengthIn35mmFilm: 50 }), W, H)
    expect(apart.focalPx).toBeCloseTo((50 / diagonalMm) * diagonal, 6)
  })

  it('FocalLength alone is not enough, and no EXIF gives nothing', async () => {
    expect((await decodePhoto(await withExif({ FocalLength: '85/10' }))).exifFocalPx).toBeUndefined()
    expect((await decodePhoto(await picture().png().toBuffer())).exifFocalPx).toBeUndefined()
  })

  it('ignores figures that cannot be true, with a warning', async () => {
    const zero = await decodePhoto(await withExif({ FocalLengthIn35mmFilm: '0' }))
    expect(zero.exifFocalPx).toBeUndefined() // 0 is EXIF's "unknown"
    const wild = await decodePhoto(await withExif({ FocalLengthIn35mmFilm: '60000' }))
    expect(wild.exifFocalPx).toBeUndefined()
    expect(wild.warnings.join()).toMatch(/not plausible/)
    const cropped = exifFocal(
      exifBlock({ FocalLengthIn35mmFilm: 50, PixelXDimension: W * 2, PixelYDimension: H }),
      W,
      H,
    )
    expect(cropped.focalPx).toBeUndefined()
    expect(cropped.warning).toMatch(/cropped.*taken as 192x64/)
    const square = exifFocal(exifBlock({ FocalLengthIn35mmFilm: 50 }), 80, 80)
    expect(square.focalPx).toBeUndefined()
    expect(square.warning).toMatch(/no camera format/)
    expect(exifFocal(Buffer.from('Exif\0\0 nonsense'), W, H).focalPx).toBeUndefined()
  })
})

/** A little-endian EXIF block with one Photo IFD: whole numbers of 16 or 32 bits, and rationals with denominator 10,000. */
function exifBlock(tags: Record<string, number>): Buffer {
  const kinds: Record<string, [tag: number, type: 3 | 4 | 5]> = {
    FocalLength: [0x920a, 5],
    PixelXDimension: [0xa002, 4],
    PixelYDimension: [0xa003, 4],
    FocalPlaneXResolution: [0xa20e, 5],
    FocalPlaneResolutionUnit: [0xa210, 3],
    FocalLengthIn35mmFilm: [0xa405, 3],
  }
  const entries = Object.entries(tags).sort(([a], [b]) => kinds[a][0] - kinds[b][0])
  const photoIfd = 26
  const values = photoIfd + 2 + entries.length * 12 + 4
  const tiff = Buffer.alloc(values + entries.length * 8)
  tiff.write('II*\0', 0, 'latin1')
  tiff.writeUInt32LE(8, 4)
  tiff.writeUInt16LE(1, 8) // IFD 0 holds the pointer to the Photo IFD alone
  tiff.writeUInt16LE(0x8769, 10)
  tiff.writeUInt16LE(4, 12)
  tiff.writeUInt32LE(1, 14)
  tiff.writeUInt32LE(photoIfd, 18)
  tiff.writeUInt16LE(entries.length, photoIfd)
  for (const [i, [name, value]] of entries.entries()) {
    const [tag, type] = kinds[name]
    const at = photoIfd + 2 + i * 12
    tiff.writeUInt16LE(tag, at)
    tiff.writeUInt16LE(type, at + 2)
    tiff.writeUInt32LE(1, at + 4)
    if (type === 3) tiff.writeUInt16LE(value, at + 8)
    else if (type === 4) tiff.writeUInt32LE(value, at + 8)
    else {
      tiff.writeUInt32LE(values + i * 8, at + 8)
      tiff.writeUInt32LE(Math.round(value * 10_000), values + i * 8)
      tiff.writeUInt32LE(10_000, values + i * 8 + 4)
    }
  }
  return Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff])
}

describe('decodePhoto: bad input', () => {
  const noise = (format: 'jpeg' | 'png') =>
    sharp({
      create: {
        width: 300,
        height: 300,
        channels: 3,
        noise: { type: 'gaussian', mean: 128, sigma: 40 },
        background: '#000',
      },
    })
      [format]()
      .toBuffer()

  it.each<[string, ErrorCode, () => Promise<string | Uint8Array>, RegExp]>([
    ['missing file', 'IMAGE_NOT_FOUND', async () => join(folder, 'nowhere.jpg'), /no file/],
    [
      'path through a file',
      'IMAGE_NOT_FOUND',
      async () => {
        await writeFile(join(folder, 'plain'), 'x')
        return join(folder, 'plain', 'a.jpg')
      },
      /no file/,
    ],
    [
      'folder',
      'IMAGE_NOT_FOUND',
      async () => {
        await mkdir(join(folder, 'sub'), { recursive: true })
        return join(folder, 'sub')
      },
      /folder/,
    ],
    [
      'empty file',
      'IMAGE_UNREADABLE',
      async () => {
        await writeFile(join(folder, 'empty.jpg'), '')
        return join(folder, 'empty.jpg')
      },
      /empty/,
    ],
    ['text', 'IMAGE_UNREADABLE', async () => Buffer.from('This is no photo.\n'.repeat(50)), /not an image/],
    ['JPEG cut in the middle', 'IMAGE_UNREADABLE', async () => (await noise('jpeg')).subarray(0, 20_000), /damaged/],
    ['JPEG cut in its header', 'IMAGE_UNREADABLE', async () => (await noise('jpeg')).subarray(0, 200), /damaged/],
    ['PNG cut in the middle', 'IMAGE_UNREADABLE', async () => (await noise('png')).subarray(0, 20_000), /damaged/],
    [
      'one pixel',
      'IMAGE_TOO_SMALL',
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: '#fff' } })
          .png()
          .toBuffer(),
      /1x1/,
    ],
  ])('%s', async (_, code, make, message) => {
    const error = await failure(await make())
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.stage).toBe('photo')
    expect(error.hint).toBeTruthy()
  })

  it('a decompression bomb is refused from its header alone', async () => {
    // A PNG that claims 60,000 x 60,000 pixels and holds none of them.
    const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#fff' } })
      .png()
      .toBuffer()
    png.writeUInt32BE(60_000, 16)
    png.writeUInt32BE(60_000, 20)
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
    const started = performance.now()
    const error = await failure(png)
    expect(error.code).toBe('IMAGE_TOO_LARGE')
    expect(error.message).toMatch(/60000x60000.*3600 megapixels.*100 megapixels/)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('limits can be set', async () => {
    const bytes = await picture().png().toBuffer()
    expect((await failure(bytes, { maxPixels: W * H - 1 })).code).toBe('IMAGE_TOO_LARGE')
    expect((await failure(bytes, { maxBytes: 10 })).code).toBe('IMAGE_TOO_LARGE')
    const path = join(folder, 'limit.png')
    await writeFile(path, bytes)
    expect((await failure(path, { maxBytes: 10 })).code).toBe('IMAGE_TOO_LARGE')
    expect((await failure(bytes, { minSide: H + 1 })).code).toBe('IMAGE_TOO_SMALL')
    expect((await decodePhoto(bytes, { maxPixels: W * H, minSide: H })).width).toBe(W)
  })

  it('a panorama 20,000 pixels wide is read in full', async () => {
    const bytes = await sharp({ create: { width: 20_000, height: 400, channels: 3, background: '#345' } })
      .jpeg()
      .toBuffer()
    const photo = await decodePhoto(bytes)
    expect([photo.width, photo.height, photo.data.length]).toEqual([20_000, 400, 24_000_000])
  })
})

/** CRC-32 as PNG chunks carry it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
  }
  return (crc ^ 0xffffffff) >>> 0
}

describe('cropImage', () => {
  const make = (width: number, height: number, value: (x: number, y: number) => readonly number[]): Photo => {
    const data = new Uint8Array(width * height * 3)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) data.set(value(x + 0.5, y + 0.5).map(Math.round), (y * width + x) * 3)
    }
    return { width, height, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
  }
  // Whole numbers at every pixel, so that 8 bits lose nothing: red = 2x - 1, green = 2y - 1, blue = x + y.
  const ramp = make(120, 110, (x, y) => [2 * x - 1, 2 * y - 1, x + y])

  it.each([
    ['same grid', { x: 20, y: 30, width: 64, height: 64, size: 64 }],
    ['shifted by part of a pixel', { x: 20.37, y: 30.81, width: 64, height: 64, size: 64 }],
    ['magnified', { x: 31.2, y: 22.9, width: 21.7, height: 21.7, size: 64 }],
    ['minified by a whole factor', { x: 16, y: 16, width: 80, height: 80, size: 20 }],
    ['minified by an odd factor', { x: 18.3, y: 17.9, width: 77.7, height: 77.7, size: 29 }],
    ['a little minified', { x: 15.1, y: 15.6, width: 80, height: 80, size: 67 }],
  ])('a ramp comes out exact: %s', (_, crop) => {
    const out = cropImage(ramp, crop)
    const scale = crop.width / crop.size
    let worst = 0
    for (let v = 0; v < crop.size; v++) {
      for (let u = 0; u < crop.size; u++) {
        const x = crop.x + (u + 0.5) * scale
        const y = crop.y + (v + 0.5) * scale
        const at = (v * crop.size + u) * 3
        for (const [c, wanted] of [2 * x - 1, 2 * y - 1, x + y].entries()) {
          worst = Math.max(worst, Math.abs(out[at + c] * 255 - wanted))
        }
      }
    }
    expect(worst).toBeLessThan(1e-3) // of 255, i.e. 0.0005 pixels of position
  })

  it('is the photo itself on the photo grid', () => {
    const noisy = make(40, 40, (x, y) => [(x * 37 + y * 91) % 256, (x * y) % 256, (x * x) % 256])
    const out = cropImage(noisy, { x: 0, y: 0, width: 40, height: 40, size: 40 })
    for (let i = 0; i < out.length; i++) expect(out[i] * 255).toBeCloseTo(noisy.data[i], 3)
  })

  it('keeps detail that the crop can hold and removes what would alias', () => {
    const wave = (period: number) => make(512, 64, (x) => [127.5 + 100 * Math.cos((2 * Math.PI * x) / period), 0, 0])
    const amplitude = (photo: Photo): number => {
      const out = cropImage(photo, { x: 128, y: 0, width: 64 * 4, height: 64 * 4, size: 64 })
      let high = 0
      for (let u = 8; u < 56; u++) high = Math.max(high, Math.abs(out[(5 * 64 + u) * 3] * 255 - 127.5))
      return high / 100
    }
    expect(amplitude(wave(17))).toBeGreaterThan(0.97) // about 4 crop pixels
    expect(amplitude(wave(5))).toBeLessThan(0.08) // beyond the crop's Nyquist limit (8 photo pixels)
    expect(amplitude(wave(4.3))).toBeLessThan(0.08)
  })

  it('goes on with the border beyond the photo', () => {
    const out = cropImage(ramp, { x: -40, y: -40, width: 64, height: 64, size: 64 })
    expect([...out.subarray(0, 3)].map((v) => Math.round(v * 255))).toEqual([0, 0, 1])
    const far = cropImage(ramp, { x: 500, y: 500, width: 64, height: 64, size: 8 })
    for (let i = 0; i < far.length; i += 3)
      expect([...far.subarray(i, i + 3)].map((v) => Math.round(v * 255))).toEqual([238, 218, 229])
  })

  it('refuses what is no crop', () => {
    expect(() => cropImage(ramp, { x: Number.NaN, y: 0, width: 10, height: 10, size: 8 })).toThrow(RangeError)
    expect(() => cropImage(ramp, { x: 0, y: 0, width: 0, height: 10, size: 8 })).toThrow(RangeError)
    expect(() => cropImage(ramp, { x: 0, y: 0, width: 10, height: 10, size: 0 })).toThrow(RangeError)
  })
})

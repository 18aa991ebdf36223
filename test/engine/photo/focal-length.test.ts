import { describe, expect, it } from 'vitest'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { exifFocal } from '../../../src/engine/photo/exif.js'
import { H, picture, W } from './quadrants.js'

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

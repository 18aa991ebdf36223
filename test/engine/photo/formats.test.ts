/** Files that are no photo we read, by what they are; and names of any bytes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SiderError } from '../../../src/engine/errors.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'

const picture = () => sharp({ create: { width: 96, height: 64, channels: 3, background: '#a0615a' } })

async function refusal(input: string | Uint8Array): Promise<SiderError> {
  const error = await decodePhoto(input).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(SiderError)
  return error as SiderError
}

/** A magic number and what would follow. */
const file = (magic: string): Buffer => Buffer.concat([Buffer.from(magic, 'latin1'), Buffer.alloc(600, 0x20)])
const boxes = (major: string, ...compatible: string[]): Buffer =>
  file(`\0\0\0${String.fromCharCode(16 + 4 * compatible.length)}ftyp${major}\0\0\0\0${compatible.join('')}`)

/** A little-endian TIFF of one directory: [tag, number] each. */
function tiff(...tags: [number, number][]): Buffer {
  const out = Buffer.alloc(8 + 2 + 12 * tags.length + 4 + 100)
  out.write('II*\0', 0, 'latin1')
  out.writeUInt32LE(8, 4)
  out.writeUInt16LE(tags.length, 8)
  for (const [k, [tag, value]] of tags.entries()) {
    out.writeUInt16LE(tag, 10 + 12 * k)
    out.writeUInt16LE(4, 12 + 12 * k)
    out.writeUInt32LE(1, 14 + 12 * k)
    out.writeUInt32LE(value, 18 + 12 * k)
  }
  return out
}

describe('formats that are not read', () => {
  it.each<[string, Buffer, RegExp, RegExp]>([
    ['BMP', file('BM'), /a BMP picture/, /PNG/],
    ['JPEG XL', file('\xff\x0a'), /JPEG XL/, /djxl/],
    ['JPEG XL in a container', file('\0\0\0\x0cJXL \r\n\x87\n'), /JPEG XL/, /djxl/],
    ['JPEG 2000', file('\0\0\0\x0cjP  \r\n\x87\n'), /JPEG 2000/, /opj_decompress/],
    ['JPEG 2000 without a container', file('\xff\x4f\xff\x51'), /JPEG 2000/, /opj_decompress/],
    ['JPEG XR', file('II\xbc\x01'), /JPEG XR/, /PNG/],
    ['PDF', file('%PDF-1.7\n'), /PDF/, /pdfimages/],
    ['EPS', file('%!PS-Adobe-3.0 EPSF-3.0\n'), /PostScript/, /PNG/],
    ['EPS with a preview', file('\xc5\xd0\xd3\xc6'), /PostScript/, /PNG/],
    ['SVG', file('<svg xmlns="http://www.w3.org/2000/svg" width="99"/>'), /SVG/, /rsvg-convert/],
    [
      'SVG with a prologue',
      file('\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg width="9"/>'),
      /SVG/,
      /rsvg-convert/,
    ],
    ['web page', file('<!DOCTYPE html>\n<html><body><svg></svg>'), /web page/, /Save the picture itself/],
    ['PSD', file('8BPS\0\x01'), /Photoshop/, /PNG/],
    ['GIMP', file('gimp xcf v011'), /GIMP/, /PNG/],
    ['icon', file('\0\0\x01\0\x01\0'), /icon/, /PNG/],
    ['TGA', file('\0\0\x02\0\0\0'), /TGA/, /PNG/],
    ['OpenEXR', file('\x76\x2f\x31\x01'), /OpenEXR/, /PNG/],
    ['Radiance', file('#?RADIANCE\n'), /Radiance/, /PNG/],
    ['PNM', file('P6\n96 64\n255\n'), /PNM/, /PNG/],
    ['ZIP', file('PK\x03\x04'), /ZIP/, /Unpack/],
    ['HEIC', boxes('heic', 'mif1', 'heic'), /HEIC/, /heif-convert.*Most Compatible/s],
    ['HEIF of unknown coding', boxes('mif1', 'miaf'), /HEIC/, /JPEG/],
    ['MP4', boxes('isom', 'iso2', 'mp41'), /video/, /ffmpeg/],
    ['QuickTime', boxes('qt  '), /video/, /ffmpeg/],
    ['Matroska', file('\x1a\x45\xdf\xa3'), /video/, /ffmpeg/],
    ['Canon CR3', boxes('crx '), /raw file/, /darktable/],
    [
      'Canon CR2',
      Buffer.concat([tiff().subarray(0, 8), Buffer.from('CR\x02\0'), Buffer.alloc(80)]),
      /raw file/,
      /darktable/,
    ],
    ['DNG', tiff([50706, 0x0401]), /raw file/, /darktable/],
    ['Nikon NEF, Sony ARW', tiff([254, 1], [330, 200]), /raw file/, /darktable/],
    ['Olympus ORF', file('IIRO\x08'), /raw file/, /darktable/],
    ['Panasonic RW2', file('IIU\0'), /raw file/, /darktable/],
    ['Fujifilm RAF', file('FUJIFILMCCD-RAW '), /raw file/, /darktable/],
  ])('%s', async (_, bytes, name, convert) => {
    const error = await refusal(bytes)
    expect(error.code).toBe('IMAGE_UNREADABLE')
    expect(error.message).toMatch(name)
    expect(error.message).toMatch(/which is not read/)
    expect(error.hint).toMatch(convert)
  })

  it('what is nothing known is said to be no image', async () => {
    for (const bytes of [
      Buffer.from('This is no photo.\n'.repeat(50)),
      gzipSync('<svg/>'),
      Buffer.alloc(64),
      Buffer.from('B'),
    ]) {
      const error = await refusal(bytes)
      expect(error.message).toMatch(/not an image/)
      expect(error.hint).toMatch(/JPEG, PNG, WebP, AVIF, TIFF or GIF/)
    }
  })

  it('a TIFF with pages, tiles, deflate or JPEG inside is read, little- and big-endian files alike', async () => {
    for (const options of [
      { compression: 'deflate' as const },
      { compression: 'jpeg' as const, quality: 95 },
      { compression: 'lzw' as const, tile: true, tileWidth: 64, tileHeight: 64 },
      { compression: 'none' as const, bigtiff: true },
      { compression: 'lzw' as const, pyramid: true, tile: true },
    ])
      expect([...(await decodePhoto(await picture().tiff(options).toBuffer())).data.subarray(0, 3)]).toSatisfy(
        (c: number[]) => c.every((v, k) => Math.abs(v - [160, 97, 90][k]) <= 2),
      )
  })
})

// other systems do not have such names
describe.skipIf(process.platform !== 'linux')('names that are not UTF-8', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sider-names-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const write = async (name: string): Promise<Uint8Array> => {
    const bytes = await picture().png().toBuffer()
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]), bytes)
    return bytes
  }

  it('are found by the form in which Node shows them', async () => {
    const bytes = await write('Jos\xe9.png')
    expect(await decodePhoto(join(folder, 'Jos\ufffd.png'))).toEqual(await decodePhoto(bytes))
  })
  it('are told to be renamed where two look the same', async () => {
    await write('Ren\xe9.png')
    await write('Ren\xe8.png')
    const error = await refusal(join(folder, 'Ren\ufffd.png'))
    expect([error.code, error.hint]).toEqual(['IMAGE_NOT_FOUND', expect.stringMatching(/Rename/)])
  })
  it('are not made up', async () => {
    expect((await refusal(join(folder, 'nowhere\ufffd', 'a.png'))).code).toBe('IMAGE_NOT_FOUND')
    expect((await refusal(join(folder, 'none\ufffd.png'))).message).toMatch(/no file/)
  })
})

/** A picture comes out the same, whatever depth, colour space and format it was stored in. */
import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Exif, type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { SiderError } from '../../../src/engine/errors.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { type ColourSpace, iccProfile, numbersIn, SPACES, SRGB } from './icc.js'

/** Skin of several people in light and shade, and what surrounds them; all can be shown in sRGB. */
const COLOURS = [
  [160, 97, 90],
  [224, 172, 150],
  [92, 60, 48],
  [120, 120, 120],
  [40, 90, 160],
  [245, 240, 235],
  [48, 40, 36],
  [90, 140, 80],
]
const PATCH = 64
const WIDTH = 4 * PATCH
const HEIGHT = 2 * PATCH
type Depth = 8 | 16
/** Compression by blocks is exact only to a level or two, which wide colour spaces magnify. */
const LOSSLESS = 3
const LOSSY = 8

/** The numbers that stand for the chart in a colour space. */
function chart(space: ColourSpace, depth: Depth, alpha?: number): { data: Uint8Array | Uint16Array; channels: number } {
  const most = depth === 8 ? 255 : 65535
  const channels = (space.primaries ? 3 : 1) + (alpha === undefined ? 0 : 1)
  const data = new (depth === 8 ? Uint8Array : Uint16Array)(WIDTH * HEIGHT * channels)
  const numbers = COLOURS.map((colour) => [
    ...numbersIn(space, colour).map((v) => Math.round(most * Math.min(1, Math.max(0, v)))),
    ...(alpha === undefined ? [] : [Math.round(most * alpha)]),
  ])
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      data.set(numbers[4 * Math.floor(y / PATCH) + Math.floor(x / PATCH)], (y * WIDTH + x) * channels)
  return { data, channels }
}

const stored = (space: ColourSpace, depth: Depth) =>
  space.primaries ? (depth === 8 ? 'srgb' : 'rgb16') : depth === 8 ? 'b-w' : 'grey16'

/** A PNG with these very numbers; the profile goes into a chunk behind the header. */
async function png(space: ColourSpace, depth: Depth, profile?: Buffer, alpha?: number): Promise<Buffer> {
  const { data, channels } = chart(space, depth, alpha)
  const bytes = await sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: channels as 1 | 2 | 3 | 4 } })
    .toColourspace(stored(space, depth))
    .png()
    .toBuffer()
  if (!profile) return bytes
  const body = Buffer.concat([Buffer.from('iCCPtest\0\0', 'latin1'), deflateSync(profile)])
  const chunk = Buffer.alloc(body.length + 8)
  chunk.writeUInt32BE(body.length - 4, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), body.length + 4)
  return Buffer.concat([bytes.subarray(0, 33), chunk, bytes.subarray(33)])
}

/** The same numbers and profile in another format. */
async function recoded(bytes: Buffer, space: ColourSpace, depth: Depth, format: string): Promise<Buffer> {
  const image = sharp(bytes).keepIccProfile().toColourspace(stored(space, depth))
  const finest = { quality: 100, chromaSubsampling: '4:4:4' }
  const made: Record<string, () => Sharp> = {
    png: () => image.png(),
    tiff: () => image.tiff({ compression: 'lzw' }),
    jpeg: () => image.jpeg(finest),
    webp: () => image.webp({ lossless: true }),
    avif: () => image.avif({ ...finest, bitdepth: depth === 8 ? 8 : 12 }),
  }
  return format === 'png' ? bytes : made[format]().toBuffer()
}

/** Largest difference of a channel in the middle of a patch, levels; greys are compared with the brightness of the colour. */
async function worst(bytes: Buffer, space: ColourSpace): Promise<number> {
  const photo = await decodePhoto(bytes)
  expect([photo.width, photo.height, photo.data.length]).toEqual([WIDTH, HEIGHT, 3 * WIDTH * HEIGHT])
  return Math.max(
    ...COLOURS.map((colour, i) => {
      const at = 3 * ((Math.floor(i / 4) + 0.5) * PATCH * WIDTH + ((i % 4) + 0.5) * PATCH)
      const grey = (): number => 255 * numbersIn({ primaries: undefined, gamma: 'srgb' }, colour)[0]
      const wanted = space.primaries ? colour : [grey(), grey(), grey()]
      return Math.max(...wanted.map((v, c) => Math.abs(v - photo.data[at + c])))
    }),
  )
}

const CASES = Object.entries(SPACES).flatMap(([name, space]) =>
  ([8, 16] as const).flatMap((depth) =>
    (depth === 8 ? ['png', 'tiff', 'jpeg', 'webp', 'avif'] : ['png', 'tiff', 'avif'])
      // WebP and AVIF hold no greys; 8 bits of linear light and a lossy format are no way to keep a photo
      .filter((format) => space.primaries || !['webp', 'avif'].includes(format))
      .filter((format) => !(space.gamma === 1 && depth === 8 && ['jpeg', 'avif'].includes(format)))
      .map((format) => [name, depth, format] as const),
  ),
)

describe('colours', () => {
  it.each(CASES)('%s, %i bit, %s', async (name, depth, format) => {
    const space = SPACES[name]
    const bytes = await recoded(await png(space, depth, iccProfile(space)), space, depth, format)
    const { icc, depth: found } = await sharp(bytes).metadata()
    expect([icc !== undefined, found]).toEqual([true, depth === 8 ? 'uchar' : 'ushort'])
    const tolerance = format === 'jpeg' || (format === 'avif' && depth === 8) ? LOSSY : LOSSLESS
    expect(await worst(bytes, space)).toBeLessThanOrEqual(tolerance)
  })

  it.each([8, 16] as const)('%i bit without a profile is sRGB, also grey and with alpha', async (depth) => {
    const grey: ColourSpace = { primaries: undefined, gamma: 'srgb' }
    for (const space of [SRGB, grey])
      for (const alpha of [undefined, 1])
        expect(await worst(await png(space, depth, undefined, alpha), space)).toBeLessThanOrEqual(1)
  })

  it.each([8, 16] as const)(
    '%i bit: profile and alpha together, colours converted before they are laid over white',
    async (depth) => {
      const space = SPACES['Display P3']
      expect(await worst(await png(space, depth, iccProfile(space), 1), space)).toBeLessThanOrEqual(LOSSLESS)
      const photo = await decodePhoto(await png(space, depth, iccProfile(space), 0.5))
      const at = 3 * (0.5 * PATCH * WIDTH + 0.5 * PATCH)
      COLOURS[0].forEach((v, c) => {
        expect(Math.abs((v + 255) / 2 - photo.data[at + c])).toBeLessThanOrEqual(2)
      })
    },
  )

  it.each([8, 16] as const)('%i bit: a profile that does not fit or is broken counts for nothing', async (depth) => {
    const junk = Buffer.from('this is no profile. '.repeat(20))
    for (const profile of [iccProfile(SPACES['grey gamma 1.8']), junk])
      expect(await worst(await png(SRGB, depth, profile), SRGB)).toBeLessThanOrEqual(1)
  })

  it('CMYK of 8 and 16 bit are the same picture', async () => {
    const { data } = chart(SRGB, 8)
    const rgb = () => sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    const tiff = await rgb().toColourspace('cmyk').tiff({ compression: 'none' }).toBuffer()
    const jpeg = await rgb().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()
    const narrow = await decodePhoto(tiff)
    expect((await sharp(widened(tiff)).metadata()).depth).toBe('ushort')
    const wide = await decodePhoto(widened(tiff))
    const lossy = await decodePhoto(jpeg)
    for (let i = 0; i < COLOURS.length; i++) {
      const at = 3 * ((Math.floor(i / 4) + 0.5) * PATCH * WIDTH + ((i % 4) + 0.5) * PATCH)
      for (let c = at; c < at + 3; c++) {
        expect(Math.abs(wide.data[c] - narrow.data[c])).toBeLessThanOrEqual(2)
        expect(Math.abs(lossy.data[c] - narrow.data[c])).toBeLessThanOrEqual(LOSSY)
      }
    }
  })

  it.each([
    ['R03', 65535, true],
    ['R98', 1, false],
    ['none', undefined, false],
  ] as const)('a camera’s JPEG of EXIF colour space %s', async (index, value, adobe) => {
    const space = adobe ? SPACES['Adobe RGB'] : SRGB
    const { data } = chart(space, 8)
    // the interoperability directory is sharp's IFD4, which its types leave out
    const exif = { IFD2: { ColorSpace: String(value) }, IFD4: { InteroperabilityIndex: index } } as Exif
    const jpeg = await sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .withExif(value === undefined ? {} : exif)
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer()
    expect((await sharp(jpeg).metadata()).icc).toBeUndefined()
    expect(await worst(jpeg, space)).toBeLessThanOrEqual(LOSSLESS)
  })

  it('says that floating-point samples are not read', async () => {
    const tiff = await sharp(chart(SRGB, 8).data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .toColourspace('scrgb')
      .tiff({ compression: 'none' })
      .toBuffer()
    expect((await sharp(tiff).metadata()).depth).toBe('float')
    const error = await decodePhoto(tiff).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(SiderError)
    expect(error).toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(/depth \(float\)/) })
  })
})

/** An uncompressed little-endian TIFF of 8 bits with its samples in 16. */
function widened(tiff: Buffer): Buffer {
  expect(tiff.subarray(0, 4).toString('latin1')).toBe('II*\0')
  const start = tiff.readUInt32LE(4)
  const entries = Array.from({ length: tiff.readUInt16LE(start) }, (_, k) => start + 2 + 12 * k)
  const entry = (tag: number): number => entries.find((at) => tiff.readUInt16LE(at) === tag)!
  const value = (tag: number, k = 0): number => {
    const at = entry(tag)
    const size = tiff.readUInt16LE(at + 2) === 3 ? 2 : 4
    const inline = size * tiff.readUInt32LE(at + 4) <= 4
    return tiff.readUIntLE((inline ? at + 8 : tiff.readUInt32LE(at + 8)) + size * k, size)
  }
  const strips = Array.from({ length: tiff.readUInt32LE(entry(273) + 4) }, (_, k) =>
    tiff.subarray(value(273, k), value(273, k) + value(279, k)),
  )
  const samples = Buffer.from(Uint16Array.from(Buffer.concat(strips), (v) => 257 * v).buffer)
  const head = Buffer.from(tiff)
  const bits = tiff.readUInt32LE(entry(258) + 8)
  for (let c = 0; c < 4; c++) head.writeUInt16LE(16, bits + 2 * c)
  // all samples in one strip behind the old file
  for (const [tag, number] of [
    [273, tiff.length],
    [278, HEIGHT],
    [279, samples.length],
  ]) {
    head.writeUInt16LE(4, entry(tag) + 2)
    head.writeUInt32LE(1, entry(tag) + 4)
    head.writeUInt32LE(number, entry(tag) + 8)
  }
  return Buffer.concat([head, samples])
}

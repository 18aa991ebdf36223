import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorCode, SiderError } from '../../../src/engine/errors.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { H, picture, W } from './quadrants.js'

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

/** Photos of every format and orientation come out upright, in sRGB. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { expectColour, H, picture, QUADRANTS, quadrant, quadrants, W } from './quadrants.js'

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

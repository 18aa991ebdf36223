import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { finiteRange, normalPicture, scalarPicture } from '../../../src/engine/image/colors.js'
import { gaussianBlur, sampleBilinear } from '../../../src/engine/image/filter.js'
import {
  decodePicture,
  encodeGreyPng16,
  encodeJpeg,
  encodePng,
  newPicture,
  paste,
  renderSvg,
  resampleBox,
} from '../../../src/engine/image/picture.js'
import { linePlot } from '../../../src/engine/image/plot.js'
import { composeSheet } from '../../../src/engine/image/sheet.js'
import { textPath } from '../../../src/engine/image/text.js'

describe('filter', () => {
  test('blur has unit gain, the variance of its sigma, and ignores what the mask excludes', () => {
    const n = 65
    const impulse = new Float32Array(n * n)
    impulse[32 * n + 32] = 1
    const blurred = gaussianBlur(impulse, n, n, 1, 3)
    let sum = 0
    let variance = 0
    for (let i = 0; i < n * n; i++) {
      sum += blurred[i]
      variance += blurred[i] * ((i % n) - 32) ** 2
    }
    expect(sum).toBeCloseTo(1, 3)
    expect(variance / sum).toBeCloseTo(9, 0)
    const constant = new Float32Array(n * n).fill(5)
    const mask = Uint8Array.from(constant, (_, i) => (i % n < 40 ? 1 : 0))
    for (let i = 0; i < n * n; i++) if (!mask[i]) constant[i] = Number.NaN
    const masked = gaussianBlur(constant, n, n, 1, 4, mask)
    for (let i = 0; i < n * n; i++) expect(masked[i]).toBeCloseTo(mask[i] ? 5 : 0, 5)
  })
  test('bilinear samples are exact on a ramp, pixel centres at +0.5', () => {
    const ramp = Float32Array.from({ length: 12 }, (_, i) => (i % 4) + 0.5 + 10 * Math.floor(i / 4) + 5)
    const out = [0]
    sampleBilinear(ramp, 4, 3, 1, 1.75, 1.9, out)
    expect(out[0]).toBeCloseTo(1.75 + 19, 5)
  })
})

describe('pictures', () => {
  test('PNG and JPEG bytes decode to the picture; paste cuts what lies outside', async () => {
    const picture = newPicture(32, 20, [200, 100, 50])
    paste(picture, newPicture(10, 10, [0, 0, 255]), 28, -4)
    expect([...picture.data.slice((5 * 32 + 31) * 3, (5 * 32 + 32) * 3)]).toEqual([0, 0, 255])
    expect([...picture.data.slice((6 * 32 + 31) * 3, (6 * 32 + 32) * 3)]).toEqual([200, 100, 50])
    expect(await decodePicture(await encodePng(picture))).toEqual(picture)
    const jpeg = await decodePicture(await encodeJpeg(picture))
    expect(Math.abs(jpeg.data[0] - 200)).toBeLessThan(4)
  })
  test('16-bit depth keeps its precision', async () => {
    const bytes = await encodeGreyPng16(Float32Array.of(0.5, 0.6001, Number.NaN, 0.7), 2, 2, 0.5, 0.7)
    const raw = await sharp(bytes).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer()
    const values = new Uint16Array(raw.buffer, raw.byteOffset, 4)
    expect([...values]).toEqual([1, 1 + Math.round((65534 * 0.1001) / 0.2), 0, 65535])
  })
  test('resampling a ramp keeps it in place, shrinking and enlarging, also off the border', () => {
    const ramp = newPicture(100, 4)
    for (let i = 0; i < 400; i++) ramp.data.fill(2 * (i % 100) + 1, i * 3, i * 3 + 3) // value = 2 x at x = column + 0.5
    const small = resampleBox(ramp, { x: 10, y: 0, width: 80, height: 4 }, 20, 2)
    for (let i = 0; i < 20; i++) expect(Math.abs(small.data[i * 3] - 2 * (10 + 4 * (i + 0.5)))).toBeLessThanOrEqual(1)
    const large = resampleBox(ramp, { x: 20, y: 1, width: 10, height: 2 }, 50, 10)
    for (let i = 0; i < 50; i++) expect(Math.abs(large.data[i * 3] - 2 * (20 + 0.2 * (i + 0.5)))).toBeLessThanOrEqual(1)
    const outside = resampleBox(ramp, { x: -20, y: 0, width: 40, height: 4 }, 40, 4)
    expect(outside.data[0]).toBe(1)
    expect(outside.data[39 * 3]).toBe(39)
  })
  test('normals: towards the viewer is blue, up is green, right is red; depth colours span the range', () => {
    const picture = normalPicture(Float32Array.of(0, 0, -1, 0, -1, 0, 1, 0, 0, 0, 0, 0), 4, 1)
    expect([...picture.data]).toEqual([128, 128, 255, 128, 255, 128, 255, 128, 128, 0, 0, 0])
    const grey = scalarPicture(Float32Array.of(1, 2, Number.NaN), 3, 1, { name: 'grey' })
    expect([grey.data[0], grey.data[3], grey.data[6]]).toEqual([245, 30, 0])
    expect(finiteRange([Number.NaN, 3, Number.POSITIVE_INFINITY, -1])).toEqual([-1, 3])
  })
})

describe('text, plots and sheets', () => {
  const inkOf = async (text: string) => {
    const p = await renderSvg(
      `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">${textPath(text, 8, 30, 18)}</svg>`,
    )
    return p.data.reduce((n, v) => n + (v < 128 ? 1 : 0), 0) / 3
  }
  test('letters are drawn without any font on the machine', async () => {
    for (const letter of 'AgW0%') expect(await inkOf(letter)).toBeGreaterThan(20)
    expect(await inkOf(' ')).toBe(0)
  })
  test('a plot draws its curves inside the axes and skips what a log axis cannot show', async () => {
    const svg = linePlot([{ name: 'a', x: [0, 1, 2, 3], y: [1, 0, 10, 100], color: '#ff0000' }], { logY: true })
    expect(svg).toContain('stroke="#ff0000"')
    expect(svg).not.toContain('NaN')
    const picture = await renderSvg(svg)
    expect([picture.width, picture.height]).toEqual([640, 400])
  })
  test('a sheet places its pictures in rows and columns', async () => {
    const red = newPicture(64, 64, [255, 0, 0])
    const sheet = await composeSheet([[{ picture: red, caption: 'red' }, { picture: undefined }], [{ picture: red }]], {
      cell: 64,
    })
    const at = (x: number, y: number) => [...sheet.data.slice((y * sheet.width + x) * 3, (y * sheet.width + x) * 3 + 3)]
    expect(at(38, 38)).toEqual([255, 0, 0])
    expect(at(38 + 70, 38)).toEqual([255, 255, 255])
    expect(at(38, sheet.height - 38)).toEqual([255, 0, 0])
  })
})

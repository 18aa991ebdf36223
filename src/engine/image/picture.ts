/** 8-bit sRGB pictures: making, pasting, resizing, encoding. */
import type { Box } from '../stages.js'

/** Loaded where pictures are encoded: threads that only paint need none of it. */
const encoder = async () => (await import('sharp')).default

/** An 8-bit sRGB picture. A `Photo` is one too. */
export interface Picture {
  width: number
  height: number
  /** [height, width, 3] */
  data: Uint8Array
}

/** A picture of one colour. */
export function newPicture(width: number, height: number, rgb: readonly number[] = [255, 255, 255]): Picture {
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i += 3) {
    data[i] = rgb[0]
    data[i + 1] = rgb[1]
    data[i + 2] = rgb[2]
  }
  return { width, height, data }
}

/** Copies `source` into `target` with its corner at (x, y); what lies outside is cut. */
export function paste(target: Picture, source: Picture, x: number, y: number): void {
  const x0 = Math.max(0, -x)
  const x1 = Math.min(source.width, target.width - x)
  if (x1 <= x0) return
  for (let row = Math.max(0, -y); row < Math.min(source.height, target.height - y); row++) {
    const from = (row * source.width + x0) * 3
    target.data.set(source.data.subarray(from, from + (x1 - x0) * 3), ((y + row) * target.width + x + x0) * 3)
  }
}

/** Picture of values 0..1 [height, width, 3 or 1]; clamped, rounded, NaN black. No transfer curve is applied. */
export function pictureFromFloats(values: Float32Array, width: number, height: number, channels: 1 | 3 = 3): Picture {
  const data = new Uint8Array(width * height * 3)
  const byte = (v: number): number => (v > 0 ? Math.min(255, v * 255 + 0.5) : 0)
  if (channels === 3) for (let i = 0; i < data.length; i++) data[i] = byte(values[i])
  else for (let i = 0, o = 0; o < data.length; i++, o += 3) data[o] = data[o + 1] = data[o + 2] = byte(values[i])
  return { width, height, data }
}

/** The same of a square texture [size, size, 3]. */
export function squarePicture(values: Float32Array): Picture {
  const size = Math.sqrt(values.length / 3)
  return pictureFromFloats(values, size, size)
}

/**
 * Part of a picture resampled to width x height. The box may have fractional corners and reach beyond the border (edge
 * pixels are repeated). Shrinking averages the covered area exactly; enlarging is bilinear.
 */
export function resampleBox(picture: Picture, box: Box, width: number, height: number): Picture {
  const columns = resampleWeights(box.x, box.width, width, picture.width)
  const rows = resampleWeights(box.y, box.height, height, picture.height)
  const { data: source, width: stride } = picture
  // horizontal pass over the rows that are needed, then the vertical pass
  const firstRow = Math.min(...rows.start)
  const lastRow = rows.start.reduce((m, s, i) => Math.max(m, s + rows.count[i] - 1), 0)
  const between = new Float32Array((lastRow - firstRow + 1) * width * 3)
  for (let y = firstRow; y <= lastRow; y++)
    for (let x = 0; x < width; x++) {
      let r = 0
      let g = 0
      let b = 0
      for (let k = 0; k < columns.count[x]; k++) {
        const w = columns.weights[columns.offset[x] + k]
        const o = (y * stride + columns.start[x] + k) * 3
        r += w * source[o]
        g += w * source[o + 1]
        b += w * source[o + 2]
      }
      const o = ((y - firstRow) * width + x) * 3
      between[o] = r
      between[o + 1] = g
      between[o + 2] = b
    }
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++)
    for (let i = 0; i < width * 3; i++) {
      let v = 0
      for (let k = 0; k < rows.count[y]; k++)
        v += rows.weights[rows.offset[y] + k] * between[(rows.start[y] - firstRow + k) * width * 3 + i]
      data[y * width * 3 + i] = Math.max(0, Math.min(255, Math.round(v)))
    }
  return { width, height, data }
}

/** The whole picture at another size. */
export function resizePicture(picture: Picture, width: number, height: number): Picture {
  return resampleBox(picture, { x: 0, y: 0, width: picture.width, height: picture.height }, width, height)
}

interface ResampleWeights {
  start: number[]
  count: number[]
  offset: number[]
  weights: number[]
}

/** Weights of source pixels for each target pixel along one axis. */
function resampleWeights(origin: number, extent: number, target: number, source: number): ResampleWeights {
  const out: ResampleWeights = { start: [], count: [], offset: [], weights: [] }
  const scale = extent / target
  const clamp = (i: number) => Math.max(0, Math.min(source - 1, i))
  for (let i = 0; i < target; i++) {
    const a = origin + i * scale
    const bins = new Map<number, number>()
    const add = (pixel: number, weight: number) => {
      if (weight > 0) bins.set(clamp(pixel), (bins.get(clamp(pixel)) ?? 0) + weight)
    }
    if (scale >= 1) {
      for (let p = Math.floor(a); p < a + scale; p++) add(p, (Math.min(p + 1, a + scale) - Math.max(p, a)) / scale)
    } else {
      const center = a + scale / 2 - 0.5
      const p = Math.floor(center)
      add(p, 1 - (center - p))
      add(p + 1, center - p)
    }
    const pixels = [...bins.keys()]
    const start = Math.min(...pixels)
    const count = Math.max(...pixels) - start + 1
    out.start.push(start)
    out.count.push(count)
    out.offset.push(out.weights.length)
    for (let k = 0; k < count; k++) out.weights.push(bins.get(start + k) ?? 0)
  }
  return out
}

/** PNG bytes of a picture. */
export const encodePng = (picture: Picture): Promise<Uint8Array> => pngOf(picture, 3, 6)

/** PNG bytes of [height, width, 4] sRGB and alpha. */
export const encodeClearPng = (picture: Picture): Promise<Uint8Array> => pngOf(picture, 4, 9)

async function pngOf({ width, height, data }: Picture, channels: 3 | 4, compressionLevel: number): Promise<Uint8Array> {
  const sharp = await encoder()
  return sharp(data, { raw: { width, height, channels } }).png({ compressionLevel }).toBuffer()
}

/** JPEG bytes of a picture (4:4:4, sRGB). */
export async function encodeJpeg(picture: Picture, quality = 92): Promise<Uint8Array> {
  const { width, height, data } = picture
  const sharp = await encoder()
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:4:4' })
    .toBuffer()
}

/** 8-bit grey PNG of values 0..1 [height, width]. */
export async function encodeGreyPng(values: Float32Array, width: number, height: number): Promise<Uint8Array> {
  const data = new Uint8Array(values.length)
  for (let i = 0; i < data.length; i++) data[i] = 255 * Math.min(1, Math.max(0, values[i])) + 0.5
  const sharp = await encoder()
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 3 })
    .toBuffer()
}

/** 16-bit grey PNG of values [height, width]: `low` becomes 1, `high` 65535; NaN becomes 0. */
export async function encodeGreyPng16(
  values: Float32Array,
  width: number,
  height: number,
  low: number,
  high: number,
): Promise<Uint8Array> {
  const data = new Uint16Array(width * height)
  for (let i = 0; i < data.length; i++) {
    const v = (values[i] - low) / (high - low)
    if (!Number.isNaN(v)) data[i] = 1 + Math.round(65534 * Math.max(0, Math.min(1, v)))
  }
  const sharp = await encoder()
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer()
}

/** Decodes any image that sharp reads, alpha over white, no rotation: for our own pictures (photos have a stage). */
export async function decodePicture(bytes: Uint8Array): Promise<Picture> {
  const sharp = await encoder()
  const { data, info } = await sharp(bytes)
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: new Uint8Array(data) }
}

/** Draws an SVG document. Text in it should come from `textPath`: fonts may be missing on the machine. */
export async function renderSvg(svg: string): Promise<Picture> {
  return decodePicture(new TextEncoder().encode(svg))
}

/**
 * What a photo does not show although it has pixels there: burnt-out skin, bars and blocks of one colour, mosaics, damaged
 * stripes, and what lies beyond its border. Looked for at the photo's own resolution (half of it and less on very large faces), on
 * the face alone.
 */
import { resampleBox } from '../image/picture.js'
import { connectedRegions } from '../image/regions.js'
import type { Crop, Flaws, Photo } from '../stages.js'
import { cropImage } from './crop.js'
import { blockEdges, longSeams, type Window } from './seams.js'

/** Crops wider than this, photo pixels, are halved first: what matters is coarser there. */
const WIDEST = 1600
/** From this value on a channel is at its end; skin with two such channels, and most pixels about it, is burnt out. */
const CLIPPED = 253
const MOST = 7 / 9
/** A pixel is of one colour when those about it, up to this share of the face's side away, differ by no more than a level. */
const EVEN_REACH = 0.012
const EVEN = 1
/** Smallest area of one colour that is no chance, as a share of the face. */
const EVEN_AREA = 0.01
/** Mosaics: half the side of the square in which edges are counted, and how many there are in it along either axis. */
const BLOCK_REACH = 0.07
const BLOCK_EDGES = 0.03
/** Length of seams as a share of the face's side. */
const SEAM = 0.4
/** How far a JPEG carries what is wrong with a pixel: one of its blocks. */
const JPEG_REACH = 9
/** Shares of the face from which a flaw is spoken of. */
const BURNT_SHARE = 0.025
const EVEN_SHARE = 0.02
const BLOCK_SHARE = 0.015
/** Standard deviation of noise in the crop, levels, from which it is spoken of, and the share of the face that tells it. */
const NOISE = 6
const NOISE_SHARE = 0.25

/**
 * Looks for flaws on the face.
 * @param mask [size, size] 1 on the fitted face
 * @returns what is spoilt by them, and what was seen, in sentences
 */
export function findFlaws(photo: Photo, crop: Crop, mask: Uint8Array): Flaws & { warnings: string[] } {
  if (crop.width > WIDEST) return findFlaws(...halved(photo, crop), mask)
  const window = faceWindow(photo, crop, mask)
  const { face, width } = window
  const bad = new Uint8Array(face.length)
  const warnings: string[] = []
  const reach = Math.round(BLOCK_REACH * window.side)
  /** Marks a flaw and what lies about it, and speaks of it, if it covers enough of the face. @return whether it does */
  const found = (flaw: Uint8Array, least: number, spread: number, say: (part: string) => string): boolean => {
    const shareOf = (marked: Uint8Array): number =>
      marked.reduce((count, set, i) => count + (set & face[i]), 0) / window.side ** 2
    const share = shareOf(flaw)
    if (!(share > 0 && share >= least)) return false
    const whole = spread > 0 ? about(flaw, width, spread) : flaw
    whole.forEach((set, i) => {
      bad[i] |= set
    })
    warnings.push(say(`${Math.max(1, Math.round(100 * shareOf(whole)))} % of the face`))
    return true
  }
  /** What was found already has edges of its own. */
  const beyond = (edges: Uint8Array, distance: number): Uint8Array => {
    const known = about(bad, width, distance)
    return edges.map((edge, i) => (known[i] ? 0 : edge))
  }
  const so = 'it does not count as skin, and the shape there is the head model’s'
  found(burnt(window), BURNT_SHARE, 0, (part) => `Burnt-out skin (white without detail) on ${part}: ${so}.`)
  const bars = found(
    evenAreas(window, bad),
    EVEN_SHARE,
    JPEG_REACH + Math.round(EVEN_REACH * window.side),
    (part) => `Areas of one colour (a bar, a block?) on ${part}: ${so}.`,
  )
  const [columns, rows] = (['columns', 'rows'] as const).map((along) =>
    boxSums(beyond(blockEdges(window, along), JPEG_REACH), width, reach),
  )
  const enough = BLOCK_EDGES * window.side
  const blocks = face.map((inside, i) => (inside && columns[i] >= enough && rows[i] >= enough ? 1 : 0))
  found(blocks, BLOCK_SHARE, reach >> 1, (part) => `A mosaic, or the blocks of strong compression, on ${part}: ${so}.`)
  const seams = beyond(longSeams(window, SEAM), JPEG_REACH + reach)
  const torn = found(
    seams,
    0,
    JPEG_REACH,
    () => 'Straight seams cross the face (damaged data, or a montage): what does not look like skin is left out.',
  )
  const spoilt = inCrop(bad, window, photo, crop)
  const shown = mask.map((inside, i) => (spoilt[i] ? 0 : inside))
  const enoughShown = sum(shown) > NOISE_SHARE * sum(mask)
  const noise = noiseLevel(cropImage(photo, crop), shown, crop.size)
  if (enoughShown && noise >= NOISE)
    warnings.push(
      `The photo is noisy at the face (about ±${Math.round(noise)} of 255 levels): part of the relief may be noise. ` +
        'A cleaner or larger original helps, or a smaller face crop (photo.cropSize).',
    )
  return { spoilt, torn: torn || bars, warnings }
}

/** The crop's part of the photo at half its resolution, and the crop in it. Blocks of a JPEG begin at even pixels, so they stay sharp. */
function halved(photo: Photo, crop: Crop): [Photo, Crop] {
  const [x, y] = [crop.x, crop.y].map((start) => 2 * Math.floor(Math.max(0, start) / 2))
  const width = (Math.min(photo.width, Math.ceil(crop.x + crop.width)) - x) >> 1
  const height = (Math.min(photo.height, Math.ceil(crop.y + crop.height)) - y) >> 1
  const half = resampleBox(photo, { x, y, width: 2 * width, height: 2 * height }, width, height)
  const inHalf = { x: (crop.x - x) / 2, y: (crop.y - y) / 2, width: crop.width / 2, height: crop.height / 2 }
  return [
    { ...photo, ...half },
    { ...crop, ...inHalf },
  ]
}

/** The crop's part of the photo. */
function faceWindow(photo: Photo, crop: Crop, mask: Uint8Array): Window {
  const [x, y] = [Math.max(0, Math.floor(crop.x)), Math.max(0, Math.floor(crop.y))]
  const width = Math.max(0, Math.min(photo.width, Math.ceil(crop.x + crop.width)) - x)
  const height = Math.max(0, Math.min(photo.height, Math.ceil(crop.y + crop.height)) - y)
  const cropPixel = (at: number, start: number, extent: number): number =>
    Math.min(crop.size - 1, Math.max(0, Math.floor(((at + 0.5 - start) / extent) * crop.size)))
  const columns = Uint32Array.from({ length: width }, (_, u) => cropPixel(x + u, crop.x, crop.width))
  const face = new Uint8Array(width * height)
  let area = 0
  for (let v = 0; v < height; v++) {
    const row = crop.size * cropPixel(y + v, crop.y, crop.height)
    for (let u = 0; u < width; u++) {
      face[v * width + u] = mask[row + columns[u]]
      area += face[v * width + u]
    }
  }
  return { data: photo.data, stride: photo.width, x, y, width, height, face, side: Math.sqrt(area) }
}

function burnt({ data, stride, x, y, width, height, face }: Window): Uint8Array {
  const clipped = new Uint8Array(face.length)
  for (let v = 0; v < height; v++)
    for (let u = 0; u < width; u++) {
      let channels = 0
      for (let c = 3 * ((y + v) * stride + x + u), end = c + 3; c < end; c++) if (data[c] >= CLIPPED) channels++
      if (channels >= 2) clipped[v * width + u] = 1
    }
  const around = boxSums(clipped, width, 1)
  return face.map((inside, i) => (inside && clipped[i] && around[i] >= 9 * MOST ? 1 : 0))
}

/** Larger areas of one colour, but for those that are `known` already. */
function evenAreas(window: Window, known: Uint8Array): Uint8Array {
  const { data, stride, x, y, width, height, face, side } = window
  const step = Math.max(1, Math.round((EVEN_REACH * side) / 2))
  const steps = [-2, -1, 0, 1, 2]
  const around = steps.flatMap((dy) => steps.map((dx) => 3 * step * (dy * stride + dx)))
  const isEven = (at: number): boolean => {
    for (const offset of around)
      for (let c = 0; c < 3; c++) if (Math.abs(data[at + offset + c] - data[at + c]) > EVEN) return false
    return true
  }
  const even = new Uint8Array(face.length)
  for (let v = 2 * step; v < height - 2 * step; v++)
    for (let u = 2 * step; u < width - 2 * step; u++) {
      const i = v * width + u
      if (face[i] && !known[i] && isEven(3 * ((y + v) * stride + x + u))) even[i] = 1
    }
  const { region, areas } = connectedRegions(even, width)
  const large = areas.map((area) => area >= EVEN_AREA * side ** 2)
  return even.map((set, i) => (set && large[region[i]] ? 1 : 0))
}

/** 1 within a square of `reach` pixels about pixels that are set. */
function about(mask: Uint8Array, width: number, reach: number): Uint8Array {
  return Uint8Array.from(boxSums(mask, width, reach), (count) => (count > 0 ? 1 : 0))
}

/** Sums over squares of 2 reach + 1 pixels. */
function boxSums(values: Uint8Array, width: number, reach: number): Uint32Array {
  const height = width > 0 ? values.length / width : 0
  const across = new Uint32Array(values.length)
  const out = new Uint32Array(values.length)
  const slide = (from: ArrayLike<number>, to: Uint32Array, start: number, length: number, step: number): void => {
    let sum = 0
    for (let k = 0; k < Math.min(reach, length); k++) sum += from[start + k * step]
    for (let k = 0; k < length; k++) {
      if (k + reach < length) sum += from[start + (k + reach) * step]
      if (k > reach) sum -= from[start + (k - reach - 1) * step]
      to[start + k * step] = sum
    }
  }
  for (let v = 0; v < height; v++) slide(values, across, v * width, width, 1)
  for (let u = 0; u < width; u++) slide(across, out, u, height, width)
  return out
}

/** [size, size] of the crop: 1 where one of the photo's pixels under it is set, or there are none. */
function inCrop(bad: Uint8Array, window: Window, photo: Photo, crop: Crop): Float32Array {
  const { size } = crop
  const out = new Float32Array(size * size)
  /** The window's pixels under a crop pixel. */
  const under = (k: number, start: number, extent: number, low: number, length: number): [number, number] => [
    Math.max(0, Math.floor(start + (k * extent) / size) - low),
    Math.min(length, Math.ceil(start + ((k + 1) * extent) / size) - low),
  ]
  const outside = (k: number, start: number, extent: number, limit: number): boolean => {
    const at = start + ((k + 0.5) * extent) / size
    return at < 0 || at > limit
  }
  for (let v = 0; v < size; v++) {
    const [top, bottom] = under(v, crop.y, crop.height, window.y, window.height)
    const beyond = outside(v, crop.y, crop.height, photo.height)
    for (let u = 0; u < size; u++) {
      const [left, right] = under(u, crop.x, crop.width, window.x, window.width)
      let any = beyond || outside(u, crop.x, crop.width, photo.width)
      for (let y = top; y < bottom && !any; y++)
        for (let x = left; x < right && !any; x++) any = bad[y * window.width + x] > 0
      if (any) out[v * size + u] = 1
    }
  }
  return out
}

/**
 * Standard deviation of an image's noise, levels: by the median of second differences along both axes (Immerkaer 1996, made
 * robust).
 */
function noiseLevel(image: Float32Array, face: Uint8Array, size: number): number {
  const sizes: number[] = []
  const green = (i: number): number => image[3 * i + 1]
  const across = (i: number): number => green(i - 1) - 2 * green(i) + green(i + 1)
  for (let i = size + 1; i < face.length - size - 1; i++)
    if (face[i] && face[i - size - 1] && face[i + size + 1])
      sizes.push(Math.abs(across(i - size) - 2 * across(i) + across(i + size)))
  if (sizes.length === 0) return 0
  const middle = Float32Array.from(sizes).sort()[sizes.length >> 1]
  return (255 * 1.4826 * middle) / 6
}

const sum = (mask: Uint8Array): number => mask.reduce((a, b) => a + b, 0)

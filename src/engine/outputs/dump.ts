/**
 * Writes inspection records as files to look at: images and slices of distance grids as PNG, tables as CSV, meshes as GLB,
 * anything else as JSON. One folder a stage: `<dir>/<stage>/<name>[-<step>].<ext>`.
 */
import { join } from 'node:path'
import { encodeCsv } from '../formats/csv.js'
import { writeGlb } from '../formats/write-glb.js'
import { finiteRange } from '../image/colors.js'
import { encodeJpeg, encodePng, newPicture, type Picture, pictureFromFloats } from '../image/picture.js'
import type { ImageRecord, Inspector, InspectRecord, RecordFilter, SdfGrid } from '../inspect.js'
import { writeFileAtomic } from '../system/files.js'

/**
 * Starts writing the inspector's records to a folder.
 *
 * @returns a function that stops it and waits for the files to be written; it throws the first failure (SiderError DISK_FULL,
 *   OUTPUT_UNWRITABLE).
 */
export function dumpTo(folder: string, inspector: Inspector, filter?: RecordFilter): () => Promise<void> {
  let failure: unknown
  let written = Promise.resolve() // one at a time, in order: a long run never piles up open files
  const unsubscribe = inspector.subscribe((record) => {
    written = written
      .then(() => writeRecord(folder, record))
      .catch((error) => {
        failure ??= error
      })
  }, filter)
  return async () => {
    unsubscribe()
    await written
    if (failure !== undefined) throw failure
  }
}

async function writeRecord(folder: string, record: InspectRecord): Promise<void> {
  const { name, stage, step } = record
  const base = join(folder, stage, step > 0 ? `${name}-${String(step).padStart(6, '0')}` : name)
  const { extension, bytes } = await encode(record)
  await writeFileAtomic(`${base}.${extension}`, bytes)
}

/** An image record as the bytes of a JPEG: quick to make, for previews. */
export function imageJpeg(image: ImageRecord): Promise<Uint8Array> {
  return encodeJpeg(toPicture(image))
}

async function encode(record: InspectRecord): Promise<{ extension: string; bytes: Uint8Array | string }> {
  const { value } = record
  switch (value.kind) {
    case 'image':
      return { extension: 'png', bytes: await encodePng(toPicture(value)) }
    case 'sdf':
      return { extension: 'png', bytes: await encodePng(middleSlices(value.grid)) }
    case 'mesh':
      return { extension: 'glb', bytes: await writeGlb([{ name: record.name, mesh: value.mesh }]) }
    case 'table':
      return { extension: 'csv', bytes: encodeCsv([value.columns, ...value.rows]) }
    case 'json':
      return { extension: 'json', bytes: `${JSON.stringify(value.value, plainArrays, 2)}\n` }
  }
}

/** A greyscale or colour image as a picture; alpha is left out. */
function toPicture({ width, height, data, range }: ImageRecord): Picture {
  const channels = data.length / (width * height)
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new RangeError(`an image of ${width}x${height} cannot have ${data.length} values`)
  }
  const [low, high] = range ?? (data instanceof Uint8Array ? [0, 255] : finiteRange(data))
  const shown = new Float32Array(width * height * 3)
  for (let i = 0; i < shown.length; i++) {
    const pixel = Math.floor(i / 3)
    const value = data[channels === 1 ? pixel : pixel * channels + (i % 3)]
    shown[i] = (value - low) / (high - low || 1)
  }
  return pictureFromFloats(shown, width, height)
}

/**
 * The middle slices across z, y and x, side by side, y upwards: blue inside, red outside, with a band every ten spacings and
 * the surface black.
 */
function middleSlices({ size: [nx, ny, nz], spacing, values }: SdfGrid): Picture {
  const at = (x: number, y: number, z: number) => values[(z * ny + y) * nx + x]
  const [mx, my, mz] = [nx >> 1, ny >> 1, nz >> 1]
  const slices = [
    { w: nx, h: ny, value: (u: number, v: number) => at(u, ny - 1 - v, mz) }, // front: x to the right
    { w: nx, h: nz, value: (u: number, v: number) => at(u, my, v) }, // from above: z downwards
    { w: nz, h: ny, value: (u: number, v: number) => at(mx, ny - 1 - v, u) }, // from the side: z to the right
  ]
  const gap = 2
  const width = slices.reduce((sum, slice) => sum + slice.w, 0) + gap * (slices.length - 1)
  const picture = newPicture(width, Math.max(ny, nz))
  let left = 0
  for (const { w, h, value } of slices) {
    for (let v = 0; v < h; v++) {
      for (let u = 0; u < w; u++) picture.data.set(sdfColour(value(u, v) / spacing), (v * width + left + u) * 3)
    }
    left += w + gap
  }
  return picture
}

/** Colour of a distance in grid spacings. */
function sdfColour(distance: number): [number, number, number] {
  if (!Number.isFinite(distance)) return [255, 0, 255]
  if (Math.abs(distance) < 0.5) return [0, 0, 0]
  const light = 150 + 80 * Math.exp(-Math.abs(distance) / 20) + (Math.abs(distance) % 10 < 5 ? 20 : 0)
  return distance < 0 ? [light * 0.45, light * 0.65, light] : [light, light * 0.65, light * 0.5]
}

/** JSON.stringify writes typed arrays as objects with numbered keys. */
function plainArrays(_key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Float64Array) : value
}

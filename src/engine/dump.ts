/**
 * Writes inspection records as files to look at: images and slices of distance grids as PNG, tables as CSV, meshes as GLB,
 * anything else as JSON. One folder a stage: `<dir>/<stage>/<name>[-<step>].<ext>`.
 */
import { join } from 'node:path'
import { Document, NodeIO } from '@gltf-transform/core'
import sharp from 'sharp'
import { writeFileAtomic } from './files.js'
import type { ImageRecord, Inspector, InspectRecord, RecordFilter, RecordValue, SdfGrid } from './inspect.js'
import type { Mesh } from './stages.js'

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

async function writeRecord(folder: string, { name, stage, step, value }: InspectRecord): Promise<void> {
  const base = join(folder, stage, step > 0 ? `${name}-${String(step).padStart(6, '0')}` : name)
  const { extension, bytes } = await encode(value)
  await writeFileAtomic(`${base}.${extension}`, bytes)
}

async function encode(value: RecordValue): Promise<{ extension: string; bytes: Uint8Array | string }> {
  switch (value.kind) {
    case 'image':
      return { extension: 'png', bytes: await encodePng(value) }
    case 'sdf':
      return { extension: 'png', bytes: await encodePng(middleSlices(value.grid)) }
    case 'mesh':
      return { extension: 'glb', bytes: await encodeGlb(value.mesh) }
    case 'table':
      return { extension: 'csv', bytes: encodeCsv(value.columns, value.rows) }
    case 'json':
      return { extension: 'json', bytes: `${JSON.stringify(value.value, plainArrays, 2)}\n` }
  }
}

async function encodePng(image: ImageRecord): Promise<Uint8Array> {
  const { width, height } = image
  const channels = image.data.length / (width * height)
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new RangeError(`an image of ${width}x${height} cannot have ${image.data.length} values`)
  }
  return sharp(toBytes(image), { raw: { width, height, channels } }).png().toBuffer()
}

/** Float values to 0..255 over the shown range; NaN to 0. */
function toBytes({ data, range }: ImageRecord): Uint8Array | Uint8ClampedArray {
  if (data instanceof Uint8Array) return data
  const [low, high] = range ?? finiteRange(data)
  const scale = high > low ? 255 / (high - low) : 0
  return Uint8ClampedArray.from(data, (v) => (v - low) * scale)
}

function finiteRange(data: Float32Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const v of data) {
    if (!Number.isFinite(v)) continue
    if (v < low) low = v
    if (v > high) high = v
  }
  return [low, high]
}

/**
 * The middle slices across z, y and x, side by side, y upwards: blue inside, red outside, with a band every ten spacings and
 * the surface black.
 */
function middleSlices({ size: [nx, ny, nz], spacing, values }: SdfGrid): ImageRecord {
  const at = (x: number, y: number, z: number) => values[(z * ny + y) * nx + x]
  const [mx, my, mz] = [nx >> 1, ny >> 1, nz >> 1]
  const slices = [
    { w: nx, h: ny, value: (u: number, v: number) => at(u, ny - 1 - v, mz) }, // front: x to the right
    { w: nx, h: nz, value: (u: number, v: number) => at(u, my, v) }, // from above: z downwards
    { w: nz, h: ny, value: (u: number, v: number) => at(mx, ny - 1 - v, u) }, // from the side: z to the right
  ]
  const gap = 2
  const width = slices.reduce((sum, slice) => sum + slice.w, 0) + gap * (slices.length - 1)
  const height = Math.max(ny, nz)
  const data = new Uint8Array(width * height * 3).fill(255)
  let left = 0
  for (const { w, h, value } of slices) {
    for (let v = 0; v < h; v++) {
      for (let u = 0; u < w; u++) data.set(sdfColour(value(u, v) / spacing), (v * width + left + u) * 3)
    }
    left += w + gap
  }
  return { kind: 'image', width, height, data }
}

/** Colour of a distance in grid spacings. */
function sdfColour(distance: number): [number, number, number] {
  if (!Number.isFinite(distance)) return [255, 0, 255]
  if (Math.abs(distance) < 0.5) return [0, 0, 0]
  const light = 150 + 80 * Math.exp(-Math.abs(distance) / 20) + (Math.abs(distance) % 10 < 5 ? 20 : 0)
  return distance < 0 ? [light * 0.45, light * 0.65, light] : [light, light * 0.65, light * 0.5]
}

async function encodeGlb({ positions, indices }: Mesh): Promise<Uint8Array> {
  const document = new Document()
  const buffer = document.createBuffer()
  const primitive = document
    .createPrimitive()
    .setAttribute('POSITION', document.createAccessor().setType('VEC3').setArray(positions).setBuffer(buffer))
    .setIndices(document.createAccessor().setType('SCALAR').setArray(indices).setBuffer(buffer))
  const mesh = document.createMesh().addPrimitive(primitive)
  document.createScene().addChild(document.createNode().setMesh(mesh))
  return new NodeIO().writeBinary(document)
}

function encodeCsv(columns: string[], rows: (number | string)[][]): string {
  const cell = (value: number | string) => {
    const text = String(value)
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('')
}

/** JSON.stringify writes typed arrays as objects with numbered keys. */
function plainArrays(_key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Float64Array) : value
}

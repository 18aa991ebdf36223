/** Ground truth of rendered head scans: true camera, depth, normals and mask of a view, and the scan's surface. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gaussianBlur, sampleBilinear } from '../../src/engine/image/filter.js'
import { decodeNpz } from '../../src/engine/image/npy.js'
import type { Camera, Crop } from '../../src/engine/stages.js'

export interface ScanTruth {
  /** e.g. 'lpsw/L1' */
  name: string
  image: string
  camera: Camera
  /** [height, width] metres along the optical axis, NaN off the head. */
  depth: Float32Array
  /** [height, width, 3] camera frame. */
  normals: Float32Array
  /** [height, width] 1 on the face. */
  mask: Uint8Array
  /** [n, 3] vertices of the scan within 85 mm of its nose tip, head frame. */
  face: Float32Array
}

/** Names of all views below a folder of scans, 'subject/view'. */
export function scanViews(folder: string): string[] {
  const out: string[] = []
  for (const subject of readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory()))
    for (const view of readdirSync(join(folder, subject.name), { withFileTypes: true }).filter((e) => e.isDirectory()))
      if (existsSync(join(folder, subject.name, view.name, 'gt.npz'))) out.push(`${subject.name}/${view.name}`)
  return out.sort()
}

export function loadScan(folder: string, name: string): ScanTruth {
  const view = join(folder, name)
  const raw = JSON.parse(readFileSync(join(view, 'camera.json'), 'utf8'))
  const arrays = decodeNpz(readFileSync(join(view, 'gt.npz')))
  return {
    name,
    image: join(view, 'image.png'),
    camera: { ...raw, headToCamera: Float64Array.from(raw.headToCamera.flat()) },
    depth: Float32Array.from(arrays['depth'].data),
    normals: Float32Array.from(arrays['normal'].data),
    mask: Uint8Array.from(arrays['mask'].data),
    face: faceVertices(readVertices(join(dirname(view), 'gt.ply'))),
  }
}

/** Vertices of a binary little-endian PLY that begin with float x, y, z. */
function readVertices(path: string): Float32Array {
  const file = readFileSync(path)
  const end = file.indexOf('end_header\n') + 11
  const header = file.toString('latin1', 0, end)
  const count = Number(/element vertex (\d+)/.exec(header)?.[1])
  return new Float32Array(file.buffer.slice(file.byteOffset + end, file.byteOffset + end + count * 12))
}

/** The NoW protocol's face crop: vertices near the nose tip, the foremost point near the middle. */
function faceVertices(vertices: Float32Array): Float32Array {
  const xs = vertices.filter((_, i) => i % 3 === 0).sort()
  const middle = xs[xs.length >> 1]
  let nose = 0
  for (let i = 0; i < vertices.length; i += 3)
    if (Math.abs(vertices[i] - middle) < 0.02 && vertices[i + 2] > vertices[nose + 2]) nose = i
  const out: number[] = []
  for (let i = 0; i < vertices.length; i += 3) {
    const d = Math.hypot(
      vertices[i] - vertices[nose],
      vertices[i + 1] - vertices[nose + 1],
      vertices[i + 2] - vertices[nose + 2],
    )
    if (d < 0.085) out.push(vertices[i], vertices[i + 1], vertices[i + 2])
  }
  return Float32Array.from(out)
}

/** Truth at the pixels of a crop, averaged over a crop pixel: normals [size, size, 3], depth, mask. */
export function cropTruth(
  truth: ScanTruth,
  crop: Crop,
): { normals: Float32Array; depth: Float32Array; mask: Uint8Array } {
  const { width, height } = truth.camera
  const step = crop.width / crop.size
  const valid = truth.depth.map((d) => (Number.isNaN(d) ? 0 : 1))
  const smooth = step > 1.2 ? gaussianBlur(truth.normals, width, height, 3, 0.45 * step, valid) : truth.normals
  const n = crop.size * crop.size
  const normals = new Float32Array(3 * n)
  const depth = new Float32Array(n).fill(Number.NaN)
  const mask = new Uint8Array(n)
  const normal = new Float64Array(3)
  for (let row = 0; row < crop.size; row++)
    for (let column = 0; column < crop.size; column++) {
      const x = crop.x + (column + 0.5) * step
      const y = crop.y + (row + 0.5) * step
      if (x < 0 || y < 0 || x >= width || y >= height) continue
      const i = row * crop.size + column
      const nearest = Math.floor(y) * width + Math.floor(x)
      sampleBilinear(smooth, width, height, 3, x, y, normal)
      const length = Math.hypot(normal[0], normal[1], normal[2]) || 1
      for (let k = 0; k < 3; k++) normals[3 * i + k] = normal[k] / length
      depth[i] = truth.depth[nearest]
      mask[i] = truth.mask[nearest]
    }
  return { normals, depth, mask }
}

/** Ground truth of a rendered or scanned view: its true camera, depth, normals and mask. */

import { numbersIn, readNpz } from '../formats/npy.js'
import type { NumericArray } from '../formats/numeric-array.js'
import { invalidFile, readBytes, type Side } from '../formats/read-mesh.js'
import { cropCamera } from '../geometry/camera.js'
import { gaussianBlur, sampleBilinear } from '../image/filter.js'
import type { Camera, Crop } from '../stages.js'

/** A view's truth; arrays have the photo's resolution. */
export interface ViewTruth {
  camera: Camera
  /** [height, width] metres along the optical axis, NaN off the head. */
  depth: Float32Array
  /** [height, width, 3] camera frame. */
  normals: Float32Array
  /** [height, width] 1 on the face. */
  mask: Uint8Array
  /** [height, width, 3] sRGB 0..1, where the truth has it. */
  albedo: Float32Array | undefined
}

/** Truth at the pixels of a crop, averaged over a crop pixel. */
export interface CropTruth {
  /** [size, size, 3] unit, camera frame */
  normals: Float32Array
  /** [size, size] metres along the optical axis */
  depth: Float32Array
  /** [size, size] */
  mask: Uint8Array
  /** [size, size, 3] sRGB 0..1 */
  albedo: Float32Array | undefined
  /** The true camera in crop pixels. */
  camera: Camera
}

/**
 * Reads a view's camera and maps (npz: depth, normal, mask; albedo if it is there).
 * @throws SiderError TRUTH_INVALID: missing or damaged files, arrays that do not fit the camera's size
 */
export async function readTruth(files: { camera: string; maps: string }): Promise<ViewTruth> {
  const camera = parseCamera(await readJson(files.camera, 'TRUTH_INVALID'), files.camera, 'TRUTH_INVALID')
  const bytes = await readBytes(files.maps, 'TRUTH_INVALID')
  const read = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      throw invalidFile('TRUTH_INVALID', files.maps, `not a readable .npz file (${(cause as Error).message})`, cause)
    }
  }
  const npz = read(() => readNpz(bytes))
  const pixels = camera.width * camera.height
  const take = (name: string, channels: number): NumericArray['data'] => {
    const content = read(() => npz.get(name))
    const array = content && read(() => numbersIn(content))
    if (array?.data.length === channels * pixels) return array.data
    const found = array ? `shape [${array.shape.join(', ')}]` : 'missing'
    const wanted = `[${camera.height}, ${camera.width}${channels > 1 ? `, ${channels}` : ''}]`
    throw invalidFile('TRUTH_INVALID', files.maps, `'${name}' is ${found}, but must be ${wanted}`)
  }
  return {
    camera,
    depth: Float32Array.from(take('depth', 1)),
    normals: Float32Array.from(take('normal', 3)),
    mask: Uint8Array.from(take('mask', 1)),
    albedo: npz.names.includes('albedo') ? Float32Array.from(take('albedo', 3), (v) => v / 255) : undefined,
  }
}

/** The camera of a `camera.json`, ours or the truth's. */
export function parseCamera(json: unknown, path: string, side: Side): Camera {
  const raw = json as Record<string, unknown>
  const numbers = ['width', 'height', 'fx', 'fy', 'cx', 'cy'].map((key) => raw?.[key])
  const matrix = Array.isArray(raw?.['headToCamera']) ? (raw['headToCamera'] as unknown[]).flat() : []
  const finite = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v)
  if (!numbers.every(finite) || matrix.length !== 16 || !matrix.every(finite))
    throw invalidFile(side, path, 'width, height, fx, fy, cx, cy and headToCamera (4x4) are needed')
  const [width, height, fx, fy, cx, cy] = numbers
  return { width, height, fx, fy, cx, cy, headToCamera: Float64Array.from(matrix) }
}

/** A JSON file's value. @throws SiderError of the given side */
export async function readJson(path: string, side: Side): Promise<unknown> {
  const bytes = await readBytes(path, side)
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw invalidFile(side, path, `not JSON (${(cause as Error).message})`, cause)
  }
}

/** Samples the truth at a crop's pixels. Pixels beyond the photo get mask 0 and depth NaN. */
export function cropTruth(truth: ViewTruth, crop: Crop): CropTruth {
  const { width, height } = truth.camera
  const step = crop.width / crop.size
  const valid = truth.depth.map((d) => (Number.isNaN(d) ? 0 : 1))
  // A crop pixel sees the mean of what it covers: a Gaussian of 0.45 pixels is close to its square.
  const averaged = (map: Float32Array): Float32Array =>
    step > 1.2 ? gaussianBlur(map, width, height, 3, 0.45 * step, valid) : map
  const smooth = averaged(truth.normals)
  const colours = truth.albedo && averaged(truth.albedo)
  const n = crop.size * crop.size
  const normals = new Float32Array(3 * n)
  const depth = new Float32Array(n).fill(Number.NaN)
  const mask = new Uint8Array(n)
  const albedo = colours && new Float32Array(3 * n)
  const normal = new Float64Array(3)
  for (let row = 0; row < crop.size; row++)
    for (let column = 0; column < crop.size; column++) {
      const x = crop.x + (column + 0.5) * step
      const y = crop.y + (row + 0.5) * (crop.height / crop.size)
      if (x < 0 || y < 0 || x >= width || y >= height) continue
      const i = row * crop.size + column
      const nearest = Math.floor(y) * width + Math.floor(x)
      sampleBilinear(smooth, width, height, 3, x, y, normal)
      const length = Math.hypot(normal[0], normal[1], normal[2]) || 1
      for (let k = 0; k < 3; k++) normals[3 * i + k] = normal[k] / length
      if (colours && albedo) {
        sampleBilinear(colours, width, height, 3, x, y, normal)
        albedo.set(normal, 3 * i)
      }
      depth[i] = truth.depth[nearest]
      mask[i] = truth.mask[nearest]
    }
  return { normals, depth, mask, albedo, camera: cropCamera(truth.camera, crop) }
}

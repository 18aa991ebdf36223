/**
 * Learned evidence: one small network looks at the photo and at the head fitted to it, and says of every pixel what it shows, how the
 * skin there leans, what colour it has, and where the fitted head should be moved. It is trained on portraits of made-up people
 * (scripts/train/); assets/evidence/MODEL.md says on what, and where it fails.
 */
import { fileURLToPath } from 'node:url'
import { loadOnnx, type OnnxNetwork } from '../compute/onnx-file.js'
import { cropCamera, transformPoints } from '../geometry/camera.js'
import { vertexNormals } from '../geometry/normals.js'
import { interpolate, rasterize } from '../geometry/rasterize.js'
import { type Crop, HEAD_PARTS, type HeadFit } from '../stages.js'

const WEIGHTS = fileURLToPath(new URL('../../../assets/evidence/evidence.onnx', import.meta.url))

/** Pixels a side that the network sees. */
export const EVIDENCE_SIZE = 256
/** What a pixel may show, in the order of the network's channels. */
export const LABELS = [
  'background',
  'skin',
  'lips',
  'brow',
  'eye',
  'mouth',
  'hair',
  'beard',
  'glasses',
  'cover',
] as const
/** First channel of each part of the output. */
const CHANNEL = { labels: 0, normals: 10, doubt: 13, albedo: 14, move: 17, moveDoubt: 20, end: 22 }
/** Units of the network: see scripts/train/samples.py. */
const DEPTH_UNIT = 64
const MOVE_UNIT = 4
const PLACE_UNIT = 0.1

/** What the network says of the crop; arrays are [EVIDENCE_SIZE, EVIDENCE_SIZE] row by row. */
export interface Evidence {
  /** The crop it belongs to, with EVIDENCE_SIZE pixels a side. */
  crop: Crop
  /** [pixels, LABELS.length] probabilities */
  labels: Float32Array
  /** [pixels, 3] unit normals of the skin, camera frame; 0 off the head */
  normals: Float32Array
  /** [pixels] expected squared length of the normals' error */
  doubt: Float32Array
  /** [pixels, 3] log albedo, up to a constant of each colour */
  albedo: Float32Array
  /** [pixels, 3] where the fitted head's surface should go: pixels right, down and away (relative depth, pixels) */
  move: Float32Array
  /** [pixels, 2] expected length of its error in the picture, and in depth, pixels */
  moveDoubt: Float32Array
  /** [pixels] triangle of the fitted head that the pixel shows, -1: none */
  triangle: Int32Array
}

export class EvidenceNetwork {
  private constructor(private readonly network: OnnxNetwork) {}

  /** @param threads 0: all cores */
  static async create(threads: number): Promise<EvidenceNetwork> {
    return new EvidenceNetwork(await loadOnnx(WEIGHTS, threads))
  }

  /**
   * Looks at the face that a head was fitted to.
   *
   * @param image [EVIDENCE_SIZE, EVIDENCE_SIZE, 3] sRGB 0..1 of the fit's crop
   */
  async look(image: Float32Array, fit: HeadFit): Promise<Evidence> {
    const crop = { ...fit.crop, size: EVIDENCE_SIZE }
    const { input, triangle } = networkInput(image, fit, crop)
    const output = await this.network.run(input, [1, input.length / EVIDENCE_SIZE ** 2, EVIDENCE_SIZE, EVIDENCE_SIZE])
    return read(output, input, crop, triangle)
  }

  dispose(): Promise<void> {
    return this.network.dispose()
  }
}

/** Channels in front of each other, as scripts/train/samples.py makes them. */
function networkInput(image: Float32Array, fit: HeadFit, crop: Crop): { input: Float32Array; triangle: Int32Array } {
  const { model, mesh } = fit
  const camera = cropCamera(fit.camera, crop)
  const count = EVIDENCE_SIZE ** 2
  const drawn = drawnTriangles(fit)
  const indices = Uint32Array.from(drawn.flatMap((t) => [...model.indices.subarray(3 * t, 3 * t + 3)]))
  const inCamera = { positions: Float32Array.from(transformPoints(camera.headToCamera, mesh.positions)), indices }
  const normals = vertexNormals(inCamera, 'area')
  const region = new Uint8Array(mesh.positions.length / 3)
  for (let t = 0; t < model.faceRegion.length; t++)
    if (model.faceRegion[t]) for (let c = 0; c < 3; c++) region[model.indices[3 * t + c]] = 1
  const { depth } = relativeDepths(inCamera.positions, region, camera.fx)
  const raster = rasterize({ positions: mesh.positions, indices }, camera, { cull: 'none' })
  const seen = interpolate(raster, indices, normals, 3)
  const deep = interpolate(raster, indices, depth, 1)
  const places = interpolate(raster, indices, model.mean, 3)
  const input = new Float32Array(11 * count)
  const triangle = new Int32Array(count).fill(-1)
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 3; k++) input[k * count + i] = image[3 * i + k] - 0.5
    const t = raster.triangle[i]
    if (t < 0) continue
    triangle[i] = drawn[t]
    const n = seen.subarray(3 * i, 3 * i + 3)
    const length = Math.hypot(n[0], n[1], n[2]) || 1
    for (let k = 0; k < 3; k++) {
      input[(3 + k) * count + i] = n[k] / length
      input[(8 + k) * count + i] = places[3 * i + k] / PLACE_UNIT
    }
    input[6 * count + i] = deep[i] / DEPTH_UNIT
    input[7 * count + i] = model.faceRegion[drawn[t]]
  }

  return { input, triangle }
}

/** Everything but the eyeballs behind their covers. */
function drawnTriangles({ model }: HeadFit): number[] {
  const out: number[] = []
  for (let t = 0; t < model.faceRegion.length; t++) {
    const inside = [0, 1, 2].every((c) => {
      const part = model.parts[model.indices[3 * t + c]]
      return part === HEAD_PARTS.eyeball || part === HEAD_PARTS.mouth
    })
    if (model.faceRegion[t] || !inside) out.push(t)
  }
  return out
}

/**
 * How far each vertex lies behind the middle of the face region, pixels: the same scale as across the picture there.
 *
 * @param positions [vertices, 3] camera frame
 */
export function relativeDepths(
  positions: Float32Array,
  region: Uint8Array,
  focalPx: number,
): { depth: Float32Array; middle: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let v = 0; v < region.length; v++) {
    if (!region[v]) continue
    low = Math.min(low, positions[3 * v + 2])
    high = Math.max(high, positions[3 * v + 2])
  }
  const middle = (low + high) / 2
  const depth = Float32Array.from(region, (_, v) => ((positions[3 * v + 2] - middle) * focalPx) / middle)
  return { depth, middle }
}

function read(output: Float32Array, input: Float32Array, crop: Crop, triangle: Int32Array): Evidence {
  const count = EVIDENCE_SIZE ** 2
  const at = (channel: number, i: number): number => output[channel * count + i]
  const labels = new Float32Array(count * LABELS.length)
  const normals = new Float32Array(count * 3)
  const albedo = new Float32Array(count * 3)
  const move = new Float32Array(count * 3)
  const doubt = new Float32Array(count)
  const moveDoubt = new Float32Array(count * 2)
  for (let i = 0; i < count; i++) {
    let sum = 0
    const base = i * LABELS.length
    for (let l = 0; l < LABELS.length; l++) {
      labels[base + l] = Math.exp(at(CHANNEL.labels + l, i))
      sum += labels[base + l]
    }
    for (let l = 0; l < LABELS.length; l++) labels[base + l] /= sum
    const nx = input[3 * count + i] + at(CHANNEL.normals, i)
    const ny = input[4 * count + i] + at(CHANNEL.normals + 1, i)
    const nz = input[5 * count + i] + at(CHANNEL.normals + 2, i)
    const length = triangle[i] < 0 ? Number.POSITIVE_INFINITY : Math.hypot(nx, ny, nz) || 1
    normals[3 * i] = nx / length
    normals[3 * i + 1] = ny / length
    normals[3 * i + 2] = nz / length
    for (let k = 0; k < 3; k++) {
      albedo[3 * i + k] = at(CHANNEL.albedo + k, i)
      move[3 * i + k] = MOVE_UNIT * at(CHANNEL.move + k, i)
    }
    doubt[i] = Math.exp(Math.min(4, Math.max(-8, at(CHANNEL.doubt, i))))
    for (let k = 0; k < 2; k++)
      moveDoubt[2 * i + k] = MOVE_UNIT * Math.exp(Math.min(4, Math.max(-5, at(CHANNEL.moveDoubt + k, i))))
  }
  return { crop, labels, normals, doubt, albedo, move, moveDoubt, triangle }
}

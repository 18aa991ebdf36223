/** A finished reconstruction, read back from its output folder, or a mesh of anybody's. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { numbersIn, readNpy } from '../formats/npy.js'
import { invalidFile, readBytes, readMesh } from '../formats/read-mesh.js'
import type { Camera, Crop, Mesh } from '../stages.js'
import type { Prediction } from './cases.js'
import type { FoundOpenings } from './expression.js'
import { landmarksOfResult, readSevenLandmarks } from './landmark-files.js'
import { restingFace } from './rest.js'
import { parseCamera, readJson } from './truth.js'

/** The maps of a reconstruction at its crop's resolution. */
export interface ResultMaps {
  camera: Camera
  crop: Crop
  /** [size, size] metres */
  depth: Float32Array
  /** [size, size, 3] camera frame */
  normals: Float32Array
  coarseNormals: Float32Array | undefined
  /** [size, size, 3] sRGB 0..1 */
  render: Float32Array | undefined
  /** [size, size] */
  mask: Uint8Array
}

/** What the report of a reconstruction says about its making. */
export interface RunFigures {
  /** Seconds of all stages. */
  seconds: number | undefined
  /** Largest memory of the process, MiB. */
  memoryMiB: number | undefined
  backend: string | undefined
}

export interface Result {
  mesh: Mesh
  /** The fitted head before detail. */
  coarse: Mesh | undefined
  /** [7, 3] NoW's landmarks on the surface. */
  landmarks: Float64Array | undefined
  /** Lips and lids of the fitted head. */
  openings: FoundOpenings | undefined
  /** [n, 3] the face region of the fitted head at rest, metres; results of the same head model have the same vertices. */
  rest: { model: string; face: Float64Array } | undefined
  maps: ResultMaps | undefined
  run: RunFigures | undefined
}

/**
 * Reads a reconstruction.
 * @throws SiderError RESULT_INVALID: missing or damaged files, maps of different sizes
 */
export async function readResult(prediction: Prediction): Promise<Result> {
  const side = 'RESULT_INVALID'
  if ('mesh' in prediction) {
    const { mesh, landmarks } = prediction
    return {
      mesh: await readMesh(mesh, side),
      coarse: undefined,
      landmarks: landmarks === undefined ? undefined : await readSevenLandmarks(landmarks, side),
      openings: undefined,
      rest: undefined,
      maps: undefined,
      run: undefined,
    }
  }
  const { folder } = prediction
  const coarse = join(folder, 'coarse.glb')
  const landmarks = await landmarksOfResult(join(folder, 'landmarks.json'))
  return {
    mesh: await readMesh(join(folder, 'face.glb'), side),
    coarse: existsSync(coarse) ? await readMesh(coarse, side) : undefined,
    landmarks: landmarks?.seven,
    openings: landmarks,
    rest: await restingFace(join(folder, 'head.json')),
    maps: await readMaps(folder),
    run: await runFigures(join(folder, 'report.json')),
  }
}

async function readMaps(folder: string): Promise<ResultMaps> {
  const path = join(folder, 'camera.json')
  const json = await readJson(path, 'RESULT_INVALID')
  const camera = parseCamera(json, path, 'RESULT_INVALID')
  const mask = await readMap(folder, 'mask')
  const size = mask.shape[0]
  const { x, y, width, height } = ((json as { crop?: Partial<Crop> }).crop ?? {}) as Crop
  if (mask.shape.length !== 2 || mask.shape[1] !== size)
    throw invalidFile('RESULT_INVALID', join(folder, 'maps/mask.npy'), 'the mask is not square')
  if (![x, y, width, height].every(Number.isFinite) || !(width > 0 && height > 0))
    throw invalidFile('RESULT_INVALID', path, 'crop {x, y, width, height} is needed')
  const floats = async (name: string, channels: number): Promise<Float32Array> => {
    const { data, shape } = await readMap(folder, name)
    if (data.length === size * size * channels) return Float32Array.from(data)
    const wanted = channels > 1 ? `[${size}, ${size}, ${channels}]` : `[${size}, ${size}]`
    const why = `its shape is [${shape.join(', ')}], but must be ${wanted} as the mask's`
    throw invalidFile('RESULT_INVALID', join(folder, `maps/${name}.npy`), why)
  }
  const optional = (name: string, channels: number): Promise<Float32Array> | undefined =>
    existsSync(join(folder, `maps/${name}.npy`)) ? floats(name, channels) : undefined
  return {
    camera,
    crop: { x, y, width, height, size },
    depth: await floats('depth', 1),
    normals: await floats('normals', 3),
    coarseNormals: await optional('coarse-normals', 3),
    render: await optional('render', 3),
    mask: Uint8Array.from(mask.data),
  }
}

async function readMap(folder: string, name: string) {
  const path = join(folder, `maps/${name}.npy`)
  const bytes = await readBytes(path, 'RESULT_INVALID')
  try {
    return numbersIn(readNpy(bytes))
  } catch (cause) {
    throw invalidFile('RESULT_INVALID', path, (cause as Error).message, cause)
  }
}

async function runFigures(path: string): Promise<RunFigures | undefined> {
  if (!existsSync(path)) return undefined
  const report = (await readJson(path, 'RESULT_INVALID')) as {
    seconds?: Record<string, number>
    memoryMiB?: number
    backend?: string
  }
  const seconds = report.seconds && Object.values(report.seconds).reduce((a, b) => a + b, 0)
  return { seconds, memoryMiB: report.memoryMiB, backend: report.backend }
}

/**
 * FLAME (Li et al., "Learning a model of facial shape and expression from 4D scans", SIGGRAPH Asia 2017) from the file the
 * user has: `.pkl` of 2019, 2020 and 2023 (Python 2 or 3, chumpy and scipy objects; never executed) or `.npz`. Landmark
 * embeddings are looked for beside the model file. Metres and the head frame's axes, as in the file.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { NpyContent } from '../formats/npy.js'
import type { NumericArray } from '../formats/numeric-array.js'
import { readPickle } from '../formats/pickle.js'
import { invalidHead, type PickleValue } from '../formats/pickle-values.js'
import { toArray } from '../formats/pickled-arrays.js'
import type { HeadModel, Joint, JointRest, LandmarkEmbedding, Skinning } from '../stages.js'
import { annotateHead, type BareHead } from './annotate.js'
import { pickledValue, readHeadNpy, readHeadNpz } from './numpy.js'

/** Of FLAME's 400 shape directions the first 300 are identity, the rest expression. */
const IDENTITY = 300
const JOINTS = ['root', 'neck', 'jaw', 'leftEye', 'rightEye']
const HINT =
  'Use generic_model.pkl (FLAME 2019, 2020), flame2023.pkl or an .npz with the same arrays, complete and unchanged.'
/** Rigid 68-point layout: 17 jawline points, which the packages keep apart, and 51 others. */
const JAWLINE = 17

/** The named arrays of a model file. */
type Arrays = (name: string) => NumericArray | undefined

/**
 * Loads a FLAME model.
 *
 * @param path `.pkl` or `.npz`; `landmark_embedding.npy` and `mediapipe_landmark_embedding.npz` are read from its folder
 * @param bytes the file's
 * @throws SiderError HEAD_INVALID for damaged, unsafe or incomplete files
 */
export async function loadFlame(path: string, bytes: Uint8Array): Promise<HeadModel> {
  const arrays = openModel(path, bytes)
  const need = (name: string, ...shape: (number | undefined)[]): NumericArray => {
    const array = arrays(name)
    if (!array) throw invalidHead(path, `the array ${name} is missing`, HINT, { array: name })
    const fits = array.shape.length === shape.length && shape.every((n, i) => n === undefined || n === array.shape[i])
    if (!fits || !array.data.every(Number.isFinite))
      throw invalidHead(
        path,
        `the array ${name} of shape (${array.shape.join(', ')}) is not what FLAME has there`,
        HINT,
        { array: name },
      )
    return array
  }
  const template = need('v_template', undefined, 3)
  const vertices = template.shape[0]
  const faces = need('f', undefined, 3)
  const indices = Uint32Array.from(faces.data)
  if (!indices.every((v) => v < vertices)) throw invalidHead(path, 'triangles name vertices that do not exist', HINT)
  const directions = need('shapedirs', vertices, 3, undefined)
  const total = directions.shape[2]
  const identityCount = Math.min(IDENTITY, total)
  const components = moveLast(directions, vertices)
  const expressionCount = total - identityCount
  const year = /20(17|19|20|23)/.exec(basename(path))?.[0]
  const place = await findLandmarks(path, indices.length / 3)
  const shapes = {
    mean: Float32Array.from(template.data),
    identity: components.subarray(0, identityCount * vertices * 3),
    expression: components.subarray(identityCount * vertices * 3),
  }
  const bare: BareHead = {
    name: year ? `FLAME ${year}` : 'FLAME',
    provenance: `FLAME head model from ${basename(path)}, under the licence its user accepted${place.note}`,
    ...shapes,
    indices,
    identityCount,
    expressionCount,
    expressionSigma: new Float32Array(expressionCount).fill(1),
    expressionRange: Float32Array.from({ length: 2 * expressionCount }, (_, i) => (i % 2 ? Infinity : -Infinity)),
    expressionNames: Array.from({ length: expressionCount }, (_, i) => `expression${i + 1}`),
    uv: undefined,
    uvIndices: undefined,
    landmarks68: place.landmarks68,
    known478: place.known478,
    skinning: skinningOf(need, arrays, shapes),
  }
  return annotateHead(bare)
}

/** [vertices, 3, n] → [n, vertices, 3]. */
function moveLast(array: NumericArray, vertices: number): Float32Array {
  const n = array.shape[2]
  const out = new Float32Array(array.data.length)
  for (let i = 0; i < vertices * 3; i++) for (let k = 0; k < n; k++) out[k * vertices * 3 + i] = array.data[i * n + k]
  return out
}

function skinningOf(
  need: (name: string, ...shape: (number | undefined)[]) => NumericArray,
  arrays: Arrays,
  shapes: JointRest,
): Skinning {
  const joints = JOINTS.length
  const vertices = shapes.mean.length / 3
  const tree = need('kintree_table', 2, joints)
  const poses = arrays('posedirs') && need('posedirs', vertices, 3, 9 * (joints - 1))
  return {
    // The root's parent is -1, which unsigned files store as 2^32 - 1.
    joints: JOINTS.map((name, j): Joint => ({ name, parent: tree.data[j] < joints ? tree.data[j] : -1 })),
    rest: regressedJoints(need('J_regressor', joints, vertices).data, joints, shapes),
    weights: Float32Array.from(need('weights', vertices, joints).data),
    poseBlendshapes: poses && moveLast(poses, vertices),
  }
}

/**
 * Joints that are weighted means of vertices.
 *
 * @param regressor [joints, vertices]
 * @param shapes the model's own mean and components: [vertices, 3] and [components, vertices, 3]
 */
export function regressedJoints(regressor: ArrayLike<number>, joints: number, shapes: JointRest): JointRest {
  const vertices = regressor.length / joints
  // Regressors are sparse: a joint is the mean of a few rings of vertices.
  const used = Array.from({ length: joints }, (_, j) =>
    Array.from({ length: vertices }, (_, v) => v).filter((v) => regressor[j * vertices + v] !== 0),
  )
  const regress = (field: Float32Array): Float32Array => {
    const out = new Float32Array((field.length / vertices) * joints)
    for (let i = 0; i < out.length; i++) {
      const [axis, j, k] = [i % 3, Math.floor(i / 3) % joints, Math.floor(i / (3 * joints))]
      for (const v of used[j]) out[i] += regressor[j * vertices + v] * field[3 * (k * vertices + v) + axis]
    }
    return out
  }
  return {
    mean: regress(shapes.mean),
    identity: regress(shapes.identity),
    expression: regress(shapes.expression),
  }
}

function openModel(path: string, bytes: Uint8Array): Arrays {
  if (path.toLowerCase().endsWith('.npz')) {
    const entries = readHeadNpz(bytes, path)
    return (name) => arrayOf(entries.get(name), path)
  }
  const root = readPickle(bytes, path)
  if (!(root instanceof Map)) throw invalidHead(path, 'not a dictionary of arrays, as FLAME files are', HINT)
  return (name) => toArray(root.get(name), path)
}

function arrayOf(entry: NpyContent | undefined, path: string): NumericArray | undefined {
  if (entry === undefined || 'texts' in entry) return undefined
  return 'pickle' in entry ? toArray(pickledValue(entry.pickle, path), path) : entry
}

interface Placed {
  landmarks68: LandmarkEmbedding | undefined
  known478: BareHead['known478']
  /** What to tell the user about where the landmarks are from. */
  note: string
}

/** Reads the landmark embeddings that FLAME's users keep beside the model file. */
async function findLandmarks(path: string, triangleCount: number): Promise<Placed> {
  const read = (name: string): Promise<Uint8Array | undefined> =>
    readFile(join(dirname(path), name)).catch(() => undefined)
  const [embedding, mediapipe] = [await read('landmark_embedding.npy'), await read('mediapipe_landmark_embedding.npz')]
  let landmarks68: LandmarkEmbedding | undefined
  if (embedding) {
    const file = join(dirname(path), 'landmark_embedding.npy')
    const content = readHeadNpy(embedding, file)
    const value = 'pickle' in content ? pickledValue(content.pickle, file) : undefined
    const fields = value instanceof Map ? value : undefined
    const field = (name: string): NumericArray | undefined =>
      toArray(fields?.get(name) as PickleValue | undefined, file)
    landmarks68 = embeddingOf(field('full_lmk_faces_idx'), field('full_lmk_bary_coords'), triangleCount, file)
    if (landmarks68.triangles.length !== 68)
      throw invalidHead(
        file,
        `${landmarks68.triangles.length} landmarks instead of 17 + 51 (${JAWLINE} on the jawline)`,
        'Use the landmark_embedding.npy of DECA or of the FLAME package.',
      )
  }
  let known478: BareHead['known478']
  if (mediapipe) {
    const file = join(dirname(path), 'mediapipe_landmark_embedding.npz')
    const entries = readHeadNpz(mediapipe, file)
    const list = arrayOf(entries.get('landmark_indices'), file)
    const places = embeddingOf(
      arrayOf(entries.get('lmk_face_idx'), file),
      arrayOf(entries.get('lmk_b_coords'), file),
      triangleCount,
      file,
    )
    if (!list || list.data.length !== places.triangles.length || !list.data.every((i) => i >= 0 && i < 478))
      throw invalidHead(file, 'landmark_indices does not match', 'Download the file again.')
    known478 = { landmark: list.data, embedding: places }
  }
  const note = landmarks68
    ? ''
    : '; landmarks found by shape alone: put landmark_embedding.npy (68 points, of the FLAME or DECA package) beside the model for exact ones'
  return { landmarks68, known478, note }
}

function embeddingOf(
  faces: NumericArray | undefined,
  bary: NumericArray | undefined,
  triangleCount: number,
  file: string,
): LandmarkEmbedding {
  if (
    !faces ||
    !bary ||
    bary.data.length !== 3 * faces.data.length ||
    !faces.data.every((t) => t >= 0 && t < triangleCount)
  )
    throw invalidHead(
      file,
      'the landmark triangles are missing or do not fit the model',
      'Use the file that belongs to this model, or remove it.',
    )
  return { triangles: Uint32Array.from(faces.data), barycentric: Float32Array.from(bary.data) }
}

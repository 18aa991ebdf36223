/**
 * ICT-FaceKit (Li et al., "Learning Formation of Physically-Based Face Attributes", CVPR 2020; MIT licence) from its folder
 * of OBJ files: `generic_neutral_mesh.obj`, `identityNNN.obj`, expression shapes named like ARKit's with _L and _R,
 * `vertex_indices.json`. Centimetres become metres; the axes are the head frame's.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { invalidHead } from '../formats/pickle-values.js'
import { type ObjMesh, parseObj, parseObjPositions } from '../formats/read-obj.js'
import { HEAD_PARTS, type HeadModel, type LandmarkEmbedding } from '../stages.js'
import { annotateHead } from './annotate.js'
import { fanQuads } from './fan-quads.js'

export const ICT_NEUTRAL = 'generic_neutral_mesh.obj'
const CENTIMETRE = 0.01
/** Vertices of the published topology: face, head and neck come first, then sockets, gums and teeth, then the eyeballs. */
const TOPOLOGY = { vertices: 26719, skinEnd: 11248, eyeballs: [21451, 24591] }
const HINT = 'Use the folder FaceXModel of an ICT-FaceKit checkout, complete and unchanged.'

/**
 * Loads an ICT-FaceKit folder.
 *
 * @param folder the folder that holds generic_neutral_mesh.obj
 * @throws SiderError HEAD_INVALID where files are missing, damaged or do not belong together
 */
export async function loadIct(folder: string): Promise<HeadModel> {
  const names = await readdir(folder)
  const neutralFile = join(folder, ICT_NEUTRAL)
  const neutral = parseObj(await read(neutralFile), neutralFile)
  const shapes = names.filter((n) => n.endsWith('.obj') && n !== ICT_NEUTRAL).sort()
  const identities = shapes.filter((n) => /^identity\d+\.obj$/.test(n))
  const expressions = shapes.filter((n) => !/^identity\d+\.obj$/.test(n) && !/pupil/i.test(n))
  if (identities.length === 0) throw invalidHead(folder, 'no identityNNN.obj', HINT)

  const keep = keptVertices(neutral)
  const basis = async (files: string[]): Promise<Float32Array> => {
    const out = new Float32Array(files.length * keep.vertices.length * 3)
    for (const [k, name] of files.entries()) {
      const file = join(folder, name)
      const positions = parseObjPositions(await readBytes(file), file)
      if (positions.length !== neutral.positions.length)
        throw invalidHead(
          file,
          `${positions.length / 3} vertices where the neutral mesh has ${neutral.positions.length / 3}`,
          HINT,
        )
      keep.vertices.forEach((v, i) => {
        for (let c = 0; c < 3; c++)
          out[(k * keep.vertices.length + i) * 3 + c] =
            (positions[3 * v + c] - neutral.positions[3 * v + c]) * CENTIMETRE
      })
    }
    return out
  }
  const mean = Float32Array.from(
    keep.vertices.flatMap((v) => [0, 1, 2].map((c) => neutral.positions[3 * v + c] * CENTIMETRE)),
  )
  const expression = await basis(expressions)
  return annotateHead({
    name: 'ICT-FaceKit',
    provenance: 'ICT-FaceKit light model, USC Institute for Creative Technologies; MIT licence',
    mean,
    indices: keep.indices,
    quads: fanQuads(keep.indices),
    identity: await basis(identities),
    identityCount: identities.length,
    expression,
    expressionCount: expressions.length,
    expressionSigma: new Float32Array(expressions.length).fill(0.35),
    expressionRange: Float32Array.from({ length: 2 * expressions.length }, (_, i) => i % 2),
    expressionNames: expressions.map((n) =>
      n
        .replace(/\.obj$/, '')
        .replace(/_L$/, 'Left')
        .replace(/_R$/, 'Right'),
    ),
    uv: keep.uv,
    uvIndices: keep.uvIndices,
    landmarks68: await landmarks(folder, names, keep),
    parts: keep.parts,
    skinning: undefined,
  })
}

interface Kept {
  /** Kept vertices' numbers in the file. */
  vertices: number[]
  /** New number of each vertex, -1 for those left out. */
  renumbered: Int32Array
  indices: Uint32Array
  uv: Float32Array | undefined
  uvIndices: Uint32Array | undefined
  /** Only for the published topology, whose pieces are known. */
  parts: Uint8Array | undefined
}

/** Skin and eyeballs; teeth, gums, sockets, lashes and tear film have no part in a fit. Other topologies are kept whole. */
function keptVertices(neutral: ObjMesh): Kept {
  const count = neutral.positions.length / 3
  const published = count === TOPOLOGY.vertices
  const isEye = (v: number): boolean => v >= TOPOLOGY.eyeballs[0] && v < TOPOLOGY.eyeballs[1]
  const vertices = Array.from({ length: count }, (_, v) => v).filter(
    (v) => !published || v < TOPOLOGY.skinEnd || isEye(v),
  )
  const renumbered = new Int32Array(count).fill(-1)
  vertices.forEach((v, i) => {
    renumbered[v] = i
  })
  const indices: number[] = []
  const uvIndices: number[] = []
  const textured = neutral.uvIndices.length > 0
  for (let t = 0; t < neutral.indices.length; t += 3) {
    const corners = neutral.indices.subarray(t, t + 3)
    if (corners.some((v) => renumbered[v] < 0)) continue
    indices.push(...Array.from(corners, (v) => renumbered[v]))
    if (textured) uvIndices.push(...neutral.uvIndices.subarray(t, t + 3))
  }
  return {
    vertices,
    renumbered,
    indices: Uint32Array.from(indices),
    uv: textured ? Float32Array.from(neutral.uv, (x, i) => (i % 2 === 1 ? 1 - x : x)) : undefined,
    uvIndices: textured ? Uint32Array.from(uvIndices) : undefined,
    parts: published ? Uint8Array.from(vertices, (v) => (isEye(v) ? HEAD_PARTS.eyeball : HEAD_PARTS.skin)) : undefined,
  }
}

/** iBUG 68 as vertices, from vertex_indices.json. */
async function landmarks(folder: string, names: string[], keep: Kept): Promise<LandmarkEmbedding> {
  const file = join(folder, 'vertex_indices.json')
  if (!names.includes('vertex_indices.json')) throw invalidHead(folder, 'vertex_indices.json is missing', HINT)
  let list: unknown
  try {
    list = (JSON.parse(await read(file)) as Record<string, unknown>)['idx_to_landmark_verts']
  } catch (cause) {
    throw invalidHead(file, `not JSON (${(cause as Error).message})`, HINT)
  }
  if (
    !Array.isArray(list) ||
    list.length !== 68 ||
    !list.every((v) => Number.isInteger(v) && keep.renumbered[v as number] >= 0)
  )
    throw invalidHead(file, 'idx_to_landmark_verts is not a list of 68 vertices of the skin', HINT)
  const triangleOf = new Map<number, number>()
  keep.indices.forEach((v, i) => {
    if (!triangleOf.has(v)) triangleOf.set(v, i)
  })
  const triangles = new Uint32Array(68)
  const barycentric = new Float32Array(68 * 3)
  ;(list as number[]).forEach((v, i) => {
    const corner = triangleOf.get(keep.renumbered[v])
    if (corner === undefined) throw invalidHead(file, `vertex ${v} belongs to no polygon`, HINT)
    triangles[i] = Math.floor(corner / 3)
    barycentric[3 * i + (corner % 3)] = 1
  })
  return { triangles, barycentric }
}

const read = async (file: string): Promise<string> => Buffer.from(await readBytes(file)).toString('utf8')

async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: Error) => {
    throw new SiderError('HEAD_INVALID', `${file} cannot be read`, {
      stage: 'head',
      hint: HINT,
      data: { path: file },
      cause,
    })
  })
}

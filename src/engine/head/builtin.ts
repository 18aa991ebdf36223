/** The built-in head: read from the committed asset that scripts/head/build.ts makes from MakeHuman's CC0 data. */
import { readFile } from 'node:fs/promises'
import { brotliDecompressSync } from 'node:zlib'
import { SiderError } from '../errors.js'
import { decodeTensors, type TensorFile } from '../formats/tensor-file.js'
import type { HeadInterior, HeadModel, InteriorFaces } from '../stages.js'
import { fanQuads } from './fan-quads.js'
import { evenNeckRim } from './neck-rim.js'

const ASSET = new URL('../../../assets/head/built-in.safetensors.br', import.meta.url)
/** The mouth's inside in fewer triangles, of scripts/head/reduce-inside.ts. */
const INSIDE = new URL('../../../assets/head/inside.safetensors.br', import.meta.url)

/**
 * Loads the built-in head: about 10,000 vertices, 110 identity and 56 expression components (assets/head/PROVENANCE.md).
 *
 * @param asset the asset's file, for tests of other builds @param inside that of its mouth in fewer triangles; null: without
 * @throws SiderError HEAD_INVALID where the asset is missing or damaged
 */
export async function loadBuiltInHead(
  asset: URL | string = ASSET,
  inside: URL | string | null = INSIDE,
): Promise<HeadModel> {
  try {
    const model = readAsset(await readTensors(asset), inside === null ? undefined : await readTensors(inside))
    evenNeckRim(model)
    return model
  } catch (cause) {
    throw new SiderError('HEAD_INVALID', `the built-in head cannot be read: ${(cause as Error).message}`, {
      stage: 'head',
      hint: 'Reinstall the package: a file of assets/head/ is missing or damaged.',
      cause,
    })
  }
}

async function readTensors(file: URL | string): Promise<TensorFile> {
  return decodeTensors(brotliDecompressSync(await readFile(file)))
}

function readAsset({ tensors, metadata }: TensorFile, inside: TensorFile | undefined): HeadModel {
  const get = <T>(name: string): T => {
    const tensor = tensors[name]
    if (!tensor) throw new RangeError(`${name} is missing`)
    return tensor.data as T
  }
  const matrixAt = (name: string): SparseMatrix => ({
    starts: get(`${name}/starts`),
    columns: get(`${name}/columns`),
    weights: get(`${name}/weights`),
  })
  const matrix = matrixAt('matrix')
  const cage = (name: string): Float32Array => dequantised(get(`${name}/bytes`), get(`${name}/steps`))
  const basis = (name: string): Float32Array => subdivided(matrix, cage(name))
  const expressionNames = JSON.parse(metadata['expressionNames']) as string[]
  const indices = Uint32Array.from(get<Uint16Array>('indices'))
  const provenance = JSON.parse(metadata['provenance']) as { source: string; licence: string }
  return {
    name: 'built-in',
    provenance: `${provenance.source}; ${provenance.licence}`,
    mean: subdivided(matrix, get('cage/mean')),
    indices,
    quads: fanQuads(indices),
    identity: basis('identity'),
    identityCount: get<Float32Array>('identity/steps').length,
    expression: basis('expression'),
    expressionCount: expressionNames.length,
    expressionSigma: get('expression/sigma'),
    expressionRange: get('expression/range'),
    expressionNames,
    uv: get('uv'),
    uvIndices: Uint32Array.from(get<Uint16Array>('uvIndices')),
    landmarks68: { triangles: get('landmarks68/triangles'), barycentric: get('landmarks68/barycentric') },
    landmarks478: { triangles: get('landmarks478/triangles'), barycentric: get('landmarks478/barycentric') },
    landmarkWeights478: get('landmarks478/weights'),
    faceRegion: get('faceRegion'),
    parts: get('parts'),
    skinning: undefined,
    interior: readInterior(),
  }

  function reducedFaces({ tensors }: TensorFile): HeadInterior['reduced'] {
    const rows = (name: string): Uint32Array => Uint32Array.from(tensors[name].data as Uint16Array)
    const of = (level: string): InteriorFaces => ({
      indices: rows(`${level}/indices`),
      uvIndices: rows(`${level}/uvIndices`),
    })
    return { fine: of('fine'), coarse: of('coarse') }
  }

  function readInterior(): HeadInterior {
    const rows = matrixAt('interior/matrix')
    const [head, own] = [get<Float32Array>('cage/mean').length, get<Float32Array>('interior/cage/mean').length]
    /** The head's cage and the interior's own, component by component. */
    const joined = (name: string, of: (name: string) => Float32Array): Float32Array =>
      subdivided(rows, interleaved(of(name), head, of(`interior/${name}`), own))
    return {
      mean: joined('cage/mean', get),
      indices: Uint32Array.from(get<Uint16Array>('interior/indices')),
      identity: joined('identity', cage),
      expression: joined('expression', cage),
      uv: Float32Array.from(get<Uint16Array>('interior/uv'), (x) => x / 65535),
      uvIndices: Uint32Array.from(get<Uint16Array>('interior/uvIndices')),
      reduced: inside && reducedFaces(inside),
      parts: get('interior/parts'),
      tongueOut: cage('interior/tongueOut'),
      seam: Uint32Array.from(get<Uint16Array>('interior/seam')),
    }
  }
}

/** Runs of `a` and of `b` numbers in turn. */
function interleaved(first: Float32Array, a: number, second: Float32Array, b: number): Float32Array {
  const count = first.length / a
  const out = new Float32Array(count * (a + b))
  for (let k = 0; k < count; k++) {
    out.set(first.subarray(k * a, (k + 1) * a), k * (a + b))
    out.set(second.subarray(k * b, (k + 1) * b), k * (a + b) + a)
  }
  return out
}

/** Compressed rows: vertex v is the sum of weights[i] · cage[columns[i]] for i from starts[v] to starts[v + 1]. */
interface SparseMatrix {
  starts: Uint32Array
  columns: Uint16Array
  weights: Float32Array
}

/** 16-bit components, low bytes before high bytes, times a step for each: [components, cage, 3] metres. */
function dequantised(bytes: Uint8Array, steps: Float32Array): Float32Array {
  const count = bytes.length / 2
  const size = count / steps.length
  const out = new Float32Array(count)
  for (let i = 0; i < count; i++)
    out[i] = (((bytes[i] | (bytes[count + i] << 8)) << 16) >> 16) * steps[Math.floor(i / size)]
  return out
}

/** Cage positions or displacements [components, cage, 3] → vertices' [components, vertices, 3]. */
function subdivided({ starts, columns, weights }: SparseMatrix, cage: Float32Array): Float32Array {
  const vertices = starts.length - 1
  let size = 0
  for (const c of columns) size = Math.max(size, 3 * c + 3)
  const components = cage.length / size
  const out = new Float32Array(components * vertices * 3)
  for (let k = 0; k < components; k++)
    for (let v = 0; v < vertices; v++) {
      let [x, y, z] = [0, 0, 0]
      for (let i = starts[v]; i < starts[v + 1]; i++) {
        const from = k * size + 3 * columns[i]
        x += weights[i] * cage[from]
        y += weights[i] * cage[from + 1]
        z += weights[i] * cage[from + 2]
      }
      const to = 3 * (k * vertices + v)
      out[to] = x
      out[to + 1] = y
      out[to + 2] = z
    }
  return out
}

/** The built-in head: read from the committed asset that scripts/head/make.sh builds from MakeHuman's CC0 data. */
import { readFile } from 'node:fs/promises'
import { brotliDecompressSync } from 'node:zlib'
import { SiderError } from '../errors.js'
import type { HeadModel, LandmarkEmbedding } from '../stages.js'
import { decodeTensors, type TensorData } from '../tensor-file.js'

const ASSET = new URL('../../../assets/head/built-in.safetensors.br', import.meta.url)

/**
 * Loads the built-in head: 10,492 vertices, 110 identity and 40 expression components (see assets/head/PROVENANCE.md).
 * @throws SiderError HEAD_INVALID where the asset is missing or damaged
 */
export async function loadBuiltInHead(): Promise<HeadModel> {
  try {
    const { tensors, metadata } = decodeTensors(brotliDecompressSync(await readFile(ASSET)))
    const quantum = Number(metadata['quantum'])
    const metres = (data: TensorData): Float32Array => Float32Array.from(data as Int16Array, (q) => q * quantum)
    const landmarks478: LandmarkEmbedding = {
      triangles: tensors['landmarks478/triangles'].data as Uint32Array,
      barycentric: tensors['landmarks478/barycentric'].data as Float32Array,
    }
    const names = JSON.parse(metadata['expressionNames']) as string[]
    const provenance = JSON.parse(metadata['provenance']) as { source: string; licence: string }
    return {
      name: 'built-in',
      provenance: `${provenance.source}; ${provenance.licence}`,
      mean: tensors['mean'].data as Float32Array,
      indices: Uint32Array.from(tensors['indices'].data as Uint16Array),
      identity: metres(tensors['identity'].data),
      identityCount: tensors['identity'].shape[0],
      expression: metres(tensors['expression'].data),
      expressionCount: names.length,
      // MakeHuman's units are full motions at 1; photos rarely show more than half of one.
      expressionSigma: new Float32Array(names.length).fill(0.35),
      expressionRange: Float32Array.from({ length: 2 * names.length }, (_, i) => (i % 2 === 0 ? -0.3 : 1)),
      expressionNames: names,
      uv: flipV(tensors['uv'].data as Float32Array),
      uvIndices: tensors['uvIndices'].data as Uint32Array,
      landmarks68: pick(landmarks478, tensors['landmarks68/from478'].data as Uint16Array),
      landmarks478,
      landmarkWeights478: tensors['landmarks478/weights'].data as Float32Array,
      faceRegion: tensors['faceRegion'].data as Uint8Array,
      parts: tensors['parts'].data as Uint8Array,
      skinning: undefined,
    }
  } catch (cause) {
    throw new SiderError('HEAD_INVALID', `the built-in head cannot be read: ${(cause as Error).message}`, {
      stage: 'head',
      hint: 'Reinstall the package: assets/head/built-in.safetensors.br is missing or damaged.',
      cause,
    })
  }
}

/** The source counts v upwards, glTF downwards. */
const flipV = (uv: Float32Array): Float32Array => uv.map((x, i) => (i % 2 === 1 ? 1 - x : x))

/** Some of an embedding's landmarks. */
function pick(all: LandmarkEmbedding, list: Uint16Array): LandmarkEmbedding {
  const barycentric = new Float32Array(list.length * 3)
  for (const [i, from] of list.entries()) barycentric.set(all.barycentric.subarray(3 * from, 3 * from + 3), 3 * i)
  return { triangles: Uint32Array.from(list, (from) => all.triangles[from]), barycentric }
}

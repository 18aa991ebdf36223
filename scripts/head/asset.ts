/**
 * Writes the asset: the cage's mean and components, quantised to 16 bits with a step for each component, and the sparse matrix
 * from the cage to the vertices; topology, texture coordinates, parts, landmarks. `src/engine/head/builtin.ts` reads it.
 */
import { writeFileSync } from 'node:fs'
import { brotliCompressSync, constants } from 'node:zlib'
import { encodeTensors, type NamedTensor } from '../../src/engine/formats/tensor-file.js'
import type { CutHead } from './cut.js'
import type { Expression } from './expressions.js'
import type { InteriorCage } from './interior/cage.js'
import type { Embedded } from './landmarks.js'
import { SOURCE } from './source.js'
import type { Row } from './topology.js'

export interface HeadAsset {
  cut: CutHead
  /** Number in the cage of each column of the cut's rows. */
  column: Map<number, number>
  cageSize: number
  meanCage: Float64Array
  identity: Float64Array[]
  expressions: (Expression & { cage: Float64Array })[]
  interior: InteriorCage
  landmarks: Embedded
  provenance: Record<string, number>
}

export function writeAsset(path: string, asset: HeadAsset): void {
  const { cut, column, cageSize, landmarks } = asset
  const uv = layout(cut)
  const triangles = cut.triangles.length
  const tensors: Record<string, NamedTensor> = {
    'cage/mean': { shape: [cageSize, 3], data: Float32Array.from(asset.meanCage) },
    ...quantised('identity', asset.identity, cageSize),
    ...quantised(
      'expression',
      asset.expressions.map((e) => e.cage),
      cageSize,
    ),
    'expression/sigma': {
      shape: [asset.expressions.length],
      data: Float32Array.from(asset.expressions, (e) => e.sigma),
    },
    'expression/range': {
      shape: [asset.expressions.length, 2],
      data: Float32Array.from(asset.expressions.flatMap((e) => e.range)),
    },
    ...matrix('matrix', cut.rows, (c) => column.get(c)!),
    indices: { shape: [triangles, 3], data: Uint16Array.from(cut.triangles.flat()) },
    uv: { shape: [uv.length / 2, 2], data: uv },
    uvIndices: { shape: [triangles, 3], data: Uint16Array.from(cut.uvTriangles.flat()) },
    faceRegion: { shape: [triangles], data: cut.region },
    parts: { shape: [cut.parts.length], data: cut.parts },
    'landmarks478/triangles': { shape: [478], data: landmarks.landmarks478.triangles },
    'landmarks478/barycentric': { shape: [478, 3], data: landmarks.landmarks478.barycentric },
    'landmarks478/weights': { shape: [478], data: landmarks.weights478 },
    'landmarks68/triangles': { shape: [68], data: landmarks.landmarks68.triangles },
    'landmarks68/barycentric': { shape: [68, 3], data: landmarks.landmarks68.barycentric },
    ...interiorTensors(asset),
  }
  const metadata = {
    expressionNames: JSON.stringify(asset.expressions.map((e) => e.name)),
    provenance: JSON.stringify({
      source: `MakeHuman base mesh hm08 and morph targets, from npm ${SOURCE.package} ${SOURCE.version}`,
      sha512: SOURCE.sha512,
      licence: 'CC0 1.0 (MakeHuman assets)',
      script: 'scripts/head/build.ts',
      ...asset.provenance,
    }),
  }
  const file = encodeTensors({ tensors, metadata })
  const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_LGWIN]: 24 }
  writeFileSync(path, brotliCompressSync(file, { params }))
}

/** The mouth's inside: its columns are the head's cage, then its own. */
function interiorTensors({ interior: { interior, ...own }, column, cageSize }: HeadAsset): Record<string, NamedTensor> {
  const { rows, triangles, uv, uvTriangles, parts, seam, tongueOut } = interior
  const size = own.mean.length / 3
  return {
    'interior/cage/mean': { shape: [size, 3], data: Float32Array.from(own.mean) },
    ...quantised('interior/identity', own.identity, size),
    ...quantised('interior/expression', own.expressions, size),
    ...matrix('interior/matrix', rows, (c) => column.get(c) ?? cageSize + own.column.get(c)!),
    'interior/indices': { shape: [triangles.length, 3], data: Uint16Array.from(triangles.flat()) },
    'interior/uv': { shape: [uv.length, 2], data: Uint16Array.from(uv.flat(), (x) => Math.round(65535 * x)) },
    'interior/uvIndices': { shape: [triangles.length, 3], data: Uint16Array.from(uvTriangles.flat()) },
    'interior/parts': { shape: [parts.length], data: Uint8Array.from(parts) },
    ...quantised('interior/tongueOut', [Float64Array.from(tongueOut.flat())], rows.length),
    'interior/seam': { shape: [seam.length, 2], data: Uint16Array.from(seam.flat()) },
  }
}

/** Compressed rows. `number`: of a column in the cage. */
function matrix(name: string, rows: readonly Row[], number: (column: number) => number): Record<string, NamedTensor> {
  const starts = [0]
  const columns: number[] = []
  const weights: number[] = []
  for (const row of rows) {
    for (const [c, w] of [...row].sort((a, b) => a[0] - b[0])) {
      columns.push(number(c))
      weights.push(w)
    }
    starts.push(columns.length)
  }
  return {
    [`${name}/starts`]: { shape: [starts.length], data: Uint32Array.from(starts) },
    [`${name}/columns`]: { shape: [columns.length], data: Uint16Array.from(columns) },
    [`${name}/weights`]: { shape: [weights.length], data: Float32Array.from(weights) },
  }
}

/** Components as 16-bit numbers, stored as low bytes then high bytes (which compress better apart), and a step for each. */
function quantised(name: string, components: Float64Array[], cageSize: number): Record<string, NamedTensor> {
  const steps = components.map((c) => c.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 32767)
  const count = components.length * cageSize * 3
  const bytes = new Uint8Array(count * 2)
  components.forEach((c, k) => {
    c.forEach((x, i) => {
      const q = Math.round(x / (steps[k] || 1)) & 0xffff
      const at = k * cageSize * 3 + i
      bytes[at] = q & 0xff
      bytes[count + at] = q >> 8
    })
  })
  return {
    [`${name}/bytes`]: { shape: [2, components.length, cageSize, 3], data: bytes },
    [`${name}/steps`]: { shape: [components.length], data: Float32Array.from(steps) },
  }
}

/** Share of the picture's height for the eyeballs, at the bottom. */
const STRIP = 0.08
const MARGIN = 0.01

/**
 * Texture layout: MakeHuman's map of the head lies on its side and leaves half the square empty; it is turned upright and
 * stretched to the square, the face's middle more than the sides. v downwards, the subject's left on the right.
 */
function layout(cut: CutHead): Float32Array {
  const isEye = (i: number): boolean => i >= cut.eyeUv[0] && i < cut.eyeUv[1]
  const skin = cut.uv.filter((_, i) => !isEye(i))
  const range = [0, 1].map((k) => [Math.min(...skin.map((p) => p[k])), Math.max(...skin.map((p) => p[k]))])
  const middle = (range[1][0] + range[1][1]) / 2
  const half = (range[1][1] - range[1][0]) / 2
  const magnify = 2
  const spread = (t: number): number => Math.asinh(magnify * t) / Math.asinh(magnify)
  const out = new Float32Array(cut.uv.length * 2)
  cut.uv.forEach((p, i) => {
    const place = isEye(i)
      ? [0.5 + (p[0] - 1) * 0.45 * STRIP, 1 - STRIP / 2 - p[1] * 0.45 * STRIP]
      : [0.5 + 0.5 * spread((p[1] - middle) / half), ((p[0] - range[0][0]) / (range[0][1] - range[0][0])) * (1 - STRIP)]
    out.set(
      place.map((x) => MARGIN + (1 - 2 * MARGIN) * x),
      2 * i,
    )
  })
  return out
}

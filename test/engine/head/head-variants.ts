/**
 * Heads in the files of other models, made of the built-in head: another person, without what closes lids and lips, elsewhere and in
 * other units. What their expressions and landmarks do is therefore known.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeNpz } from '../../../src/engine/formats/npy.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { HEAD_PARTS } from '../../../src/engine/stages.js'

/** Movements that the files have as expressions, in this order; FLAME has a joint for the jaw. */
export const MOVEMENTS = ['browUpLeft', 'eyeBlinkLeft', 'jawOpen', 'mouthSmileLeft', 'mouthSmileRight'] as const
export type Movement = (typeof MOVEMENTS)[number]

const PERSON = [0.7, -0.8, 0.6, 0.3, 0.5, -0.6]
const ORIGIN = [0, 0.012, -0.025]

interface Person {
  /** [vertices, 3] metres */
  mean: Float32Array
  /** [triangles, 3] */
  indices: number[]
  /** [vertices, 3] by MOVEMENTS. */
  moves: Float32Array[]
  /** [vertices, 3] */
  identity: Float32Array[]
  /** [68] a vertex at each landmark. */
  landmarks: number[]
  /** [vertices] 1 on eyeballs. */
  eyeball: Uint8Array
}

async function person(): Promise<Person> {
  const head = await loadBuiltInHead()
  const size = head.mean.length
  const { positions } = posedMesh(head, PERSON, [])
  const kept: number[] = []
  for (let t = 0; t < head.indices.length / 3; t++) {
    const cover = [0, 1, 2].some((c) => {
      const part = head.parts[head.indices[3 * t + c]]
      return part === HEAD_PARTS.mouth || (head.faceRegion[t] === 1 && part === HEAD_PARTS.eyeball)
    })
    if (!cover) kept.push(t)
  }
  const indices = kept.flatMap((t) => [...head.indices.subarray(3 * t, 3 * t + 3)])
  const { triangles, barycentric } = head.landmarks68
  const landmarks = Array.from(triangles, (t, i) => {
    // its heaviest corner: the nearest vertex may be of the other lip
    const corner = [0, 1, 2].reduce((a, b) => (barycentric[3 * i + b] > barycentric[3 * i + a] ? b : a))
    return head.indices[3 * t + corner]
  })
  return {
    mean: positions.map((x, i) => x + ORIGIN[i % 3]),
    indices,
    moves: MOVEMENTS.map((name) => {
      const k = head.expressionNames.indexOf(name)
      return head.expression.slice(k * size, (k + 1) * size)
    }),
    identity: [0, 1, 2].map((k) => head.identity.slice(k * size, (k + 1) * size)),
    landmarks,
    eyeball: head.parts.map((part) => (part === HEAD_PARTS.eyeball ? 1 : 0)),
  }
}

/** Writes an ICT-FaceKit folder: OBJ files in centimetres, sides as _L and _R. */
export async function writeIctLike(folder: string): Promise<void> {
  const { mean, indices, moves, identity, landmarks } = await person()
  mkdirSync(folder, { recursive: true })
  const obj = (field?: Float32Array): string => {
    const lines: string[] = []
    for (let i = 0; i < mean.length; i += 3)
      lines.push(`v ${[0, 1, 2].map((k) => (100 * (mean[i + k] + (field?.[i + k] ?? 0))).toFixed(5)).join(' ')}`)
    for (let c = 0; c < indices.length; c += 3)
      lines.push(
        `f ${indices
          .slice(c, c + 3)
          .map((v) => v + 1)
          .join(' ')}`,
      )
    return `${lines.join('\n')}\n`
  }
  writeFileSync(join(folder, 'generic_neutral_mesh.obj'), obj())
  identity.forEach((field, k) => {
    writeFileSync(join(folder, `identity00${k}.obj`), obj(field))
  })
  MOVEMENTS.forEach((name, k) => {
    const file = name.replace(/Left$/, '_L').replace(/Right$/, '_R')
    writeFileSync(join(folder, `${file}.obj`), obj(moves[k]))
  })
  writeFileSync(join(folder, 'vertex_indices.json'), JSON.stringify({ idx_to_landmark_verts: landmarks }))
}

/**
 * Writes a FLAME file: expressions without names (here MOVEMENTS, after 300 components of identity) and a jaw that turns about a hinge.
 * There are no landmarks beside it, as most of its users have it.
 * @returns its path
 */
export async function writeFlameLike(folder: string): Promise<string> {
  const { mean, indices, moves, identity, eyeball } = await person()
  mkdirSync(folder, { recursive: true })
  const n = mean.length / 3
  const components = 300 + moves.length
  const shapedirs = new Float32Array(mean.length * components)
  identity.forEach((field, k) => {
    for (let i = 0; i < mean.length; i++) shapedirs[i * components + k] = field[i]
  })
  moves.forEach((field, k) => {
    for (let i = 0; i < mean.length; i++) shapedirs[i * components + 300 + k] = field[i]
  })
  // the jaw is what opening it moves
  const jaw = moves[MOVEMENTS.indexOf('jawOpen')]
  const weights = new Float32Array(n * 5)
  let most = 0
  for (let v = 0; v < n; v++) most = Math.max(most, -jaw[3 * v + 1])
  for (let v = 0; v < n; v++) {
    const share = Math.min(1, Math.max(0, -jaw[3 * v + 1] / most))
    if (eyeball[v]) weights[5 * v + (mean[3 * v] > 0 ? 3 : 4)] = 1
    else weights.set([0, 1 - share, share], 5 * v)
  }
  const regressor = new Float32Array(5 * n)
  const regress = (j: number, vertices: number[]): void => {
    for (const v of vertices) regressor[j * n + v] = 1 / vertices.length
  }
  const all = Array.from({ length: n }, (_, v) => v)
  const hinge = [0, -0.02, 0.02] // of the jaw, between the ears
  const away = (v: number): number => Math.hypot(...hinge.map((x, k) => mean[3 * v + k] - ORIGIN[k] - x))
  const side = (sign: number): number[] => all.filter((v) => Math.sign(mean[3 * v]) === sign)
  const near = (vertices: number[]): number[] => vertices.sort((a, b) => away(a) - away(b)).slice(0, 2)
  for (const j of [0, 1, 2]) regress(j, [...near(side(-1)), ...near(side(1))])
  for (const [j, sign] of [
    [3, 1],
    [4, -1],
  ])
    regress(
      j,
      side(sign).filter((v) => eyeball[v]),
    )
  const path = join(folder, 'flame2023.npz')
  writeFileSync(
    path,
    encodeNpz({
      v_template: { data: mean, shape: [n, 3] },
      f: { data: Uint32Array.from(indices), shape: [indices.length / 3, 3] },
      shapedirs: { data: shapedirs, shape: [n, 3, components] },
      weights: { data: weights, shape: [n, 5] },
      J_regressor: { data: regressor, shape: [5, n] },
      kintree_table: { data: Uint32Array.from([2 ** 32 - 1, 0, 1, 1, 1, 0, 1, 2, 3, 4]), shape: [2, 5] },
    }),
  )
  return path
}

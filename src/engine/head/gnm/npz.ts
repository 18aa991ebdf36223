/** GNM's own file, `gnm_head.npz`: its arrays, and what is checked of them. */
import type { NpyContent, Npz } from '../../formats/npy.js'
import type { NumericArray } from '../../formats/numeric-array.js'
import { invalidHead } from '../../formats/pickle-values.js'
import { type Basis, checkData, GNM_HINT, type GnmData } from './data.js'

/** By this array GNM's files are known from FLAME's. */
export const GNM_MARK = 'template_vertex_positions'

/**
 * The arrays that are read, by name, and their shapes. V vertices, T triangles, I identity and E expression components, J joints, C
 * components of the mesh, G vertex groups: a letter is the same number wherever it stands. The file has these too, which nothing
 * here needs: quads, quad_uvs, mirror_indices, joint_regressor, bone_aligned_template_joint_orientations.
 */
const NUMBERS = {
  [GNM_MARK]: ['V', 3],
  triangles: ['T', 3],
  triangle_uvs: ['T', 3, 2],
  vertex_identity_basis: ['I', 'V', 3],
  expression_basis: ['E', 'V', 3],
  template_joint_positions: ['J', 3],
  joint_identity_basis: ['I', 'J', 3],
  joint_parent_indices: ['J'],
  skinning_weights: ['J', 'V'],
  pose_correctives_regressor: ['9J', '3V'],
  vertex_groups: ['G', 'V'],
} as const
const TEXTS = {
  version: [],
  variant: [],
  identity_names: ['I'],
  expression_names: ['E'],
  joint_names: ['J'],
  mesh_component_names: ['C'],
  vertex_group_names: ['G'],
} as const

/** A vertex is in a group by a weight above this: the weights of some groups fade out at their borders. */
const IN_GROUP = 0.5

/** Reads the arrays. @throws SiderError HEAD_INVALID: names the array that is missing or of another shape */
export function readGnmNpz(npz: Npz, path: string): GnmData {
  const sizes = new Map<string, number>()
  const content = (name: string, shape: readonly (string | number)[]): NpyContent => {
    const found = npz.get(name)
    if (!found)
      throw invalidHead(path, `the array ${name} is missing; there are ${npz.names.join(', ')}`, GNM_HINT, {
        array: name,
        found: npz.names,
      })
    if ('pickle' in found) throw invalidHead(path, `${name} holds Python objects; they are not read`, GNM_HINT)
    if (!fits(found.shape, shape, sizes))
      throw invalidHead(
        path,
        `the array ${name} has the shape (${found.shape.join(', ')}) where GNM has (${described(shape, sizes)})`,
        GNM_HINT,
        { array: name },
      )
    return found
  }
  const numbers = (name: keyof typeof NUMBERS): NumericArray['data'] => {
    const found = content(name, NUMBERS[name])
    if (!('data' in found)) throw invalidHead(path, `${name} holds texts where GNM has numbers`, GNM_HINT)
    return found.data
  }
  const floats = (name: keyof typeof NUMBERS): Float32Array => {
    const data = numbers(name)
    return data instanceof Float32Array ? data : Float32Array.from(data)
  }
  const texts = (name: keyof typeof TEXTS): string[] => {
    const found = content(name, TEXTS[name])
    if (!('texts' in found)) throw invalidHead(path, `${name} holds numbers where GNM has texts`, GNM_HINT)
    return found.texts
  }

  const [version, variant] = [texts('version')[0], texts('variant')[0]]
  if (variant !== 'head')
    throw invalidHead(path, `this is GNM's variant '${variant}'; only the head can be used`, GNM_HINT)
  const template = floats(GNM_MARK)
  const vertices = template.length / 3
  const groupNames = texts('vertex_group_names')
  const groups = floats('vertex_groups')
  const weight = (g: number, v: number): number => groups[g * vertices + v]
  const components = texts('mesh_component_names').map((name): [string, number] => {
    const g = groupNames.indexOf(name)
    if (g < 0) throw invalidHead(path, `there is no vertex group ${name}, a component of the mesh`, GNM_HINT)
    return [name, g]
  })
  const correctives = floats('pose_correctives_regressor')
  const data: GnmData = {
    source: `version ${version}`,
    template,
    triangles: Uint32Array.from(numbers('triangles')),
    identity: dense(floats('vertex_identity_basis'), texts('identity_names'), template.length),
    expression: dense(floats('expression_basis'), texts('expression_names'), template.length),
    uv: floats('triangle_uvs'),
    component: (v) => components.reduce((best, next) => (weight(next[1], v) > weight(best[1], v) ? next : best))[0],
    group: (name) => {
      const g = groupNames.indexOf(name)
      return g < 0 ? undefined : Uint8Array.from({ length: vertices }, (_, v) => (weight(g, v) > IN_GROUP ? 1 : 0))
    },
    joints: {
      names: texts('joint_names'),
      parents: numbers('joint_parent_indices'),
      positions: floats('template_joint_positions'),
      identity: floats('joint_identity_basis'),
      weights: floats('skinning_weights'),
      correctives: correctives.some((x) => x !== 0) ? correctives : undefined,
    },
    landmarks: undefined,
  }
  checkData(data, path)
  return data
}

function dense(data: Float32Array, names: string[], size: number): Basis {
  return { count: names.length, names, row: (k) => data.subarray(k * size, (k + 1) * size) }
}

/** Whether a shape is the expected one; letters get their numbers where they are met first. */
function fits(shape: readonly number[], expected: readonly (string | number)[], sizes: Map<string, number>): boolean {
  if (shape.length !== expected.length) return false
  return expected.every((size, axis) => {
    if (typeof size === 'number') return shape[axis] === size
    const { factor, letter } = parsed(size)
    const n = shape[axis] / factor
    if (!sizes.has(letter)) sizes.set(letter, n)
    return sizes.get(letter) === n
  })
}

/** 'E, V = 17821, 3' */
function described(expected: readonly (string | number)[], sizes: Map<string, number>): string {
  return expected
    .map((size) => {
      if (typeof size === 'number') return size
      const { factor, letter } = parsed(size)
      const known = sizes.get(letter)
      return known === undefined ? size : `${size} = ${factor * known}`
    })
    .join(', ')
}

/** '9J' is nine times J. */
function parsed(size: string): { factor: number; letter: string } {
  return { factor: Number(size.slice(0, -1) || 1), letter: size.slice(-1) }
}

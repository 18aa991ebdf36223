/** Which of GNM's vertices and triangles make the head, and which the mouth's inside. */

import { invalidHead } from '../../formats/pickle-values.js'
import { connectedComponents } from '../../geometry/mesh.js'
import { GNM_HINT, type GnmData } from './data.js'

/** What a vertex belongs to; 'mouth' is something of the mouth, the file does not say what. */
export type VertexKind = 'skin' | 'eye' | 'lining' | 'upperTeeth' | 'lowerTeeth' | 'gums' | 'tongue' | 'mouth'

/** Part of a mesh. */
export interface Piece {
  /** GNM's numbers of its vertices. */
  vertices: Uint32Array
  /** GNM's numbers of its triangles. */
  triangles: Uint32Array
  /** [triangles, 3] in its own numbers. */
  indices: Uint32Array
}

/** [vertices] the kind of each. @throws SiderError HEAD_INVALID for components of the mesh that are not known */
export function vertexKinds(data: GnmData, path: string): VertexKind[] {
  if (!data.component) return kindsByShape(data)
  const [sock, teeth, gums] = ['mouth_sock', 'teeth', 'gums'].map((name) => data.group(name))
  return Array.from({ length: data.template.length / 3 }, (_, v) => {
    const component = data.component!(v)
    switch (component) {
      case 'skin':
        return sock?.[v] ? 'lining' : 'skin'
      case 'left_eye':
      case 'right_eye':
        return 'eye'
      case 'upper_teeth_and_gums':
      case 'lower_teeth_and_gums':
        // The two groups overlap where they meet: there it is teeth.
        if (gums?.[v] && !teeth?.[v]) return 'gums'
        return component.startsWith('upper') ? 'upperTeeth' : 'lowerTeeth'
      case 'tongue':
        return 'tongue'
      default:
        throw invalidHead(path, `a component of the mesh is called '${component}', which is not known`, GNM_HINT)
    }
  })
}

/**
 * By connectivity: the largest component is the skin. Of the others, sorted by height, the eyes are those above the widest gap: they
 * lie some 5 cm over the teeth, and everything of the mouth lies within 2 cm.
 */
function kindsByShape({ template, triangles }: GnmData): VertexKind[] {
  const { labels, count } = connectedComponents({ positions: template, indices: triangles })
  const ofVertex = new Uint32Array(template.length / 3)
  triangles.forEach((v, c) => {
    ofVertex[v] = labels[Math.floor(c / 3)]
  })
  const [heights, sizes] = [new Float64Array(count), new Float64Array(count)]
  ofVertex.forEach((label, v) => {
    heights[label] += template[3 * v + 1]
    sizes[label]++
  })
  const loose = Array.from(heights.keys()).slice(1)
  const height = (label: number): number => heights[label] / sizes[label]
  loose.sort((a, b) => height(a) - height(b))
  let first = 0
  for (let i = 1; i < loose.length; i++)
    if (first === 0 || height(loose[i]) - height(loose[i - 1]) > height(loose[first]) - height(loose[first - 1]))
      first = i
  const eyes = new Set(loose.slice(first))
  return Array.from(ofVertex, (label) => (label === 0 ? 'skin' : eyes.has(label) ? 'eye' : 'mouth'))
}

/** The triangles for which `inside` holds, with the vertices they use. @param inside by the kinds of a triangle's corners */
export function piece({ triangles }: GnmData, kinds: VertexKind[], inside: (corners: VertexKind[]) => boolean): Piece {
  const kept: number[] = []
  for (let t = 0; t < triangles.length / 3; t++)
    if (inside([0, 1, 2].map((c) => kinds[triangles[3 * t + c]]))) kept.push(t)
  const vertices = [...new Set(kept.flatMap((t) => [...triangles.subarray(3 * t, 3 * t + 3)]))].sort((a, b) => a - b)
  const number = new Map(vertices.map((v, i) => [v, i]))
  return {
    vertices: Uint32Array.from(vertices),
    triangles: Uint32Array.from(kept),
    indices: Uint32Array.from(kept.flatMap((t) => [0, 1, 2].map((c) => number.get(triangles[3 * t + c])!))),
  }
}

/** Rows [n, 3] of the piece's vertices. */
export function rowsOf(
  { vertices }: Piece,
  field: Float32Array,
  out = new Float32Array(3 * vertices.length),
  at = 0,
): Float32Array {
  for (let i = 0; i < vertices.length; i++) for (let k = 0; k < 3; k++) out[at + 3 * i + k] = field[3 * vertices[i] + k]
  return out
}

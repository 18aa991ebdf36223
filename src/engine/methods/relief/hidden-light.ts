/** The rays of `occlusion`, a task for threads. */
import { HARMONICS } from '../../geometry/harmonics.js'
import { TriangleTree } from '../../geometry/triangle-tree.js'
import type { Mesh } from '../../stages.js'
import { task } from '../../threads/task.js'

/** Rays start this far above the surface, metres. */
const LIFT = 5e-4
/** Share of the hidden light that is missing: skin that hides it shines back about the rest. */
const LOSS = 0.6

interface HiddenLight {
  /** What hides light; head frame, metres. */
  head: Mesh
  /** Of the head's vertices, [vertices, 3] unit. */
  normals: Float32Array
  /** The vertices that are looked at. */
  vertices: Uint32Array
  /** [n, 3] unit, over the whole sphere */
  directions: Float32Array
  /** [n, 9] light from each direction, as harmonics */
  terms: Float32Array
}

/** [vertices, 9] change of the harmonics at each vertex for the directions that are not free. */
export function hiddenLight({ head, normals, vertices, directions, terms }: HiddenLight): Float32Array {
  const tree = new TriangleTree(head)
  const { positions } = head
  const out = new Float32Array(vertices.length * HARMONICS)
  for (let row = 0; row < vertices.length; row++) {
    const v = 3 * vertices[row]
    const [nx, ny, nz] = [normals[v], normals[v + 1], normals[v + 2]]
    const x = positions[v] + LIFT * nx
    const y = positions[v + 1] + LIFT * ny
    const z = positions[v + 2] + LIFT * nz
    for (let d = 0; 3 * d < directions.length; d++) {
      const [dx, dy, dz] = [directions[3 * d], directions[3 * d + 1], directions[3 * d + 2]]
      const cosine = nx * dx + ny * dy + nz * dz
      if (cosine <= 0 || !tree.blocks(x, y, z, dx, dy, dz)) continue
      for (let k = 0; k < HARMONICS; k++) out[HARMONICS * row + k] -= LOSS * cosine * terms[HARMONICS * d + k]
    }
  }
  return out
}

export const HIDDEN_LIGHT = task(import.meta.url, hiddenLight)

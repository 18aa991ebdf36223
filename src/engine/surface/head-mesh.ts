/**
 * The head asset's mesh: the fitted head, refined, with every vertex of the face that the photo shows moved onto the detailed
 * field's zero level. Towards the border of the face region and where the photo's camera sees nothing, the movement fades; where
 * triangles would fold over, it is taken back.
 */
import { type Neighbors, vertexNeighbors } from '../geometry/mesh.js'
import { normalizeRows, vertexNormals } from '../geometry/normals.js'
import type { HeadFit, ImplicitField, Mesh } from '../stages.js'
import { detailWeights } from './detail-weight.js'
import { type HeadTopology, headMeshOf } from './head-topology.js'
import { projectMesh } from './project-mesh.js'
import { moveAlong, unfold } from './unfold.js'

/** Vertices move at most this far, metres. */
const LIMIT = 0.008
/** Rounds in which skin that is not seen takes the mean with its neighbours: it goes along over some 10 mm. */
const CARRY_ROUNDS = 40
/** Where skin is seen in part the field is rough: what was found there counts as this power of how well it is seen, its neighbours for the rest. */
const CALMED = 3
/** Rounds in which directions take the mean with their neighbours': over some 6 mm of the model's mesh. */
const CALM = 4

/** The settled mesh, and what is needed to settle other expressions in the same way. */
export interface HeadMesh {
  topology: HeadTopology
  /** Final positions, head frame, metres. */
  mesh: Mesh
  /** [vertices, 3] of the fitted head, before any movement. */
  coarse: Float32Array
  /** [vertices] movement along the fitted head's calmed normals, metres. */
  offset: Float32Array
  /** [vertices] 0..1 share of the field's detail that is applied: 1 well inside what the photo shows of the face. */
  weight: Float32Array
}

/** Moves the fitted head onto the field. Throws SURFACE_EMPTY where the field has no surface near the face. */
export async function settleHead(fit: HeadFit, topology: HeadTopology, field: ImplicitField): Promise<HeadMesh> {
  const base = headMeshOf(topology, fit.mesh.positions)
  const around = vertexNeighbors(base)
  const { weight, shown, room } = detailWeights(base, around, topology, fit)
  const normals = directionsOf(topology, fit.mesh.positions)
  const moving = Uint32Array.from(weight.keys()).filter((v) => weight[v] > 0)
  const part = movingPart(base, moving)
  const directions = rows(normals, moving)
  const { offset: found } = await projectMesh(part, field, { directions, maxOffset: LIMIT })
  const offset = new Float32Array(weight.length)
  moving.forEach((v, i) => {
    offset[v] = found[i]
  })
  carry(around, offset, shown, room)
  unfold({ base, around, normals, offset, weight })
  return {
    topology,
    mesh: { positions: moveAlong(base.positions.slice(), normals, offset), indices: base.indices },
    coarse: base.positions,
    offset,
    weight,
  }
}

/** Positions of another expression with the same detail: it rides along the normals. */
export function ride({ topology, offset }: HeadMesh, modelPositions: Float32Array): Float32Array {
  const positions = topology.refined(modelPositions, 3)
  return moveAlong(positions, directionsOf(topology, modelPositions), offset)
}

/**
 * [vertices, 3] unit, along which vertices move; found in the same way for every expression. They are the fitted head's normals, calmed: the two
 * sides of a crease (over a lid, beside a smile) then move side by side, where along their own normals they would run into each other.
 * @param positions the model's
 */
function directionsOf(topology: HeadTopology, positions: Float32Array): Float32Array {
  const { start, neighbors } = topology.modelNeighbors
  let now = vertexNormals({ positions, indices: topology.modelIndices }, 'area')
  let next: Float32Array = new Float32Array(now.length)
  for (let round = 0; round < CALM; round++) {
    for (let v = 0; v + 1 < start.length; v++) {
      let x = now[3 * v]
      let y = now[3 * v + 1]
      let z = now[3 * v + 2]
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = 3 * neighbors[i]
        x = Math.fround(x + now[w])
        y = Math.fround(y + now[w + 1])
        z = Math.fround(z + now[w + 2])
      }
      next[3 * v] = x
      next[3 * v + 1] = y
      next[3 * v + 2] = z
    }
    ;[now, next] = [normalizeRows(next, next), now]
  }
  const fine = topology.refined(now, 3)
  return normalizeRows(fine, fine)
}

/**
 * Skin that the photo does not show goes along with what is beside it, less and less: the inside of a crease with its two sides. In place.
 * @param offset [vertices] where it was found, 0 elsewhere
 */
function carry({ start, neighbors }: Neighbors, offset: Float32Array, shown: Float32Array, room: Float32Array): void {
  const found = offset.slice()
  const carried = Uint32Array.from(room.keys()).filter((v) => room[v] > 0 && shown[v] < 1)
  const known = Float64Array.from(carried, (v) => shown[v] ** CALMED)
  for (let round = 0; round < CARRY_ROUNDS; round++)
    for (let c = 0; c < carried.length; c++) {
      const v = carried[c]
      const own = known[c]
      let sum = 0
      for (let i = start[v]; i < start[v + 1]; i++) sum += offset[neighbors[i]]
      offset[v] = own * found[v] + ((1 - own) * sum) / (start[v + 1] - start[v])
    }
  for (let v = 0; v < offset.length; v++) offset[v] *= room[v]
}

/** The submesh of triangles whose corners all move; vertices in the order of `moving`, all kept. */
function movingPart({ positions, indices }: Mesh, moving: Uint32Array): Mesh {
  const place = new Int32Array(positions.length / 3).fill(-1)
  moving.forEach((v, i) => {
    place[v] = i
  })
  const kept: number[] = []
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [place[indices[t]], place[indices[t + 1]], place[indices[t + 2]]]
    if (a >= 0 && b >= 0 && c >= 0) kept.push(a, b, c)
  }
  return { positions: rows(positions, moving), indices: Uint32Array.from(kept) }
}

function rows(values: Float32Array, which: Uint32Array): Float32Array {
  const out = new Float32Array(which.length * 3)
  which.forEach((v, i) => {
    out.set(values.subarray(3 * v, 3 * v + 3), 3 * i)
  })
  return out
}

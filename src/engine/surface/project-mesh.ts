/**
 * Moves the vertices of a mesh onto the zero level of a field along given directions: the topology and UVs of the head
 * model with the detail of the field.
 *
 * The face's field is a sheet of thickness epsilon (SIDER section 3.2), so a line through it crosses zero twice. The front
 * crossing is the one where the distance rises along the outward direction; every step is chosen to lead there.
 */
import { cameraCenter } from '../geometry/camera.js'
import { vertexNeighbors } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Camera, Mesh } from '../stages.js'
import { emptySurface, type ImplicitField, toField } from './field.js'

export interface ProjectMeshOptions {
  /** [vertices, 3] unit, outward, head frame. Default: the mesh's vertex normals. */
  directions?: Float32Array
  /** [vertices] 0..1: share of the movement that is applied (smooth fall-off at borders). Default 1. */
  weight?: ArrayLike<number>
  /** Vertices move at most this far, metres (default 6 mm). Those that would go further count as not found. */
  maxOffset?: number
  /** Found when the distance is below this, metres (default 0.01 mm). */
  tolerance?: number
  /** Steps at most (default 12). */
  steps?: number
  /** A vertex that differs from the median of its neighbours by more than this times its edge length is a spike (default 1). */
  spikeSlope?: number
}

export interface ProjectedMesh {
  mesh: Mesh
  /** [vertices] applied movement along the directions, metres. */
  offset: Float32Array
  /** [vertices] 1 where the surface was found on the line, 0 where the movement is interpolated from the neighbours. */
  found: Uint8Array
  /** Field evaluations (with gradient). */
  evaluations: number
}

/** Projects `mesh` (head frame, metres) onto the front zero level of `field`. Throws SURFACE_EMPTY if no vertex finds it. */
export async function projectMesh(
  mesh: Mesh,
  field: ImplicitField,
  options: ProjectMeshOptions = {},
): Promise<ProjectedMesh> {
  const { positions } = mesh
  const n = positions.length / 3
  const directions = options.directions ?? vertexNormals(mesh)
  const { offset, found, evaluations } = await frontCrossings(positions, directions, field, options)
  if (!found.includes(1)) throw emptySurface('no vertex of the face finds a surface in the field')
  rejectSpikes(mesh, offset, found, options.spikeSlope ?? 1)
  fillFromNeighbors(mesh, offset, found)
  const out = new Float32Array(positions.length)
  for (let v = 0; v < n; v++) {
    if (options.weight !== undefined) offset[v] *= options.weight[v]
    for (let k = 0; k < 3; k++) out[v * 3 + k] = positions[v * 3 + k] + offset[v] * directions[v * 3 + k]
  }
  return { mesh: { positions: out, indices: mesh.indices }, offset, found, evaluations }
}

/**
 * Newton's method along lines: where the field's front side lies on each.
 * @param points [n, 3] and @param directions [n, 3] unit, outward; head frame
 * @returns offset along the direction in metres (0 where not found), and whether it was found
 */
async function frontCrossings(
  points: Float32Array,
  directions: Float32Array,
  field: ImplicitField,
  options: Pick<ProjectMeshOptions, 'maxOffset' | 'tolerance' | 'steps'> = {},
): Promise<{ offset: Float32Array; found: Uint8Array; evaluations: number }> {
  const n = points.length / 3
  const { scale } = field.frame
  const limit = (options.maxOffset ?? 0.006) / scale
  const tolerance = (options.tolerance ?? 1e-5) / scale
  const start = toField(field.frame, points)
  const t = new Float64Array(n)
  const found = new Uint8Array(n)
  // the crossing is known to lie above `low` (a point inside) and below `high` (a point outside)
  const low = new Float64Array(n).fill(-limit * 1.001)
  const high = new Float64Array(n).fill(limit * 1.001)
  let active = Uint32Array.from({ length: n }, (_, i) => i)
  let evaluations = 0
  for (let step = 0; step < (options.steps ?? 12) && active.length > 0; step++) {
    const x = new Float32Array(active.length * 3)
    active.forEach((v, i) => {
      for (let k = 0; k < 3; k++) x[i * 3 + k] = start[v * 3 + k] + t[v] * directions[v * 3 + k]
    })
    const { sdf, gradient } = await field.sdfAndGradient(x)
    evaluations += active.length
    active = active.filter((v, i) => {
      const f = sdf[i]
      let slope = 0
      let square = 0
      for (let k = 0; k < 3; k++) {
        slope += gradient[i * 3 + k] * directions[v * 3 + k]
        square += gradient[i * 3 + k] ** 2
      }
      if (!Number.isFinite(f) || !Number.isFinite(slope)) return false
      const front = slope > 0.15 * Math.sqrt(square)
      if (front && Math.abs(f) < tolerance) {
        found[v] = 1
        return false
      }
      if (front && f > 0) high[v] = Math.min(high[v], t[v])
      else low[v] = Math.max(low[v], t[v])
      // Newton on the front side; behind it, go outwards by the distance, which cannot leap over the front
      let next = front ? t[v] - f / slope : t[v] + Math.abs(f) + tolerance
      if (front && (next <= low[v] || next >= high[v])) {
        const bounded = low[v] >= -limit && high[v] <= limit
        next = bounded ? (low[v] + high[v]) / 2 : Math.max(-limit, Math.min(limit, next))
      }
      const stuck = Math.abs(next) > limit || next === t[v]
      t[v] = next
      return !stuck
    })
  }
  const offset = new Float32Array(n)
  for (let v = 0; v < n; v++) if (found[v]) offset[v] = t[v] * scale
  return { offset, found, evaluations }
}

/**
 * Unit directions [vertices, 3] from each vertex to the camera, for `projectMesh`: vertices then keep their place in the photo.
 * Steeply seen parts are better moved along their normals.
 */
export function towardsCamera(positions: Float32Array, camera: Camera): Float32Array {
  const center = cameraCenter(camera)
  const out = new Float32Array(positions.length)
  for (let i = 0; i < positions.length; i += 3) {
    const x = center[0] - positions[i]
    const y = center[1] - positions[i + 1]
    const z = center[2] - positions[i + 2]
    const length = Math.hypot(x, y, z)
    out[i] = x / length
    out[i + 1] = y / length
    out[i + 2] = z / length
  }
  return out
}

/** Marks vertices whose movement sticks out of their neighbours' as not found. */
function rejectSpikes(mesh: Mesh, offset: Float32Array, found: Uint8Array, slope: number): void {
  const { positions: p } = mesh
  const { start, neighbors } = vertexNeighbors(mesh)
  let most = 0
  for (let v = 0; v < found.length; v++) most = Math.max(most, start[v + 1] - start[v])
  const values = new Float64Array(most)
  for (let pass = 0; pass < 2; pass++) {
    const rejected: number[] = []
    for (let v = 0; v < found.length; v++) {
      if (!found[v]) continue
      let count = 0
      let length = 0
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = neighbors[i]
        length += Math.hypot(p[v * 3] - p[w * 3], p[v * 3 + 1] - p[w * 3 + 1], p[v * 3 + 2] - p[w * 3 + 2])
        if (found[w]) values[count++] = offset[w]
      }
      length /= Math.max(1, start[v + 1] - start[v])
      if (count === 0) rejected.push(v)
      else {
        const sorted = values.subarray(0, count).sort()
        const middle = count >> 1
        const median = count % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        if (Math.abs(offset[v] - median) > slope * length) rejected.push(v)
      }
    }
    for (const v of rejected) found[v] = 0
  }
}

/** Harmonic fill: vertices that were not found take the mean of their neighbours, from the known ones inwards. */
function fillFromNeighbors(mesh: Mesh, offset: Float32Array, found: Uint8Array, iterations = 200): void {
  const { start, neighbors } = vertexNeighbors(mesh)
  const unknown = Uint32Array.from(found.keys()).filter((v) => found[v] === 0)
  if (unknown.length === 0) return
  const known = found.slice()
  // a front that advances from the known vertices gives the start; relaxation then smooths it
  let front: Uint32Array = unknown
  while (front.length > 0) {
    const values: [number, number][] = []
    for (const v of front) {
      let sum = 0
      let count = 0
      for (let i = start[v]; i < start[v + 1]; i++)
        if (known[neighbors[i]]) {
          sum += offset[neighbors[i]]
          count++
        }
      if (count > 0) values.push([v, sum / count])
    }
    if (values.length === 0) break
    for (const [v, value] of values) {
      offset[v] = value
      known[v] = 1
    }
    front = front.filter((v) => known[v] === 0)
  }
  for (const v of front) offset[v] = 0
  for (let k = 0; k < iterations; k++) {
    let change = 0
    for (const v of unknown) {
      if (start[v] === start[v + 1]) continue
      let sum = 0
      for (let i = start[v]; i < start[v + 1]; i++) sum += offset[neighbors[i]]
      const value = sum / (start[v + 1] - start[v])
      change = Math.max(change, Math.abs(value - offset[v]))
      offset[v] = value
    }
    if (change < 1e-7) break
  }
}

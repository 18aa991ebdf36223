/**
 * Exact distances to a triangle mesh and ray hits, for many points at a time, through bounding volume hierarchies (our own
 * for distances, three-mesh-bvh for rays). Any frame and unit: the answers are in the mesh's own.
 */
import { BufferAttribute, BufferGeometry, DoubleSide, FrontSide, Ray } from 'three'
import { MeshBVH } from 'three-mesh-bvh'
import type { Mesh } from '../stages.js'
import type { Points } from './camera.js'
import { TriangleTree } from './triangle-tree.js'

/** Closest points on the mesh. */
export interface ClosestPoints {
  /** [n] unsigned distance. */
  distance: Float32Array
  /** [n] triangle that holds the closest point. */
  triangle: Uint32Array
  /** [n, 3] closest point. */
  point: Float32Array
}

/** First hits of rays. */
export interface RayHits {
  /** [n] distance along the (unit) direction, Infinity for a miss. */
  t: Float32Array
  /** [n] triangle hit, -1 for a miss. */
  triangle: Int32Array
}

/** A mesh with its hierarchies, each built when it is first needed (tens of milliseconds for 25,000 triangles). */
export class MeshDistance {
  readonly mesh: Mesh
  #tree: TriangleTree | undefined
  #bvh: MeshBVH | undefined

  constructor(mesh: Mesh) {
    this.mesh = mesh
  }

  /**
   * Closest point of the mesh to each of `points` [n, 3].
   * @param out arrays to write to, at least n long, to avoid allocation in loops
   */
  closest(points: Points, out?: ClosestPoints): ClosestPoints {
    const n = points.length / 3
    const result = out ?? {
      distance: new Float32Array(n),
      triangle: new Uint32Array(n),
      point: new Float32Array(n * 3),
    }
    this.#tree ??= new TriangleTree(this.mesh)
    this.#tree.restart()
    for (let i = 0; i < n; i++) {
      const hit = this.#tree.closest(points[i * 3], points[i * 3 + 1], points[i * 3 + 2])
      result.distance[i] = Math.sqrt(hit.squaredDistance)
      result.triangle[i] = hit.triangle
      result.point[i * 3] = hit.x
      result.point[i * 3 + 1] = hit.y
      result.point[i * 3 + 2] = hit.z
    }
    return result
  }

  /** Unsigned distances [n] of `points` [n, 3]. */
  distances(points: Points): Float32Array {
    return this.closest(points).distance
  }

  /**
   * First hit of each ray.
   * @param origins [n, 3], or [3] for rays from one point
   * @param directions [n, 3] unit vectors
   * @param cull 'back' ignores triangles seen from behind; 'none' (default) hits both sides
   */
  rayHits(origins: Points, directions: Points, cull: 'back' | 'none' = 'none'): RayHits {
    const n = directions.length / 3
    const t = new Float32Array(n).fill(Number.POSITIVE_INFINITY)
    const triangle = new Int32Array(n).fill(-1)
    const step = origins.length === 3 ? 0 : 3
    this.#bvh ??= buildBvh(this.mesh)
    const ray = new Ray()
    const side = cull === 'back' ? FrontSide : DoubleSide
    for (let i = 0; i < n; i++) {
      const o = i * step
      ray.origin.set(origins[o], origins[o + 1], origins[o + 2])
      ray.direction.set(directions[i * 3], directions[i * 3 + 1], directions[i * 3 + 2])
      const hit = this.#bvh.raycastFirst(ray, side)
      if (hit === null) continue
      t[i] = hit.distance
      triangle[i] = hit.faceIndex ?? -1
    }
    return { t, triangle }
  }
}

function buildBvh(mesh: Mesh): MeshBVH {
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(mesh.positions, 3))
  geometry.setIndex(new BufferAttribute(mesh.indices, 1))
  // indirect: leaves the mesh's triangle order alone
  return new MeshBVH(geometry, { indirect: true, targetLeafSize: 4 })
}

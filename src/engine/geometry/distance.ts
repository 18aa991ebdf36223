/**
 * Exact distances to a triangle mesh and ray hits, for many points at a time, through a bounding volume hierarchy
 * (three-mesh-bvh). Any frame and unit: the answers are in the mesh's own.
 */
import { BufferAttribute, BufferGeometry, DoubleSide, FrontSide, Ray, Vector3 } from 'three'
import { type HitPointInfo, MeshBVH } from 'three-mesh-bvh'
import type { Mesh } from '../stages.js'
import type { Points } from './camera.js'

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

/** A mesh with its hierarchy. Building it takes about 10 ms for 25,000 triangles. */
export class MeshDistance {
  readonly mesh: Mesh
  readonly #bvh: MeshBVH
  readonly #point = new Vector3()
  readonly #ray = new Ray()
  readonly #target: HitPointInfo = { point: new Vector3(), distance: 0, faceIndex: 0 }

  constructor(mesh: Mesh) {
    this.mesh = mesh
    const geometry = new BufferGeometry()
    geometry.setAttribute('position', new BufferAttribute(mesh.positions, 3))
    geometry.setIndex(new BufferAttribute(mesh.indices, 1))
    // indirect: leaves the mesh's triangle order alone
    this.#bvh = new MeshBVH(geometry, { indirect: true, targetLeafSize: 4 })
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
    const target = this.#target
    for (let i = 0; i < n; i++) {
      this.#point.set(points[i * 3], points[i * 3 + 1], points[i * 3 + 2])
      this.#bvh.closestPointToPoint(this.#point, target)
      result.distance[i] = target.distance
      result.triangle[i] = target.faceIndex
      result.point[i * 3] = target.point.x
      result.point[i * 3 + 1] = target.point.y
      result.point[i * 3 + 2] = target.point.z
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
    const side = cull === 'back' ? FrontSide : DoubleSide
    for (let i = 0; i < n; i++) {
      const o = i * step
      this.#ray.origin.set(origins[o], origins[o + 1], origins[o + 2])
      this.#ray.direction.set(directions[i * 3], directions[i * 3 + 1], directions[i * 3 + 2])
      const hit = this.#bvh.raycastFirst(this.#ray, side)
      if (hit === null) continue
      t[i] = hit.distance
      triangle[i] = hit.faceIndex ?? -1
    }
    return { t, triangle }
  }
}

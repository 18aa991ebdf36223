/** The rays of the face pixels, which start at the relief's surface, and what is known there. */
import type { EvidenceMaps } from '../../evidence/maps.js'
import { invertRigid, transformDirections } from '../../geometry/camera.js'
import type { FieldFrame, HeadFit } from '../../stages.js'
import { type FaceRays, makeRays } from '../networks/rays.js'
import type { ReliefScene } from '../relief/scene.js'
import type { ReliefView } from '../relief/solve.js'

/** A step of a ray is at most this long, field units: 2 mm on a face. */
const LONGEST = 0.02

/** Hits `t` of rays start at `coarse`: here the relief's surface. Normals are unit, head frame. */
export interface ReliefRays extends FaceRays {
  /** [count, 3] of the relief */
  base: Float32Array
  /** [count, 3] that learned evidence expects, and how much it counts [count] */
  expected: Float32Array
  confidence: Float32Array
}

export function reliefRays(
  fit: HeadFit,
  scene: ReliefScene,
  view: ReliefView,
  expected: Pick<EvidenceMaps, 'normals' | 'confidence'> | undefined,
  frame: FieldFrame,
): ReliefRays {
  const rays = makeRays({ fit, coarse: view, image: scene.image, trusted: scene.weight }, frame)
  const toHead = invertRigid(fit.camera.headToCamera)
  const inHead = (normals: Float32Array): Float32Array => {
    const out = new Float32Array(3 * rays.count)
    rays.pixels.forEach((pixel, i) => {
      out.set(normals.subarray(3 * pixel, 3 * pixel + 3), 3 * i)
    })
    return transformDirections(toHead, out, out)
  }
  return {
    ...rays,
    base: inHead(view.normals),
    expected: inHead(expected?.normals ?? view.normals),
    confidence: Float32Array.from(rays.pixels, (pixel) => expected?.confidence[pixel] ?? 0),
  }
}

/**
 * Moves a ray to where f_0 + a r vanishes, if a r stays what it is at the ray's hit: repeated, it comes to the surface, since a r changes
 * much less along the ray than f_0.
 */
export function moveTo(rays: ReliefRays, ray: number, offset: number): void {
  const move = -offset / rays.slope[ray]
  rays.t[ray] = rays.coarse[ray] + Math.min(LONGEST, Math.max(-LONGEST, move))
}

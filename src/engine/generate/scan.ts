/**
 * The generated head as a scanner in a ring about it would deliver it: what can be seen from outside, with the hair under a cap.
 * The truth's mesh is this, because distances are measured from every point of it: backs of eyeballs and linings of the mouth
 * are no part of a face's surface.
 */
import { submesh } from '../geometry/mesh.js'
import { rasterize } from '../geometry/rasterize.js'
import { boundingSphere, orbitCamera } from '../image/views.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { hairDepth } from './hair.js'
import type { FineHead } from './head-mesh.js'
import type { PortraitPlan } from './plan.js'

/** Yaw and pitch of the scanner's cameras, degrees. */
const CAMERAS = [
  ...[-130, -75, -35, 0, 35, 75, 130, 180].map((yaw) => [yaw, 0] as const),
  ...[-40, 40].flatMap((pitch) => [-25, 25].map((yaw) => [yaw, pitch] as const)),
]
/** Pixels a side: finer than the mesh. */
const RESOLUTION = 1024

/** What the scanner sees of the head, metres. */
export function scan(head: FineHead, plan: PortraitPlan): Mesh {
  const { mesh } = head
  const { center, radius } = boundingSphere([{ mesh }])
  const seen = new Uint8Array(mesh.positions.length / 3)
  for (const [yaw, pitch] of CAMERAS) {
    const { triangle } = rasterize(mesh, orbitCamera(center, radius, yaw, pitch, RESOLUTION))
    for (const t of triangle) if (t >= 0) for (let k = 0; k < 3; k++) seen[mesh.indices[3 * t + k]] = 1
  }
  const hair = underHair(head, plan)
  const triangles = hair.map((covered, t) =>
    !covered && [0, 1, 2].every((k) => seen[mesh.indices[3 * t + k]]) ? 1 : 0,
  )
  return submesh(mesh, triangles).mesh
}

/** [triangles] 1 where hair covers the skull. */
export function underHair({ mesh, canonical, parts }: FineHead, plan: PortraitPlan): Uint8Array {
  return parts.map((part, t) => {
    if (part === HEAD_PARTS.ear || part === HEAD_PARTS.eyeball || part === HEAD_PARTS.mouth) return 0
    const v = 3 * mesh.indices[3 * t]
    const [x, y, z] = canonical.subarray(v, v + 3).map((metres) => 1000 * metres)
    return hairDepth(x, y, z, plan) > 0 ? 1 : 0
  })
}

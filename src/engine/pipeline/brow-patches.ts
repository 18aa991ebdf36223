/** Where a head's brows are: patches of its skin about the head model's own. */
import { type BrowPatch, browPatch } from '../asset/brow-patch.js'
import { row, type Vec } from '../asset/cards.js'
import { LEFT_BROW, RIGHT_BROW, type Side } from '../evidence/layouts.js'
import { embeddedPoints } from '../head/embedding.js'
import type { HeadFit, Mesh } from '../stages.js'
import type { HeadTopology } from '../surface/head-topology.js'

/** How far from the middle of a brow of the mean head skin belongs to it, metres. */
const ABOUT = 0.05

/** The patches of both sides. @param mean the model's mean head in this topology */
export function browPatches({ model }: HeadFit, topology: HeadTopology, mean: Mesh): Record<Side, BrowPatch> {
  const points = embeddedPoints(model.mean, model.indices, model.landmarks478)
  const of = (brow: readonly number[]): BrowPatch => {
    const contour = brow.map((i) => row(points, i))
    const middle = [0, 1, 2].map((k) => contour.reduce((sum, p) => sum + p[k] / contour.length, 0)) as Vec
    const triangles = skinAbout(topology, mean, middle, ABOUT)
    const { uv, uvIndices } = topology
    const skin = { mean, skin: cornersOf(topology, triangles), triangles, uv, uvIndices }
    return browPatch(skin, contour.slice(0, 5).toReversed(), contour.slice(5).toReversed())
  }
  return { Left: of(LEFT_BROW), Right: of(RIGHT_BROW) }
}

/** Triangles of the skin about a point, none of the sheets'. */
export function skinAbout(
  { indices, sheets }: HeadTopology,
  { positions: p }: Mesh,
  [x, y, z]: Vec,
  radius: number,
): Uint32Array {
  const out: number[] = []
  for (let t = 0; t < sheets.length; t++) {
    const v = 3 * indices[3 * t]
    if (!sheets[t] && (p[v] - x) ** 2 + (p[v + 1] - y) ** 2 + (p[v + 2] - z) ** 2 < radius ** 2) out.push(t)
  }
  return Uint32Array.from(out)
}

export const cornersOf = ({ indices }: HeadTopology, triangles: Uint32Array): Uint32Array =>
  Uint32Array.from({ length: 3 * triangles.length }, (_, c) => indices[3 * triangles[Math.floor(c / 3)] + (c % 3)])

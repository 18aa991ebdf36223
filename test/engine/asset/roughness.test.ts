/** The skin's roughness: by place, and by the photo's highlights. */
import { beforeAll, expect, test } from 'vitest'
import { paintRoughness, skinRoughness } from '../../../src/engine/asset/roughness.js'
import { texelRaster } from '../../../src/engine/geometry/texels.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { HEAD_PARTS, type HeadModel } from '../../../src/engine/stages.js'
import { type HeadTopology, headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'

const SIZE = 256
let model: HeadModel
let topology: HeadTopology
let mean: Float32Array
let marks: Float64Array | Float32Array
let rough: Float32Array
beforeAll(async () => {
  model = await loadBuiltInHead()
  topology = headTopology(model, 0)
  mean = headMeshOf(topology, model.mean).positions
  marks = embeddedPoints(model.mean, model.indices, model.landmarks478)
  rough = skinRoughness(mean, topology.parts, marks)
})

/** Roughness at the skin's vertex nearest to a landmark. */
function at(landmark: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY]
  for (let v = 0; v < rough.length; v++) {
    if (topology.parts[v] !== HEAD_PARTS.skin) continue
    const d = Math.hypot(...[0, 1, 2].map((k) => mean[3 * v + k] - marks[3 * landmark + k]))
    if (d < least) [best, least] = [v, d]
  }
  return rough[best]
}

test('nose, forehead, chin and lips shine more than cheeks, alike on both sides', () => {
  const [cheek, otherCheek] = [at(187), at(411)]
  for (const shiny of [4, 6, 151, 199, 0, 17]) expect(at(shiny)).toBeLessThan(cheek - 0.05)
  expect(otherCheek).toBeCloseTo(cheek, 2)
  expect(Math.min(...rough.filter((_, v) => topology.parts[v] === HEAD_PARTS.skin))).toBeGreaterThan(0.25)
  expect(Math.max(...rough)).toBeLessThan(0.7)
})

test('a highlight of the photo makes the skin smoother where it was seen, and wet edges are smooth', () => {
  const { indices, uv, uvIndices } = topology
  const grid = { raster: texelRaster(uv, uvIndices, SIZE), size: SIZE }
  const removed = Uint8Array.from({ length: indices.length / 3 }, (_, t) => (t < 20 ? 1 : 0))
  const head = { mesh: { positions: mean, indices }, removed }
  // a crop of two pixels, the second of which shines; the lower half of the texture sees that one
  const belief = new Float32Array(SIZE * SIZE).fill(1)
  const pixel = Uint32Array.from(belief, (_, i) => (i < belief.length / 2 ? 0 : 1))
  const seen = { belief, pixel }
  const plain = paintRoughness(head, grid, rough, seen, undefined)
  const lit = paintRoughness(head, grid, rough, seen, { sheen: Float32Array.of(0, 0.1) })
  expect([plain.size, lit.size]).toEqual([SIZE / 2, SIZE / 2])
  let changed = 0
  for (let i = 0; i < lit.values.length; i++) {
    const t = grid.raster.triangle[(2 * Math.floor(i / lit.size) + 1) * SIZE + 2 * (i % lit.size) + 1]
    if (t < 0) continue
    if (removed[t]) expect(lit.values[i]).toBeCloseTo(0.2)
    else if (i < lit.values.length / 2) expect(lit.values[i]).toBe(plain.values[i])
    else if (lit.values[i] < plain.values[i] - 0.05) changed++
  }
  expect(changed).toBeGreaterThan(1000)
})

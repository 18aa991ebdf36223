/** The asset's outline: a round head above a neck that ends in a plane. */
import { beforeAll, describe, expect, test } from 'vitest'
import { cameraCenter } from '../../../src/engine/geometry/camera.js'
import { boundaryLoops, meshEdges, vertexNeighbors } from '../../../src/engine/geometry/mesh.js'
import { triangleNormals, vertexNormals } from '../../../src/engine/geometry/normals.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { HEAD_PARTS, type HeadModel, type Mesh } from '../../../src/engine/stages.js'
import { settleHead } from '../../../src/engine/surface/head-mesh.js'
import { type HeadTopology, headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'
import { assetScene } from './asset-fixture.js'

let model: HeadModel
const topologies: HeadTopology[] = []
beforeAll(async () => {
  model = await loadBuiltInHead()
  for (const level of [0, 1]) topologies.push(headTopology(model, level))
})

/** Largest distance of the neck's rim from a straight line that it is seen as from the side, metres. */
function offPlane(mesh: Mesh): number {
  const [rim] = boundaryLoops(mesh)
  const [y, z] = [1, 2].map((k) => Array.from(rim, (v) => mesh.positions[3 * v + k]))
  const [meanY, meanZ] = [y, z].map((list) => list.reduce((a, b) => a + b) / list.length)
  const slope =
    z.reduce((sum, x, i) => sum + (x - meanZ) * (y[i] - meanY), 0) / z.reduce((sum, x) => sum + (x - meanZ) ** 2, 0)
  return Math.max(...y.map((h, i) => Math.abs(h - meanY - slope * (z[i] - meanZ))))
}

/** Degrees by which each triangle of the scalp turns from its neighbours, sorted. */
function turns(mesh: Mesh, parts: Uint8Array): number[] {
  const normals = triangleNormals(mesh)
  const { count, triangles, valence, vertices } = meshEdges(mesh.indices)
  const out: number[] = []
  for (let e = 0; e < count; e++) {
    if (valence[e] !== 2 || parts[vertices[2 * e]] !== HEAD_PARTS.scalp) continue
    const [t, u] = [3 * triangles[2 * e], 3 * triangles[2 * e + 1]]
    const cos = [0, 1, 2].reduce((sum, k) => sum + normals[t + k] * normals[u + k], 0)
    out.push((Math.acos(Math.min(1, cos)) * 180) / Math.PI)
  }
  return out.sort((a, b) => a - b)
}

describe("the neck's rim", () => {
  test.each([0, 1])('lies in a plane, alike on both sides (%i subdivisions)', (level) => {
    const mesh = headMeshOf(topologies[level], model.mean)
    expect(offPlane(mesh)).toBeLessThan(2e-5)
    const [rim] = boundaryLoops(mesh)
    const places = Array.from(rim, (v) => [...mesh.positions.subarray(3 * v, 3 * v + 3)])
    for (const [x, y, z] of places)
      expect(Math.min(...places.map((p) => Math.hypot(p[0] + x, p[1] - y, p[2] - z)))).toBeLessThan(0.0005)
    // nothing hangs below
    const lowest = Math.min(...places.map(([, y]) => y))
    for (let i = 1; i < mesh.positions.length; i += 3) expect(mesh.positions[i]).toBeGreaterThan(lowest - 1e-6)
  })

  test('stays all but plane in other people', () => {
    const rng = new Rng(5)
    for (let person = 0; person < 5; person++) {
      const drawn = Array.from({ length: model.identityCount }, () => rng.normal())
      const head = model.mean.map((x, i) =>
        drawn.reduce((sum, c, k) => sum + c * model.identity[k * model.mean.length + i], x),
      )
      expect(offPlane(headMeshOf(topologies[1], head))).toBeLessThan(0.003)
    }
  })

  test('refinement makes it a smooth curve', () => {
    const sharpest = (level: number): number => {
      const { positions } = headMeshOf(topologies[level], model.mean)
      const [rim] = boundaryLoops({ positions, indices: topologies[level].indices })
      const along = (i: number): number[] =>
        [0, 1, 2].map((k) => positions[3 * rim[(i + 1) % rim.length] + k] - positions[3 * rim[i % rim.length] + k])
      return Math.max(
        ...Array.from(rim, (_, i) => {
          const [a, b] = [along(i), along(i + 1)]
          return Math.acos(a.reduce((sum, x, k) => sum + x * b[k], 0) / Math.hypot(...a) / Math.hypot(...b))
        }),
      )
    }
    expect(sharpest(1)).toBeLessThan(0.7 * sharpest(0))
  })
})

describe('the skull', () => {
  test('is round with one subdivision: triangles turn half as far from each other', () => {
    const [coarse, fine] = topologies.map((topology) => turns(headMeshOf(topology, model.mean), topology.parts))
    const most = (list: number[]): number => list[Math.floor(0.99 * list.length)]
    console.info(
      `triangles of the scalp turn by ${most(coarse).toFixed(1)}° without, ${most(fine).toFixed(1)}° with one`,
    )
    expect(most(fine)).toBeLessThan(0.6 * most(coarse))
  })
})

describe('detail', () => {
  test('ends where the photo sees skin flatly; skin that it does not see goes along with what is beside it', async () => {
    const { fit, field } = await assetScene(0.8)
    const { weight, offset, coarse, mesh } = await settleHead(fit, topologies[1], field)
    const normals = vertexNormals({ positions: coarse, indices: mesh.indices })
    const eye = cameraCenter(fit.camera)
    let [flat, facing, steepest] = [0, 0, 0]
    for (let v = 0; v < weight.length; v++) {
      const way = eye.map((e, k) => e - coarse[3 * v + k])
      const cos = way.reduce((sum, d, k) => sum + d * normals[3 * v + k], 0) / Math.hypot(...way)
      if (cos < 0.2) flat = Math.max(flat, weight[v])
      if (cos > 0.6 && weight[v] > 0.99) facing++
    }
    const { start, neighbors } = vertexNeighbors(mesh)
    for (let v = 0; v < weight.length; v++)
      for (let i = start[v]; i < start[v + 1]; i++) {
        const w = neighbors[i]
        const way = Math.hypot(...[0, 1, 2].map((k) => coarse[3 * v + k] - coarse[3 * w + k]))
        if (weight[v] < 0.01 && weight[w] < 0.01) steepest = Math.max(steepest, Math.abs(offset[v] - offset[w]) / way)
      }
    console.info(`unseen skin: movement rises by ${steepest.toFixed(2)} of the way at most`)
    // the means of neighbours' weights reach a little further
    expect(flat).toBeLessThan(0.1)
    expect(steepest).toBeLessThan(0.5)
    expect(facing).toBeGreaterThan(5000)
  })
})

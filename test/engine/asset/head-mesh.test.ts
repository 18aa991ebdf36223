import { beforeAll, describe, expect, test } from 'vitest'
import { cameraCenter, cropCamera } from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { boundaryLoops, connectedComponents, gather } from '../../../src/engine/geometry/mesh.js'
import { triangleNormals } from '../../../src/engine/geometry/normals.js'
import { rasterize } from '../../../src/engine/geometry/rasterize.js'
import { applyRows, refine } from '../../../src/engine/geometry/refine.js'
import { texelRaster } from '../../../src/engine/geometry/texels.js'
import { interpupillaryDistance, metricFit } from '../../../src/engine/head/metric.js'
import { evenSurface } from '../../../src/engine/surface/even-surface.js'
import { toField } from '../../../src/engine/surface/field.js'
import type { HeadMesh } from '../../../src/engine/surface/head-mesh.js'
import { headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'
import { uvArea } from '../../../src/engine/surface/uv-layout.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { gridMesh } from '../../support/shapes.js'
import { type AssetScene, assetScene, settledHeads } from './asset-fixture.js'

let scene: AssetScene
let heads: HeadMesh[]
beforeAll(async () => {
  scene = await assetScene()
  heads = await settledHeads(scene)
})

/** Angles of all triangles, degrees, and their areas. */
function smallestAngles(positions: Float32Array, indices: Uint32Array): Float64Array {
  const angles = new Float64Array(indices.length / 3)
  for (let t = 0; t < indices.length; t += 3) {
    const p = [0, 1, 2].map((c) => positions.subarray(3 * indices[t + c], 3 * indices[t + c] + 3))
    const side = (a: number, b: number): number => Math.hypot(...[0, 1, 2].map((k) => p[a][k] - p[b][k]))
    const [a, b, c] = [side(1, 2), side(2, 0), side(0, 1)].sort((x, y) => x - y)
    angles[t / 3] = (Math.acos(Math.min(1, (b * b + c * c - a * a) / (2 * b * c))) * 180) / Math.PI
  }
  return angles.sort()
}

describe('refinement', () => {
  test('quarters the part, cuts its neighbours, and leaves no gap', () => {
    const grid = gridMesh(1, 8)
    const mask = Uint8Array.from({ length: grid.indices.length / 3 }, (_, t) => {
      const [x, y] = [grid.positions[3 * grid.indices[3 * t]], grid.positions[3 * grid.indices[3 * t] + 1]]
      return Math.hypot(x, y) < 0.3 ? 1 : 0
    })
    const step = refine(grid.indices, grid.positions.length / 3, mask)
    const mesh = { positions: applyRows(step.rows, grid.positions, 3), indices: step.indices }
    const before = edgeStatistics(grid)
    const after = edgeStatistics(mesh)
    expect([after.badEdges, after.boundaryEdges]).toEqual([0, before.boundaryEdges])
    const part = mask.reduce((a, b) => a + b, 0)
    expect(part).toBeGreaterThan(5)
    expect(step.parents.filter((t) => mask[t]).length).toBe(4 * part)
    // a plane stays a plane of the same size, seen from the same side
    const areas = new Float64Array(mesh.indices.length / 3)
    const normals = triangleNormals(mesh, areas)
    expect(areas.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
    expect(Math.min(...normals.filter((_, i) => i % 3 === 2))).toBeCloseTo(1, 5)
  })
})

describe('topology', () => {
  test('one manifold piece, closed but for the neck; texture coordinates within the texture, none folded or shared', () => {
    for (const { topology, mesh } of heads) {
      const edges = edgeStatistics(mesh)
      expect([edges.badEdges, connectedComponents(mesh).count, boundaryLoops(mesh).length]).toEqual([0, 1, 1])
      const { uv, uvIndices } = topology
      const used = [...new Set(uvIndices)].flatMap((row) => [uv[2 * row], uv[2 * row + 1]])
      expect(Math.min(...used)).toBeGreaterThan(0)
      expect(Math.max(...used)).toBeLessThan(1)
      const areas = Array.from({ length: uvIndices.length / 3 }, (_, t) => uvArea(uv, uvIndices, 3 * t))
      expect(new Set(areas.map(Math.sign)).size).toBe(1)
      // where islands overlapped, the texture would be covered by less than their sum
      const size = 4096
      const covered = texelRaster(uv, uvIndices, size).triangle.filter((t) => t >= 0).length / size ** 2
      const sum = Math.abs(areas.reduce((a, b) => a + b, 0))
      console.info(
        `texture layout: ${(100 * covered).toFixed(2)} % covered, overlap ${(100 * (sum - covered)).toFixed(4)} %`,
      )
      expect(Math.abs(sum - covered)).toBeLessThan(2e-4)
      const face = areas.reduce((total, a, t) => total + (topology.faceRegion[t] ? Math.abs(a) : 0), 0)
      expect(face).toBeGreaterThan(0.35)
    }
  })

  test('a model without texture coordinates gets a cylinder that is cut open at the back', () => {
    const { model } = scene.fit
    const { uv, uvIndices, faceRegion } = headTopology({ ...model, uv: undefined, uvIndices: undefined }, 0)
    let [wide, folded, face] = [0, 0, 0]
    for (let t = 0; t < faceRegion.length; t++) {
      const us = [0, 1, 2].map((c) => uv[2 * uvIndices[3 * t + c]])
      if (Math.max(...us) - Math.min(...us) > 0.2) wide++
      if (!faceRegion[t]) continue
      face++
      if (uvArea(uv, uvIndices, 3 * t) >= 0) folded++
    }
    const used = [...new Set(uvIndices)].flatMap((row) => [uv[2 * row], uv[2 * row + 1]])
    expect(used.every((c) => c > 0 && c < 1)).toBe(true)
    // only about the crown do triangles reach far round, and of the face only deep folds lie over one another
    expect(wide / faceRegion.length).toBeLessThan(0.005)
    expect(folded / face).toBeLessThan(0.1)
  })

  test('what is linear passes through: poses after refinement are refinements of poses', () => {
    const { topology } = heads[1]
    const { model } = scene.fit
    const half = topology.refined(
      model.mean.map((p) => p / 2),
      3,
    )
    const whole = headMeshOf(topology, model.mean).positions
    expect(Math.max(...half.map((p, i) => Math.abs(2 * p - whole[i])))).toBeLessThan(1e-6)
  })
})

describe('projection', () => {
  test('the face lies on the field, nothing folds over, triangles keep their shape', async () => {
    for (const [level, { mesh, weight, coarse }] of heads.entries()) {
      const inside = [...weight.keys()].filter((v) => weight[v] > 0.999)
      expect(inside.length).toBeGreaterThan(level === 0 ? 1300 : 7500)
      const points = gather(mesh.positions, Uint32Array.from(inside), 3)
      const { frame } = scene.field
      const off = (await scene.field.sdf(toField(frame, points))).map((d) => Math.abs(d) * frame.scale * 1000).sort()
      const [median, most] = [off[off.length >> 1], off[Math.floor(0.999 * off.length)]]
      console.info(`level ${level}: off the field ${median.toFixed(4)} mm (median), ${most.toFixed(4)} mm (99.9 %)`)
      expect(median).toBeLessThan(0.01)
      expect(most).toBeLessThan(0.1)
      const before = triangleNormals({ positions: coarse, indices: mesh.indices })
      const after = triangleNormals(mesh)
      let least = 1
      for (let t = 0; t < before.length; t += 3)
        least = Math.min(least, before[t] * after[t] + before[t + 1] * after[t + 1] + before[t + 2] * after[t + 2])
      expect(least).toBeGreaterThan(0)
      const [now, was] = [mesh.positions, coarse].map((p) => smallestAngles(p, mesh.indices))
      const one = Math.floor(0.01 * now.length)
      console.info(
        `smallest angles: least ${now[0].toFixed(2)}°, 1 % below ${now[one].toFixed(1)}° (model: ${was[one].toFixed(1)}°)`,
      )
      expect(now[one]).toBeGreaterThan(0.8 * was[one])
    }
  })

  test("the field's own surface and the head's agree within 0.1 mm", async () => {
    const even = await evenSurface(heads[1], scene.fit, scene.field, 160)
    expect(edgeStatistics(even.mesh).badEdges).toBe(0)
    expect(connectedComponents(even.mesh).count).toBe(1)
    const distance = new MeshDistance(heads[1].mesh).distances(even.mesh.positions).sort()
    const at = (share: number): number => 1000 * distance[Math.floor(share * distance.length)]
    console.info(`field's surface to head mesh: median ${at(0.5).toFixed(3)} mm, 90 % ${at(0.9).toFixed(3)} mm`)
    expect(at(0.5)).toBeLessThan(0.05)
    expect(at(0.9)).toBeLessThan(0.3)
    expect(even.uv.every((c) => c > 0 && c < 1)).toBe(true)
  })
})

describe('metric size', () => {
  test('the distance between the pupils is the one that was given, and the photo looks the same', () => {
    const { fit, metric } = metricFit(scene.fit, 70)
    expect(interpupillaryDistance(fit)).toBeCloseTo(0.07, 6)
    expect(metric.source).toBe('given')
    expect(metricFit(scene.fit, 63).metric.source).toBe('prior')
    expect(metricFit(scene.fit, 0).metric).toMatchObject({ scale: 1, source: 'head model' })
    const [a, b] = [scene.fit, fit].map(({ mesh, camera }) => rasterize(mesh, cropCamera(camera, scene.fit.crop)))
    const same = a.triangle.filter((t, i) => t === b.triangle[i]).length
    expect(same).toBeGreaterThan(0.999 * a.triangle.length)
    expect(cameraCenter(fit.camera)[2]).toBeCloseTo(metric.scale * cameraCenter(scene.fit.camera)[2], 6)
  })
})

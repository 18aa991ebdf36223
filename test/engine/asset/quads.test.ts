/** The asset's mesh in quads: how many, how square, and the same on the left and on the right. */
import { beforeAll, describe, expect, test } from 'vitest'
import { facesOf, inQuads, pairTriangles, quadsFirst, refinedPairs } from '../../../src/engine/geometry/quads.js'
import { refine } from '../../../src/engine/geometry/refine.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { fanQuads } from '../../../src/engine/head/fan-quads.js'
import { type MovedHead, moveHead } from '../../../src/engine/pipeline/build-parts.js'
import type { HeadModel } from '../../../src/engine/stages.js'
import { headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'
import { mirrorByTopology } from '../../support/mirror-topology.js'
import { gridMesh } from '../../support/shapes.js'
import { assetScene } from './asset-fixture.js'
import { METRIC, openedHead } from './moved-head.js'

let model: HeadModel
beforeAll(async () => {
  model = await loadBuiltInHead()
})

/** Directed edges of faces, sorted: the same for the same faces in any order. */
const edgesOf = (faces: readonly number[][]): string[] =>
  faces.flatMap((face) => face.map((a, i) => `${a}>${face[(i + 1) % face.length]}`)).sort()

describe('pairs', () => {
  test('a grid is found whole, and its quads are those of the grid', () => {
    const grid = gridMesh(1, 6)
    const { mesh, quads } = inQuads(grid)
    expect([2 * quads, mesh.indices.length]).toEqual([grid.indices.length / 3, grid.indices.length])
    const squares = facesOf(mesh.indices, quads).map((face) =>
      face.map((v) => grid.positions.subarray(3 * v, 3 * v + 2)),
    )
    for (const [a, b, c, d] of squares) {
      const [p, q] = [
        [c[0] - a[0], c[1] - a[1]],
        [d[0] - b[0], d[1] - b[1]],
      ]
      // diagonals of squares are as long as each other and cross at a right angle
      expect(Math.abs(p[0] * q[0] + p[1] * q[1])).toBeLessThan(1e-6)
    }
  })

  test('the same triangles are written, as (a, b, c) and (a, c, d)', () => {
    const { indices } = model
    const { quads, corners } = quadsFirst(indices, fanQuads(indices))
    const turned = (list: Uint32Array, t: number): string => {
      const three = [...list.subarray(3 * t, 3 * t + 3)]
      const least = three.indexOf(Math.min(...three))
      return [0, 1, 2].map((k) => three[(least + k) % 3]).join()
    }
    const out = corners.map((c) => indices[c])
    const all = (list: Uint32Array): string[] =>
      Array.from({ length: list.length / 3 }, (_, t) => turned(list, t)).sort()
    expect(all(out)).toEqual(all(indices))
    for (let q = 0; q < quads; q++) expect([out[6 * q], out[6 * q + 2]]).toEqual([out[6 * q + 3], out[6 * q + 4]])
  })

  test('quartering a quad makes four; nothing else about them changes', () => {
    const grid = gridMesh(1, 8)
    const partner = pairTriangles(grid)
    const mask = Uint8Array.from(partner, (u, t) => Number(Math.min(t, u) % 3 === 0))
    const step = refine(grid.indices, grid.positions.length / 3, mask)
    const after = refinedPairs(grid.indices, partner, step.indices, step.parents)
    const whole = mask.reduce((a, b) => a + b, 0) / 2
    expect(whole).toBeGreaterThan(5)
    expect(after.filter((u, t) => u > t && mask[step.parents[t]])).toHaveLength(4 * whole)
    after.forEach((u, t) => {
      if (u >= 0) expect(after[u]).toBe(t)
    })
  })
})

describe('the head', () => {
  test.each([0, 1, 2])('is nearly all quads with %i subdivisions', (level) => {
    const { indices, quads, sheets } = headTopology(model, level)
    const alone = sheets.subarray(2 * quads).filter((sheet) => sheet === 0).length
    expect(alone / (indices.length / 3 - quads)).toBeLessThan(0.008)
  })

  test('every vertex has its mirror, and the faces are those of the mirrored mesh', async () => {
    const scene = await assetScene(0.4)
    const { indices, quads, extended, whole } = await openedHead(scene)
    const faces = facesOf(indices, quads)
    const mean = extended(headMeshOf(whole.topology, scene.fit.model.mean).positions)
    const mirror = mirrorByTopology(faces, mean)
    const used = [...new Set(indices)]
    expect(used.every((v) => mirror[v] >= 0 && mirror[mirror[v]] === v)).toBe(true)
    expect(edgesOf(faces.map((face) => face.map((v) => mirror[v]).reverse()))).toEqual(edgesOf(faces))
    // those are the right ones: in the mean head they lie where the mirror has them
    const off = used.map((v) =>
      Math.hypot(mean[3 * v] + mean[3 * mirror[v]], ...[1, 2].map((k) => mean[3 * v + k] - mean[3 * mirror[v] + k])),
    )
    off.sort((a, b) => a - b)
    expect(off[Math.floor(0.99 * off.length)]).toBeLessThan(0.0005)
  })

  test('faces of different people have the same triangles and texture layout in the same order', async () => {
    const [one, other] = [0, 0.8].map((smile) => assetScene(smile))
    const opened = []
    const inside: MovedHead['inside'][] = []
    for (const scene of [await one, await other]) {
      opened.push(await openedHead(scene))
      const keyless = { surface: { shapeKeys: false, neutralize: false } } as never
      inside.push((await moveHead(scene.fit, METRIC, opened[opened.length - 1], keyless)).inside)
    }
    inside[0].forEach((part, i) => {
      expect([part.name, part.quads]).toEqual([inside[1][i].name, inside[1][i].quads])
      expect(part.mesh.indices).toEqual(inside[1][i].mesh.indices)
    })
    expect(opened[1].indices).toEqual(opened[0].indices)
    expect(opened[1].uv).toEqual(opened[0].uv)
    expect(opened[1].uvIndices).toEqual(opened[0].uvIndices)
  })
})

/** Tangents, normal map and displacement. */
import { generateTangents } from 'mikktspace'
import { beforeAll, describe, expect, test } from 'vitest'
import { cropCamera } from '../../../src/engine/geometry/camera.js'
import { gather } from '../../../src/engine/geometry/mesh.js'
import { vertexNormals } from '../../../src/engine/geometry/normals.js'
import { interpolate, rasterize, rasterNormals } from '../../../src/engine/geometry/rasterize.js'
import { splitSeams } from '../../../src/engine/geometry/seams.js'
import { vertexTangents } from '../../../src/engine/geometry/tangents.js'
import { sampleBilinear } from '../../../src/engine/image/filter.js'
import { mappedNormals } from '../../../src/engine/image/normal-map.js'
import { type BakeMesh, bakeDetail } from '../../../src/engine/surface/bake.js'
import { toField } from '../../../src/engine/surface/field.js'
import type { HeadMesh } from '../../../src/engine/surface/head-mesh.js'
import { type AssetScene, assetScene, settledHeads } from './asset-fixture.js'

let scene: AssetScene
let heads: HeadMesh[]
beforeAll(async () => {
  scene = await assetScene()
  heads = await settledHeads(scene)
})

describe('maps', () => {
  test('tangents are those of MikkTSpace', () => {
    const { mesh, topology } = heads[0]
    const split = splitSeams(mesh, topology.uv, topology.uvIndices)
    const normals = gather(vertexNormals(mesh), split.vertexMap, 3)
    const own = vertexTangents(split.mesh, normals, split.uv)
    const corner = <T extends Float32Array>(values: T, dims: number): Float32Array =>
      gather(values, split.mesh.indices, dims)
    const flipped = split.uv.map((c, i) => (i % 2 === 1 ? 1 - c : c))
    const reference = generateTangents(corner(split.mesh.positions, 3), corner(normals, 3), corner(flipped, 2))
    const mine = corner(own, 4)
    const angles: number[] = []
    let sides = 0
    for (let c = 0; c < mine.length; c += 4) {
      const cos = mine[c] * reference[c] + mine[c + 1] * reference[c + 1] + mine[c + 2] * reference[c + 2]
      angles.push((Math.acos(Math.min(1, cos)) * 180) / Math.PI)
      if (mine[c + 3] !== reference[c + 3]) sides++
    }
    angles.sort((a, b) => a - b)
    expect(sides).toBe(0)
    expect(angles[Math.floor(0.99 * angles.length)]).toBeLessThan(0.5)
  })

  test.each([0, 1])('normals with the map are those of the field (subdivisions %i)', async (level) => {
    const { mesh, topology, weight } = heads[level]
    const split = splitSeams(mesh, topology.uv, topology.uvIndices)
    const each = (values: Float32Array, dims: number): Float32Array => gather(values, split.vertexMap, dims)
    const normals = each(vertexNormals(mesh), 3)
    const baking: BakeMesh = {
      mesh: split.mesh,
      normals,
      tangents: vertexTangents(split.mesh, normals, split.uv),
      uv: split.uv,
      weight: each(weight, 1),
    }
    const baked = await bakeDetail(baking, scene.field, 1024)
    // as files hold them
    baked.normals = baked.normals.map((n) => Math.round(127.5 + 127.5 * n) / 127.5 - 1)
    const camera = cropCamera(scene.fit.camera, { ...scene.fit.crop, size: 400 })
    const raster = rasterize(split.mesh, camera)
    const share = interpolate(raster, split.mesh.indices, baking.weight, 1)
    const pixels = [...share.keys()].filter((i) => share[i] > 0.999)
    const points = interpolate(raster, split.mesh.indices, split.mesh.positions, 3)
    const displaced = interpolate(raster, split.mesh.indices, normals, 3)
    const uv = interpolate(raster, split.mesh.indices, split.uv, 2)
    const height = [0]
    const at = new Float32Array(3 * pixels.length)
    pixels.forEach((i, row) => {
      sampleBilinear(baked.displacement, 1024, 1024, 1, uv[2 * i] * 1024, uv[2 * i + 1] * 1024, height)
      const length = Math.hypot(displaced[3 * i], displaced[3 * i + 1], displaced[3 * i + 2])
      for (let k = 0; k < 3; k++) at[3 * row + k] = points[3 * i + k] + (height[0] / length) * displaced[3 * i + k]
    })
    const { frame } = scene.field
    const { sdf, gradient } = await scene.field.sdfAndGradient(toField(frame, at))
    const off = sdf.map((d) => Math.abs(d) * frame.scale * 1000).sort()
    const truth = new Float32Array(3 * share.length)
    const m = camera.headToCamera
    pixels.forEach((i, row) => {
      const g = gradient.subarray(3 * row, 3 * row + 3)
      const length = Math.hypot(...g)
      for (let k = 0; k < 3; k++)
        truth[3 * i + k] = (m[4 * k] * g[0] + m[4 * k + 1] * g[1] + m[4 * k + 2] * g[2]) / length
    })
    const error = (found: Float32Array): number => {
      let sum = 0
      for (const i of pixels) {
        let cos = 0
        for (let k = 3 * i; k < 3 * i + 3; k++) cos += found[k] * truth[k]
        sum += (Math.acos(Math.min(1, cos)) * 180) / Math.PI
      }
      return sum / pixels.length
    }
    const mapped = error(mappedNormals(raster, { ...baking, indices: split.mesh.indices }, baked, camera))
    const plain = error(rasterNormals(raster, split.mesh, camera, normals))
    console.info(
      `level ${level}: normals ${mapped.toFixed(2)}° with the map, ${plain.toFixed(2)}° without; ` +
        `displaced surface ${off[Math.floor(0.95 * off.length)].toFixed(3)} mm off at 95 %`,
    )
    expect(pixels.length).toBeGreaterThan(20_000)
    expect(mapped).toBeLessThan(3)
    expect(mapped).toBeLessThan(0.6 * plain)
    expect(off[Math.floor(0.95 * off.length)]).toBeLessThan(0.1)
  })
})

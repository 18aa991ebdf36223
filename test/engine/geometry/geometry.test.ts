import { BufferAttribute, BufferGeometry, DoubleSide, Ray, Vector3 } from 'three'
import { type HitPointInfo, MeshBVH } from 'three-mesh-bvh'
import { describe, expect, test } from 'vitest'
import { encodePly } from '../../../src/engine/formats/ply.js'
import {
  backProject,
  cameraCenter,
  cropCamera,
  invertRigid,
  multiply4,
  pixelCenters,
  pixelRays,
  project,
  rigidTransform,
  rotationFromAxisAngle,
  transformPoints,
} from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import {
  boundaryLoops,
  connectedComponents,
  joinMeshes,
  keepLargest,
  meshEdges,
  submesh,
} from '../../../src/engine/geometry/mesh.js'
import { triangleNormals, vertexNormals } from '../../../src/engine/geometry/normals.js'
import { interpolate, isHidden, rasterize, rasterNormals } from '../../../src/engine/geometry/rasterize.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { sampleSurface } from '../../../src/engine/geometry/sample.js'
import { subdivideLoop } from '../../../src/engine/geometry/subdivide.js'
import { TriangleTree } from '../../../src/engine/geometry/triangle-tree.js'
import type { Mesh } from '../../../src/engine/stages.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { frontCamera, gridMesh, sphereMesh } from '../../support/shapes.js'

describe('rng', () => {
  test('has uniform and normal moments, repeats with its seed, and resumes from its state', () => {
    const rng = new Rng(7)
    let mean = 0
    let normalSquare = 0
    const n = 20000
    for (let i = 0; i < n; i++) {
      mean += rng.uniform() / n
      normalSquare += rng.normal() ** 2 / n
    }
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01)
    expect(Math.abs(normalSquare - 1)).toBeLessThan(0.05)
    rng.normal()
    const copy = Rng.fromState(JSON.parse(JSON.stringify(rng.getState())))
    for (let i = 0; i < 10; i++) expect(copy.normal()).toBe(rng.normal())
    expect(new Rng(3).uint32()).toBe(new Rng(3).uint32())
    expect(new Rng(3).uint32()).not.toBe(new Rng(4).uint32())
  })
  test('permutation holds every number once and is shuffled', () => {
    const p = new Rng(1).permutation(100)
    expect([...p].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect([...p].filter((v, i) => v === i).length).toBeLessThan(10)
  })
})

describe('camera', () => {
  const camera = frontCamera(256, 400, 0.8, 0.3)
  test('project and backProject are inverse; the centre of the head frame falls on the principal point', () => {
    expect([...project(camera, Float64Array.of(0, 0, 0))]).toEqual([128, 128, 0.8])
    const points = Float64Array.from({ length: 30 }, (_, i) => 0.1 * Math.sin(i * 1.7))
    const uvz = project(camera, points)
    const pixels = new Float64Array(20)
    const depth = new Float64Array(10)
    for (let i = 0; i < 10; i++) {
      pixels[i * 2] = uvz[i * 3]
      pixels[i * 2 + 1] = uvz[i * 3 + 1]
      depth[i] = uvz[i * 3 + 2]
    }
    const back = backProject(camera, pixels, depth)
    for (let i = 0; i < 30; i++) expect(back[i]).toBeCloseTo(points[i], 10)
    const rays = pixelRays(camera, pixels)
    const center = cameraCenter(camera)
    for (let i = 0; i < 10; i++) {
      const d = [0, 1, 2].map((k) => points[i * 3 + k] - center[k])
      const length = Math.hypot(...d)
      for (let k = 0; k < 3; k++) expect(rays[i * 3 + k]).toBeCloseTo(d[k] / length, 10)
    }
  })
  test('crop pixel (u, v) is photo pixel (x + u w / size, y + v h / size)', () => {
    const crop = { x: 20, y: -10, width: 128, height: 128, size: 64 }
    const point = Float64Array.of(0.03, -0.05, 0.02)
    const [u, v] = project(cropCamera(camera, crop), point)
    const [pu, pv] = project(camera, point)
    expect(crop.x + (u * crop.width) / crop.size).toBeCloseTo(pu, 10)
    expect(crop.y + (v * crop.height) / crop.size).toBeCloseTo(pv, 10)
  })
  test('rotations by axis-angle turn about the axis by the angle, also tiny ones', () => {
    const quarter = rigidTransform(rotationFromAxisAngle(0, 0, Math.PI / 2), [1, 2, 3])
    const moved = transformPoints(quarter, Float64Array.of(1, 0, 0))
    for (const [k, value] of [1, 3, 3].entries()) expect(moved[k]).toBeCloseTo(value, 12)
    const tiny = rotationFromAxisAngle(1e-6, -2e-6, 3e-6)
    for (const [k, value] of [1, -3e-6, -2e-6].entries()) expect(tiny[k]).toBeCloseTo(value, 10)
    const v = [0.4, -0.8, 1.1]
    const fixed = transformPoints(
      rigidTransform(rotationFromAxisAngle(v[0], v[1], v[2]), [0, 0, 0]),
      Float64Array.from(v),
    )
    for (let k = 0; k < 3; k++) expect(fixed[k]).toBeCloseTo(v[k], 12)
  })
  test('invertRigid inverts', () => {
    const identity = multiply4(camera.headToCamera, invertRigid(camera.headToCamera))
    for (let i = 0; i < 16; i++) expect(identity[i]).toBeCloseTo(i % 5 === 0 ? 1 : 0, 12)
  })
})

describe('normals', () => {
  test.each(['angle', 'area'] as const)('%s-weighted normals of a sphere point outwards', (weighting) => {
    const mesh = sphereMesh(0.1, 40, 80)
    const n = vertexNormals(mesh, weighting)
    let worst = 1
    for (let i = 0; i < n.length; i += 3) {
      const p = mesh.positions
      worst = Math.min(worst, (n[i] * p[i] + n[i + 1] * p[i + 1] + n[i + 2] * p[i + 2]) / 0.1)
    }
    expect(worst).toBeGreaterThan(0.9999)
  })
})

describe('mesh', () => {
  const sphere = sphereMesh(1, 16, 32)
  test('finds components and keeps the largest', () => {
    const two = joinMeshes(sphereMesh(0.2, 6, 8, [3, 0, 0]), sphere)
    const c = connectedComponents(two)
    expect(c.count).toBe(2)
    expect(c.sizes[0]).toBe(sphere.indices.length / 3)
    expect(keepLargest(two).positions).toEqual(sphere.positions)
  })
  test('a closed sphere has no boundary, a cut one has a loop; submesh maps back', () => {
    expect(boundaryLoops(sphere)).toEqual([])
    const mask = Uint8Array.from({ length: sphere.indices.length / 3 }, (_, t) =>
      [0, 1, 2].every((k) => sphere.positions[sphere.indices[t * 3 + k] * 3 + 1] > -0.1) ? 1 : 0,
    )
    const part = submesh(sphere, mask)
    const loops = boundaryLoops(part.mesh)
    expect(loops.map((l) => l.length)).toEqual([32])
    for (let t = 0; t < part.triangleMap.length; t++)
      for (let k = 0; k < 3; k++)
        expect(part.vertexMap[part.mesh.indices[t * 3 + k]]).toBe(sphere.indices[part.triangleMap[t] * 3 + k])
    expect(edgeStatistics(part.mesh)).toMatchObject({ boundaryEdges: 32, badEdges: 0 })
  })
  test('borders that touch at a vertex are loops of their own', () => {
    const grid = gridMesh(1, 4)
    // two quads that touch at one inner vertex are cut out
    const cut = new Set([10, 11, 20, 21])
    const holed = submesh(
      grid,
      Uint8Array.from({ length: 32 }, (_, t) => (cut.has(t) ? 0 : 1)),
    ).mesh
    expect(boundaryLoops(holed).map((l) => l.length)).toEqual([16, 4, 4])
    for (const loop of boundaryLoops(holed)) expect(new Set(loop).size).toBe(loop.length)
  })
  test('edge statistics notice a flipped triangle', () => {
    const flipped = { positions: sphere.positions, indices: sphere.indices.slice() }
    ;[flipped.indices[300], flipped.indices[301]] = [flipped.indices[301], flipped.indices[300]]
    expect(edgeStatistics(sphere).badEdges).toBe(0)
    expect(edgeStatistics(flipped).badEdges).toBe(3)
  })
  test('Loop subdivision stays manifold, rounds off, and keeps planes and borders', () => {
    const subdivided = (mesh: Mesh, rule?: 'keep'): Mesh => {
      const { values, indices } = subdivideLoop(mesh.positions, 3, mesh.indices, rule)
      return { positions: values, indices }
    }
    const loop = subdivided(sphere)
    expect(edgeStatistics(loop)).toMatchObject({ boundaryEdges: 0, badEdges: 0 })
    expect(loop.indices.length).toBe(4 * sphere.indices.length)
    /** How much the directions of neighbouring triangles differ at most, radians. */
    const sharpest = ({ positions, indices }: Mesh) => {
      const normals = triangleNormals({ positions, indices })
      const { count, valence, triangles } = meshEdges(indices)
      let least = 1
      for (let e = 0; e < count; e++) {
        if (valence[e] !== 2) continue
        const [s, t] = [3 * triangles[2 * e], 3 * triangles[2 * e + 1]]
        least = Math.min(
          least,
          [0, 1, 2].reduce((sum, k) => sum + normals[s + k] * normals[t + k], 0),
        )
      }
      return Math.acos(least)
    }
    expect(sharpest(loop)).toBeLessThan(0.75 * sharpest(sphere))
    const flat = gridMesh(1, 4)
    const fine = subdivided(flat, 'keep')
    for (let i = 2; i < fine.positions.length; i += 3) expect(fine.positions[i]).toBe(0)
    for (const v of boundaryLoops(flat)[0])
      expect([...fine.positions.subarray(3 * v, 3 * v + 3)]).toEqual([...flat.positions.subarray(3 * v, 3 * v + 3)])
    expect(boundaryLoops(fine).map((border) => border.length)).toEqual([32])
  })
  test('area sampling is uniform: octants of a sphere get equal shares', () => {
    const { points, triangles, barycentric } = sampleSurface(sphere, 16000, new Rng(5))
    const count = new Array(8).fill(0)
    for (let i = 0; i < points.length; i += 3)
      count[(points[i] > 0 ? 1 : 0) + (points[i + 1] > 0 ? 2 : 0) + (points[i + 2] > 0 ? 4 : 0)]++
    for (const c of count) expect(Math.abs(c - 2000)).toBeLessThan(200)
    let x = 0
    for (let k = 0; k < 3; k++) x += barycentric[k] * sphere.positions[sphere.indices[triangles[0] * 3 + k] * 3]
    expect(x).toBeCloseTo(points[0], 6)
  })
})

describe('distance', () => {
  const mesh = sphereMesh(0.1, 100, 200)
  const bvh = new MeshDistance(mesh)
  const rng = new Rng(2)
  test('distances to a sphere agree with the analytic ones to the chord error', () => {
    const points = Float32Array.from({ length: 3000 }, () => rng.uniform(-0.2, 0.2))
    const { distance, point, triangle } = bvh.closest(points)
    const chord = 0.1 * (1 - Math.cos(Math.PI / 100)) * 2
    for (let i = 0; i < 1000; i++) {
      const r = Math.hypot(points[i * 3], points[i * 3 + 1], points[i * 3 + 2])
      expect(Math.abs(distance[i] - Math.abs(r - 0.1))).toBeLessThan(chord)
      expect(Math.hypot(point[i * 3], point[i * 3 + 1], point[i * 3 + 2])).toBeCloseTo(0.1, 3)
      expect(triangle[i]).toBeLessThan(mesh.indices.length / 3)
    }
  })
  /** Random triangles, some without area, in our tree and in three-mesh-bvh. */
  const soup = () => {
    const positions = Float32Array.from({ length: 900 * 3 }, (_, i) => rng.uniform(-1, 1) * (i % 9 < 3 ? 1 : 0.9))
    for (let t = 0; t < 20; t++) positions.copyWithin(t * 45, t * 45 + 3, t * 45 + 6)
    const triangles = { positions, indices: Uint32Array.from({ length: 900 }, (_, i) => i) }
    const geometry = new BufferGeometry()
    geometry.setAttribute('position', new BufferAttribute(positions, 3))
    geometry.setIndex(new BufferAttribute(triangles.indices, 1))
    return { triangles, other: new MeshBVH(geometry, { indirect: true }) }
  }
  test('closest points equal those of three-mesh-bvh, also on random triangles with slivers, near and far', () => {
    const { triangles, other } = soup()
    const target: HitPointInfo = { point: new Vector3(), distance: 0, faceIndex: 0 }
    const points = Float32Array.from({ length: 1500 }, (_, i) => rng.normal() * (i < 750 ? 0.5 : 3))
    const { distance, point } = new MeshDistance(triangles).closest(points)
    for (let i = 0; i < 500; i++) {
      const p = new Vector3(points[i * 3], points[i * 3 + 1], points[i * 3 + 2])
      other.closestPointToPoint(p, target)
      expect(distance[i]).toBeCloseTo(target.distance, 6)
      expect(p.distanceTo(new Vector3(point[i * 3], point[i * 3 + 1], point[i * 3 + 2]))).toBeCloseTo(distance[i], 5)
    }
  })
  test('rays are blocked where three-mesh-bvh hits, also along the axes and up to a distance', () => {
    const { triangles, other } = soup()
    // far fewer triangles leave rays through
    const tree = new TriangleTree({ ...triangles, indices: triangles.indices.subarray(0, 150) })
    other.geometry.setIndex(new BufferAttribute(triangles.indices.slice(0, 150), 1))
    const bvh = new MeshBVH(other.geometry, { indirect: true })
    let blocked = 0
    for (let i = 0; i < 2000; i++) {
      const origin = new Vector3(rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1))
      const along = new Vector3(rng.normal(), i % 3 ? rng.normal() : 0, i % 2 ? rng.normal() : 0).normalize()
      const far = i % 2 ? rng.uniform(0.2, 1) : Number.POSITIVE_INFINITY
      const hit = bvh.raycastFirst(new Ray(origin, along), DoubleSide, 0, far)
      expect(tree.blocks(origin.x, origin.y, origin.z, along.x, along.y, along.z, far)).toBe(hit !== null)
      if (hit) blocked++
    }
    expect(blocked).toBeGreaterThan(400)
    expect(blocked).toBeLessThan(1600)
  })
  test('rays hit where the rasteriser sees the mesh', () => {
    const camera = frontCamera(64, 120, 0.6, 0.2)
    const raster = rasterize(mesh, camera)
    const rays = pixelRays(camera, pixelCenters(64, 64))
    const hits = bvh.rayHits(cameraCenter(camera), rays, 'back')
    let differing = 0
    for (let i = 0; i < 64 * 64; i++) {
      if (raster.triangle[i] !== hits.triangle[i]) differing++
      else if (hits.triangle[i] >= 0) {
        const view = camera.headToCamera.slice(8, 11)
        const cos = rays[i * 3] * view[0] + rays[i * 3 + 1] * view[1] + rays[i * 3 + 2] * view[2]
        expect(Math.abs(hits.t[i] * cos - raster.depth[i])).toBeLessThan(1e-5)
      }
    }
    expect(hits.triangle.filter((t) => t >= 0).length).toBeGreaterThan(1000)
    expect(differing).toBeLessThan(8)
  })
})

describe('rasterize', () => {
  const mesh = sphereMesh(0.1, 78, 154)
  const camera = frontCamera(256, 560, 0.7, -0.4)
  const raster = rasterize(mesh, camera)
  test('interpolated positions project back to their pixel centres at the stored depth', () => {
    const positions = interpolate(raster, mesh.indices, mesh.positions, 3)
    const uvz = project(camera, positions)
    let seen = 0
    for (let i = 0; i < raster.triangle.length; i++) {
      if (raster.triangle[i] < 0) {
        expect(raster.depth[i]).toBeNaN()
        continue
      }
      seen++
      if (Math.abs(uvz[i * 3] - (i % 256) - 0.5) > 1e-3) expect.fail(`pixel ${i}: u ${uvz[i * 3]}`)
      if (Math.abs(uvz[i * 3 + 1] - Math.floor(i / 256) - 0.5) > 1e-3) expect.fail(`pixel ${i}: v ${uvz[i * 3 + 1]}`)
      if (Math.abs(uvz[i * 3 + 2] - raster.depth[i]) > 1e-6) expect.fail(`pixel ${i}: depth`)
    }
    // the disc of a sphere: focal * r / sqrt(d² - r²)
    const radius = (560 * 0.1) / Math.sqrt(0.7 ** 2 - 0.1 ** 2)
    expect(Math.abs(seen / (Math.PI * radius * radius) - 1)).toBeLessThan(0.01)
  })
  test('depth and normals are those of the sphere, front side, no cracks inside', () => {
    const normals = rasterNormals(raster, mesh, camera)
    for (let y = 90; y < 166; y++)
      for (let x = 90; x < 166; x++) {
        const i = y * 256 + x
        const dx = (x + 0.5 - 128) / 560
        const dy = (y + 0.5 - 128) / 560
        const q = dx * dx + dy * dy + 1
        const z = (0.7 - Math.sqrt(0.49 - q * (0.49 - 0.01))) / q
        if (!(Math.abs(raster.depth[i] - z) < 2e-4)) expect.fail(`depth ${raster.depth[i]} for ${z} at ${x},${y}`)
        const dot = (normals[i * 3] * dx * z + normals[i * 3 + 1] * dy * z + normals[i * 3 + 2] * (z - 0.7)) / 0.1
        if (!(dot > 0.999)) expect.fail(`normal at ${x},${y}: ${dot}`)
      }
  })
  test('the far side of the sphere is hidden, its front and the empty border are not', () => {
    const hidden = (x: number, y: number, z: number) => isHidden(raster.depth, raster.width, x, y, z, 0.002)
    expect(hidden(128.5, 128.5, 0.8)).toBe(true)
    expect(hidden(128.5, 128.5, 0.6)).toBe(false)
    expect(hidden(128.5, 128.5, 0.6015)).toBe(false)
    expect(hidden(128.5, 128.5, 0.6025)).toBe(true)
    expect(hidden(2.5, 2.5, 5)).toBe(false)
  })
  test('back faces are culled unless asked for', () => {
    const inside = { positions: mesh.positions, indices: mesh.indices.slice().reverse() }
    const culled = rasterize(inside, camera)
    expect(culled.depth[128 * 256 + 128]).toBeGreaterThan(0.75)
    expect(rasterize(inside, camera, { cull: 'none' }).depth[128 * 256 + 128]).toBeLessThan(0.65)
  })
})

describe('PLY', () => {
  const mesh = { positions: Float32Array.of(0, 0, 0, 1, 0, 0, 0, 2, -0.5), indices: Uint32Array.of(0, 1, 2) }
  const split = (file: Uint8Array) => {
    const end = Buffer.from(file).indexOf('end_header\n') + 'end_header\n'.length
    return { header: Buffer.from(file).toString('utf8', 0, end).split('\n'), body: Buffer.from(file).subarray(end) }
  }
  const face = [3, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]

  test('a bare mesh: floats of the positions, then the triangles', () => {
    const { header, body } = split(encodePly(mesh))
    expect(header).toEqual([
      'ply',
      'format binary_little_endian 1.0',
      'element vertex 3',
      ...['x', 'y', 'z'].map((name) => `property float ${name}`),
      'element face 1',
      'property list uchar int vertex_indices',
      'end_header',
      '',
    ])
    expect([...body]).toEqual([...new Uint8Array(mesh.positions.buffer), ...face])
  })

  test('normals, texture coordinates with v upwards, and colours of 8 bits follow the position', () => {
    const normals = Float32Array.of(0, 0, 1, 0, 1, 0, -1, 0, 0)
    const uv = Float32Array.of(0, 0, 0.25, 0.75, 1, 1)
    const colours = Float32Array.of(-0.1, 0.5, 1.2, 0, 0, 0, 1, 1, 1)
    const { header, body } = split(encodePly(mesh, { comments: ['seed 3'], normals, uv, colours }))
    expect(header[2]).toBe('comment seed 3')
    expect(header.filter((line) => line.startsWith('property')).map((line) => line.split(' ').at(-1))).toEqual([
      'x',
      'y',
      'z',
      'nx',
      'ny',
      'nz',
      's',
      't',
      'red',
      'green',
      'blue',
      'vertex_indices',
    ])
    expect(body.length).toBe(3 * 35 + 13)
    const vertex = (v: number) => Array.from({ length: 8 }, (_, k) => body.readFloatLE(35 * v + 4 * k))
    expect(vertex(1)).toEqual([1, 0, 0, 0, 1, 0, 0.25, 0.25])
    expect(vertex(2)).toEqual([0, 2, -0.5, -1, 0, 0, 1, 0])
    expect([...body.subarray(32, 35)]).toEqual([0, 128, 255])
    expect([...body.subarray(3 * 35)]).toEqual(face)
  })
})

import { describe, expect, test } from 'vitest'
import { project } from '../../../src/engine/geometry/camera.js'
import { boundaryLoops, connectedComponents, submesh } from '../../../src/engine/geometry/mesh.js'
import { triangleNormals, vertexNormals } from '../../../src/engine/geometry/normals.js'
import { rasterize, rasterNormals } from '../../../src/engine/geometry/rasterize.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { sampleSurface } from '../../../src/engine/geometry/sample.js'
import { decodePicture, newPicture } from '../../../src/engine/image/picture.js'
import type { Mesh } from '../../../src/engine/stages.js'
import { boundaryDistance, boundaryFalloff } from '../../../src/engine/surface/boundary-falloff.js'
import { cleanManifold } from '../../../src/engine/surface/clean-mesh.js'
import { clipMesh } from '../../../src/engine/surface/clip-mesh.js'
import { CUBE_EDGES, CUBE_TRIANGLES } from '../../../src/engine/surface/cube-table.js'
import { denseFace } from '../../../src/engine/surface/dense-face.js'
import { marchingCubes, snapToZero } from '../../../src/engine/surface/extract.js'
import { faceSheet } from '../../../src/engine/surface/face-sheet.js'
import { type ImplicitField, toField, toHead } from '../../../src/engine/surface/field.js'
import { mapFiles } from '../../../src/engine/surface/maps.js'
import { sampleNarrowBand } from '../../../src/engine/surface/narrow-band.js'
import { projectMesh, towardsCamera } from '../../../src/engine/surface/project-mesh.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { npyNumbers } from '../../support/numpy.js'
import { frontCamera, gridMesh, sphereMesh } from '../../support/shapes.js'
import { analyticField, countingField, sheet, sphere, testFrame } from './fields.js'

const MM = 1000 * testFrame.scale

/** Mean and greatest distance (mm) of points on the mesh from the zero level, and the mean angle of its triangles to it. */
async function errors(mesh: Mesh, field: ImplicitField) {
  const { points, triangles } = sampleSurface(mesh, 5000, new Rng(3))
  const { sdf, gradient } = await field.sdfAndGradient(toField(field.frame, points))
  const normals = triangleNormals(mesh)
  let angle = 0
  triangles.forEach((t, i) => {
    let cos = 0
    for (let k = 0; k < 3; k++) cos += normals[t * 3 + k] * gradient[i * 3 + k]
    angle += (Math.acos(Math.max(-1, Math.min(1, cos))) * 180) / Math.PI / triangles.length
  })
  const distances = sdf.map(Math.abs)
  return { mean: (distances.reduce((a, b) => a + b) / 5000) * MM, max: Math.max(...distances) * MM, angle }
}

/** The cap z > radius * cosine of a sphere, in the head frame: a fitted face region. */
function capMesh(radius: number, cosine: number, rows = 40): Mesh {
  const ball = sphereMesh(radius, rows, 2 * rows)
  const mask = Uint8Array.from({ length: ball.indices.length / 3 }, (_, t) =>
    [0, 1, 2].every((k) => ball.positions[ball.indices[t * 3 + k] * 3 + 2] > radius * cosine) ? 1 : 0,
  )
  const { mesh } = submesh(ball, mask)
  return { positions: toHead(testFrame, mesh.positions), indices: mesh.indices }
}

describe('extraction', () => {
  test('every set of inside corners gives triangles through each crossed edge, closed within the cube', () => {
    CUBE_TRIANGLES.forEach((triangles, inside) => {
      const crossed = CUBE_EDGES.flatMap(([a, b], e) => (((inside >> a) ^ (inside >> b)) & 1 ? [e] : []))
      expect([...new Set(triangles)].sort((a, b) => a - b)).toEqual(crossed)
    })
  })
  test('a sphere becomes a closed manifold on the surface, outside in front', async () => {
    const field = countingField(analyticField(sphere(0.7)))
    const band = await sampleNarrowBand(field, { resolution: 64 })
    // a dense grid would take 65³ evaluations
    expect(band.evaluations).toBeLessThan(65 ** 3 / 4)
    expect(field.evaluations).toBe(band.evaluations)
    const mesh = await snapToZero(marchingCubes(band, field), field, band.spacing * testFrame.scale)
    expect(edgeStatistics(mesh)).toMatchObject({ boundaryEdges: 0, badEdges: 0 })
    expect(connectedComponents(mesh).count).toBe(1)
    const { mean, max, angle } = await errors(mesh, field)
    // chord error of a line through a cell
    const chord = ((band.spacing * Math.sqrt(3)) ** 2 / 8 / 0.7) * MM
    expect(max).toBeLessThan(chord)
    expect(mean).toBeLessThan(chord / 2)
    expect(angle).toBeLessThan(1.5)
  })
  test('random signs: the mesh stays manifold', async () => {
    const rng = new Rng(11)
    const noise = Float32Array.from({ length: 17 ** 3 }, () => rng.uniform(-0.02, 0.02))
    const field = analyticField((x, y, z) => {
      const i = [x, y, z].map((v) => Math.round((v + 1.1) / (2.2 / 16)))
      // outside at the border, so that the surface is closed
      return i.some((c) => c <= 0 || c >= 16) ? 0.01 : noise[i[0] + 17 * (i[1] + 17 * i[2])]
    })
    const mesh = marchingCubes(await sampleNarrowBand(field, { resolution: 16 }), field)
    expect(mesh.indices.length / 3).toBeGreaterThan(5000)
    expect(edgeStatistics(mesh)).toMatchObject({ boundaryEdges: 0, badEdges: 0 })
  })
})

// a sheet 4.8 mm thick with wrinkles 3.6 mm apart and 0.36 mm deep that fade out towards the rim, and a floating island
const RADIUS = 0.8
const CAP = 0.3
const wrinkled = (() => {
  const smooth = sheet(RADIUS, CAP, 0.04)
  return analyticField((x, y, z) => {
    const fade = Math.max(0, Math.min(1, (z - 0.4) / 0.2))
    const island = Math.hypot(x, y - 0.95, z - 0.3) - 0.04
    return Math.min(smooth(x, y, z) - 0.0015 * fade * Math.sin((y * 2 * Math.PI) / 0.03), island)
  })
})()

describe('faceSheet', () => {
  test('returns only the front layer: one open manifold piece with one smooth border, no island', async () => {
    const reference = capMesh(RADIUS, CAP)
    const band = await sampleNarrowBand(wrinkled, { resolution: 128 })
    const shell = await snapToZero(marchingCubes(band, wrinkled), wrinkled, band.spacing * testFrame.scale)
    expect(connectedComponents(shell).count).toBe(2)
    const face = faceSheet(shell, reference)
    expect(connectedComponents(face).count).toBe(1)
    expect(boundaryLoops(face).length).toBe(1)
    expect(edgeStatistics(face).badEdges).toBe(0)
    const p = toField(testFrame, face.positions)
    let lowest = 1
    for (let i = 0; i < p.length; i += 3) lowest = Math.min(lowest, Math.hypot(p[i], p[i + 1], p[i + 2]))
    expect(lowest).toBeGreaterThan(RADIUS)
    // its area is the cap's, less what is trimmed at the rim
    const area = (mesh: Mesh) => {
      const areas = new Float64Array(mesh.indices.length / 3)
      triangleNormals(mesh, areas)
      return areas.reduce((a, b) => a + b)
    }
    expect(area(face) / area(reference)).toBeGreaterThan(0.93)
    expect(area(face) / area(reference)).toBeLessThan(1.1)
  })
})

describe('projectMesh', () => {
  const base = capMesh(RADIUS, CAP)
  test('puts every vertex on the front zero level, fading out at the border', async () => {
    const mesh = denseFace(base, { faceRegion: new Uint8Array(base.indices.length / 3).fill(1) }, 12_000)
    const weight = boundaryFalloff(mesh, 0.01)
    const result = await projectMesh(mesh, wrinkled, { weight })
    expect(result.mesh.indices).toEqual(mesh.indices)
    const sdf = await wrinkled.sdf(toField(testFrame, result.mesh.positions))
    const p = toField(testFrame, result.mesh.positions)
    let checked = 0
    for (let v = 0; v < weight.length; v++) {
      if (weight[v] === 0) expect(result.offset[v]).toBe(0)
      if (weight[v] < 1 || !result.found[v]) continue
      checked++
      if (Math.abs(sdf[v]) * MM > 0.011) expect.fail(`vertex ${v} is ${sdf[v] * MM} mm off`)
      // the front layer lies half the thickness outside
      if (Math.hypot(p[v * 3], p[v * 3 + 1], p[v * 3 + 2]) < RADIUS + 0.015)
        expect.fail(`vertex ${v} is on the inner layer`)
    }
    expect(checked).toBeGreaterThan(0.7 * weight.length)
    expect(result.evaluations).toBeLessThan(6 * weight.length)
  })
  test('along the viewing rays, vertices keep their pixels', async () => {
    const camera = frontCamera(256, 500, 0.8, 0.1)
    const cap = capMesh(RADIUS, 0.8)
    const result = await projectMesh(cap, wrinkled, { directions: towardsCamera(cap.positions, camera) })
    const before = project(camera, cap.positions)
    const after = project(camera, result.mesh.positions)
    const sdf = await wrinkled.sdf(toField(testFrame, result.mesh.positions))
    for (let v = 0; v < result.found.length; v++) {
      expect(Math.hypot(before[v * 3] - after[v * 3], before[v * 3 + 1] - after[v * 3 + 1])).toBeLessThan(0.01)
      expect(after[v * 3 + 2]).toBeLessThan(before[v * 3 + 2])
      expect(Math.abs(sdf[v]) * MM).toBeLessThan(0.011)
    }
  })
  test('starts inside, outside and behind the sheet all end on its front', async () => {
    const offsets = [-0.035, -0.018, 0, 0.018, 0.04]
    const directions = vertexNormals(base)
    for (const d of offsets) {
      const moved = base.positions.map((v, i) => v + d * testFrame.scale * directions[i])
      const result = await projectMesh({ positions: moved, indices: base.indices }, wrinkled, {
        directions,
        maxOffset: 0.009,
      })
      const p = toField(testFrame, result.mesh.positions)
      let onFront = 0
      let inner = 0
      for (let v = 0; v < result.found.length; v++) {
        const r = Math.hypot(p[v * 3], p[v * 3 + 1], p[v * 3 + 2])
        if (Math.abs(r - RADIUS - 0.02) < 0.002) onFront++
        if (r < RADIUS) inner++
      }
      expect(inner).toBe(0)
      expect(onFront / result.found.length).toBeGreaterThan(0.95)
    }
  })
  test('spikes and holes of the field are bridged by the neighbours', async () => {
    const cap = capMesh(RADIUS, 0.5, 120)
    const p = toField(testFrame, cap.positions)
    let tipVertex = 0
    for (let v = 0; v < p.length / 3; v++)
      if (Math.hypot(p[v * 3] - 0.15, p[v * 3 + 1]) < Math.hypot(p[tipVertex * 3] - 0.15, p[tipVertex * 3 + 1]))
        tipVertex = v
    const tip = p.subarray(tipVertex * 3, tipVertex * 3 + 3)
    const holed = analyticField((x, y, z) => {
      if (Math.hypot(x, y) < 0.06) return Number.NaN
      // a thorn along the radius through one vertex
      const r = Math.hypot(x, y, z) / RADIUS
      const spike = Math.max(0, 1 - Math.hypot(x / r - tip[0], y / r - tip[1], z / r - tip[2]) / 0.012)
      return Math.hypot(x, y, z) - RADIUS - 0.01 - 0.03 * spike
    })
    const result = await projectMesh(cap, holed, {})
    const offsets = Array.from(result.offset, (o) => o / testFrame.scale)
    expect(result.found[tipVertex]).toBe(0)
    expect(result.found.filter((f) => f === 0).length).toBeGreaterThan(10)
    expect(Math.max(...offsets)).toBeLessThan(0.012)
    expect(Math.min(...offsets)).toBeGreaterThan(0.008)
  })
})

describe('open meshes', () => {
  test('boundary distance and fall-off on a flat square', () => {
    const grid = gridMesh(1, 20)
    const distance = boundaryDistance(grid)
    expect(distance[0]).toBe(0)
    expect(distance[10 * 21 + 10]).toBeCloseTo(0.5, 5)
    const weight = boundaryFalloff(grid, 0.2)
    expect([weight[0], weight[10 * 21 + 10]]).toEqual([0, 1])
    expect(weight[10 * 21 + 2]).toBeCloseTo(0.5, 5)
  })
  test('cleaning drops a flap at an edge and a loose piece, and closes the hole', () => {
    const grid = gridMesh(1, 10)
    const positions = Float32Array.of(...grid.positions, 0, 0, 0.3, 5, 5, 5, 5.1, 5, 5, 5, 5.1, 5)
    // a fin on an inner edge; a separate triangle
    const indices = Uint32Array.of(...grid.indices, 60, 61, 121, 122, 123, 124)
    expect(edgeStatistics({ positions, indices }).badEdges).toBe(1)
    const clean = cleanManifold({ positions, indices })
    expect(edgeStatistics(clean)).toMatchObject({ badEdges: 0, boundaryEdges: 40 })
    expect(connectedComponents(clean).count).toBe(1)
    expect(
      Array.from(vertexNormals(clean))
        .filter((_, i) => i % 3 === 2)
        .every((nz) => nz > 0.999),
    ).toBe(true)
  })
  test('clipping follows the level line', () => {
    const grid = gridMesh(2, 40)
    const radius = Float32Array.from(
      { length: grid.positions.length / 3 },
      (_, v) => 0.7 - Math.hypot(grid.positions[v * 3], grid.positions[v * 3 + 1]),
    )
    const disc = clipMesh(grid, radius, 0)
    const loops = boundaryLoops(disc)
    expect(loops.length).toBe(1)
    for (const v of loops[0])
      expect(Math.abs(Math.hypot(disc.positions[v * 3], disc.positions[v * 3 + 1]) - 0.7)).toBeLessThan(0.003)
    const areas = new Float64Array(disc.indices.length / 3)
    triangleNormals(disc, areas)
    expect(areas.reduce((a, b) => a + b)).toBeCloseTo(Math.PI * 0.49, 1)
    expect(edgeStatistics(disc).badEdges).toBe(0)
    expect(edgeStatistics(disc).minimum).toBeGreaterThan(1e-4)
  })
})

test('the dense face is the region, finely divided, within a border that does not follow the triangles', () => {
  const ball = sphereMesh(0.1, 16, 32)
  const height = 0.02
  const faceRegion = Uint8Array.from({ length: ball.indices.length / 3 }, (_, t) =>
    [0, 1, 2].every((k) => ball.positions[ball.indices[t * 3 + k] * 3 + 2] > height) ? 1 : 0,
  )
  const border = (mesh: Mesh) => {
    const loops = boundaryLoops(mesh)
    expect(loops.length).toBe(1)
    const z = Array.from(loops[0], (v) => mesh.positions[3 * v + 2])
    const mean = z.reduce((a, b) => a + b) / z.length
    return { mean, spread: Math.sqrt(z.reduce((a, b) => a + (b - mean) ** 2, 0) / z.length) }
  }
  const face = denseFace(ball, { faceRegion }, 3000)
  expect(face.indices.length / 3).toBeGreaterThanOrEqual(3000)
  expect(edgeStatistics(face).badEdges).toBe(0)
  const ragged = border(submesh(ball, faceRegion).mesh)
  const smooth = border(face)
  expect(Math.abs(smooth.mean - ragged.mean)).toBeLessThan(0.006)
  expect(smooth.spread).toBeLessThan(0.7 * ragged.spread)
})

test('a field without a surface is an error that says so', async () => {
  const nothing = analyticField(() => 0.5)
  const cap = capMesh(RADIUS, 0.8)
  const empty = { code: 'SURFACE_EMPTY', stage: 'surface' }
  await expect(sampleNarrowBand(nothing, { resolution: 16 })).rejects.toMatchObject(empty)
  await expect(projectMesh(cap, nothing)).rejects.toMatchObject(empty)
  const far = { positions: cap.positions.map((v) => v + 1), indices: cap.indices }
  expect(() => faceSheet(far, cap)).toThrow(expect.objectContaining(empty))
})

test('map files hold the arrays and pictures of the design, NaN and 0 off the face', async () => {
  const ball = sphereMesh(0.1, 40, 80)
  const camera = frontCamera(64, 130, 0.7)
  const raster = rasterize(ball, camera)
  const normals = rasterNormals(raster, ball, camera)
  const mask = Uint8Array.from(raster.triangle, (t) => (t >= 0 ? 1 : 0))
  const render = new Float32Array(64 * 64 * 3).fill(0.5)
  const files = await mapFiles(
    { size: 64, depth: raster.depth, normals, coarseNormals: normals, render, mask },
    newPicture(64, 64, [90, 90, 90]),
  )
  expect(Object.keys(files).sort()).toEqual(
    [
      'coarse-normals.png',
      'coarse-overlay.png',
      'depth.png',
      'input.png',
      'maps/coarse-normals.npy',
      'maps/depth.npy',
      'maps/mask.npy',
      'maps/normals.npy',
      'maps/render.npy',
      'normals.png',
      'overlay.png',
      'render.png',
      'sheet.png',
    ].sort(),
  )
  const depth = npyNumbers(files['maps/depth.npy'])
  expect(depth.shape).toEqual([64, 64])
  expect(depth.data[0]).toBeNaN()
  expect(depth.data[32 * 64 + 32]).toBeCloseTo(0.6, 3)
  const n = npyNumbers(files['maps/normals.npy'])
  expect(n.shape).toEqual([64, 64, 3])
  expect(n.data[(32 * 64 + 32) * 3 + 2]).toBeLessThan(-0.99)
  const picture = await decodePicture(files['normals.png'])
  const middle = (32 * 64 + 32) * 3
  expect(picture.data[middle + 2]).toBeGreaterThan(250)
  const overlay = await decodePicture(files['overlay.png'])
  expect(overlay.data[0]).toBe(90)
  expect(overlay.data[middle]).not.toBe(90)
})

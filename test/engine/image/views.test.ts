import { describe, expect, test } from 'vitest'
import { project } from '../../../src/engine/geometry/camera.js'
import { rasterize, rasterNormals } from '../../../src/engine/geometry/rasterize.js'
import { surfaceOverlay } from '../../../src/engine/image/overlay.js'
import { newPicture, type Picture } from '../../../src/engine/image/picture.js'
import { boundingSphere, orbitCamera, renderViews } from '../../../src/engine/image/views.js'
import { frontCamera, gridMesh, sphereMesh } from '../../support/shapes.js'

const at = (p: Picture, x: number, y: number) => [...p.data.slice((y * p.width + x) * 3, (y * p.width + x) * 3 + 3)]

describe('views', () => {
  test('the orbit camera sees +X on its right from the front, and the left side of the head at positive yaw', () => {
    const front = project(orbitCamera([0, 0, 0], 0.1, 0, 0, 100), Float64Array.of(0.05, 0, 0, 0, 0.05, 0))
    expect(front[0]).toBeGreaterThan(60)
    expect(front[4]).toBeLessThan(40)
    const side = project(orbitCamera([0, 0, 0], 0.1, 90, 0, 100), Float64Array.of(0.05, 0, 0, -0.05, 0, 0))
    expect(side[2]).toBeLessThan(side[5])
    const above = project(orbitCamera([0, 0, 0], 0.1, 0, 60, 100), Float64Array.of(0, 0.05, 0, 0, -0.05, 0))
    expect(above[2]).toBeLessThan(above[5])
  })
  test('a clay sphere fills its frame, is lit from the upper left, and has smooth edges', () => {
    const [picture] = renderViews([{ mesh: sphereMesh(0.1, 40, 80, [0.2, 0.1, 0]) }], { yawDegrees: [20], size: 100 })
    expect(at(picture, 2, 2)).toEqual([255, 255, 255])
    const sphere = boundingSphere([{ mesh: sphereMesh(0.1, 40, 80, [0.2, 0.1, 0]) }])
    expect(sphere.radius).toBeCloseTo(0.1, 3)
    const [bright] = at(picture, 36, 36)
    const [dark] = at(picture, 70, 74)
    expect(bright).toBeGreaterThan(dark + 40)
    const shades = new Set(Array.from({ length: 100 }, (_, x) => at(picture, x, 50)[0]))
    expect(shades.size).toBeGreaterThan(20)
  })
  test('textures are looked up by their UVs; the nearer of two parts hides the other', () => {
    const mesh = gridMesh(0.2, 4)
    const uv = Float32Array.from({ length: (mesh.positions.length / 3) * 2 }, (_, i) => {
      const v = mesh.positions[Math.floor(i / 2) * 3 + (i % 2)] / 0.2
      return i % 2 === 0 ? v + 0.5 : 0.5 - v
    })
    const texture = newPicture(8, 8, [255, 0, 0])
    for (let i = 0; i < 64; i++) if (i % 8 >= 4) texture.data.set([0, 0, 255], i * 3)
    const behind = { positions: mesh.positions.map((v, i) => (i % 3 === 2 ? v - 0.02 : v)), indices: mesh.indices }
    const [picture] = renderViews([{ mesh: behind }, { mesh, uv, texture }], { yawDegrees: [0], size: 64 })
    const left = at(picture, 22, 32)
    const right = at(picture, 42, 32)
    expect(left[0]).toBeGreaterThan(150)
    expect(left[2]).toBeLessThan(20)
    expect(right[2]).toBeGreaterThan(150)
    expect(right[0]).toBeLessThan(20)
  })
})

describe('overlays', () => {
  const mesh = sphereMesh(0.1, 12, 24)
  const camera = frontCamera(96, 300, 0.7)
  const photo = newPicture(96, 96, [20, 90, 160])
  test('the surface covers the mask and nothing else', () => {
    const raster = rasterize(mesh, camera)
    const normals = rasterNormals(raster, mesh, camera)
    const mask = Uint8Array.from(raster.triangle, (t, i) => (t >= 0 && i % 96 < 48 ? 1 : 0))
    const overlay = surfaceOverlay(photo, normals, mask, 1)
    expect(at(overlay, 4, 4)).toEqual([20, 90, 160])
    expect(at(overlay, 60, 48)).toEqual([20, 90, 160])
    const [r, g, b] = at(overlay, 40, 40)
    expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(30)
    expect(r).toBeGreaterThan(100)
  })
})

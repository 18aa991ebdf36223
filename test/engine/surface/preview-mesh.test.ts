/** Meshes of a face that is still being optimised: they follow the depth map along the lines of sight. */
import { expect, test } from 'vitest'
import { project } from '../../../src/engine/geometry/camera.js'
import type { Camera, Crop } from '../../../src/engine/stages.js'
import { previewMesh } from '../../../src/engine/surface/preview-mesh.js'

const SIZE = 16
/** A camera half a metre in front of the origin, looking at it along -Z of the head frame. */
const camera: Camera = {
  width: 100,
  height: 100,
  fx: 200,
  fy: 200,
  cx: 50,
  cy: 50,
  headToCamera: Float64Array.of(1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0.5, 0, 0, 0, 1),
}
const crop: Crop = { x: 30, y: 30, width: 40, height: 40, size: SIZE }
const map = (depth: (u: number) => number) => Float32Array.from({ length: SIZE * SIZE }, (_, i) => depth(i % SIZE))
/** In the plane z = 0, 0.5 m away; the last is a centimetre behind it, and the one before outside the crop. */
const mesh = {
  positions: Float32Array.of(0, 0, 0, 0.01, 0.01, 0, 0.03, -0.02, 0, 0.2, 0, 0, 0, 0.02, -0.01),
  indices: Uint32Array.of(0, 1, 2, 0, 2, 3, 0, 1, 4),
}
const scene = { mesh, weight: [1, 0.5, 1, 1, 1], camera, crop, coarse: { depth: map(() => 0.5) } }

test('vertices move by as much as the depth has changed, and stay on their pixels', () => {
  const moved = previewMesh(scene, { depth: map(() => 0.498) })
  expect(moved.indices).toBe(mesh.indices)
  const z = [0, 1, 2, 3, 4].map((v) => moved.positions[3 * v + 2])
  for (const [v, expected] of [0.002, 0.001, 0.002, 0, -0.01].entries()) expect(z[v]).toBeCloseTo(expected, 6)
  const [before, after] = [project(camera, mesh.positions), project(camera, moved.positions)]
  for (let v = 0; v < 5; v++) {
    for (let k = 0; k < 2; k++) expect(after[3 * v + k]).toBeCloseTo(before[3 * v + k], 3)
  }
})

test('where the view has no depth, vertices stay', () => {
  const moved = previewMesh(scene, { depth: map((u) => (u > 8 ? Number.NaN : 0.498)) })
  expect(moved.positions[3 * 0 + 2]).toBeCloseTo(0.002, 6)
  expect([...moved.positions.subarray(6, 9)]).toEqual(
    [...mesh.positions.subarray(6, 9)].map((x) => expect.closeTo(x, 6)),
  )
})

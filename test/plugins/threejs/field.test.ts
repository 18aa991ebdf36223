/** The streamed distance grid as the browser shows it: a ball's surface at a level, and a plane through the ball. */
import { DataUtils, type Mesh, type MeshBasicMaterial, type PlaneGeometry } from 'three'
import { expect, test } from 'vitest'
import { type Axis, slice, sliceRange } from '../../../plugins/threejs-editor/three/sdf-slice.js'
import { type Grid, isoSurface, readGrid } from '../../../plugins/threejs-editor/three/sdf-surface.js'

const RADIUS = 0.06
/** Of unequal sizes, so that mixed up axes would show. */
const DIMS = [17, 21, 19]
const SPACING = 0.01
const ORIGIN = [-0.07, -0.11, -0.1]
const CENTRE = [0.01, -0.01, -0.01]

function ball(): Grid {
  const halves = new Uint16Array(DIMS[0] * DIMS[1] * DIMS[2])
  for (let i = 0; i < halves.length; i++) {
    const at = [i % DIMS[0], Math.floor(i / DIMS[0]) % DIMS[1], Math.floor(i / (DIMS[0] * DIMS[1]))]
    const away = at.map((n, k) => ORIGIN[k] + SPACING * n - CENTRE[k])
    halves[i] = DataUtils.toHalfFloat(Math.hypot(...away) - RADIUS)
  }
  const header = { dims: DIMS, origin: ORIGIN, spacing: SPACING, dtype: 'float16' } as never
  return readGrid({ sdf: header } as never, new Uint8Array(halves.buffer))!
}

test.each([-0.01, 0, 0.005])('the surface at %d m lies so far from the ball, and faces outwards', (level) => {
  const geometry = isoSurface(ball(), level)
  const [position, normal] = [geometry.getAttribute('position'), geometry.getAttribute('normal')]
  expect(position.count).toBeGreaterThan(100)
  for (let i = 0; i < position.count; i++) {
    const out = [position.getX(i), position.getY(i), position.getZ(i)].map((x, k) => x - CENTRE[k])
    const far = Math.hypot(...out)
    expect(Math.abs(far - RADIUS - level)).toBeLessThan(SPACING / 5)
    const facing = out[0] * normal.getX(i) + out[1] * normal.getY(i) + out[2] * normal.getZ(i)
    expect(facing / far).toBeGreaterThan(0.9)
  }
})

test('a level that the grid does not reach gives no surface', () => {
  expect(isoSurface(ball(), -0.2).getAttribute('position').count).toBe(0)
})

test.each([0, 1, 2] as Axis[])('a plane across axis %d lies in the grid and is blue inside, orange outside', (axis) => {
  const grid = ball()
  const [low, high] = sliceRange(grid, axis)
  expect([low, high]).toEqual([ORIGIN[axis], expect.closeTo(ORIGIN[axis] + SPACING * (DIMS[axis] - 1))])
  const mesh = slice(grid, axis, CENTRE[axis])
  mesh.geometry.computeBoundingBox()
  const { min, max } = mesh.geometry.boundingBox!
  for (const k of [0, 1, 2]) {
    const [a, b] = k === axis ? [CENTRE[k], CENTRE[k]] : [ORIGIN[k], ORIGIN[k] + SPACING * (DIMS[k] - 1)]
    expect([min.getComponent(k), max.getComponent(k)]).toEqual([expect.closeTo(a, 5), expect.closeTo(b, 5)])
  }
  for (const [away, side] of [
    [0, 'inside'],
    [RADIUS - 0.004, 'inside'],
    [RADIUS + 0.004, 'outside'],
  ] as const) {
    for (const k of [0, 1, 2].filter((one) => one !== axis)) {
      const point = CENTRE.map((x, j) => (j === k ? x + away : x))
      const [red, , blue] = pixelAt(mesh, point)
      expect(blue > red ? 'inside' : 'outside').toBe(side)
    }
  }
})

/** The picture's colour where the mesh shows this point of the plane, found by the mesh's own uv. */
function pixelAt(mesh: Mesh<PlaneGeometry, MeshBasicMaterial>, point: number[]): number[] {
  const [position, uv] = [mesh.geometry.getAttribute('position'), mesh.geometry.getAttribute('uv')]
  const corner = (i: number) => [position.getX(i), position.getY(i), position.getZ(i)]
  const [first, right, below] = [0, 1, 2].map(corner) // PlaneGeometry: top left, top right, bottom left
  const along = (to: number[]) => {
    const step = to.map((x, k) => x - first[k])
    return step.reduce((sum, x, k) => sum + x * (point[k] - first[k]), 0) / step.reduce((sum, x) => sum + x * x, 0)
  }
  const mix = (get: 'getX' | 'getY') =>
    uv[get](0) + along(right) * (uv[get](1) - uv[get](0)) + along(below) * (uv[get](2) - uv[get](0))
  const { data, width, height } = mesh.material.map!.image as { data: Uint8Array; width: number; height: number }
  const at = Math.round(mix('getY') * (height - 1)) * width + Math.round(mix('getX') * (width - 1))
  return [...data.subarray(4 * at, 4 * at + 3)]
}

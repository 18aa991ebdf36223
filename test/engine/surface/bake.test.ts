/** What the displacement map holds: what is finer than the mesh, and the roundness of its triangles; no more where the mesh was left off the field. */
import { expect, test } from 'vitest'
import { type BakeMesh, bakeDetail } from '../../../src/engine/surface/bake.js'
import { gridMesh } from '../../support/shapes.js'
import { analyticField, sphere } from './fields.js'

const [RADIUS, SIDE, SIZE] = [0.1, 0.08, 256]

const ball = analyticField(sphere(RADIUS), { center: Float64Array.of(0, 0, 0), scale: 1 })

/** A cap of a ball, seen from +z, in edges of a centimetre. */
function cap(radius: number, weight: number): BakeMesh {
  const { positions, indices } = gridMesh(SIDE, 8)
  const uv = new Float32Array((positions.length / 3) * 2)
  for (let v = 0; v < positions.length / 3; v++) {
    const [x, y] = [positions[3 * v], positions[3 * v + 1]]
    uv.set([x / SIDE + 0.5, 0.5 - y / SIDE], 2 * v)
    positions[3 * v + 2] = Math.sqrt(radius ** 2 - x ** 2 - y ** 2)
  }
  const normals = positions.map((x) => x / radius)
  const tangents = Float32Array.from({ length: (positions.length / 3) * 4 }, (_, i) => [1, 0, 0, 1][i % 4])
  return { mesh: { positions, indices }, normals, tangents, uv, weight: new Float32Array(uv.length / 2).fill(weight) }
}

/** Heights at the middle of the texture's quads' diagonals, millimetres: there the flat triangles are furthest below the ball. */
async function heights(mesh: BakeMesh): Promise<number[]> {
  const { displacement } = await bakeDetail(mesh, ball, SIZE)
  const step = SIZE / 8
  return [2, 3, 4, 5].map(
    (i) => 1000 * displacement[Math.round((i + 0.5) * step) * SIZE + Math.round((i + 0.5) * step)],
  )
}

/** Of a diagonal of two edges of a centimetre. */
const SAG = (1000 * (0.01 * Math.SQRT2) ** 2) / (8 * RADIUS)

test.each([0, 0.5, 1])('triangles are round with %f of the detail', async (weight) => {
  for (const height of await heights(cap(RADIUS, weight))) {
    expect(height).toBeGreaterThan(0.85 * SAG)
    expect(height).toBeLessThan(1.25 * SAG)
  }
})

test.each([0.5, 1])('a mesh that was left 1 mm off the field stays there with %f of the detail', async (weight) => {
  for (const height of await heights(cap(RADIUS - 0.001, weight))) expect(Math.abs(height)).toBeLessThan(1.3 * SAG)
})

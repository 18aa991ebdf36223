/** The built-in head's mouth in fewer triangles. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reducedInside } from '../../../scripts/head/reduce-inside.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { gather } from '../../../src/engine/geometry/mesh.js'
import { vertexNormals } from '../../../src/engine/geometry/normals.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { posedInterior } from '../../../src/engine/head/interior.js'
import { INTERIOR_PARTS } from '../../../src/engine/stages.js'

const interior = (await loadBuiltInHead()).interior!
const { mean, parts } = interior
const isTooth = (v: number): boolean => parts[v] === INTERIOR_PARTS.upperTeeth || parts[v] === INTERIOR_PARTS.lowerTeeth

test('is what scripts/head/reduce-inside.ts makes of the head', async () => {
  const file = new URL('../../../assets/head/inside.safetensors.br', import.meta.url)
  expect(Buffer.from(await reducedInside(interior)).equals(readFileSync(file))).toBe(true)
})

test.each([
  ['fine', 7400, 0.1],
  ['coarse', 3800, 0.3],
] as const)('%s: at most %i triangles; front teeth within %f mm, on drawn people, too', (level, most, near) => {
  const faces = interior.reduced![level]
  expect(faces.indices.length / 3).toBeLessThan(most)
  // places of the texture are those of the whole surface
  const rows = new Set(Array.from(interior.indices, (v, c) => `${v} ${interior.uvIndices[c]}`))
  expect([...faces.indices].every((v, c) => rows.has(`${v} ${faces.uvIndices[c]}`))).toBe(true)
  const normals = vertexNormals({ positions: mean, indices: interior.indices })
  const front = Uint32Array.from(parts.keys()).filter(
    (v) => isTooth(v) && mean[3 * v + 2] > 0.09 && normals[3 * v + 2] > 0.3,
  )
  expect(front.length).toBeGreaterThan(300)
  for (const identity of [[], [1.5, -1.5, 1, 1, -1, 0.5]]) {
    const { positions } = posedInterior(interior, identity, [])
    const off = new MeshDistance({ positions, indices: faces.indices })
      .distances(gather(positions, front, 3))
      .map(Math.abs)
      .sort()
    const [typical, worst] = [0.95, 0.9999].map((share) => 1000 * off[Math.floor(share * off.length)])
    console.info(`${level}: front teeth ${typical.toFixed(3)} mm off (95 %), ${worst.toFixed(3)} mm at most`)
    expect(typical).toBeLessThan(near)
    expect(worst).toBeLessThan(3 * near)
  }
})

test('teeth are the same on both sides', () => {
  for (const { indices } of Object.values(interior.reduced!)) {
    const middles: number[][] = []
    for (let c = 0; c < indices.length; c += 3)
      if (isTooth(indices[c]))
        middles.push(
          [0, 1, 2].map(
            (k) => (mean[3 * indices[c] + k] + mean[3 * indices[c + 1] + k] + mean[3 * indices[c + 2] + k]) / 3,
          ),
        )
    const left = middles.filter(([x]) => x > 0)
    const right = middles.filter(([x]) => x < 0)
    expect(left.length).toBe(right.length)
    for (const [x, y, z] of left)
      expect(right.some((other) => Math.hypot(other[0] + x, other[1] - y, other[2] - z) < 1e-6)).toBe(true)
  }
})

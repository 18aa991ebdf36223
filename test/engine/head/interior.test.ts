/** Teeth, gums, tongue and lining of the built-in head: what they are, and how they follow the head's coefficients. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { boundaryLoops, connectedComponents, type Submesh, submesh } from '../../../src/engine/geometry/mesh.js'
import { vertexNormals } from '../../../src/engine/geometry/normals.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { posedInterior } from '../../../src/engine/head/interior.js'
import { HEAD_PARTS, type HeadInterior, type HeadModel, INTERIOR_PARTS, type Mesh } from '../../../src/engine/stages.js'

let head: HeadModel
let interior: HeadInterior
beforeAll(async () => {
  head = await loadBuiltInHead()
  interior = head.interior!
})

const coefficients = (units: Record<string, number>): Float64Array =>
  Float64Array.from(head.expressionNames, (name) => units[name] ?? 0)
const posed = (units: Record<string, number>, identity: ArrayLike<number> = []): Mesh =>
  posedInterior(interior, identity, coefficients(units))
const piece = (mesh: Mesh, part: number): Submesh =>
  submesh(
    mesh,
    Uint8Array.from({ length: mesh.indices.length / 3 }, (_, t) =>
      interior.parts[mesh.indices[3 * t]] === part ? 1 : 0,
    ),
  )
const somebody = (seed: number): Float64Array => {
  const rng = new Rng(seed)
  return Float64Array.from({ length: head.identityCount }, () => 0.8 * rng.normal())
}
const extent = (positions: ArrayLike<number>, vertices: readonly number[], axis: number): number => {
  const values = vertices.map((v) => positions[3 * v + axis])
  return 1000 * (Math.max(...values) - Math.min(...values))
}
/** Vertices of each tooth of a jaw. */
const teeth = (part: number): number[][] => {
  const { mesh, vertexMap } = piece({ positions: interior.mean, indices: interior.indices }, part)
  const { labels, count } = connectedComponents(mesh)
  const sets = Array.from({ length: count }, () => new Set<number>())
  labels.forEach((tooth, t) => {
    for (let k = 0; k < 3; k++) sets[tooth].add(vertexMap[mesh.indices[3 * t + k]])
  })
  return sets.map((set) => [...set])
}

describe("the mouth's inside", () => {
  test('leaves the head as it was: same vertices, triangles, bases and landmarks', () => {
    const { mean, indices, identity, expression, faceRegion, parts, uv, uvIndices } = head
    const { landmarks68, landmarks478, landmarkWeights478 } = head
    const embedded = [landmarks68, landmarks478].flatMap((e) => [e.triangles, e.barycentric])
    const digest = createHash('sha256')
    for (const data of [
      indices,
      faceRegion,
      parts,
      uv!,
      uvIndices!,
      ...embedded,
      landmarkWeights478,
      mean,
      identity,
      expression,
    ])
      digest.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    // Fitted coefficients, landmarks and textures of older results mean the same only as long as this holds.
    expect(digest.digest('hex')).toBe('bf4d0984492b67383c5cede8dc659ec6401c1a0a4657d6227f7dfa62a1c6a3bb')
  })

  test('keeps the asset small', () => {
    expect(statSync(new URL('../../../assets/head/built-in.safetensors.br', import.meta.url)).size).toBeLessThan(3.2e6)
  })

  test('28 teeth: closed, apart, of human sizes, the same on both sides', () => {
    for (const [part, front, back] of [
      [INTERIOR_PARTS.upperTeeth, [7.5, 9.5], [10, 13]],
      [INTERIOR_PARTS.lowerTeeth, [4.5, 6], [9, 12.5]],
    ] as const) {
      const { mesh } = piece({ positions: interior.mean, indices: interior.indices }, part)
      expect(boundaryLoops(mesh)).toEqual([])
      const all = teeth(part)
      expect(all).toHaveLength(14)
      const places = all.map((tooth) =>
        [0, 2].map((k) => tooth.reduce((s, v) => s + interior.mean[3 * v + k] / tooth.length, 0)),
      )
      const order = [...all.keys()].sort((a, b) => places[b][1] - places[a][1])
      const widths = order.map((i) => extent(interior.mean, all[i], 0))
      // The two front teeth across, the two last ones across.
      for (const width of widths.slice(0, 2)) {
        expect(width).toBeGreaterThan(front[0])
        expect(width).toBeLessThan(front[1])
      }
      for (const width of widths.slice(-2)) {
        expect(width).toBeGreaterThan(back[0])
        expect(width).toBeLessThan(back[1])
      }
      const left = places.filter(([x]) => x > 0).sort((a, b) => a[1] - b[1])
      const right = places.filter(([x]) => x < 0).sort((a, b) => a[1] - b[1])
      left.forEach(([x, z], i) => {
        expect(x).toBeCloseTo(-right[i][0], 5)
        expect(z).toBeCloseTo(right[i][1], 5)
      })
    }
  })

  test('surfaces face outwards: gums to the lips, the tongue upwards, the lining into the mouth', () => {
    const normals = vertexNormals({ positions: interior.mean, indices: interior.indices })
    /** Mean of a normal's component over vertices of a part that lie somewhere. */
    const facing = (part: number, axis: number, where: (x: number, y: number, z: number) => boolean): number => {
      const list = [...interior.parts.keys()].filter(
        (v) =>
          interior.parts[v] === part && where(interior.mean[3 * v], interior.mean[3 * v + 1], interior.mean[3 * v + 2]),
      )
      expect(list.length).toBeGreaterThan(5)
      return list.reduce((sum, v) => sum + normals[3 * v + axis] / list.length, 0)
    }
    const { gums, tongue, lining } = INTERIOR_PARTS
    expect(facing(gums, 2, (x, y, z) => Math.abs(x) < 0.008 && y > -0.06 && z > 0.1)).toBeGreaterThan(0.5)
    expect(facing(gums, 2, (x, y, z) => Math.abs(x) < 0.008 && y < -0.082 && z > 0.098)).toBeGreaterThan(0.5)
    expect(facing(gums, 0, (x, y) => x > 0.027 && y > -0.058)).toBeGreaterThan(0.5)
    expect(facing(tongue, 1, (x, y, z) => Math.abs(x) < 0.01 && y > -0.07 && z > 0.06)).toBeGreaterThan(0.5)
    expect(facing(lining, 1, (_, y) => y > -0.03)).toBeLessThan(-0.5)
  })

  test('no expression moves the upper teeth; the lower ones go with the jaw and stay rigid', () => {
    const upper = teeth(INTERIOR_PARTS.upperTeeth).flat()
    const lower = teeth(INTERIOR_PARTS.lowerTeeth)
    const size = interior.mean.length
    const moves = (k: number, vertices: readonly number[]): number =>
      Math.max(...vertices.map((v) => Math.hypot(...[0, 1, 2].map((c) => interior.expression[k * size + 3 * v + c]))))
    head.expressionNames.forEach((name, k) => {
      expect(moves(k, upper), name).toBeLessThan(1e-6)
      if (name.startsWith('jaw')) expect(moves(k, lower.flat()), name).toBeGreaterThan(0.004)
      else expect(moves(k, lower.flat()), name).toBeLessThan(1e-6)
    })
    const rest = interior.mean
    for (const [units, most] of [
      [{ jawOpen: 1 }, 0.003],
      [{ jawOpen: 0.5 }, 0.04],
      [{ jawOpen: 0.6, jawLeft: 1, jawForward: 1 }, 0.06],
    ] as const) {
      const { positions } = posed(units)
      for (const tooth of lower) {
        const [a, b] = [tooth[0], tooth[tooth.length >> 1]]
        const length = (p: ArrayLike<number>): number =>
          Math.hypot(...[0, 1, 2].map((k) => p[3 * a + k] - p[3 * b + k]))
        expect(Math.abs(length(positions) / length(rest) - 1)).toBeLessThan(most)
      }
    }
  })

  test('the lower front teeth go down with the lower lip', () => {
    const opened = posed({ jawOpen: 1 }).positions
    const lip = posedMesh(head, [], coefficients({ jawOpen: 1 })).positions
    const incisors = teeth(INTERIOR_PARTS.lowerTeeth)
      .flat()
      .filter((v) => interior.mean[3 * v + 2] > 0.096)
    const drop = incisors.reduce((sum, v) => sum + (interior.mean[3 * v + 1] - opened[3 * v + 1]) / incisors.length, 0)
    const lower = interior.seam.filter((_, i) => i % 2 === 1)
    const lipDrop = Math.max(...Array.from(lower, (v) => head.mean[3 * v + 1] - lip[3 * v + 1]))
    expect(drop).toBeGreaterThan(0.02)
    expect(drop).toBeLessThan(lipDrop)
  })

  test('the lining begins where the lips meet, whoever it is and whatever the face', () => {
    const rng = new Rng(4)
    const { seam } = interior
    expect(new Set(seam.filter((_, i) => i % 2 === 1)).size).toBe(76)
    for (let n = 0; n < 3; n++) {
      const identity = somebody(n)
      const expression = Float64Array.from(head.expressionNames, () => rng.uniform(0, 0.5))
      const inside = posedInterior(interior, identity, expression).positions
      const outside = posedMesh(head, identity, expression).positions
      for (let i = 0; i < seam.length; i += 2)
        for (let k = 0; k < 3; k++)
          expect(Math.abs(inside[3 * seam[i] + k] - outside[3 * seam[i + 1] + k])).toBeLessThan(2e-5)
    }
  })

  test('teeth stay behind the lips of whoever it is', () => {
    const front = teeth(INTERIOR_PARTS.upperTeeth)
      .flat()
      .filter((v) => Math.abs(interior.mean[3 * v]) < 0.006)
    const lip = [...head.parts.keys()].filter(
      (v) =>
        head.parts[v] === HEAD_PARTS.skin &&
        Math.abs(head.mean[3 * v]) < 0.006 &&
        Math.abs(head.mean[3 * v + 1] + 0.066) < 0.004 &&
        head.mean[3 * v + 2] > 0.1,
    )
    expect(lip.length).toBeGreaterThan(5)
    for (let n = 0; n < 20; n++) {
      const identity = somebody(100 + n)
      const skin = posedMesh(head, identity, []).positions
      const inside = posed({}, identity).positions
      const furthest = (p: ArrayLike<number>, list: readonly number[]): number =>
        Math.max(...list.map((v) => p[3 * v + 2]))
      expect(furthest(inside, front)).toBeLessThan(furthest(skin, lip) - 0.004)
    }
  })

  test('the tongue comes out between the lips, and turns with the jaw', () => {
    const units = { jawOpen: 0.45 }
    const tongue = [...interior.parts.keys()].filter((v) => interior.parts[v] === INTERIOR_PARTS.tongue)
    const skin = posedMesh(head, [], coefficients(units)).positions
    const lips = Math.max(...Array.from(interior.seam, (v, i) => (i % 2 ? skin[3 * v + 2] : 0)))
    const tip = (out: number): number => {
      const { positions } = posedInterior(interior, [], coefficients(units), out)
      return Math.max(...tongue.map((v) => positions[3 * v + 2]))
    }
    expect(tip(0)).toBeLessThan(lips - 0.01)
    expect(tip(1)).toBeGreaterThan(lips + 0.005)
    // Nothing else moves with it.
    const still = interior.tongueOut!.filter((_, i) => interior.parts[Math.floor(i / 3)] !== INTERIOR_PARTS.tongue)
    expect(still.every((x) => x === 0)).toBe(true)
  })

  test('has texture coordinates of its own, in the square', () => {
    expect(interior.uv.every((x) => x >= 0 && x <= 1)).toBe(true)
    expect(interior.uvIndices).toHaveLength(interior.indices.length)
    expect(Math.max(...interior.uvIndices)).toBe(interior.uv.length / 2 - 1)
    expect(new Set(interior.parts)).toEqual(new Set(Object.values(INTERIOR_PARTS)))
    // Nothing lies over something else: a point of the square is in one triangle at most.
    const size = 512
    const taken = new Uint8Array(size * size)
    let twice = 0
    for (let t = 0; t < interior.uvIndices.length; t += 3) {
      const [a, b, c] = [0, 1, 2].map((k) => {
        const i = 2 * interior.uvIndices[t + k]
        return [interior.uv[i] * size, interior.uv[i + 1] * size]
      })
      const side = (p: number[], q: number[], x: number, y: number): number =>
        (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
      const area = side(a, b, c[0], c[1])
      const [left, right] = [Math.min, Math.max].map((of) => Math.floor(of(a[0], b[0], c[0])))
      const [top, bottom] = [Math.min, Math.max].map((of) => Math.floor(of(a[1], b[1], c[1])))
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++) {
          const at: [number, number] = [x + 0.5, y + 0.5]
          if ([side(a, b, ...at), side(b, c, ...at), side(c, a, ...at)].some((s) => s * area <= 1e-6)) continue
          twice += taken[y * size + x]
          taken[y * size + x] = 1
        }
    }
    const covered = taken.reduce((sum, x) => sum + x, 0)
    expect(covered).toBeGreaterThan(0.5 * size * size)
    expect(twice).toBeLessThan(0.002 * covered)
  })
})

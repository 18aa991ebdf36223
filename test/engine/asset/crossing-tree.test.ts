/** What may pass through each other: compared with looking at all pairs. */
import { describe, expect, test } from 'vitest'
import { CrossingTree } from '../../../src/engine/asset/crossing-tree.js'
import { Untangler } from '../../../src/engine/asset/untangle.js'
import { joinMeshes } from '../../../src/engine/geometry/mesh.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { deepestIntersection } from '../../support/self-intersection.js'
import { gridMesh } from '../../support/shapes.js'

type Box = { low: number[]; high: number[] }

/** Pairs of triangles without a common corner whose boxes meet, by their least corners, sorted. */
function pairsOf(p: Float32Array, triangles: Uint32Array, moved?: Set<number>): string[] {
  const list = Array.from({ length: triangles.length / 3 }, (_, t) => [...triangles.subarray(3 * t, 3 * t + 3)])
  const box = (corners: number[]): Box => {
    const along = (k: number): number[] => corners.map((v) => p[3 * v + k])
    return {
      low: [0, 1, 2].map((k) => Math.min(...along(k))),
      high: [0, 1, 2].map((k) => Math.max(...along(k))),
    }
  }
  const boxes = list.map(box)
  const out: string[] = []
  for (let t = 0; t < list.length; t++)
    for (let u = t + 1; u < list.length; u++) {
      if (list[t].some((v) => list[u].includes(v))) continue
      if (moved && ![...list[t], ...list[u]].some((v) => moved.has(v))) continue
      if ([0, 1, 2].every((k) => boxes[t].low[k] <= boxes[u].high[k] && boxes[u].low[k] <= boxes[t].high[k]))
        out.push(named(list[t], list[u]))
    }
  return out.sort()
}
const named = (a: number[], b: number[]): string =>
  [a, b]
    .map((corners) => [...corners].sort((x, y) => x - y).join())
    .sort()
    .join(' / ')

describe('pairs', () => {
  test('all are found, each once; after a move those of what has moved', () => {
    const rng = new Rng(3)
    const p = Float32Array.from({ length: 3 * 150 }, () => 0.01 * rng.uniform())
    const triangles = Uint32Array.from(
      { length: 3 * 200 },
      (_, c) => (Math.floor(c / 3) * 7 + (c % 3) * 31 + Math.floor(c / 90)) % 150,
    )
    const tree = new CrossingTree(p, triangles)
    const visited = (): string[] => {
      const out: string[] = []
      tree.visit(p, (a, b, c, d, e, f) => out.push(named([a, b, c], [d, e, f])))
      return out.sort()
    }
    tree.begin()
    const all = pairsOf(p, triangles)
    expect(all.length).toBeGreaterThan(1000)
    expect(visited()).toEqual(all)
    tree.settle()
    expect(visited()).toEqual([])
    const moved = [3, 77]
    for (const v of moved) {
      for (let k = 0; k < 3; k++) p[3 * v + k] += 0.004 * (rng.uniform() - 0.5)
      tree.move(v)
    }
    const some = pairsOf(p, triangles, new Set(moved))
    expect(some.length).toBeGreaterThan(10)
    expect(visited()).toEqual(some)
  })
})

describe('untangling', () => {
  test('two sheets that have passed through each other come apart, and a second time alike', () => {
    const sheet = (lift: number, tilt: number) => {
      const { positions, indices } = gridMesh(0.01, 12)
      return {
        positions: positions.map((x, i) => (i % 3 === 2 ? lift + tilt * positions[i - 2] : x)),
        indices: tilt > 0 ? indices.map((_, c) => indices[c % 3 === 0 ? c : c % 3 === 1 ? c + 1 : c - 1]) : indices,
      }
    }
    const both = joinMeshes(sheet(0, 0), sheet(0.0004, 0.6))
    const every = Array.from({ length: both.indices.length / 3 }, (_, t) => t)
    const before = deepestIntersection(both, every).depth
    const untangler = new Untangler(both.positions, both.indices)
    const once = both.positions.slice()
    untangler.untangle(once)
    const after = deepestIntersection({ positions: once, indices: both.indices }, every).depth
    expect(before).toBeGreaterThan(0.0001)
    expect(after).toBeLessThan(0.5 * before)
    const again = both.positions.slice()
    untangler.untangle(again)
    expect(again).toEqual(once)
  })
})

/** The built-in head: what every stage relies on. */
import { beforeAll, describe, expect, test } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { SiderError } from '../../../src/engine/errors.js'
import { project } from '../../../src/engine/geometry/camera.js'
import { boundaryLoops, connectedComponents, submesh } from '../../../src/engine/geometry/mesh.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { fitHead, HeadFitter } from '../../../src/engine/head/fit.js'
import { landmarkPlan } from '../../../src/engine/head/fit-landmarks.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { gatherPoints } from '../../../src/engine/head/fit-points.js'
import { type Face, HEAD_PARTS, type HeadFit, type HeadModel } from '../../../src/engine/stages.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { lookingAt } from './head-fixture.js'

let head: HeadModel
beforeAll(async () => {
  head = await loadBuiltInHead()
})

const at = (p: ArrayLike<number>, v: number): number[] => [p[3 * v], p[3 * v + 1], p[3 * v + 2]]
const distance = (a: number[], b: number[]): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
const expressed = (...names: string[]): Float32Array => {
  const coefficients = new Float64Array(head.expressionCount)
  for (const name of names) {
    expect(head.expressionNames).toContain(name)
    coefficients[head.expressionNames.indexOf(name)] = 1
  }
  return posedMesh(head, [], coefficients).positions
}
/** A photo's face halfway between the mean head and one with these units at 1. */
function halfway(...names: string[]): { face: Face; photo: Parameters<typeof fitHead>[2]; points: Float64Array } {
  const size = 1024
  const camera = lookingAt(Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1), 0.8, 2000, size)
  const there = expressed(...names)
  const posed = head.mean.map((x, i) => (x + there[i]) / 2)
  const marks = embeddedPoints(posed, head.indices, landmarkPlan(head, 478).embedding)
  const pixels = project(camera, Float64Array.from(marks))
  const points = Float64Array.from({ length: 2 * 478 }, (_, i) => pixels[3 * (i >> 1) + (i & 1)])
  const landmarks = { layout: 478 as const, points, disagreement: 0 }
  const face = { box: { x: 0, y: 0, width: size, height: size }, score: 1, landmarks }
  return { face, photo: { width: size, height: size, exifFocalPx: undefined }, points }
}
const landmark = (positions: ArrayLike<number>, i: number, layout: 68 | 478 = 478): number[] => {
  const e = layout === 68 ? head.landmarks68 : head.landmarks478
  return at(embeddedPoints(positions, head.indices, e), i)
}

describe('built-in head', () => {
  test('sizes', () => {
    const vertices = head.mean.length / 3
    expect(vertices).toBeGreaterThan(5000)
    expect(vertices).toBeLessThan(12000)
    expect(head.identityCount).toBeGreaterThanOrEqual(80)
    expect(head.expressionCount).toBeGreaterThanOrEqual(30)
    expect(head.identity).toHaveLength(head.identityCount * vertices * 3)
    expect(head.expression).toHaveLength(head.expressionCount * vertices * 3)
    expect(head.parts).toHaveLength(vertices)
    expect(head.faceRegion).toHaveLength(head.indices.length / 3)
    for (const field of [head.mean, head.identity, head.expression]) expect(field.every(Number.isFinite)).toBe(true)
    expect(new Set(head.indices).size).toBe(vertices)
    expect(new Set(head.parts)).toEqual(new Set(Object.values(HEAD_PARTS)))
  })

  test('the neck ends in an even rim, whoever it is', () => {
    const rng = new Rng(5)
    const identity = Float64Array.from({ length: head.identityCount }, () => rng.normal())
    for (const coefficients of [new Float64Array(head.identityCount), identity]) {
      const { positions } = posedMesh(head, coefficients, new Float64Array(head.expressionCount))
      const [rim] = boundaryLoops({ positions, indices: head.indices }).filter((loop) =>
        loop.every((v) => head.parts[v] === HEAD_PARTS.neck),
      )
      const turns = [...rim].map((v, i) => {
        const [a, b, c] = [at(positions, rim.at(i - 1)!), at(positions, v), at(positions, rim[(i + 1) % rim.length])]
        const [ab, bc] = [b.map((x, k) => x - a[k]), c.map((x, k) => x - b[k])]
        const cosine = ab.reduce((sum, x, k) => sum + x * bc[k], 0) / (distance(a, b) * distance(b, c))
        return (Math.acos(cosine) * 180) / Math.PI
      })
      expect(Math.max(...turns)).toBeLessThan(30) // 102 as it comes, 2177 in all
      expect(turns.reduce((a, b) => a + b)).toBeLessThan(450)
    }
  })

  test('a head in metres, in the head frame', () => {
    const extent = [0, 1, 2].map((k) => {
      const c = head.mean.filter((_, i) => i % 3 === k)
      return c.reduce((m, x) => Math.max(m, x), -1) - c.reduce((m, x) => Math.min(m, x), 1)
    })
    expect(extent[0]).toBeGreaterThan(0.13)
    expect(extent[0]).toBeLessThan(0.22)
    expect(extent[1]).toBeGreaterThan(0.2)
    expect(extent[2]).toBeGreaterThan(0.17)
    const pupils = [468, 473].map((i) => landmark(head.mean, i))
    expect(pupils[1][0] - pupils[0][0]).toBeGreaterThan(0.055) // the left one at +X
    expect(pupils[1][0] - pupils[0][0]).toBeLessThan(0.07)
    expect(Math.abs(pupils[0][1])).toBeLessThan(0.004) // origin at eye height
    expect(landmark(head.mean, 1)[2]).toBeGreaterThan(0.1) // the nose points along +Z
    expect(landmark(head.mean, 152)[1]).toBeLessThan(-0.1) // the chin is below
  })

  test('the face region is one disc: one piece, one border, no edge shared by three triangles', () => {
    const { mesh } = submesh({ positions: head.mean, indices: head.indices }, head.faceRegion)
    expect(connectedComponents(mesh).count).toBe(1)
    const loops = boundaryLoops(mesh)
    expect(loops).toHaveLength(1)
    expect(edgeStatistics(mesh).badEdges).toBe(0)
    const [v, f] = [mesh.positions.length / 3, mesh.indices.length / 3]
    expect(v - edgeStatistics(mesh).edges + f).toBe(1) // Euler's characteristic of a disc
  })

  test('the region holds the face and nothing else', () => {
    const inside = (e: { triangles: Uint32Array }, i: number) => head.faceRegion[e.triangles[i]] === 1
    for (let i = 0; i < 468; i++) expect(inside(head.landmarks478, i)).toBe(true)
    for (let i = 0; i < 68; i++) expect(inside(head.landmarks68, i)).toBe(true)
    const parts: number[] = [HEAD_PARTS.skin, HEAD_PARTS.eyeball, HEAD_PARTS.mouth]
    head.faceRegion.forEach((r, t) => {
      if (r) for (let c = 0; c < 3; c++) expect(parts).toContain(head.parts[head.indices[3 * t + c]])
    })
  })

  test('landmarks: barycentric, symmetric, in the right order', () => {
    for (const e of [head.landmarks68, head.landmarks478])
      for (let i = 0; i < e.triangles.length; i++) {
        const b = e.barycentric.subarray(3 * i, 3 * i + 3)
        expect(b[0] + b[1] + b[2]).toBeCloseTo(1, 5)
        expect(Math.min(...b)).toBeGreaterThan(-1e-6)
      }
    const pairs478 = [
      [33, 263],
      [133, 362],
      [61, 291],
      [105, 334],
      [234, 454],
      [98, 327],
      [78, 308],
      [159, 386],
    ] // prettier-ignore
    const pairs68 = [
      [0, 16],
      [17, 26],
      [36, 45],
      [39, 42],
      [48, 54],
      [31, 35],
      [60, 64],
    ] // prettier-ignore
    for (const [layout, pairs] of [
      [478, pairs478],
      [68, pairs68],
    ] as const)
      for (const [right, left] of pairs) {
        const [r, l] = [landmark(head.mean, right, layout), landmark(head.mean, left, layout)]
        expect(l[0]).toBeGreaterThan(0)
        expect(distance([-r[0], r[1], r[2]], l)).toBeLessThan(0.0015)
      }
    const y = (i: number) => landmark(head.mean, i)[1]
    // forehead, brow, lid, lid, nose, lips, chin
    const down = [10, 105, 159, 145, 1, 0, 13, 14, 17, 152].map(y)
    for (let i = 1; i < down.length; i++) expect(down[i]).toBeLessThanOrEqual(down[i - 1] + 1e-4) // closed lips touch
    expect(head.landmarkWeights478.every((w) => w >= 0 && w <= 1)).toBe(true)
    expect(head.landmarkWeights478[33]).toBeGreaterThan(head.landmarkWeights478[234]) // the outline slides
  })

  test('texture coordinates lie in the square, and their triangles do not fold in the face', () => {
    const { uv, uvIndices } = head
    expect(uv!.every((x) => x >= 0 && x <= 1)).toBe(true)
    let [flipped, count] = [0, 0]
    for (let t = 0; t < head.faceRegion.length; t++) {
      if (!head.faceRegion[t]) continue
      const [a, b, c] = [0, 1, 2].map((k) => [uv![2 * uvIndices![3 * t + k]], uv![2 * uvIndices![3 * t + k] + 1]])
      // v counts downwards, so triangles seen from outside turn the other way
      const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
      if (area > 1e-9) flipped++
      count++
    }
    expect(flipped / count).toBeLessThan(0.01)
    // the subject's left is on the right of the picture, the chin at the bottom
    const uvOf = (i: number) => {
      const t = head.landmarks478.triangles[i]
      return [uv![2 * uvIndices![3 * t]], uv![2 * uvIndices![3 * t] + 1]]
    }
    expect(uvOf(263)[0]).toBeGreaterThan(uvOf(33)[0])
    expect(uvOf(152)[1]).toBeGreaterThan(uvOf(10)[1])
  })

  test('identity components: one unit is one standard deviation of people', () => {
    const size = head.mean.length
    const skin: number[] = []
    head.parts.forEach((p, v) => {
      if (p === HEAD_PARTS.skin) skin.push(v)
    })
    const rms = Array.from({ length: head.identityCount }, (_, k) => {
      let sum = 0
      for (const v of skin) for (let c = 0; c < 3; c++) sum += head.identity[k * size + 3 * v + c] ** 2
      return Math.sqrt(sum / skin.length)
    })
    expect(rms[0]).toBeGreaterThan(0.002)
    expect(rms[0]).toBeLessThan(0.012)
    expect(rms[head.identityCount - 1]).toBeLessThan(0.1 * rms[0])
    // together: heads differ by several millimetres, as people do
    expect(Math.sqrt(rms.reduce((s, x) => s + x * x, 0))).toBeGreaterThan(0.004)
    expect(Math.sqrt(rms.reduce((s, x) => s + x * x, 0))).toBeLessThan(0.02)
  })

  test('components hold no rigid motion of the face', () => {
    const size = head.mean.length
    const face = Array.from(head.parts.keys()).filter((v) => head.parts[v] === HEAD_PARTS.skin)
    for (const k of [0, 1, 2, 5]) {
      const shift = [0, 1, 2].map((c) =>
        face.reduce((s, v) => s + head.identity[k * size + 3 * v + c] / face.length, 0),
      )
      expect(Math.hypot(...shift)).toBeLessThan(0.003)
    }
  })

  test('drawn heads have no spikes and no folds', () => {
    const rng = new Rng(3)
    const edges = new Float64Array(head.indices.length)
    const length = (p: ArrayLike<number>, i: number) => {
      const t = i - (i % 3)
      return distance(at(p, head.indices[i]), at(p, head.indices[t + ((i + 1) % 3)]))
    }
    for (let i = 0; i < edges.length; i++) edges[i] = length(head.mean, i)
    for (let n = 0; n < 5; n++) {
      const p = posedMesh(
        head,
        Array.from({ length: head.identityCount }, () => 1.5 * rng.normal()),
        [],
      ).positions
      for (let i = 0; i < edges.length; i++) expect(length(p, i)).toBeLessThan(3 * edges[i] + 0.004)
    }
  })

  test('expressions do what they are called', () => {
    for (const name of [
      'browInnerUpLeft',
      'mouthSmileLeft',
      'mouthFrownRight',
      'mouthPucker',
      'noseSneerLeft',
      'cheekPuffLeft',
    ])
      expect(head.expressionNames).toContain(name)
    expect(new Set(head.expressionNames).size).toBe(head.expressionCount)
    const opening = (p: Float32Array, up: number, low: number) => distance(landmark(p, up), landmark(p, low))
    const open = opening(head.mean, 386, 374)
    const blink = expressed('eyeBlinkLeft', 'eyeBlinkRight')
    expect(open).toBeGreaterThan(0.006)
    for (const [up, low] of [
      [386, 374],
      [159, 145],
    ])
      expect(opening(blink, up, low)).toBeLessThan(0.2 * open) // prettier-ignore
    // one eye alone leaves the other open
    expect(opening(expressed('eyeBlinkLeft'), 159, 145)).toBeCloseTo(opening(head.mean, 159, 145), 4)
    expect(opening(head.mean, 13, 14)).toBeLessThan(0.004)
    expect(opening(expressed('jawOpen'), 13, 14)).toBeGreaterThan(0.02)
    const smile = expressed('mouthSmileLeft')
    expect(landmark(smile, 291)[1]).toBeGreaterThan(landmark(head.mean, 291)[1] + 0.003)
    expect(distance(landmark(smile, 61), landmark(head.mean, 61))).toBeLessThan(0.002)
    expect(landmark(expressed('browInnerUpLeft'), 336)[1]).toBeGreaterThan(landmark(head.mean, 336)[1] + 0.001)
    expect(landmark(expressed('eyeLookOutLeft'), 473)[0]).toBeGreaterThan(landmark(head.mean, 473)[0] + 0.003)
    expect(landmark(expressed('jawLeft'), 152)[0]).toBeGreaterThan(0.004)
  })

  test('closed lids hide the eyeballs: no eyeball or cover stands out of the skin around it', () => {
    const blink = expressed('eyeBlinkLeft', 'eyeBlinkRight')
    // the cover's points lie between the lids, which meet: they may not stand in front of the lids' own front
    for (const [side, lids] of [
      [1, [386, 374, 385, 380]],
      [-1, [159, 145, 158, 153]],
    ] as const) {
      const front = Math.max(...lids.map((i) => landmark(blink, i)[2]))
      head.faceRegion.forEach((r, t) => {
        if (!r) return
        for (let c = 0; c < 3; c++) {
          const v = head.indices[3 * t + c]
          if (head.parts[v] !== HEAD_PARTS.eyeball || Math.sign(blink[3 * v]) !== side) continue
          expect(blink[3 * v + 2]).toBeLessThan(front + 0.004)
        }
      })
    }
  })

  test('lips that part over teeth that meet leave the jaw shut', () => {
    const smile = ['mouthSmile', 'mouthUpperUp', 'mouthLowerDown'].flatMap((name) => [`${name}Left`, `${name}Right`])
    const { face, photo, points } = halfway(...smile)
    const [unknown, met] = [0, 1].map((teethMeet) =>
      new HeadFitter(head, face, photo, resolveSettings({}), teethMeet).fit(),
    )
    const jaw = head.expressionNames.indexOf('jawOpen')
    const gap = ({ shown }: HeadFit): number => (shown[2 * 14 + 1] - shown[2 * 13 + 1]) / (points[29] - points[27])
    const [before, after] = [unknown, met].map(
      (fit) => `${fit.expression[jaw].toFixed(3)}, lips ${gap(fit).toFixed(2)}`,
    )
    console.info(`jaw ${before}; teeth seen to meet: ${after}`)
    expect(Math.abs(met.expression[jaw])).toBeLessThan(0.03)
    expect(Math.abs(met.expression[jaw])).toBeLessThan(0.5 * unknown.expression[jaw])
    expect(gap(met)).toBeGreaterThan(0.85)
    expect(gap(met)).toBeLessThan(1.15)
  })

  test('rims of lids and lips look where the face does, and a fit opens narrowed eyes as far as landmarks say, both alike', () => {
    const { kinds, weights, embedding } = landmarkPlan(head, 478)
    const { normals } = gatherPoints(head, embedding, 0, 0)
    kinds.forEach((kind, i) => {
      if ((kind === 'eyes' || kind === 'lips') && weights[i] > 0)
        expect(normals[3 * i + 2], `${i}`).toBeGreaterThan(0.3)
    })
    const { face, photo, points } = halfway('eyeSquintLeft', 'eyeSquintRight')
    const { shown } = fitHead(head, face, photo, resolveSettings({}))
    const height = (marks: Float64Array, [upper, lower]: number[]): number =>
      marks[2 * lower + 1] - marks[2 * upper + 1]
    const lids = [
      [159, 145],
      [386, 374],
    ] // prettier-ignore
    const [right, left] = lids.map((pair) => height(shown, pair) / height(points, pair))
    console.info(`lids opened to ${right.toFixed(3)} and ${left.toFixed(3)} of what landmarks say`)
    expect(Math.abs(right - 1)).toBeLessThan(0.06)
    expect(Math.abs(right - left)).toBeLessThan(0.01)
  })

  test('ranges and spreads of expressions', () => {
    for (let k = 0; k < head.expressionCount; k++) {
      const [low, high] = head.expressionRange.subarray(2 * k, 2 * k + 2)
      expect(low).toBeLessThanOrEqual(0)
      expect(high).toBe(1)
      expect(head.expressionSigma[k]).toBeGreaterThan(0.05)
      expect(head.expressionSigma[k]).toBeLessThan(0.6)
    }
  })

  test('a missing or damaged asset is a typed error', async () => {
    await expect(loadBuiltInHead('/nowhere/head.br')).rejects.toBeInstanceOf(SiderError)
    await expect(loadBuiltInHead(new URL('../../../package.json', import.meta.url))).rejects.toMatchObject({
      code: 'HEAD_INVALID',
    })
  })
})

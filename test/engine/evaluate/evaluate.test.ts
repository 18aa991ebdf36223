/** Evaluation against analytic truths: spheres, planes, rotated normals, scaled reliefs; readers of meshes and landmarks. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { landmarksOfResult, readSevenLandmarks } from '../../../src/engine/evaluate/landmark-files.js'
import { detailAgreement, normalAngles } from '../../../src/engine/evaluate/normal-error.js'
import {
  landmarkSphere,
  noseSphere,
  scanDistances,
  verticesInside,
} from '../../../src/engine/evaluate/scan-distance.js'
import { cumulative, statistics } from '../../../src/engine/evaluate/statistics.js'
import { parseGlb, parsePly, readMesh } from '../../../src/engine/formats/read-mesh.js'
import { writeGlb } from '../../../src/engine/formats/write-glb.js'
import {
  multiply4,
  rigidTransform,
  rotationFromAxisAngle,
  transformPoints,
} from '../../../src/engine/geometry/camera.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { alignPoints, invertSimilarity, scaleOf } from '../../../src/engine/geometry/similarity.js'
import type { Mesh } from '../../../src/engine/stages.js'
import { gridMesh, sphereMesh } from '../../support/shapes.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-evaluate-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const IDENTITY = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)

function similarity(scale: number, turn: [number, number, number], shift: number[]): Float64Array {
  return rigidTransform(
    rotationFromAxisAngle(...turn).map((x) => scale * x),
    shift,
  )
}

const moved = (mesh: Mesh, s: Float64Array): Mesh => ({
  positions: transformPoints(s, mesh.positions, new Float32Array(mesh.positions.length)),
  indices: mesh.indices,
})

/** A dented ellipsoid without symmetry, so that its pose is determined. */
function potato(): Mesh {
  const { positions, indices } = sphereMesh(0.1, 60, 90)
  return {
    positions: positions.map((p, i) => {
      const [x, y, z] = [0, 1, 2].map((k) => positions[i - (i % 3) + k])
      return p * [0.7, 1, 0.85][i % 3] * (1 + 0.15 * Math.sin(40 * x + 20 * y) + 0.1 * Math.cos(35 * z))
    }),
    indices,
  }
}

describe('aligning points', () => {
  const rng = new Rng(3)
  const cloud = Float64Array.from({ length: 60 }, () => rng.normal())
  const truth = similarity(1.7, [0.5, -2.1, 1.3], [3, -1, 0.4])

  it('finds a similarity exactly, also of points in a plane', () => {
    for (const points of [cloud, cloud.map((x, i) => (i % 3 === 2 ? 0 : x))]) {
      const found = alignPoints(points, transformPoints(truth, points))
      found.forEach((x, i) => {
        expect(x).toBeCloseTo(truth[i], 10)
      })
      expect(scaleOf(found)).toBeCloseTo(1.7, 10)
    }
  })

  it('turns mirrored points without mirroring, and keeps scale 1 when it is fixed', () => {
    const mirrored = cloud.map((x, i) => (i % 3 === 0 ? -x : x))
    const m = alignPoints(cloud, mirrored)
    const k = scaleOf(m)
    const [a, b, c, d, e, f, g, h, i] = [0, 1, 2, 4, 5, 6, 8, 9, 10].map((at) => m[at] / k)
    expect(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)).toBeCloseTo(1, 10)
    expect(scaleOf(alignPoints(cloud, transformPoints(truth, cloud), { scale: 'fixed' }))).toBeCloseTo(1, 12)
  })

  it('undoes itself, and refuses points that determine nothing', () => {
    multiply4(invertSimilarity(truth), truth).forEach((x, i) => {
      expect(x).toBeCloseTo(IDENTITY[i], 12)
    })
    expect(() => alignPoints(cloud.subarray(0, 6), cloud.subarray(0, 6))).toThrow(RangeError)
    expect(() => alignPoints(new Float64Array(30).fill(2), cloud.subarray(0, 30))).toThrow('one place')
  })
})

describe('scan-to-mesh distance', () => {
  it('of a plane from points at known heights is those heights, not the distance to the nearest vertex', () => {
    // Heights ±h in a checkerboard: no rigid motion lowers the sum of squares.
    const n = 41
    const points = Float64Array.from({ length: n * n * 3 }, (_, i) => {
      const [v, k] = [Math.floor(i / 3), i % 3]
      const [column, row] = [v % n, Math.floor(v / n)]
      return k === 2 ? ((column + row) % 2 ? 1 : -1) * 0.0005 : ((k === 0 ? column : row) / (n - 1) - 0.5) * 0.08
    })
    const { distances } = scanDistances(gridMesh(0.12, 3), points, IDENTITY, { scale: 'fixed' })
    const { median, mean, std } = statistics(distances)
    expect(median).toBeCloseTo(0.0005, 6)
    expect(mean).toBeCloseTo(0.0005, 6)
    expect(std).toBeLessThan(2e-6)
  })

  it('finds shift, turn and scale of a shape again', () => {
    const scan = potato()
    const s = similarity(1.06, [0.06, -0.1, 0.08], [0.004, -0.006, 0.01])
    const { distances, transform } = scanDistances(moved(scan, s), Float64Array.from(scan.positions), IDENTITY)
    expect(statistics(distances).mean).toBeLessThan(2e-6)
    invertSimilarity(s).forEach((x, i) => {
      expect(transform[i]).toBeCloseTo(x, 3)
    })
  })

  it('with fixed scale leaves a sphere that is 2 mm larger 2 mm away; with free scale closes the gap', () => {
    const small = verticesInside(sphereMesh(0.09, 50, 80).positions, { center: [0, 0, 0], radius: 1 })
    // Off centre: the alignment has to find the middle first.
    const large = sphereMesh(0.092, 240, 360, [0.003, -0.002, 0.001])
    const fixed = scanDistances(large, small, IDENTITY, { scale: 'fixed' })
    expect(statistics(fixed.distances).median).toBeCloseTo(0.002, 5)
    expect(statistics(fixed.distances).std).toBeLessThan(2e-5)
    expect(scaleOf(fixed.transform)).toBeCloseTo(1, 12)
    const free = scanDistances(large, small, IDENTITY)
    expect(statistics(free.distances).mean).toBeLessThan(2e-5)
    expect(scaleOf(free.transform)).toBeCloseTo(90 / 92, 4)
  })

  it('counts in the scan unit, and leaves outliers out of the alignment but not out of the figures', () => {
    const scan = potato()
    const points = Float64Array.from(scan.positions, (x) => 1000 * x)
    for (let i = 0; i < 100; i++) points[3 * i + 2] += 30
    const start = similarity(1000, [0, 0, 0], [1, 1, 1])
    const { distances } = scanDistances(scan, points, start, { keep: 0.95 })
    expect(statistics(distances).median).toBeLessThan(0.01)
    expect(Math.max(...distances)).toBeGreaterThan(10)
  })

  it('crops by the landmarks as NoW defines it, or about the tip of the nose', () => {
    // Outer eye corners 90 apart, inner 30, bottom of the nose 40 below them: 0.7 (90 + 40) = 91.
    const seven = Float64Array.of(-45, 40, 0, -15, 40, 0, 15, 40, 0, 45, 40, 0, 0, 0, 0, -25, -30, 0, 25, -30, 0)
    const sphere = landmarkSphere(seven)
    expect(sphere.radius).toBeCloseTo(91, 10)
    expect(sphere.center).toEqual([0, 12, 0])
    const head = Float32Array.of(-0.07, 0, 0, 0, 0, 0.1, 0.07, 0, 0.3, 0, 0.08, 0.05, 0, 0.2, 0)
    expect(noseSphere(head).center[2]).toBeCloseTo(0.1, 6)
    expect([...verticesInside(head, { center: [0, 0, 0.1], radius: 0.12 })].length).toBe(6)
  })
})

describe('normals', () => {
  const size = 128
  const mask = Uint8Array.from({ length: size * size }, (_, i) => {
    return Math.hypot((i % size) - 64, Math.floor(i / size) - 64) < 55 ? 1 : 0
  })
  /** Normals of z = amplitude · waves, camera frame. */
  const relief = (amplitude: number, period: number): Float32Array => {
    const out = new Float32Array(3 * size * size)
    for (let i = 0; i < mask.length; i++) {
      const [x, y] = [i % size, Math.floor(i / size)]
      const n = [
        amplitude * Math.cos((2 * Math.PI * x) / period) + 0.002 * (x - 64),
        amplitude * Math.sin((2 * Math.PI * y) / period),
        -1,
      ]
      const length = Math.hypot(...n)
      for (let k = 0; k < 3; k++) out[3 * i + k] = n[k] / length
    }
    return out
  }

  it('turned by an angle differ by that angle, whatever their length', () => {
    const truth = relief(0.2, 9)
    const about = similarity(2.5, [0.2, 0, 0], [0, 0, 0])
    const turned = transformPoints(about, truth, new Float32Array(truth.length))
    const angles = normalAngles(turned, truth, mask)
    // The turn is about x, so a normal that leans to x moves by less: its own angle from the axis decides.
    const [i] = [64 * size + 64]
    const x = truth[3 * i]
    const expected = (2 * Math.asin(Math.sqrt(1 - x * x) * Math.sin(0.1)) * 180) / Math.PI
    expect(angles[i]).toBeCloseTo(expected, 3)
    const flat = Float32Array.from({ length: truth.length }, (_, j) => (j % 3 === 2 ? -1 : 0))
    const flatTurned = transformPoints(about, flat, new Float32Array(flat.length))
    const { mean, median, count } = statistics(normalAngles(flatTurned, flat, mask))
    expect(mean).toBeCloseTo((0.2 * 180) / Math.PI, 4)
    expect(median).toBeCloseTo((0.2 * 180) / Math.PI, 4)
    expect(count).toBe(mask.reduce((a, b) => a + b, 0))
    expect(normalAngles(new Float32Array(truth.length), truth, mask)[i]).toBe(90)
  })

  it('of a fainter relief have full correlation and the factor as gain; large forms do not count', () => {
    const truth = relief(0.1, 8)
    for (const factor of [0.4, 1, 1.5]) {
      const { correlation, gain } = detailAgreement(relief(0.1 * factor, 8), truth, mask, size, 2)
      expect(correlation).toBeGreaterThan(0.998)
      expect(Math.abs(gain / factor - 1)).toBeLessThan(0.02)
    }
    // Waves of 64 pixels are taken away by a blur of 2 pixels: hardly any gain is left of them.
    expect(Math.abs(detailAgreement(relief(0.1, 64), truth, mask, size, 2).gain)).toBeLessThan(0.1)
    expect(detailAgreement(relief(-0.1, 8), truth, mask, size, 2).correlation).toBeLessThan(-0.95)
  })
})

describe('statistics', () => {
  it('are the textbook ones', () => {
    expect(statistics([4, 1, Number.NaN, 2, 5])).toEqual({ count: 4, median: 3, mean: 3, std: Math.sqrt(2.5) })
    expect(statistics([]).median).toBeNaN()
    expect(cumulative(Float64Array.of(3, 1, 2, 2), [0, 1, 2, 5])).toEqual([0, 25, 75, 100])
  })
})

describe('files', () => {
  const square: Mesh = {
    positions: Float32Array.of(0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0),
    indices: Uint32Array.of(0, 1, 2, 0, 2, 3),
  }

  it('reads text and binary PLY with polygons and properties in between', () => {
    const text = `ply\nformat ascii 1.0\ncomment x\nelement vertex 4\nproperty float x\nproperty uchar red\nproperty double y\nproperty float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n0 9 0 0\n1 9 0 0\n1 9 1 0\n0 9 1 0\n4 0 1 2 3\n`
    expect(parsePly(new TextEncoder().encode(text))).toEqual(square)
    for (const little of [true, false]) {
      const head = `ply\nformat binary_${little ? 'little' : 'big'}_endian 1.0\nelement vertex 4\nproperty float32 x\nproperty float32 y\nproperty float32 z\nproperty short tag\nelement face 2\nproperty list uint8 uint32 vertex_index\nend_header\n`
      const body = new DataView(new ArrayBuffer(4 * 14 + 2 * 13))
      for (let v = 0; v < 4; v++)
        for (let k = 0; k < 3; k++) body.setFloat32(14 * v + 4 * k, square.positions[3 * v + k], little)
      for (let t = 0; t < 2; t++) {
        body.setUint8(56 + 13 * t, 3)
        for (let k = 0; k < 3; k++) body.setUint32(57 + 13 * t + 4 * k, square.indices[3 * t + k], little)
      }
      const bytes = Buffer.concat([Buffer.from(head), new Uint8Array(body.buffer)])
      expect(parsePly(bytes)).toEqual(square)
      expect(() => parsePly(bytes.subarray(0, bytes.length - 3))).toThrow(RangeError)
    }
  })

  it('reads all meshes of a GLB, and OBJ', async () => {
    const mesh = await parseGlb(
      await writeGlb([
        { name: 'a', mesh: square },
        { name: 'b', mesh: moved(square, similarity(2, [0, 0, 0], [0, 0, 5])) },
      ]),
    )
    expect([...mesh.positions.subarray(0, 12)]).toEqual([...square.positions])
    expect([...mesh.positions.subarray(12)]).toEqual([0, 0, 5, 2, 0, 5, 2, 2, 5, 0, 2, 5])
    expect([...mesh.indices]).toEqual([0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 6, 7])
    writeFileSync(join(folder, 'q.obj'), 'v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n')
    expect(await readMesh(join(folder, 'q.obj'), 'TRUTH_INVALID')).toEqual(square)
  })

  it.each([
    ['gone.ply', undefined, 'no such file'],
    ['a.ply', 'plot', 'not a PLY file'],
    ['a.glb', 'glTF', 'cannot be read'],
    ['a.stl', 'solid', 'not a .glb, .ply or .obj file'],
    ['a.obj', 'v 0 0 0\n', 'no triangles'],
    ['b.obj', 'v 0 0 0\nv 1 0 x\n', 'damaged'],
  ])('refuses %s', async (name, content, message) => {
    if (content !== undefined) writeFileSync(join(folder, name), content)
    const reading = readMesh(join(folder, name), 'RESULT_INVALID')
    await expect(reading).rejects.toMatchObject({ code: 'RESULT_INVALID', message: expect.stringContaining(message) })
  })

  it('reads seven landmarks of MeshLab, text, and of a reconstruction', async () => {
    const rows = Array.from({ length: 7 }, (_, i) => [i, i + 0.5, 1 - i])
    const pp = rows.map(([x, y, z]) => `<point active="1" y="${y}" x="${x}" name="n" z="${z}"/>`).join('\n')
    writeFileSync(join(folder, 'a.pp'), `<!DOCTYPE PickedPoints>\n<PickedPoints>\n${pp}\n</PickedPoints>`)
    writeFileSync(join(folder, 'a.txt'), rows.map((row) => row.join(' ')).join('\n'))
    for (const name of ['a.pp', 'a.txt'])
      expect([...(await readSevenLandmarks(join(folder, name), 'TRUTH_INVALID'))]).toEqual(rows.flat())
    writeFileSync(join(folder, 'short.txt'), '1 2 3')
    await expect(readSevenLandmarks(join(folder, 'short.txt'), 'TRUTH_INVALID')).rejects.toThrow('seven points')
    mkdirSync(join(folder, 'r'))
    const points3d = Array.from({ length: 68 }, (_, i) => [i, 2 * i, 3 * i])
    writeFileSync(join(folder, 'r/landmarks.json'), JSON.stringify({ points3d }))
    const found = await landmarksOfResult(join(folder, 'r/landmarks.json'))
    expect(found?.seven.filter((_, i) => i % 3 === 0)).toEqual(Float64Array.of(36, 39, 42, 45, 33, 48, 54))
    expect(await landmarksOfResult(join(folder, 'none.json'))).toBeUndefined()
  })
})

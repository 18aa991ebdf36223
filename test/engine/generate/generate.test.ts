/** Generated ground truth: same seed, same files; maps that agree with the mesh by ray casting; a layout that the scorers read. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evaluate, findCases } from '../../../src/engine/evaluate/index.js'
import { readTruth, type ViewTruth } from '../../../src/engine/evaluate/truth.js'
import { encodeNpy } from '../../../src/engine/formats/npy.js'
import { writeGlb } from '../../../src/engine/formats/write-glb.js'
import { drawPlan } from '../../../src/engine/generate/draw.js'
import { beyond } from '../../../src/engine/generate/head-mesh.js'
import { portraitFiles } from '../../../src/engine/generate/index.js'
import { buildGeometry, type Portrait, renderPortrait } from '../../../src/engine/generate/render.js'
import { solveCholesky } from '../../../src/engine/geometry/algebra.js'
import { cameraCenter, pixelRays, transformPoints } from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { triangleNormals } from '../../../src/engine/geometry/normals.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { HEAD_PARTS, type HeadModel } from '../../../src/engine/stages.js'

const SIZE = 192
const SEED = 5
const SCORER = fileURLToPath(new URL('../../../../shared/eval/score.py', import.meta.url))

let model: HeadModel
let portrait: Portrait
let folder: string
let truth: ViewTruth

beforeAll(async () => {
  model = await loadBuiltInHead()
  portrait = await renderPortrait(model, drawPlan(model, SEED, SIZE))
  folder = mkdtempSync(join(tmpdir(), 'sider-generate-'))
  for (const [path, data] of Object.entries(portraitFiles(portrait))) {
    mkdirSync(join(folder, 'truth/s0005/view'), { recursive: true })
    writeFileSync(join(folder, 'truth/s0005', path), data)
  }
  const view = join(folder, 'truth/s0005/view')
  truth = await readTruth({ camera: join(view, 'camera.json'), maps: join(view, 'gt.npz') })
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a generated portrait', () => {
  test('is the same for the same seed, to the byte, and another for another', async () => {
    const again = portraitFiles(await renderPortrait(model, drawPlan(model, SEED, SIZE)))
    for (const [path, data] of Object.entries(portraitFiles(portrait))) {
      expect(Buffer.compare(Buffer.from(data), Buffer.from(again[path])), path).toBe(0)
    }
    const other = drawPlan(model, SEED + 1, SIZE)
    expect(other.identity).not.toEqual(portrait.plan.identity)
    expect(other.light).not.toEqual(portrait.plan.light)
  }, 300_000)

  test('has a mesh of what can be seen from outside', () => {
    const { head } = buildGeometry(model, portrait.plan)
    const places = (positions: Float32Array, vertices: Iterable<number>): Set<string> =>
      new Set(Array.from(vertices, (v) => positions.subarray(3 * v, 3 * v + 3).join()))
    const { positions } = portrait.mesh
    const scanned = places(positions, Array(positions.length / 3).keys())
    const keptShare = (triangles: (t: number) => boolean): number => {
      const wanted = head.mesh.indices.filter((_, c) => triangles(Math.floor(c / 3)))
      const all = [...places(head.mesh.positions, new Set(wanted))]
      return all.filter((place) => scanned.has(place)).length / all.length
    }
    expect(keptShare((t) => head.faceRegion[t] === 1)).toBeGreaterThan(0.97)
    const eyeballs = keptShare((t) => head.parts[t] === HEAD_PARTS.eyeball)
    expect(eyeballs).toBeGreaterThan(0.05)
    expect(eyeballs).toBeLessThan(0.6)
  })

  test('has depth and normals of its mesh, as rays find them', () => {
    const { mesh, plan } = portrait
    const rng = new Rng(1)
    const pixels = Float64Array.from({ length: 800 }, () => Math.floor(rng.uniform(0, SIZE)) + 0.5)
    const hits = new MeshDistance(mesh).rayHits(cameraCenter(plan.camera), pixelRays(plan.camera, pixels), 'back')
    const rays = pixelRays(plan.camera, pixels)
    const centre = cameraCenter(plan.camera)
    const flat = triangleNormals(mesh)
    let [seen, wrong] = [0, 0]
    const angles: number[] = []
    for (let i = 0; i < pixels.length / 2; i++) {
      const pixel = Math.floor(pixels[2 * i + 1]) * SIZE + Math.floor(pixels[2 * i])
      if (Number.isFinite(hits.t[i]) !== Number.isFinite(truth.depth[pixel])) wrong++
      if (!Number.isFinite(hits.t[i]) || !Number.isFinite(truth.depth[pixel])) continue
      seen++
      const point = [0, 1, 2].map((k) => centre[k] + hits.t[i] * rays[3 * i + k])
      const depth = transformPoints(plan.camera.headToCamera, Float64Array.from(point))[2]
      if (Math.abs(depth - truth.depth[pixel]) > 2e-5) wrong++
      const m = plan.camera.headToCamera
      const n = flat.subarray(3 * hits.triangle[i], 3 * hits.triangle[i] + 3)
      const cosine = [0, 1, 2].reduce(
        (sum, r) => sum + (m[4 * r] * n[0] + m[4 * r + 1] * n[1] + m[4 * r + 2] * n[2]) * truth.normals[3 * pixel + r],
        0,
      )
      angles.push((Math.acos(Math.min(1, cosine)) * 180) / Math.PI)
    }
    expect(seen).toBeGreaterThan(80)
    // A ray through an edge may meet the triangle on its other side.
    expect(wrong).toBeLessThanOrEqual(2)
    expect(angles.sort((a, b) => a - b)[angles.length >> 1]).toBeLessThan(3)
  })

  test('is bent in ways that the head model cannot follow', () => {
    const rows: number[] = []
    for (let v = 0; v < model.mean.length / 3; v += 7)
      if (model.mean[3 * v + 2] > 0.06) rows.push(3 * v, 3 * v + 1, 3 * v + 2)
    const size = model.mean.length
    const count = model.identityCount + model.expressionCount
    const at = (k: number, row: number): number =>
      k < model.identityCount
        ? model.identity[k * size + row]
        : model.expression[(k - model.identityCount) * size + row]
    const shift = rows.map((row) => {
      const v = row - (row % 3)
      return beyond(model.mean[v], model.mean[v + 1], model.mean[v + 2], SEED)[row % 3]
    })
    const gram = new Float64Array(count * count)
    const right = new Float64Array(count)
    rows.forEach((row, i) => {
      for (let a = 0; a < count; a++) {
        const x = at(a, row)
        if (x === 0) continue
        right[a] += x * shift[i]
        for (let b = 0; b <= a; b++) gram[a * count + b] += x * at(b, row)
      }
    })
    for (let a = 0; a < count; a++) {
      gram[a * count + a] += 1e-9
      for (let b = 0; b < a; b++) gram[b * count + a] = gram[a * count + b]
    }
    expect(solveCholesky(gram, right, count)).toBe(true)
    const rest = rows.map((row, i) => shift[i] - right.reduce((sum, c, k) => sum + c * at(k, row), 0))
    const rms = (values: number[]): number =>
      1000 * Math.sqrt((3 * values.reduce((s, x) => s + x * x, 0)) / values.length)
    expect(rms(shift)).toBeGreaterThan(0.8)
    // Free coefficients of any size explain some of it; half a millimetre stays whatever they are.
    expect(rms(rest)).toBeGreaterThan(0.35)
  })

  test('has its wrinkles in the mesh', () => {
    const plan = drawPlan(model, SEED, SIZE)
    const none = { forehead: 0, frown: 0, crowsFeet: 0, nasolabial: 0, underEye: 0, mouth: 0 }
    const smooth = buildGeometry(model, { ...plan, relief: { ...plan.relief, ...none } }).head
    const { positions, indices } = buildGeometry(model, plan).head.mesh
    expect(Buffer.compare(Buffer.from(smooth.mesh.indices.buffer), Buffer.from(indices.buffer))).toBe(0)
    let deepest = 0
    for (let i = 0; i < positions.length; i += 3)
      deepest = Math.max(deepest, Math.hypot(...[0, 1, 2].map((k) => positions[i + k] - smooth.mesh.positions[i + k])))
    expect(1000 * deepest).toBeGreaterThan(0.3)
    expect(1000 * deepest).toBeLessThan(4)
  }, 300_000)
})

describe('its layout', () => {
  /** A result that is the truth itself, as the engine would write it. */
  async function perfectResult(): Promise<string> {
    const out = join(folder, 'result/s0005/view')
    mkdirSync(join(out, 'maps'), { recursive: true })
    const { camera, depth, normals, mask } = truth
    const m = camera.headToCamera
    writeFileSync(join(out, 'face.glb'), await writeGlb([{ name: 'face', mesh: portrait.mesh }], { generator: 'test' }))
    const crop = { x: 0, y: 0, width: SIZE, height: SIZE, size: SIZE }
    const matrix = [0, 4, 8, 12].map((r) => Array.from(m.subarray(r, r + 4)))
    writeFileSync(join(out, 'camera.json'), JSON.stringify({ ...camera, headToCamera: matrix, crop }))
    writeFileSync(join(out, 'maps/depth.npy'), encodeNpy(depth, [SIZE, SIZE]))
    writeFileSync(join(out, 'maps/normals.npy'), encodeNpy(normals, [SIZE, SIZE, 3]))
    writeFileSync(join(out, 'maps/mask.npy'), encodeNpy(mask, [SIZE, SIZE]))
    return out
  }

  test('is found and read by the evaluation, for which the truth itself is perfect', async () => {
    await perfectResult()
    const cases = await findCases(join(folder, 'truth'))
    expect(cases.map(({ name }) => name)).toEqual(['s0005/view'])
    const { scores } = await evaluate({ cases, results: join(folder, 'result') })
    expect(scores[0].scan.detail.median).toBeLessThan(0.005)
    expect(scores[0].normals?.detail.meanDegrees).toBeLessThan(0.1)
    expect(scores[0].normals?.coverage).toBeCloseTo(1, 2)
    const { albedoEdges } = scores[0]
    expect(albedoEdges?.share).toBeGreaterThan(0.01)
    expect(albedoEdges?.share).toBeLessThan(0.6)
    expect(albedoEdges?.detail.edges.falseReliefDegrees).toBeLessThan(0.1)
  }, 300_000)

  const python = spawnSync('python3', ['-c', 'import numpy, scipy'])
  test.skipIf(!existsSync(SCORER) || python.status !== 0)(
    'is read by the scorer of others too (skipped without ../shared/eval, NumPy and SciPy)',
    async () => {
      const out = await perfectResult()
      const { stdout, stderr, status } = spawnSync('python3', [SCORER, join(folder, 'truth/s0005/view'), out, '--json'])
      expect(status, String(stderr)).toBe(0)
      const figures = JSON.parse(String(stdout)) as Record<string, number>
      expect(figures['detail_normal_mean_deg']).toBeLessThan(0.2)
      expect(figures['detail_hf2_corr']).toBeGreaterThan(0.99)
      // It measures to sampled points, not to the surface between them.
      expect(figures['s2m_median_mm']).toBeLessThan(0.4)
    },
    300_000,
  )

  test('the photo is a JPEG of the wanted size', async () => {
    const bytes = readFileSync(join(folder, 'truth/s0005/view/image.jpg'))
    expect([bytes[0], bytes[1]]).toEqual([0xff, 0xd8])
    const { default: sharp } = await import('sharp')
    const { width, height } = await sharp(bytes).metadata()
    expect([width, height]).toEqual([SIZE, SIZE])
  })
})

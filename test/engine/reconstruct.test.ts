/** The whole pipeline on photos: files, their consistency, stopping and going on, repeatability, both kinds of fields. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Accessor, WebIO } from '@gltf-transform/core'
import validator from 'gltf-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveSettings, type Settings } from '../../src/engine/config.js'
import { statistics } from '../../src/engine/evaluate/statistics.js'
import { ibugPoints } from '../../src/engine/evidence/layouts.js'
import { readMesh } from '../../src/engine/formats/read-mesh.js'
import { backProject, cropCamera, project } from '../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../src/engine/geometry/distance.js'
import { posedMesh } from '../../src/engine/head/fit-mesh.js'
import { loadHead } from '../../src/engine/head/load.js'
import { gaussianBlur } from '../../src/engine/image/filter.js'
import {
  Inspector,
  type InspectRecord,
  outputFiles,
  type Reconstruction,
  type ReconstructOptions,
  reconstruct,
  writeOutputs,
} from '../../src/engine/index.js'
import type { Camera } from '../../src/engine/stages.js'
import { npyNumbers, npzNumbers } from '../support/numpy.js'

const PHOTO = fileURLToPath(new URL('../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const SCAN = fileURLToPath(new URL('../../../shared/data/scans/lpsw/L1', import.meta.url))
const SIZE = 64
const STAGES = ['photo', 'landmarks', 'head', 'coarse', 'detail', 'surface']

const preview = (overrides: Record<string, unknown> = {}): Settings =>
  resolveSettings({
    preset: 'preview',
    overrides: {
      'photo.cropSize': SIZE,
      'relief.steps': 40,
      'photo.face': 0,
      'output.sdfGrid': 32,
      'surface.textureSize': 256,
      ...overrides,
    },
  })

let folder: string
/** The first face's landmarks in the form in which users give them: the runs after the first need no detection. */
let landmarks: unknown
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sider-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const again = (options: Partial<ReconstructOptions> = {}): Promise<Reconstruction> =>
  reconstruct({ photo: PHOTO, settings: preview(), landmarks, ...options })

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(b.length).toBe(a.length)
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    expect(Number.isNaN(b[i])).toBe(Number.isNaN(a[i]))
    if (!Number.isNaN(a[i])) worst = Math.max(worst, Math.abs(a[i] - b[i]))
  }
  return worst
}

describe('a face of a group photo', () => {
  let result: Reconstruction
  let out: string
  const fractions: number[] = []
  beforeAll(async () => {
    out = join(folder, 'out')
    result = await reconstruct({
      photo: PHOTO,
      settings: preview(),
      onProgress: ({ fraction }) => void fractions.push(fraction),
    })
    await writeOutputs(result, out)
    const { points } = result.face.landmarks
    landmarks = { landmarks: Array.from({ length: 478 }, (_, i) => [points[2 * i], points[2 * i + 1]]) }
  })
  const json = async (name: string) => JSON.parse(await readFile(join(out, name), 'utf8'))
  const npy = async (name: string) => npyNumbers(await readFile(join(out, 'maps', `${name}.npy`)))

  test('all files are there', () => {
    const files = [
      'face.glb',
      'coarse.glb',
      'sdf.npz',
      'sdf.nrrd',
      'sdf.safetensors',
      'camera.json',
      'head.json',
      'landmarks.json',
      'report.json',
    ]
    const maps = ['depth', 'normals', 'coarse-normals', 'render', 'mask'].map((name) => `maps/${name}.npy`)
    const pictures = [
      'normals',
      'depth',
      'render',
      'overlay',
      'coarse-overlay',
      'sheet',
      'progress',
      'shading',
      'albedo',
    ]
    for (const name of [...files, ...maps, ...pictures.map((name) => `${name}.png`)]) {
      expect(existsSync(join(out, name)), name).toBe(true)
    }
  })

  test('progress rises to the end', () => {
    expect(fractions.every((f, i) => i === 0 || f >= fractions[i - 1])).toBe(true)
    expect(fractions.at(-1)).toBe(1)
  })

  test('the GLB is clean', async () => {
    const { issues, info } = await validator.validateBytes(await readFile(join(out, 'face.glb')))
    expect([issues.numErrors, issues.numWarnings], JSON.stringify(issues.messages)).toEqual([0, 0])
    expect(info.totalTriangleCount).toBeGreaterThan(50_000)
  })

  test('the report says what was done', async () => {
    const report = await json('report.json')
    expect(report.memoryMiB).toBeGreaterThan(50)
    expect(report).toMatchObject({
      generator: 'sider', // by which the folder may be written again
      seed: 0,
      backend: result.backend,
      head: 'built-in',
      field: 'relief',
      photoSha256: result.photo.sha256,
      settings: preview(),
      losses: { count: 40 },
      photo: { format: 'jpeg', width: result.photo.width, height: result.photo.height },
    })
    for (const stage of STAGES) expect(report.seconds[stage], stage).toBeGreaterThanOrEqual(0)
    expect(report.losses.last).toBeLessThan(report.losses.first)
    expect(report.quality.landmarkRmsRelative).toBeLessThan(0.1)
    expect(report.quality.psnr).toBeGreaterThan(20)
    expect(report.quality.trustedShare).toBeGreaterThan(0.4)
    expect(Array.isArray(report.warnings)).toBe(true)
  })

  test('the coarse mesh and its landmarks lie on the photo', async () => {
    const coarse = await readMesh(join(out, 'coarse.glb'), 'RESULT_INVALID')
    expect(coarse.indices.length).toBe(result.fit.mesh.indices.length)
    const { points3d, points2d } = await json('landmarks.json')
    expect([points3d.length, points2d.length]).toEqual([68, 478])
    const flat = Float64Array.from(points3d.flat())
    expect(Math.max(...new MeshDistance(coarse).distances(flat))).toBeLessThan(1e-5)
    const seen = project(result.fit.camera, flat)
    const given = ibugPoints(points2d.flat())
    const off = Array.from({ length: 68 }, (_, i) =>
      Math.hypot(seen[3 * i] - given[2 * i], seen[3 * i + 1] - given[2 * i + 1]),
    )
    // The outline of the jaw slides over the cheeks in the fit; brows, eyes, nose and mouth (17 to 67) stay.
    expect(statistics(off.slice(17)).median).toBeLessThan(0.03 * result.fit.crop.width)
  })

  test('the coefficients make the fitted head again, and its contours lie on it', async () => {
    const { head, scale, identity, expression, jointRotations } = await json('head.json')
    const model = await loadHead(head)
    expect(Object.keys(expression)).toEqual(model.expressionNames)
    const again = posedMesh(model, identity, Object.values(expression), jointRotations).positions
    const { positions } = result.fit.mesh
    let worst = 0
    for (let i = 0; i < positions.length; i++) worst = Math.max(worst, Math.abs(scale * again[i] - positions[i]))
    expect(worst).toBeLessThan(1e-6)
    const { contours3d } = await json('landmarks.json')
    expect(Object.keys(contours3d).sort()).toEqual(
      ['leftLower', 'leftUpper', 'lipsLower', 'lipsUpper', 'rightLower', 'rightUpper'], // prettier-ignore
    )
    const flat = Float64Array.from(Object.values(contours3d).flat(2) as number[])
    expect(Math.max(...new MeshDistance(result.fit.mesh).distances(flat))).toBeLessThan(1e-5)
  })

  test('depth map, camera and mesh agree', async () => {
    const { crop, headToCamera, ...intrinsics } = await json('camera.json')
    const camera = cropCamera({ ...intrinsics, headToCamera: Float64Array.from(headToCamera.flat()) } as Camera, crop)
    const [depth, mask, normals] = [await npy('depth'), await npy('mask'), await npy('normals')]
    expect([depth.shape, mask.shape, normals.shape]).toEqual([
      [SIZE, SIZE],
      [SIZE, SIZE],
      [SIZE, SIZE, 3],
    ]) // prettier-ignore
    const seen = Array.from({ length: SIZE * SIZE }, (_, i) => i).filter((i) => mask.data[i])
    expect(seen.length).toBeGreaterThan(0.15 * SIZE * SIZE)
    const pixels = Float64Array.from(seen.flatMap((i) => [(i % SIZE) + 0.5, Math.floor(i / SIZE) + 0.5]))
    const points = backProject(
      camera,
      pixels,
      Float64Array.from(seen, (i) => Number(depth.data[i])),
    )
    const document = await new WebIO().readBinary(await readFile(join(out, 'face.glb')))
    const face = document
      .getRoot()
      .listNodes()
      .find((node) => node.getName() === 'face')! // prettier-ignore
    const primitive = face.getMesh()!.listPrimitives()[0]
    const array = (accessor: Accessor | null) => accessor!.getArray()!
    const mesh = {
      positions: Float32Array.from(array(primitive.getAttribute('POSITION'))),
      indices: Uint32Array.from(array(primitive.getIndices())),
    } // prettier-ignore
    const distance = new MeshDistance(mesh).closest(Float32Array.from(points)).distance.sort()
    const at = (share: number): number => 1000 * distance[Math.floor(share * (distance.length - 1))]
    console.info(
      `depth against mesh: median ${at(0.5).toFixed(3)} mm, 75 % ${at(0.75).toFixed(3)} mm, 95 % ${at(0.95).toFixed(3)} mm`,
    )
    expect(at(0.5)).toBeLessThan(0.1)
    // Towards its border the mesh fades into the fitted head, the map does not.
    expect(at(0.75)).toBeLessThan(0.5)
    expect(at(0.95)).toBeLessThan(4)
    for (const i of seen) {
      const n = [0, 1, 2].map((k) => Number(normals.data[3 * i + k]))
      expect(Math.abs(Math.hypot(...n) - 1)).toBeLessThan(1e-3)
    }
  })
})

describe('runs', () => {
  let whole: Reconstruction
  beforeAll(async () => {
    whole = await again()
    console.info(`seconds: ${JSON.stringify(whole.seconds)}`)
  })

  test('same seed, same result', async () => {
    const second = await again()
    expect(second.losses).toEqual(whole.losses)
    expect(largestDifference(whole.asset.head.mesh.positions, second.asset.head.mesh.positions)).toBe(0)
    expect(largestDifference(whole.view.normals, second.view.normals)).toBe(0)
  })

  test('stopped in the middle, a run goes on to the same end', async () => {
    const file = join(folder, 'checkpoint.safetensors')
    const checkpoint = { file, everySeconds: 3600 }
    const stop = new AbortController()
    const onProgress: ReconstructOptions['onProgress'] = ({ stage, iteration }) => {
      if (stage === 'detail' && iteration === 17) stop.abort()
    }
    const stopped = again({ checkpoint, onProgress, signal: stop.signal })
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED', stage: 'detail' })
    const iterations: number[] = []
    const resumed = await again({
      resumeFrom: file,
      onProgress: ({ stage, iteration }) => void (stage === 'detail' && iteration && iterations.push(iteration)),
    })
    expect(iterations[0]).toBe(18)
    expect(resumed.losses).toHaveLength(40)
    expect(largestDifference(whole.losses, resumed.losses)).toBeLessThan(1e-5)
    expect(largestDifference(whole.view.depth, resumed.view.depth)).toBeLessThan(1e-5)
    expect(largestDifference(whole.asset.head.mesh.positions, resumed.asset.head.mesh.positions)).toBeLessThan(1e-5)
  })

  test('stopped while the surface is made, it goes on from the finished detail', async () => {
    const file = join(folder, 'surface.safetensors')
    const stop = new AbortController()
    const stopped = again({
      checkpoint: { file, everySeconds: 1000 },
      onProgress: ({ stage }) => void (stage === 'surface' && setTimeout(() => stop.abort())),
      signal: stop.signal,
    })
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED', stage: 'surface' })
    const steps: unknown[] = []
    const resumed = await again({
      resumeFrom: file,
      onProgress: ({ iteration }) => void (iteration !== undefined && steps.push(iteration)),
    })
    expect(steps).toEqual([])
    expect(largestDifference(whole.losses, resumed.losses)).toBeLessThan(1e-5)
    expect(largestDifference(whole.asset.head.mesh.positions, resumed.asset.head.mesh.positions)).toBeLessThan(1e-5)
  })

  test('a head model that is not there is told before any work', async () => {
    const stages: string[] = []
    const run = again({
      settings: preview({ 'head.model': join(folder, 'nowhere.pkl') }),
      photo: join(folder, 'no-photo.jpg'),
      onProgress: ({ stage }) => void stages.push(stage),
    })
    await expect(run).rejects.toMatchObject({ code: 'HEAD_UNKNOWN' })
    expect(stages).toEqual([])
  })

  test('ended early, a run finishes with what it has; snapshots come when they are asked for', async () => {
    const finish = new AbortController()
    const inspector = new Inspector()
    const snapshots: InspectRecord[] = []
    inspector.subscribe((record) => void snapshots.push(record))
    const onProgress: ReconstructOptions['onProgress'] = ({ stage, iteration }) => {
      if (stage === 'detail' && iteration === 12) finish.abort()
    }
    const snapshotDue = ({ step }: { step: number }) => step % 6 === 0
    const early = await again({ finish: finish.signal, onProgress, inspector, snapshotDue })
    expect(early.losses).toHaveLength(12)
    expect(early.warnings.join()).toMatch(/ended early/)
    const meshes = snapshots.filter(({ name }) => name === 'mesh')
    expect(meshes.map(({ step }) => step)).toEqual([6, 12])
    const { mesh } = meshes[1].value as Extract<InspectRecord['value'], { kind: 'mesh' }>
    // A crop pixel is about 3 mm wide here: the preview follows the final surface to a fraction of it.
    const off = new MeshDistance(early.asset.whole.mesh).closest(mesh.positions).distance.sort()
    expect(off[off.length >> 1]).toBeLessThan(0.0005)
  })

  test('an abort before the detail stage is CANCELLED too', async () => {
    const stop = new AbortController()
    const onProgress: ReconstructOptions['onProgress'] = ({ stage }) =>
      stage === 'landmarks' ? stop.abort() : undefined
    await expect(again({ onProgress, signal: stop.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

describe('runs of a network', () => {
  const small = preview({
    method: 'networks',
    networks: {
      geometry: { layers: 4, width: 32, skip: 2, feature: 8, bands: 3 },
      renderer: { layers: 2, width: 32 },
      coarse: { steps: 150, batch: 512, learningRate: 3e-3 },
      detail: { epochs: 3, rays: 512, points: 128, learningRate: 1e-3 },
    },
  })
  let whole: Reconstruction
  beforeAll(async () => {
    whole = await again({ settings: small })
  })

  test('go through both stages', async () => {
    const { coarseErrorMm, psnr } = whole.quality
    console.info(`network: coarse error ${coarseErrorMm.toFixed(2)} mm, PSNR ${psnr?.toFixed(1)} dB`)
    expect(coarseErrorMm).toBeGreaterThan(0)
    expect(coarseErrorMm).toBeLessThan(4)
    expect(whole.losses).toHaveLength(3)
    expect(whole.losses[2]).toBeLessThan(whole.losses[0])
    const seen = whole.view.mask.reduce((a, b) => a + b, 0) / whole.coarse.mask.reduce((a, b) => a + b, 0)
    expect(seen).toBeGreaterThan(0.9)
    expect(Object.keys(whole.weights)).toEqual(expect.arrayContaining(['w0', 'wSdf', 'wFeature', 'r0', 'c1']))
    expect(whole.weights['w1'].shape).toEqual([32, 32])
    // The networks are gone by now: what is written must not need them.
    expect(Object.keys(await outputFiles(whole))).toContain('sdf.npz')
  })

  test.each([
    ['coarse', 137],
    ['detail', 3],
  ])('stopped in the %s stage, go on to the same end', async (where, when) => {
    const file = join(folder, `${where}.safetensors`)
    const stop = new AbortController()
    const onProgress: ReconstructOptions['onProgress'] = ({ stage, iteration }) => {
      if (stage === where && iteration === when) stop.abort()
    }
    const checkpoint = { file, everySeconds: 3600 }
    const stopped = again({ settings: small, checkpoint, onProgress, signal: stop.signal })
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED', stage: where })
    const first: Partial<Record<string, number>> = {}
    const resumed = await again({
      settings: small,
      resumeFrom: file,
      onProgress: ({ stage, iteration }) => {
        if (iteration) first[stage] ??= iteration
      },
    })
    expect(first).toMatchObject(where === 'coarse' ? { coarse: when + 1, detail: 1 } : { detail: when + 1 })
    expect(first['coarse'] === undefined).toBe(where === 'detail')
    expect(resumed.quality.coarseErrorMm).toBeCloseTo(whole.quality.coarseErrorMm, 6)
    expect(largestDifference(whole.losses, resumed.losses)).toBeLessThan(1e-5)
    expect(largestDifference(whole.asset.head.mesh.positions, resumed.asset.head.mesh.positions)).toBeLessThan(1e-5)
  })
})

describe('runs of networks from the relief on', () => {
  const small = preview({
    method: 'neural',
    neural: { steps: 60, rays: 512, geometry: { layers: 3, width: 32, bands: 5 }, renderer: { layers: 2, width: 32 } },
  })
  let whole: Reconstruction
  beforeAll(async () => {
    whole = await again({ settings: small })
  })

  test('find the relief, then learn the photo about it', async () => {
    const { losses, weights, view } = whole
    expect(losses).toHaveLength(100)
    expect(losses[99]).toBeLessThan(0.5 * losses[40])
    expect(Object.keys(weights)).toEqual(
      expect.arrayContaining(['light', 'networks.w0', 'networks.wSdf', 'networks.r0']),
    )
    expect(view.shading).toBeDefined()
    // the networks have taken part in the surface that is kept
    const relief = await again({ settings: preview() })
    expect(largestDifference(relief.view.normals, view.normals)).toBeGreaterThan(0.02)
    expect(Object.keys(await outputFiles(whole))).toContain('sdf.npz')
  })

  test.each([17, 41, 83])('stopped at step %s, go on to the same end', async (when) => {
    const file = join(folder, `neural-${when}.safetensors`)
    const stop = new AbortController()
    const onProgress: ReconstructOptions['onProgress'] = ({ stage, iteration }) => {
      if (stage === 'detail' && iteration === when) stop.abort()
    }
    const checkpoint = { file, everySeconds: 3600 }
    const stopped = again({ settings: small, checkpoint, onProgress, signal: stop.signal })
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED', stage: 'detail' })
    let first: number | undefined
    const resumed = await again({
      settings: small,
      resumeFrom: file,
      onProgress: ({ stage, iteration }) => {
        if (stage === 'detail' && iteration) first ??= iteration
      },
    })
    expect(first).toBe(when + 1)
    expect(largestDifference(whole.losses, resumed.losses)).toBeLessThan(1e-5)
    expect(largestDifference(whole.asset.head.mesh.positions, resumed.asset.head.mesh.positions)).toBeLessThan(1e-5)
  })

  test('ended early among the steps of the networks, keep what there is', async () => {
    const finish = new AbortController()
    const result = await again({
      settings: small,
      finish: finish.signal,
      onProgress: ({ stage, iteration }) => {
        if (stage === 'detail' && iteration === 60) finish.abort()
      },
    })
    expect(result.losses.length).toBeLessThan(70)
    expect(result.warnings.join()).toContain('ended early')
  })
})

describe('a scan', () => {
  test.skipIf(!existsSync(SCAN))('its wrinkles come out of the photo (needs ../shared/data/scans)', async () => {
    const size = 128
    const settings = preview({ 'photo.cropSize': size, 'relief.steps': 70 })
    const { fit, coarse, view } = await reconstruct({ photo: join(SCAN, 'image.png'), settings })
    const { normal, mask } = npzNumbers(await readFile(join(SCAN, 'gt.npz')))
    const [height, width] = mask.shape
    // The truth at the crop's pixels: the mean over each.
    const truth = new Float32Array(3 * size * size)
    const usable = new Float32Array(size * size)
    const step = fit.crop.width / size
    for (let i = 0; i < usable.length; i++) {
      let inside = 0
      for (let j = 0; j < 16; j++) {
        const x = Math.floor(fit.crop.x + ((i % size) + ((j % 4) + 0.5) / 4) * step)
        const y = Math.floor(fit.crop.y + (Math.floor(i / size) + (Math.floor(j / 4) + 0.5) / 4) * step)
        const at = x >= 0 && y >= 0 && x < width && y < height ? y * width + x : -1
        if (at < 0 || !mask.data[at]) continue
        inside++
        for (let k = 0; k < 3; k++) truth[3 * i + k] += Number(normal.data[3 * at + k]) / 16
      }
      usable[i] = inside === 16 && view.mask[i] && coarse.mask[i] ? 1 : 0
    }
    const details = (normals: Float32Array): Float32Array => {
      const masked = normals.map((n, i) => n * usable[Math.floor(i / 3)])
      const blurred = gaussianBlur(masked, size, size, 3, 2)
      const cover = gaussianBlur(usable, size, size, 1, 2)
      return masked.map((n, i) => (usable[Math.floor(i / 3)] ? n - blurred[i] / cover[Math.floor(i / 3)] : 0))
    }
    const correlation = (a: Float32Array, b: Float32Array): number => {
      const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, v, i) => sum + v * y[i], 0)
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
    }
    const wanted = details(truth)
    const [before, after] = [coarse.normals, view.normals].map((normals) => correlation(details(normals), wanted))
    console.info(`wrinkles: correlation ${before.toFixed(3)} coarse, ${after.toFixed(3)} detailed`)
    expect(after).toBeGreaterThan(before + 0.1)
  })
})

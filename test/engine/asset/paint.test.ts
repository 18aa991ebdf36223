import { beforeAll, describe, expect, test } from 'vitest'
import { mirrorUv } from '../../../src/engine/asset/mirror.js'
import { paintHead } from '../../../src/engine/asset/paint.js'
import { cropCamera } from '../../../src/engine/geometry/camera.js'
import { interpolate, rasterize } from '../../../src/engine/geometry/rasterize.js'
import { sampleBilinear } from '../../../src/engine/image/filter.js'
import { type Crop, HEAD_PARTS, type Photo } from '../../../src/engine/stages.js'
import type { HeadMesh } from '../../../src/engine/surface/head-mesh.js'
import { headMeshOf } from '../../../src/engine/surface/head-topology.js'
import { type AssetScene, assetScene, settledHeads } from './asset-fixture.js'

let scene: AssetScene
let heads: HeadMesh[]
beforeAll(async () => {
  scene = await assetScene()
  heads = await settledHeads(scene)
})

describe('paint', () => {
  const size = 1024
  interface Seen {
    /** [crop.size, crop.size] 1 where the photo shows nothing; by default nowhere. */
    spoilt?: Float32Array
    /** [crop.size, crop.size] 1 where it shows open eyes; by default nowhere. */
    openEyes?: Float32Array
    /** [crop.size, crop.size] 1 where it shows a beard, glasses; by default nowhere. */
    beard?: Float32Array
    glasses?: Float32Array
    /** Sheets that are painted over. */
    removed?: number
  }
  const paint = (photo: Photo, seen: Seen = {}) => {
    const { fit, coarse, image } = scene
    const { mesh, topology, coarse: smooth } = heads[1]
    const { uv, uvIndices, faceRegion, parts } = topology
    const none = new Float32Array(coarse.mask.length)
    const { spoilt = none, openEyes = none, beard = none, glasses = none } = seen
    const uncovered = Float32Array.from(coarse.mask, (inside, i) => inside * (1 - spoilt[i]) * (1 - glasses[i]))
    const trusted = uncovered.map((u, i) => u * (1 - beard[i]))
    const labels = { trusted, uncovered, beard, spoilt, openEyes, glasses }
    const mirror = mirrorUv({ mean: headMeshOf(topology, fit.model.mean), uv, uvIndices })
    const removed = Uint8Array.from(topology.sheets, (part) => +(part > 0 && part === seen.removed))
    const smoothed = { positions: smooth, indices: mesh.indices }
    const layout = { uv, uvIndices, faceRegion, parts, mirror }
    return paintHead({
      head: { mesh, smooth: smoothed, removed, resting: smooth, ...layout },
      scene: { photo, camera: fit.camera, crop: fit.crop, mesh, mask: coarse.mask, image, ...labels },
      size,
      relight: undefined,
      residual: new Float32Array(trusted.length),
      rough: new Float32Array(parts.length).fill(0.5),
    })
  }
  /** @param where [crop.size, crop.size] not 0 on pixels that turn green */
  const greenWhere = (photo: Photo, crop: Crop, where: Float32Array): Photo => {
    const data = photo.data.slice()
    const step = crop.width / crop.size
    where.forEach((there, i) => {
      if (there === 0) return
      const [u, v] = [i % crop.size, Math.floor(i / crop.size)]
      for (let y = Math.floor(crop.y + v * step); y < crop.y + (v + 1) * step; y++)
        for (let x = Math.floor(crop.x + u * step); x < crop.x + (u + 1) * step; x++)
          data.set([30, 200, 60], 3 * (y * photo.width + x))
    })
    return { ...photo, data }
  }
  /** Skin has r > g > b everywhere, what is not skin is green. */
  const greenest = (colours: Float32Array): number => {
    let most = Number.NEGATIVE_INFINITY
    for (let i = 0; i < colours.length; i += 3) most = Math.max(most, colours[i + 1] - colours[i])
    return most
  }

  test('the photo comes back where it was seen; the wall behind the head is nowhere', () => {
    const { fit, photo } = scene
    const { mesh, topology } = heads[1]
    const { uv, uvIndices } = topology
    const painted = paint(photo)
    const raster = rasterize(mesh, fit.camera)
    const at = interpolate(raster, uvIndices, uv, 2)
    const texel = [0, 0, 0]
    const seen = [0]
    let [squares, count] = [0, 0]
    for (let i = 0; i < raster.triangle.length; i++) {
      if (raster.triangle[i] < 0) continue
      sampleBilinear(painted.observed, size, size, 1, at[2 * i] * size, at[2 * i + 1] * size, seen)
      if (seen[0] < 0.9) continue
      sampleBilinear(painted.albedo, size, size, 3, at[2 * i] * size, at[2 * i + 1] * size, texel)
      for (let k = 0; k < 3; k++) squares += (texel[k] - photo.data[3 * i + k] / 255) ** 2
      count += 3
    }
    const psnr = -10 * Math.log10(squares / count)
    console.info(`photo against textured head: ${psnr.toFixed(1)} dB over ${count / 3} pixels`)
    expect(count / 3).toBeGreaterThan(0.15 * photo.width * photo.height)
    expect(psnr).toBeGreaterThan(27)
    expect(greenest(painted.albedo)).toBeLessThan(-0.05)
  })

  test('an open eye that lies a little beside the head’s colours no lid', () => {
    const { fit, photo, coarse } = scene
    const { mesh, topology } = heads[1]
    const { crop } = fit
    const { triangle } = rasterize(mesh, cropCamera(fit.camera, crop))
    const balls = triangle.map((t) => +(t >= 0 && topology.sheets[t] === HEAD_PARTS.eyeball))
    const beside = 2
    const eyes = Float32Array.from(balls, (_, i) => balls[i - beside * crop.size] | balls[i] | balls[i - beside])
    expect(eyes.reduce((sum, eye) => sum + eye, 0)).toBeGreaterThan(100)
    const looks = (openEyes: Float32Array) =>
      greenest(paint(greenWhere(photo, crop, eyes), { openEyes, removed: HEAD_PARTS.eyeball }).albedo)
    expect(looks(eyes)).toBeLessThan(-0.05)
    expect(looks(new Float32Array(coarse.mask.length))).toBeGreaterThan(0.3)
  })

  test('a bar over eyes and mouth is nowhere either: their colours are the skin’s about them', () => {
    const { fit, photo, coarse } = scene
    const { crop } = fit
    const spoilt = new Float32Array(crop.size ** 2)
    // from the brows to the chin, the middle third of the face
    for (let v = Math.round(0.3 * crop.size); v < 0.85 * crop.size; v++)
      spoilt.fill(1, v * crop.size + Math.round(0.33 * crop.size), v * crop.size + Math.round(0.67 * crop.size))
    expect(spoilt.reduce((sum, s, i) => sum + s * coarse.mask[i], 0)).toBeGreaterThan(0.2 * crop.size ** 2 * 0.5)
    const painted = paint(greenWhere(photo, crop, spoilt), { spoilt })
    expect(greenest(painted.albedo)).toBeLessThan(-0.05)
    const unspoilt = paint(greenWhere(photo, crop, spoilt))
    expect(greenest(unspoilt.albedo)).toBeGreaterThan(0.3)
  })

  /** [crop.size, crop.size] 1 in a box of the crop, in shares of its side. */
  const box = (crop: Crop, [left, right]: readonly number[], [top, bottom]: readonly number[]): Float32Array =>
    new Float32Array(crop.size ** 2).map((_, i) => {
      const [x, y] = [(i % crop.size) / crop.size, Math.floor(i / crop.size) / crop.size]
      return +(x > left && x < right && y > top && y < bottom)
    })

  test('a beard is painted, though it is no skin', () => {
    const { fit, photo, coarse } = scene
    const chin = box(fit.crop, [0.4, 0.6], [0.7, 0.8])
    const beard = chin.map((c, i) => c * coarse.mask[i])
    expect(beard.reduce((sum, b) => sum + b, 0)).toBeGreaterThan(200)
    expect(greenest(paint(greenWhere(photo, fit.crop, beard), { beard }).albedo)).toBeGreaterThan(0.3)
  })

  test('frames of glasses are not painted, and skin beside them is', () => {
    const { fit, photo } = scene
    // a bar from ear to ear
    const glasses = box(fit.crop, [0, 1], [0.35, 0.37])
    const { albedo, observed } = paint(greenWhere(photo, fit.crop, glasses), { glasses })
    expect(greenest(albedo)).toBeLessThan(-0.05)
    const share = (values: Float32Array): number => values.reduce((sum, v) => sum + v, 0)
    expect(share(observed)).toBeGreaterThan(0.85 * share(paint(photo).observed))
  })
})

/** Photos that show a part of the face: that is reconstructed, the rest is the head model's, and is said to be. */
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { SiderError } from '../../../src/engine/errors.js'
import { project } from '../../../src/engine/geometry/camera.js'
import { sampleBilinear } from '../../../src/engine/image/filter.js'
import { type Face, findFaces, type Reconstruction, reconstruct } from '../../../src/engine/index.js'

const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const settings = resolveSettings({
  preset: 'preview',
  overrides: { 'photo.cropSize': 128, 'relief.steps': 60, 'output.sdfGrid': 32, 'surface.textureSize': 512 },
})

let face: Face
beforeAll(async () => {
  face = (await findFaces(PHOTO, settings)).faces[0]
})

/** The first face's box less so much of its height above and below, and of its width left and right. */
const part = (top: number, bottom: number, left: number, right: number): Promise<Buffer> => {
  const { box } = face
  const region = {
    left: Math.round(box.x + left * box.width),
    top: Math.round(box.y + top * box.height),
    width: Math.round(box.width * (1 - left - right)),
    height: Math.round(box.height * (1 - top - bottom)),
  }
  return sharp(PHOTO).extract(region).png().toBuffer()
}

describe('without the hair line and the sides of the face', () => {
  let result: Reconstruction
  beforeAll(async () => {
    result = await reconstruct({ photo: await part(0.16, 0, 0.06, 0.06), settings })
  })
  /** Of each vertex of the head: whether it lies beyond the photo. */
  const outside = (): boolean[] => {
    const { whole } = result.asset
    const { width, height } = result.photo
    const pixels = project(result.fit.camera, whole.mesh.positions)
    return Array.from({ length: pixels.length / 3 }, (_, v) => {
      const [x, y] = [pixels[3 * v], pixels[3 * v + 1]]
      return x < -2 || y < -2 || x > width + 2 || y > height + 2
    })
  }

  it('says how much is missing, where, and what stands there', () => {
    const [warning] = result.warnings.filter((one) => /outside the photo/.test(one))
    const [, percent, sides] = /^([\d.]+) % of the face lies outside the photo \((.*)\): .* head model/.exec(warning)!
    expect(Number(percent)).toBeGreaterThan(12)
    expect(sides).toMatch(/top/)
    // the trusted share is of the whole face
    expect(result.quality.trustedShare).toBeLessThan(1 - Number(percent) / 100)
    expect(result.quality.trustedShare).toBeGreaterThan(0.4)
  })

  it('leaves the surface there as the head model has it', () => {
    const { view, coarse, fit, photo } = result
    const { crop } = fit
    let [beyond, within, count] = [0, 0, 0]
    for (let i = 0; i < view.mask.length; i++) {
      if (!view.mask[i] || !coarse.mask[i]) continue
      const x = crop.x + ((i % crop.size) + 0.5) * (crop.width / crop.size)
      const y = crop.y + (Math.floor(i / crop.size) + 0.5) * (crop.height / crop.size)
      const far = Math.max(-x, -y, x - photo.width, y - photo.height)
      const moved = 1000 * Math.abs(view.depth[i] - coarse.depth[i])
      if (far > 0.05 * crop.width) {
        beyond = Math.max(beyond, moved)
        count++
      } else if (far < 0) within = Math.max(within, moved)
    }
    expect(count).toBeGreaterThan(500)
    expect(beyond).toBeLessThan(0.6)
    expect(within).toBeGreaterThan(0.5)
  })

  it('paints nothing of the photo there, nor black, but the skin’s colour', () => {
    const { head, textures, whole } = result.asset
    const { size, observed, albedo } = textures
    const beyond = outside()
    // the texture's vertices are the mesh's, split at seams: found again by their place
    const at = new Map<string, number>()
    for (let v = 0; v < whole.mesh.positions.length / 3; v++)
      at.set(whole.mesh.positions.subarray(3 * v, 3 * v + 3).join(), v)
    const mean = [0, 0, 0]
    const [texel, known] = [[0, 0, 0], [0]]
    const colours: number[][] = []
    let seen = 0
    for (let v = 0; v < head.uv.length / 2; v++) {
      const [x, y] = [head.uv[2 * v] * size, head.uv[2 * v + 1] * size]
      sampleBilinear(observed, size, size, 1, x, y, known)
      sampleBilinear(albedo, size, size, 3, x, y, texel)
      if (beyond[at.get(head.mesh.positions.subarray(3 * v, 3 * v + 3).join())!]) {
        expect(known[0]).toBeLessThan(0.05)
        colours.push([...texel])
      } else if (known[0] > 0.9) {
        seen++
        for (let c = 0; c < 3; c++) mean[c] += texel[c]
      }
    }
    expect(seen).toBeGreaterThan(100)
    expect(colours.length).toBeGreaterThan(100)
    const skin = mean.map((sum) => sum / seen)
    for (const colour of colours)
      colour.forEach((value, c) => {
        expect(Math.abs(value - skin[c])).toBeLessThan(0.3)
      })
  })
})

it.each([
  ['an eye', () => part(0, 0, 0.3, 0), /right eye/],
  ['the mouth', () => part(0, 0.32, 0, 0), /mouth/],
])('without %s the face is refused', async (_, make, message) => {
  const error = await reconstruct({ photo: await make(), settings }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(SiderError)
  expect(error).toMatchObject({ code: 'FACE_CUT', message: expect.stringMatching(message) })
})

it('a photo that shows nothing of the face gives the head model in skin colour, and says so', async () => {
  const { points } = face.landmarks
  const landmarks = { landmarks: Array.from({ length: 478 }, (_, i) => [points[2 * i], points[2 * i + 1]]) }
  const { width, height } = await sharp(PHOTO).metadata()
  const grey = await sharp({ create: { width, height, channels: 3, background: '#777' } })
    .png()
    .toBuffer()
  const { quality, warnings, view, coarse, asset } = await reconstruct({ photo: grey, settings, landmarks })
  expect([quality.trustedShare, quality.psnr]).toEqual([0, null])
  expect(warnings.join('\n')).toMatch(/one colour.* on 100 % of the face/)
  expect(warnings.join('\n')).toMatch(/Only 0 % of the face can be read/)
  for (let i = 0; i < view.mask.length; i++)
    if (view.mask[i] && coarse.mask[i]) expect(Math.abs(view.depth[i] - coarse.depth[i])).toBeLessThan(1e-4)
  // warm and light, without a face painted on it (a closed mouth is dark inside)
  const { size, albedo } = asset.textures
  const [red, , blue] = [0, 1, 2].map((c) => albedo.filter((_, i) => i % 3 === c).sort()[(size ** 2) >> 1])
  expect(red).toBeGreaterThan(blue + 0.1)
  expect(red).toBeGreaterThan(0.5)
})

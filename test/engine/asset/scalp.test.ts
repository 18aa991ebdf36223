/** Hair on the scalp, as the photo shows it, and the colour of ears. */
import { beforeAll, describe, expect, test } from 'vitest'
import { earTones } from '../../../src/engine/asset/ears.js'
import { over, type Skull, skullOf } from '../../../src/engine/asset/hairline.js'
import { mirrorUv } from '../../../src/engine/asset/mirror.js'
import { type HeadTextures, paintHead } from '../../../src/engine/asset/paint.js'
import { findScalp, type HairScene } from '../../../src/engine/asset/scalp.js'
import { cropCamera } from '../../../src/engine/geometry/camera.js'
import { interpolate, rasterize } from '../../../src/engine/geometry/rasterize.js'
import { texelRaster } from '../../../src/engine/geometry/texels.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { HEAD_PARTS, type Mesh } from '../../../src/engine/stages.js'
import { type HeadTopology, headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'
import { type AssetScene, assetScene } from './asset-fixture.js'

const SIZE = 512
const BROWN = [0.2, 0.14, 0.1] as const

let scene: AssetScene
let topology: HeadTopology
let mesh: Mesh
let mean: Mesh
let skull: Skull
let landmarks: Float32Array | Float64Array
/** [vertices] metres over the usual hairline; degrees from the front. */
let depth: Float32Array
let azimuth: Float32Array
beforeAll(async () => {
  scene = await assetScene()
  const { model } = scene.fit
  topology = headTopology(model, 1)
  mesh = headMeshOf(topology, scene.fit.mesh.positions)
  mean = headMeshOf(topology, model.mean)
  landmarks = embeddedPoints(model.mean, model.indices, model.landmarks478)
  skull = skullOf(mean.positions, landmarks)
  const { places } = skull
  azimuth = places.azimuth
  depth = azimuth.map((a, v) => over(skull.natural, a, places.elevation[v], places.radius[v]))
})

type Shows = 'hair' | 'skin' | 'hat'

/** What the photo shows at places of the head so far over the usual hairline, at so many degrees; and all about the head. */
function hairScene(shows: (depth: number, azimuth: number) => Shows, about: Shows | undefined): HairScene {
  const { camera, crop } = scene.fit
  const raster = rasterize(mesh, cropCamera(camera, crop))
  const [depths, azimuths] = [depth, azimuth].map((values) => interpolate(raster, mesh.indices, values, 1))
  const shown = Array.from(raster.triangle, (t, i) => (t < 0 ? about : shows(depths[i], azimuths[i])))
  const where = (...kinds: Shows[]): Float32Array =>
    Float32Array.from(shown, (one) => Number(one !== undefined && kinds.includes(one)))
  const image = scene.image.slice()
  shown.forEach((one, i) => {
    if (one === 'hair') image.set(BROWN, 3 * i)
  })
  const labels = { hair: where('hair'), cover: where('hair', 'hat'), skin: where('skin') }
  const spoilt = new Float32Array(shown.length)
  return { ...labels, spoilt, camera, crop, mesh, parts: topology.parts, mean: mean.positions, landmarks, image }
}

/** Mean of a value over the vertices that a condition holds for. */
function meanOf(values: ArrayLike<number>, holds: (v: number) => boolean): number {
  const found = Array.from(depth.keys()).filter((v) => topology.parts[v] !== HEAD_PARTS.ear && holds(v))
  expect(found.length).toBeGreaterThan(10)
  return found.reduce((sum, v) => sum + values[v] / found.length, 0)
}

describe('where hair grows', () => {
  test('behind the photo’s hairline and in its colour, alike on both sides, and not before the ears', () => {
    const { cover, colour } = findScalp(hairScene((d) => (d > 0.015 ? 'hair' : 'skin'), 'hair'))!
    colour.forEach((c, k) => {
      expect(c).toBeCloseTo(BROWN[k], 2)
    })
    const front = (v: number): boolean => Math.abs(azimuth[v]) < 30
    expect(meanOf(cover, (v) => front(v) && depth[v] > 0.001 && depth[v] < 0.007)).toBeLessThan(0.1)
    expect(meanOf(cover, (v) => front(v) && depth[v] > 0.035)).toBeGreaterThan(0.95)
    expect(Math.max(...cover.filter((_, v) => depth[v] < -0.025))).toBe(0)
    const half = (side: number): number => meanOf(cover, (v) => side * azimuth[v] > 5 && depth[v] > -0.02)
    expect(half(1)).toBeCloseTo(half(-1), 1)
    expect(Math.max(...cover.filter((_, v) => topology.parts[v] === HEAD_PARTS.ear))).toBe(0)
  })

  test('one side of the hairline serves for the other', () => {
    const { cover } = findScalp(hairScene((d, a) => (a < 0 ? 'hat' : d > 0.02 ? 'hair' : 'skin'), 'hair'))!
    const bare = (side: number): number =>
      meanOf(cover, (v) => side * azimuth[v] > 8 && side * azimuth[v] < 40 && depth[v] > 0.002 && depth[v] < 0.01)
    expect(bare(-1)).toBeLessThan(0.2)
    expect(bare(1)).toBeLessThan(0.2)
  })

  test('a fringe does not grow on the forehead', () => {
    const { cover } = findScalp(hairScene((d) => (d > -0.045 ? 'hair' : 'skin'), 'hair'))!
    expect(Math.max(...cover.filter((_, v) => Math.abs(azimuth[v]) < 40 && depth[v] < -0.012))).toBe(0)
    expect(meanOf(cover, (v) => Math.abs(azimuth[v]) < 30 && depth[v] > 0.02)).toBeGreaterThan(0.9)
  })

  test('a crown that is bare as far as it is seen is bald; sides and nape are not', () => {
    const { cover } = findScalp(hairScene((d, a) => (Math.abs(a) > 52 && d > 0 ? 'hair' : 'skin'), undefined))!
    const { elevation } = skull.places
    expect(meanOf(cover, (v) => elevation[v] > 55)).toBeLessThan(0.05)
    expect(meanOf(cover, (v) => Math.abs(azimuth[v]) > 150 && elevation[v] > -25 && elevation[v] < 25)).toBeGreaterThan(
      0.9,
    )
  })

  test('no hair is made up for a bald head, a hat, or a strand', () => {
    expect(findScalp(hairScene(() => 'skin', undefined))).toBeUndefined()
    expect(findScalp(hairScene((d) => (d > -0.01 ? 'hat' : 'skin'), 'hat'))).toBeUndefined()
    expect(findScalp(hairScene((d, a) => (d > 0 && a > 0 && a < 2 ? 'hair' : 'skin'), undefined))).toBeUndefined()
  })
})

describe('paint', () => {
  const grey = (values: Float32Array | Uint8Array): typeof values =>
    values.map((_, i) => values[3 * Math.floor(i / 3) + 1])
  const paint = (
    made: { scalp?: boolean; ears?: number; grey?: boolean; colour?: [number, number, number] } = {},
  ): HeadTextures => {
    const { fit, coarse, photo, image } = scene
    const { uv, uvIndices, faceRegion, parts } = topology
    const found = findScalp(hairScene((d) => (d > 0 ? 'hair' : 'skin'), 'hair'))!
    const trusted = Float32Array.from(coarse.mask)
    const none = new Float32Array(trusted.length)
    const shown = made.grey ? { ...photo, data: grey(photo.data) as Uint8Array } : photo
    const crop = made.grey ? (grey(image) as Float32Array) : image
    return paintHead({
      head: {
        mesh,
        smooth: mesh,
        uv,
        uvIndices,
        faceRegion,
        parts,
        mirror: mirrorUv({ mean, uv, uvIndices }),
        removed: new Uint8Array(faceRegion.length),
        resting: mesh.positions,
      },
      scene: {
        photo: shown,
        camera: fit.camera,
        crop: fit.crop,
        mesh,
        mask: coarse.mask,
        trusted,
        uncovered: trusted,
        beard: none,
        spoilt: none,
        openEyes: none,
        glasses: none,
        image: crop,
      },
      size: SIZE,
      relight: undefined,
      residual: new Float32Array(trusted.length),
      rough: new Float32Array(parts.length).fill(0.5),
      scalp: made.scalp
        ? { ...found, colour: made.colour ?? (made.grey ? [0.15, 0.15, 0.15] : found.colour) }
        : undefined,
      ears: made.ears,
    })
  }
  /** Values of the vertices at texels. */
  const atTexels = (values: Float32Array): Float32Array =>
    interpolate(texelRaster(topology.uv, topology.uvIndices, SIZE), topology.indices, values, 1, -1)
  /** Mean colour of the bald scalp. */
  const scalpSkin = (albedo: Float32Array, over: Float32Array, part: Float32Array): number[] => {
    const some = Array.from(part.keys()).filter((i) => over[i] > 1.04 && part[i] === HEAD_PARTS.scalp)
    return [0, 1, 2].map((k) => some.reduce((sum, i) => sum + albedo[3 * i + k] / some.length, 0))
  }
  const changed = (a: Float32Array, b: Float32Array, i: number): boolean =>
    [0, 1, 2].some((k) => a[3 * i + k] !== b[3 * i + k])

  test('the scalp is darker, duller and not the photo’s; the forehead below the hairline is as it was', () => {
    const [bald, hairy] = [paint(), paint({ scalp: true })]
    const over = atTexels(depth.map((d) => d + 1))
    const part = atTexels(Float32Array.from(topology.parts))
    let [skin, hair, count, touched, face] = [0, 0, 0, 0, 0]
    for (let i = 0; i < over.length; i++) {
      if (over[i] > 1.04 && part[i] === HEAD_PARTS.scalp) {
        count++
        skin += bald.albedo[3 * i + 1]
        hair += hairy.albedo[3 * i + 1]
        expect(hairy.observed[i]).toBeLessThan(0.1)
      }
      if (over[i] < 0.97 && over[i] > 0.5) {
        face++
        if (changed(bald.albedo, hairy.albedo, i)) touched++
      }
    }
    expect(count).toBeGreaterThan(5000)
    expect(face).toBeGreaterThan(20_000)
    console.info(`scalp ${(skin / count).toFixed(2)} bald, ${(hair / count).toFixed(2)} with hair`)
    expect(hair).toBeLessThan(0.8 * skin)
    expect(hair / count).toBeGreaterThan(BROWN[1])
    expect(touched).toBe(0)
    const most = (values: Float32Array): number => values.reduce((a, b) => Math.max(a, b))
    expect(most(hairy.roughness.values)).toBeGreaterThan(most(bald.roughness.values) + 0.06)
  })

  test('white hair is grey in the light of a coloured lamp, fair hair keeps its colour', () => {
    const part = atTexels(Float32Array.from(topology.parts))
    const over = atTexels(depth.map((d) => d + 1))
    const yellowness = (colour: [number, number, number]): number => {
      const { albedo } = paint({ scalp: true, colour })
      let sum = 0
      let count = 0
      for (let i = 0; i < part.length; i++)
        if (over[i] > 1.04 && part[i] === HEAD_PARTS.scalp) {
          sum += Math.log(albedo[3 * i + 1] / albedo[3 * i + 2])
          count++
        }
      return sum / count
    }
    const skin = scalpSkin(paint().albedo, over, part)
    const bright = (factors: number[]): [number, number, number] =>
      skin.map((c, k) => c * factors[k]) as [number, number, number]
    const [white, blond] = [bright([1, 1.2, 1.18]), bright([1.05, 1.1, 0.8])].map(yellowness)
    expect(white).toBeLessThan(0.75 * Math.log(skin[1] / skin[2]))
    expect(blond).toBeGreaterThan(1.4 * Math.log(skin[1] / skin[2]))
  })

  test('ears differ from the skin beside them; nothing else does', () => {
    const [plain, coloured] = [paint(), paint({ ears: 1 })]
    const part = atTexels(Float32Array.from(topology.parts, (p) => Number(p === HEAD_PARTS.ear)))
    let [ear, rest] = [0, 0]
    for (let i = 0; i < part.length; i++)
      if (part[i] >= 0 && changed(plain.albedo, coloured.albedo, i)) part[i] > 0 ? ear++ : rest++
    expect(ear).toBeGreaterThan(500)
    expect(rest).toBe(0)
    expect(coloured.observed).toEqual(plain.observed)
  })

  test('a grey photo stays grey', () => {
    const { albedo } = paint({ scalp: true, ears: 0, grey: true })
    const part = atTexels(Float32Array.from(topology.parts))
    let most = 0
    for (let i = 0; i < part.length; i++)
      if (part[i] === HEAD_PARTS.scalp || part[i] === HEAD_PARTS.ear)
        most = Math.max(most, Math.abs(albedo[3 * i] - albedo[3 * i + 2]))
    expect(most).toBeLessThan(1e-3)
  })
})

test('ears are darkest and reddest in their bowl, redder than cheeks all over, alike on both sides; grey in grey photos', () => {
  const tones = earTones(mesh, topology.parts, 1)
  const sides = [1, -1].map((side) => {
    const ear = [...topology.parts.keys()].filter(
      (v) => topology.parts[v] === HEAD_PARTS.ear && side * mesh.positions[3 * v] > 0,
    )
    ear.sort((v, w) => tones[3 * v] - tones[3 * w])
    const some = (from: number, to: number, k: number): number => {
      const rows = ear.slice(Math.floor(from * ear.length), Math.floor(to * ear.length))
      return rows.reduce((sum, v) => sum + tones[3 * v + k] / rows.length, 0)
    }
    // the darkest places lie nearer to the head than the ear's rim
    const dark = ear.slice(0, ear.length >> 3)
    const out = (rows: number[]): number =>
      rows.reduce((sum, v) => sum + (side * mesh.positions[3 * v]) / rows.length, 0)
    expect(out(dark)).toBeLessThan(Math.max(...ear.map((v) => side * mesh.positions[3 * v])) - 0.005)
    expect(some(0, 0.1, 0)).toBeLessThan(some(0.5, 1, 0) - 0.1)
    expect(some(0, 0.1, 1)).toBeGreaterThan(some(0.5, 1, 1))
    expect(some(0, 1, 1)).toBeGreaterThan(0.02)
    return some(0, 1, 0)
  })
  expect(sides[0]).toBeCloseTo(sides[1], 1)
  const uncoloured = earTones(mesh, topology.parts, 0)
  expect(uncoloured.every((tone, i) => i % 3 === 0 || tone === 0)).toBe(true)
})

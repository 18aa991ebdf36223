/** Lashes and brows as cards: where they grow, what moves them, and that both sides are alike. */
import { beforeAll, describe, expect, test } from 'vitest'
import { browBand, texelAt } from '../../../src/engine/asset/brow-band.js'
import { ACROSS, ALONG, acrossOf, alongOf, COLUMNS, ROWS } from '../../../src/engine/asset/brow-patch.js'
import { growBrows } from '../../../src/engine/asset/grown-brows.js'
import { cellsOf, paintHair } from '../../../src/engine/asset/hair-texture.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { browPatches } from '../../../src/engine/pipeline/brow-patches.js'
import { buildHair, type Hair } from '../../../src/engine/pipeline/build-hair.js'
import type { AssetPart, MovedHead } from '../../../src/engine/pipeline/build-parts.js'
import type { OpenedHead } from '../../../src/engine/pipeline/open-face.js'
import { headMeshOf } from '../../../src/engine/surface/head-topology.js'
import type { AssetScene } from './asset-fixture.js'
import { movedHead } from './moved-head.js'

const SIZE = 256

let scene: AssetScene
let opened: OpenedHead
let moved: MovedHead
let hair: Hair
let patches: ReturnType<typeof browPatches>
const part = (name: string): AssetPart => hair.parts.find((one) => one.name === name)!
/** Positions with a key at 1. */
const posed = (positions: Float32Array, displacements: Float32Array): Float32Array =>
  positions.map((p, i) => p + displacements[i])

beforeAll(async () => {
  ;({ scene, opened, moved } = await movedHead())
  // everything is as dark as a brow below bright skin: cards everywhere that brows may be
  const albedo = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => (Math.floor(i / 3) % 4 === 0 ? 0.8 : 0.25))
  const picture = { size: SIZE, albedo, observed: new Float32Array(SIZE * SIZE).fill(1) }
  const { topology } = opened.whole
  patches = browPatches(scene.fit, topology, headMeshOf(topology, scene.fit.model.mean))
  hair = buildHair(scene.fit, opened, moved, { patches, picture }, { lashes: true, brows: true, subdivisions: 1 })
}, 120_000)

describe('lashes', () => {
  test('are quads, the same on both sides, mirrored', () => {
    const [left, right] = [part('lashesLeft'), part('lashesRight')]
    expect(left.quads).toBe(left.mesh.indices.length / 6)
    expect(right.quads).toBe(left.quads)
    expect(right.uv).toEqual(left.uv)
    // the field's bumps are not symmetric
    const off = left.mesh.positions.map((x, i) => Math.abs((i % 3 === 0 ? -x : x) - right.mesh.positions[i]))
    expect(off.reduce((sum, d) => sum + d / off.length, 0)).toBeLessThan(2e-4)
  })

  test('go with their own lids, by a blink most', () => {
    for (const side of ['Left', 'Right']) {
      const other = side === 'Left' ? 'Right' : 'Left'
      const { keys } = part(`lashes${side}`)
      const names = keys.map(({ name }) => name)
      for (const name of ['eyeBlink', 'eyeWide', 'eyeSquint', 'eyeLookUp', 'eyeLookDown'])
        expect(names).toContain(`${name}${side}`)
      expect(names).not.toContain(`eyeBlink${other}`)
      expect(names).not.toContain('jawOpen')
      const blink = keys.find(({ name }) => name === `eyeBlink${side}`)!
      expect(Math.max(...blink.displacements.map(Math.abs))).toBeGreaterThan(0.005)
    }
  })

  test('have their roots on the skin in every key, and keep off the eyeballs', () => {
    for (const { eye } of opened.eyes) {
      const { mesh, keys } = part(`lashes${eye.side}`)
      const first = rootsOf(mesh.positions, part(`lashes${eye.side}`).uv!)
      for (const name of [undefined, ...keys.map((key) => key.name)]) {
        const key = keys.find((one) => one.name === name)
        const positions = key ? posed(mesh.positions, key.displacements) : mesh.positions
        const target = moved.targets.find((one) => one.name === name)?.skin ?? moved.skin
        const skin = { positions: target, indices: opened.whole.mesh.indices }
        const off = new MeshDistance(skin).distances(Float32Array.from(first.flatMap((v) => middleOf(positions, v))))
        expect(Math.max(...off.map(Math.abs)), name ?? 'at rest').toBeLessThan(1e-4)
        for (let i = 0; i < positions.length; i += 3) {
          const from = Math.hypot(...[0, 1, 2].map((k) => positions[i + k] - eye.centre[k]))
          expect(from).toBeGreaterThan(eye.radius - 1e-4)
        }
      }
    }
  })
})

/** First vertex of each card: where a card begins, v is 1. */
function rootsOf(positions: Float32Array, uv: Float32Array): number[] {
  return Array.from({ length: positions.length / 6 }, (_, i) => 2 * i).filter((v) => uv[2 * v + 1] === 1)
}
const middleOf = (p: Float32Array, v: number): number[] => [0, 1, 2].map((k) => (p[3 * v + k] + p[3 * (v + 1) + k]) / 2)

describe('brows', () => {
  test('lie along the skin in every key that moves them', () => {
    for (const side of ['Left', 'Right']) {
      const { mesh, keys } = part(`brow${side}`)
      expect(keys.map(({ name }) => name)).toEqual(
        expect.arrayContaining([`browDown${side}`, 'browInnerUp', `browOuterUp${side}`]),
      )
      for (const { name, displacements } of keys) {
        const positions = posed(mesh.positions, displacements)
        const { skin } = moved.targets.find((one) => one.name === name)!
        const off = new MeshDistance({ positions: skin, indices: opened.whole.mesh.indices }).distances(positions)
        expect(Math.max(...off.map(Math.abs)), name).toBeLessThan(0.0025)
      }
    }
  })

  test('are looked for where the photo has them', () => {
    const at = 0.95
    const half = 0.3
    const uv = new Float32Array(2 * ROWS * COLUMNS)
    const albedo = new Float32Array(3 * SIZE * SIZE).fill(0.7)
    for (let y = 0; y < SIZE; y++) {
      const v = ACROSS[0] + (y / (SIZE - 1)) * (ACROSS[1] - ACROSS[0])
      for (let x = 0; x < SIZE; x++) {
        const u = ALONG[0] + (x / (SIZE - 1)) * (ALONG[1] - ALONG[0])
        if (Math.abs(v - at) < half && u > 0.1 && u < 0.7) albedo.fill(0.2, 3 * (y * SIZE + x), 3 * (y * SIZE + x) + 3)
      }
    }
    for (let j = 0; j < ROWS; j++)
      for (let i = 0; i < COLUMNS; i++) uv.set([(i + 0.5) / COLUMNS, (j + 0.5) / ROWS], 2 * (j * COLUMNS + i))
    const observed = new Float32Array(SIZE * SIZE).fill(1)
    const { band, colour } = browBand(uv, { size: SIZE, albedo, observed })
    const column = (u: number): number => Math.round(((u - ALONG[0]) / (ALONG[1] - ALONG[0])) * (COLUMNS - 1))
    const row = (v: number): number => Math.round(((v - ACROSS[0]) / (ACROSS[1] - ACROSS[0])) * (ROWS - 1))
    expect(Math.abs(band.middle[column(0.4)] - at)).toBeLessThan(0.12)
    expect(band.half[column(0.4)]).toBeGreaterThan(0.2)
    expect(band.half[column(0.4)]).toBeLessThan(0.4)
    expect(band.density[row(at) * COLUMNS + column(0.4)]).toBeGreaterThan(0.9)
    // no hair where the photo has none
    expect(band.density[row(at) * COLUMNS + column(1)]).toBeLessThan(0.001)
    expect(band.density[row(0.3) * COLUMNS + column(0.4)]).toBeLessThan(0.001)
    expect(colour![0]).toBeLessThan(0.25)
    // a photo that shows nothing of it leaves the brow where the model has it
    const unseen = browBand(uv, { size: SIZE, albedo, observed: new Float32Array(SIZE * SIZE) })
    expect(unseen.band.middle[column(0.4)]).toBeCloseTo(0.5, 6)
  })
})

describe('brows that the photo does not show', () => {
  const SKIN = 0.7
  const BROWN = [0.3, 0.2, 0.12]
  /** Plain skin, with brows where the head has them if it has any, and what is drawn where nothing above a place of the brow is seen. */
  function grown(shows: 'brows' | 'skin', seenBelow: number, sides = [true, true]) {
    const uvs = Object.values(patches).map(({ uv }) => uv)
    const albedo = new Float32Array(3 * SIZE * SIZE).fill(SKIN)
    const belief = new Float32Array(SIZE * SIZE).fill(1)
    const places = uvs.map((uv) => Array.from({ length: ROWS * COLUMNS }, (_, i) => texelAt(uv, i, SIZE)))
    places.forEach((texels, side) => {
      texels.forEach((texel, i) => {
        const [u, v] = [alongOf(i % COLUMNS), acrossOf(Math.floor(i / COLUMNS))]
        if (v > seenBelow && sides[side]) belief[texel] = 0
        else if (shows === 'brows' && v > 0 && v < 1 && u > 0 && u < 0.9) albedo.fill(0.2, 3 * texel, 3 * texel + 3)
      })
    })
    const before = albedo.slice()
    const mean = headMeshOf(opened.whole.topology, scene.fit.model.mean).positions
    const both = Object.values(patches).map(({ bound, uv }) => ({ uv, points: bound.at(mean) }))
    const hairs = growBrows(both, { size: SIZE, albedo, belief }, BROWN)
    /** Mean change of brightness over places of a side. */
    const change = (side: number, holds: (u: number, v: number) => boolean): number => {
      const some = places[side].filter((_, i) => holds(alongOf(i % COLUMNS), acrossOf(Math.floor(i / COLUMNS))))
      return some.reduce((sum, t) => sum + (albedo[3 * t + 1] - before[3 * t + 1]) / some.length, 0)
    }
    return { hairs, albedo, before, change }
  }
  const within = (u: number, v: number): boolean => u > 0.15 && u < 0.6 && v > 0.35 && v < 0.65

  test('are drawn at the head’s own, alike on both sides, in the hair’s colour, and nowhere else', () => {
    const { change, albedo, before } = grown('brows', -2)
    for (const side of [0, 1]) {
      expect(change(side, within)).toBeLessThan(-0.15)
      expect(change(side, (_, v) => v < -0.6 || v > 1.8)).toBeCloseTo(0, 3)
    }
    expect(change(0, within)).toBeCloseTo(change(1, within), 1)
    for (let i = 0; i < albedo.length; i += 3) {
      if (albedo[i + 1] === before[i + 1]) continue
      expect(albedo[i]).toBeGreaterThanOrEqual(albedo[i + 1])
      expect(albedo[i + 1]).toBeGreaterThanOrEqual(albedo[i + 2])
    }
  })

  test('are left alone where the photo shows them, on one side or on both', () => {
    for (const sides of [
      [false, false],
      [true, false],
    ]) {
      const { hairs, albedo, before } = grown('brows', -2, sides)
      expect(hairs).toBe(0)
      expect(albedo).toEqual(before)
    }
  })

  test('are not made up where the photo shows plain skin', () => {
    const [bare, hairy] = (['skin', 'brows'] as const).map((shows) => grown(shows, 0.5).hairs)
    expect(hairy).toBeGreaterThan(100)
    expect(bare).toBe(0)
    expect(grown('skin', 2).hairs).toBe(0)
  })
})

test('the picture of the hairs is clear at the edges of its cells, and of one colour for each kind', () => {
  const { width, height, data } = paintHair({ lash: [0.1, 0.08, 0.06], brow: [0.4, 0.3, 0.2] })
  for (const kind of ['lash', 'brow'] as const)
    for (const { left, right } of cellsOf(kind)) {
      let [covered, seen, strange] = [0, 0, 0]
      for (let y = 0; y < height; y++)
        for (let x = left * width; x < right * width; x++) {
          const o = 4 * (y * width + x)
          if (x === left * width || x === right * width - 1) seen += data[o + 3]
          if (data[o] < data[o + 1] || data[o + 1] < data[o + 2]) strange++
          covered += data[o + 3] / 255
        }
      expect([seen, strange]).toEqual([0, 0])
      const share = covered / (height * (right - left) * width)
      expect(share).toBeGreaterThan(0.05)
      expect(share).toBeLessThan(0.4)
    }
})

test('nothing is made where nothing is asked for, or where there are no eyeballs', () => {
  const picture = { size: 1, albedo: new Float32Array(3), observed: new Float32Array(1) }
  const none = buildHair(
    scene.fit,
    opened,
    moved,
    { patches, picture },
    { lashes: false, brows: false, subdivisions: 1 },
  )
  expect([none.parts, none.texture]).toEqual([[], undefined])
  const blind = buildHair(
    scene.fit,
    { ...opened, eyes: [] },
    moved,
    { patches, picture },
    {
      lashes: true,
      brows: true,
      subdivisions: 1,
    },
  )
  expect([blind.parts, blind.texture]).toEqual([[], undefined])
})

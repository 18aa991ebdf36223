/** Generated faces with open mouths and shut eyes: what shows, what is true of it, and several photos of one person. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findCases } from '../../../src/engine/evaluate/index.js'
import { drawPlan } from '../../../src/engine/generate/draw.js'
import { type FineHead, INSIDE } from '../../../src/engine/generate/head-mesh.js'
import { generateSet, portraitFiles } from '../../../src/engine/generate/index.js'
import { openingsOf } from '../../../src/engine/generate/openings.js'
import type { PortraitPlan } from '../../../src/engine/generate/plan.js'
import { buildGeometry, type Portrait, renderPortrait } from '../../../src/engine/generate/render.js'
import { project } from '../../../src/engine/geometry/camera.js'
import { rasterize } from '../../../src/engine/geometry/rasterize.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { HEAD_PARTS, type HeadModel, INTERIOR_PARTS } from '../../../src/engine/stages.js'

const SIZE = 192
/** Shouting with both eyes shut. */
const SEED = 2010

let model: HeadModel
let portrait: Portrait
let head: FineHead
beforeAll(async () => {
  model = await loadBuiltInHead()
  const plan = strong(SEED)
  portrait = await renderPortrait(model, plan)
  head = buildGeometry(model, plan).head
}, 300_000)

const strong = (seed: number): PortraitPlan => drawPlan(model, seed, SIZE, { expressions: 'strong' })
const unit = (plan: PortraitPlan, name: string): number => plan.expression[model.expressionNames.indexOf(name)]
/** Parts that some triangle of the mesh has. */
const partsOf = ({ parts }: FineHead): Set<number> => new Set(parts)

describe('plans', () => {
  test('mild faces of a seed are those that were drawn before there were others', () => {
    const plan = drawPlan(model, 5, SIZE)
    expect(plan.expressionName).toBe('smiling, brows raised')
    const before = {
      eyeBlinkLeft: 0.233731897,
      eyeSquintLeft: 0.112348215,
      browOuterUpRight: 0.183159442,
      mouthSmileLeft: 0.289391471,
      mouthSmileRight: 0.270344664,
      jawForward: 0.176954401,
      eyeLookInLeft: 0.372515814,
    }
    for (const [name, value] of Object.entries(before)) expect(unit(plan, name)).toBeCloseTo(value, 8)
    expect(unit(plan, 'jawOpen')).toBe(0)
  })

  test('at rest nothing but lids and gaze moves', () => {
    for (let seed = 1; seed < 20; seed++) {
      const { expression } = drawPlan(model, seed, SIZE, { expressions: 'rest' })
      model.expressionNames.forEach((name, k) => {
        if (!/^eye(Blink|Look)/.test(name)) expect(expression[k], name).toBe(0)
      })
    }
  })

  test("strong faces open mouths, shut one eye or both, turn to a side, and stay within the units' ranges", () => {
    const plans = Array.from({ length: 200 }, (_, i) => strong(i))
    const share = (is: (plan: PortraitPlan) => boolean): number => plans.filter(is).length / plans.length
    const shut = (plan: PortraitPlan, side: string): boolean => unit(plan, `eyeBlink${side}`) === 1
    expect(share((p) => unit(p, 'jawOpen') > 0.4)).toBeGreaterThan(0.2)
    expect(share((p) => shut(p, 'Left') && shut(p, 'Right'))).toBeGreaterThan(0.08)
    expect(share((p) => shut(p, 'Left') !== shut(p, 'Right'))).toBeGreaterThan(0.04)
    expect(share((p) => p.tongueOut > 0)).toBeGreaterThan(0.01)
    expect(share((p) => Math.abs(unit(p, 'eyeLookOutLeft') - unit(p, 'eyeLookInLeft')) > 0.4)).toBeGreaterThan(0.08)
    expect(share((p) => Math.abs(unit(p, 'noseSneerLeft') - unit(p, 'noseSneerRight')) > 0.2)).toBeGreaterThan(0.02)
    expect(new Set(plans.map((p) => p.expressionName)).size).toBeGreaterThan(15)
    for (const { expression } of plans)
      expression.forEach((c, k) => {
        expect(c).toBeGreaterThanOrEqual(0)
        expect(c).toBeLessThanOrEqual(model.expressionRange[2 * k + 1])
      })
  })

  test('views of a person share all that belongs to the person', () => {
    const [one, two] = [0, 1].map((view) => drawPlan(model, 7, SIZE, { expressions: 'strong', view }))
    expect(two.identity).toEqual(one.identity)
    expect(two.complexion).toEqual(one.complexion)
    expect([two.seed, two.age, two.relief.pores]).toEqual([one.seed, one.age, one.relief.pores])
    expect(two.expression).not.toEqual(one.expression)
    expect(two.camera).not.toEqual(one.camera)
    expect(two.light).not.toEqual(one.light)
    expect(two.photoSeed).not.toBe(one.photoSeed)
  })
})

describe('an open mouth', () => {
  test('shows teeth, gums, tongue and lining; a shut one does not', () => {
    for (const part of Object.values(INTERIOR_PARTS)) expect(partsOf(head)).toContain(INSIDE + part)
    expect(partsOf(head)).not.toContain(HEAD_PARTS.mouth) // the sheet that closes the model's lips is not there
    const shut = buildGeometry(model, drawPlan(model, 5, SIZE)).head
    expect(Math.max(...partsOf(shut))).toBeLessThan(INSIDE)
    expect(partsOf(shut)).toContain(HEAD_PARTS.mouth)
  })

  test('has no crack between lips and lining', () => {
    const { indices } = head.mesh
    const lining = new Set<number>()
    const skin = new Set<number>()
    indices.forEach((v, i) => {
      const part = head.parts[Math.floor(i / 3)]
      if (part === INSIDE + INTERIOR_PARTS.lining) lining.add(v)
      if (part < INSIDE) skin.add(v)
    })
    expect([...lining].filter((v) => skin.has(v)).length).toBeGreaterThan(100)
    const edges = new Map<string, number>()
    for (let t = 0; t < indices.length; t += 3) {
      if (head.parts[t / 3] !== INSIDE + INTERIOR_PARTS.lining) continue
      for (let k = 0; k < 3; k++) {
        const [a, b] = [indices[t + k], indices[t + ((k + 1) % 3)]]
        const key = a < b ? `${a} ${b}` : `${b} ${a}`
        edges.set(key, (edges.get(key) ?? 0) + 1)
      }
    }
    // The lining's border is the lips' rim: all its vertices are the skin's.
    for (const [key, count] of edges) if (count === 1) for (const v of key.split(' ')) expect(skin).toContain(Number(v))
  })

  test('is no part of the scan and of the mask, but has depth', () => {
    const { positions } = portrait.mesh
    const place = (p: Float32Array, v: number): string => p.subarray(3 * v, 3 * v + 3).join()
    const scanned = new Set(Array.from({ length: positions.length / 3 }, (_, v) => place(positions, v)))
    const skin = new Set<number>()
    const inside = new Set<number>()
    head.mesh.indices.forEach((v, i) => {
      ;(head.parts[Math.floor(i / 3)] < INSIDE ? skin : inside).add(v)
    })
    const only = [...inside].filter((v) => !skin.has(v))
    expect(only.length).toBeGreaterThan(5000)
    expect(only.filter((v) => scanned.has(place(head.mesh.positions, v)))).toEqual([])
    // Half way between the lips.
    const { ibug } = portrait.regions
    const [x, y] = [0, 1].map((k) => (ibug['62'].px[k] + ibug['66'].px[k]) / 2)
    const pixel = Math.floor(y) * SIZE + Math.floor(x)
    expect(portrait.mask[pixel]).toBe(0)
    expect(portrait.depth[pixel]).toBeGreaterThan(0.1)
    const chin = Math.floor(y + 2.2 * (ibug['66'].px[1] - y)) * SIZE + Math.floor(x)
    expect(portrait.mask[chin]).toBe(1)
  })

  test('is dark in its depth and has light teeth', async () => {
    const { default: sharp } = await import('sharp')
    const { data } = await sharp(portrait.photo).raw().toBuffer({ resolveWithObject: true })
    const { outlines, ibug } = portrait.regions
    const rows = [ibug['62'].px[1], ibug['66'].px[1]]
    const middle = outlines.mouth.upper_inner.px[10][0]
    const green = Array.from(
      { length: Math.floor(rows[1] - rows[0]) },
      (_, i) => data[3 * (Math.floor(rows[0] + i) * SIZE + Math.floor(middle)) + 1],
    )
    expect(Math.min(...green)).toBeLessThan(45)
    expect(Math.max(...green)).toBeGreaterThan(2 * Math.min(...green))
  })
})

describe('the true openings', () => {
  test('say how far mouth and eyes are open, in millimetres and in words', () => {
    const { regions } = portrait
    const p = (i: number): readonly number[] => regions.ibug[String(i)].point3d
    const apart = (a: readonly number[], b: readonly number[]): number =>
      1000 * Math.hypot(...a.map((x, k) => x - b[k]))
    expect(regions.mouth_gap_mm).toBeGreaterThan(25)
    expect(regions.mouth_gap_mm).toBeCloseTo(apart(p(62), p(66)), 2)
    expect([regions.lid_gap_right_mm, regions.lid_gap_left_mm]).toEqual([0, 0])
    expect(p(37)).toEqual(p(41))
    expect(regions.expression).toMatch(/^shouting, mouth \d+ mm open, both eyes shut$/)
  })

  test('lie in the photo where the camera puts them, upper over lower, from the right to the left', () => {
    const { outlines, ibug } = portrait.regions
    const edges = [outlines.mouth, outlines.eye_right, outlines.eye_left].flatMap((region) => Object.values(region))
    for (const { points3d, px } of [
      ...edges,
      ...Object.values(ibug).map((i) => ({ points3d: [i.point3d], px: [i.px] })),
    ]) {
      const found = project(portrait.plan.camera, Float64Array.from(points3d.flat()))
      px.forEach(([x, y], i) => {
        expect(x).toBeCloseTo(found[3 * i], 1)
        expect(y).toBeCloseTo(found[3 * i + 1], 1)
      })
    }
    const { upper_inner: upper, lower_inner: lower } = outlines.mouth
    upper.points3d.forEach((u, i) => {
      expect(u[1]).toBeGreaterThan(lower.points3d[i][1])
    })
    for (const edge of [upper, lower, outlines.eye_left.upper, outlines.eye_right.lower])
      expect(edge.points3d[0][0]).toBeLessThan(edge.points3d.at(-1)![0])
  })

  test('lie on the skin that is scanned', () => {
    const { positions } = portrait.mesh
    for (const { points3d } of [
      portrait.regions.outlines.mouth.upper_inner,
      portrait.regions.outlines.mouth.lower_inner,
    ])
      for (const p of points3d) {
        let nearest = 1
        for (let i = 0; i < positions.length; i += 3)
          nearest = Math.min(nearest, Math.hypot(positions[i] - p[0], positions[i + 1] - p[1], positions[i + 2] - p[2]))
        expect(nearest).toBeLessThan(0.0012)
      }
  })

  test('know what the tongue hides', () => {
    const seed = Array.from({ length: 300 }, (_, i) => i).find((s) => strong(s).tongueOut > 0)!
    const plan = strong(seed)
    const lip = (tongueOut: number): boolean => {
      const { mesh } = buildGeometry(model, { ...plan, tongueOut }).head
      const { depth } = rasterize(mesh, plan.camera)
      return openingsOf(model, mesh.positions, plan.camera, depth, '').ibug['66'].visible
    }
    expect([lip(0), lip(plan.tongueOut)]).toEqual([true, false])
  })
})

describe('sets', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sider-views-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('of several views have a mesh for each, since faces differ, and are read by the evaluation', async () => {
    const names = await generateSet({
      count: 1,
      seed: 40,
      views: 2,
      expressions: ['mild', 'strong'],
      size: 128,
      output: folder,
    })
    expect(names).toEqual(['s0040/view1', 's0040/view2'])
    const cases = await findCases(folder)
    expect(cases.map(({ name }) => name)).toEqual(names)
    for (const one of cases) {
      expect(one.scan).toBe(join(folder, one.name, 'gt.ply'))
      expect(existsSync(one.regions!)).toBe(true)
    }
    const words = cases.map(({ regions }) => JSON.parse(readFileSync(regions!, 'utf8')).expression as string)
    expect(words[0]).not.toBe(words[1])
    // Turns go by the seed: an even one begins with the first of the list.
    const first = drawPlan(model, 40, 128, { expressions: 'mild' }).expressionName
    expect(words[0].startsWith(first)).toBe(true)
    const about = JSON.parse(readFileSync(join(folder, 'generated.json'), 'utf8'))
    expect(about).toMatchObject({ seed: 40, count: 1, views: 2, expressions: ['mild', 'strong'], cases: names })
  }, 300_000)

  test('of one view keep their layout', () => {
    expect(Object.keys(portraitFiles(portrait)).sort()).toEqual([
      'gt.ply',
      'plan.json',
      'view/camera.json',
      'view/gt.npz',
      'view/image.jpg',
      'view/regions.json',
    ])
  })
})

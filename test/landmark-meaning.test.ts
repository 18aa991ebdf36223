/**
 * What each landmark means, on every head model: it is known by how it moves. The tables here are the public definitions (iBUG 300-W;
 * MediaPipe's face mesh), written down anew, so that a mistake in the engine's own is found.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embeddedPoints } from '../src/engine/head/embedding.js'
import { posedMesh } from '../src/engine/head/fit-mesh.js'
import { loadHead } from '../src/engine/head/load.js'
import type { HeadModel, LandmarkEmbedding } from '../src/engine/stages.js'
import { MOVEMENTS, type Movement, writeFlameLike, writeIctLike } from './head-variants.js'

/** One side of the face. */
interface Side {
  /** Without the corners of the eye. */
  upperLid: readonly number[]
  /** Below those of the upper lid. */
  lowerLid: readonly number[]
  /** Without its ends. */
  brow: readonly number[]
  /** Others of this side. */
  more: readonly number[]
}

interface Layout {
  /** Points of the upper lip's inner edge, and those below them on the lower lip's. */
  innerLips: readonly (readonly [upper: number, lower: number])[]
  outerLips: { upper: readonly number[]; lower: readonly number[] }
  /** The mouth's outer corners, the subject's right one first. */
  corners: readonly [right: number, left: number]
  /** The subject's left. */
  left: Side
  right: Side
  chin: number
  noseTip: number
}

const LAYOUTS: Record<68 | 478, Layout> = {
  68: {
    innerLips: [
      [61, 67],
      [62, 66],
      [63, 65],
    ],
    outerLips: { upper: [49, 50, 51, 52, 53], lower: [59, 58, 57, 56, 55] },
    corners: [48, 54],
    right: { upperLid: [37, 38], lowerLid: [41, 40], brow: [18, 19, 20], more: [17, 21, 0, 4, 31, 32, 36, 39, 48, 60] },
    left: {
      upperLid: [43, 44],
      lowerLid: [47, 46],
      brow: [23, 24, 25],
      more: [22, 26, 16, 12, 35, 34, 45, 42, 54, 64],
    },
    chin: 8,
    noseTip: 30,
  },
  478: {
    innerLips: [
      [80, 88],
      [81, 178],
      [82, 87],
      [13, 14],
      [312, 317],
      [311, 402],
      [310, 318],
    ],
    outerLips: {
      upper: [185, 40, 39, 37, 0, 267, 269, 270, 409],
      lower: [146, 91, 181, 84, 17, 314, 405, 321, 375],
    },
    corners: [61, 291],
    right: {
      upperLid: [161, 160, 159, 158, 157],
      lowerLid: [163, 144, 145, 153, 154],
      brow: [63, 105, 66, 53, 52, 65],
      more: [70, 107, 46, 55, 33, 133, 468, 469, 470, 471, 472, 234, 50, 98, 61, 78, 172],
    },
    left: {
      upperLid: [388, 387, 386, 385, 384],
      lowerLid: [390, 373, 374, 380, 381],
      brow: [293, 334, 296, 283, 282, 295],
      more: [300, 336, 276, 285, 263, 362, 473, 474, 475, 476, 477, 454, 280, 327, 291, 308, 397],
    },
    chin: 152,
    noseTip: 1,
  },
}

const MILLIMETRE = 0.001
type Point = readonly number[]

/** What a head does with its landmarks, in mm. */
class Moved {
  readonly layout: Layout
  readonly #rest: Float64Array
  readonly #posed: Float64Array

  constructor(model: HeadModel, positions: Float32Array, layout: 68 | 478) {
    const embedding = layout === 68 ? model.landmarks68 : model.landmarks478
    this.layout = LAYOUTS[layout]
    this.#rest = embeddedPoints(model.mean, model.indices, embedding)
    this.#posed = embeddedPoints(positions, model.indices, embedding)
  }

  rest = (i: number): Point => [...this.#rest.subarray(3 * i, 3 * i + 3)].map((x) => x / MILLIMETRE)
  posed = (i: number): Point => [...this.#posed.subarray(3 * i, 3 * i + 3)].map((x) => x / MILLIMETRE)
  up = (i: number): number => this.posed(i)[1] - this.rest(i)[1]
  left = (i: number): number => this.posed(i)[0] - this.rest(i)[0]
  far = (i: number): number => Math.hypot(...this.posed(i).map((x, k) => x - this.rest(i)[k]))
}

/** What must hold, by the movement that shows it: each gives the landmarks for which it does not. */
const RULES: Record<string, { movement: Movement | undefined; broken(m: Moved): unknown[] }> = {
  "what is named left lies at +x, the subject's left": {
    movement: undefined,
    broken: (m) => {
      const { left, right } = m.layout
      const all = (side: Side): number[] => [...side.upperLid, ...side.lowerLid, ...side.brow, ...side.more]
      return [...all(left).filter((i) => !(m.rest(i)[0] > 2)), ...all(right).filter((i) => !(m.rest(i)[0] < -2))]
    },
  },
  'an opening jaw takes the lower lip down and leaves the upper one': {
    movement: 'jawOpen',
    broken: (m) => {
      const { innerLips, outerLips, chin, noseTip } = m.layout
      const pairs = [...innerLips, ...outerLips.upper.slice(1, -1).map((i, k) => [i, outerLips.lower[k + 1]] as const)]
      return [
        ...pairs.filter(([upper, lower]) => !(m.up(lower) < -6 && m.up(lower) < -4 * Math.abs(m.up(upper)))),
        ...(m.up(chin) < -6 && m.far(noseTip) < 0.5 ? [] : [chin, noseTip]),
      ]
    },
  },
  'in an open mouth the upper lip is above the lower one, and the inner edge within the outer one': {
    movement: 'jawOpen',
    broken: (m) => {
      const { innerLips, outerLips, corners } = m.layout
      const outline = [corners[0], ...outerLips.upper, corners[1], ...outerLips.lower.toReversed()].map(m.posed)
      return [
        ...innerLips.filter(([upper, lower]) => !(m.posed(upper)[1] > m.posed(lower)[1] + 6)),
        ...innerLips.flat().filter((i) => !within(outline, m.posed(i))),
      ]
    },
  },
  'closing the left eye moves the left lids alone, and the upper one more': {
    movement: 'eyeBlinkLeft',
    broken: (m) => {
      const { left, right, corners, chin, noseTip } = m.layout
      const still = [...right.upperLid, ...right.lowerLid, ...right.brow, ...corners, chin, noseTip]
      return [
        ...left.upperLid.filter((i, k) => !(m.up(i) < -3 && m.up(i) < -2 * Math.abs(m.up(left.lowerLid[k])))),
        ...still.filter((i) => !(m.far(i) < 0.3)),
      ]
    },
  },
  'raising the left brow moves the left brow up': {
    movement: 'browUpLeft',
    broken: (m) => {
      const { left, right, chin, noseTip } = m.layout
      return [
        ...left.brow.filter((i) => !(m.up(i) > 1)),
        ...[...right.brow, ...right.upperLid, chin, noseTip].filter((i) => !(m.far(i) < 0.5)),
      ]
    },
  },
  'a smile on the left takes the left corner of the mouth out and up': {
    movement: 'mouthSmileLeft',
    broken: ({ layout: { corners, right }, left, up, far }) => [
      ...(left(corners[1]) > 1 && up(corners[1]) > 1 ? [] : [corners[1]]),
      ...[corners[0], ...right.upperLid].filter((i) => !(far(i) < 1)),
    ],
  },
  'a smile on the right takes the right corner of the mouth out and up': {
    movement: 'mouthSmileRight',
    broken: ({ layout: { corners, left: side }, left, up, far }) => [
      ...(left(corners[0]) < -1 && up(corners[0]) > 1 ? [] : [corners[0]]),
      ...[corners[1], ...side.upperLid].filter((i) => !(far(i) < 1)),
    ],
  },
}

/** Whether a point lies in a polygon, in the frontal view. */
function within(outline: readonly Point[], [x, y]: Point): boolean {
  let inside = false
  outline.forEach(([x1, y1], k) => {
    const [x2, y2] = outline[(k + 1) % outline.length]
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside
  })
  return inside
}

/** A model, and its positions in each movement. */
interface Head {
  model: HeadModel
  pose(movement: Movement): Float32Array
}

function byName(model: HeadModel, names: Readonly<Record<Movement, string>>): Head {
  return {
    model,
    pose: (movement) => {
      const coefficients = new Float64Array(model.expressionCount)
      const k = model.expressionNames.indexOf(names[movement])
      if (k < 0) throw new Error(`${model.name} has no expression ${names[movement]}`)
      coefficients[k] = 1
      return posedMesh(model, [], coefficients).positions
    },
  }
}

const OWN = Object.fromEntries(MOVEMENTS.map((name) => [name, name])) as Record<Movement, string>
/** GNM's names in test/fixtures/make_gnm.py. */
const GNM: Record<Movement, string> = {
  browUpLeft: 'left_eye_region_000',
  eyeBlinkLeft: 'left_eye_region_001',
  mouthSmileLeft: 'lower_face_region_000',
  mouthSmileRight: 'lower_face_region_001',
  jawOpen: 'lower_face_region_002',
}
/** The order of make_gnm.py, in a container without names. */
const GNMW = Object.fromEntries(
  Object.entries({ browUpLeft: 0, eyeBlinkLeft: 1, mouthSmileLeft: 4, mouthSmileRight: 5, jawOpen: 6 }).map(
    ([name, k]) => [name, `expression_${k}`],
  ),
) as Record<Movement, string>
const FLAME = Object.fromEntries(MOVEMENTS.map((name, k) => [name, `expression${k + 1}`])) as Record<Movement, string>

const FIXTURES = fileURLToPath(new URL('fixtures/gnm/', import.meta.url))
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-meaning-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const unpacked = (name: string): string => {
  const path = join(folder, name)
  writeFileSync(path, gunzipSync(readFileSync(join(FIXTURES, `${name}.gz`))))
  return path
}

const HEADS: Record<string, () => Promise<Head>> = {
  'the built-in head': async () => byName(await loadHead(), OWN),
  'an ICT-FaceKit folder': async () => {
    await writeIctLike(join(folder, 'ict'))
    return byName(await loadHead(join(folder, 'ict')), OWN)
  },
  'a FLAME file without landmarks': async () =>
    byName(await loadHead(await writeFlameLike(join(folder, 'flame'))), FLAME),
  "a FLAME file's jaw joint": async () => {
    const model = await loadHead(await writeFlameLike(join(folder, 'flame')))
    const { pose } = byName(model, FLAME)
    const angles = new Float64Array(15)
    angles[3 * model.skinning!.joints.findIndex(({ name }) => name === 'jaw')] = 0.35
    return { model, pose: (m) => (m === 'jawOpen' ? posedMesh(model, [], [], angles).positions : pose(m)) }
  },
  'GNM Head': async () => byName(await loadHead(join(FIXTURES, 'gnm_head.npz')), GNM),
  "GNM Head in XR Blocks' container": async () => byName(await loadHead(unpacked('gnm_head_web.bin')), GNM),
  "GNM Head in google/GNM's container, without names and landmarks": async () =>
    byName(await loadHead(unpacked('gnm_model.gnmw')), GNMW),
}

describe.each(Object.entries(HEADS))('%s', (_, load) => {
  let head: Head
  beforeAll(async () => {
    head = await load()
  })

  describe.each([68, 478] as const)('the %i landmarks', (layout) => {
    test.each(Object.entries(RULES))('%s', (_, { movement, broken }) => {
      const positions = movement ? head.pose(movement) : head.model.mean
      expect(broken(new Moved(head.model, positions, layout))).toEqual([])
    })
  })
})

describe.each(["a FLAME file's jaw joint", 'GNM Head', "GNM Head in XR Blocks' container"])('%s', (name) => {
  test('eyes that turn take their irises with them, and nothing else', async () => {
    const { model } = await HEADS[name]()
    const { joints } = model.skinning!
    const angles = new Float64Array(3 * joints.length)
    angles[3 * joints.findIndex((joint) => /^left_?eye$/i.test(joint.name)) + 1] = 0.3 // about +y: to the subject's left
    const moved = new Moved(model, posedMesh(model, [], [], angles).positions, 478)
    expect(moved.left(473)).toBeGreaterThan(1)
    expect(moved.far(468)).toBe(0)
    for (const i of [...LAYOUTS[478].left.upperLid, ...LAYOUTS[478].left.lowerLid]) expect(moved.far(i)).toBe(0)
  })
})

describe('the rules find landmarks that were exchanged', () => {
  const { innerLips, left, right, corners } = LAYOUTS[478]
  test.each([
    ['inner lips', 'an opening jaw takes the lower lip down and leaves the upper one', innerLips],
    [
      'lids of an eye',
      'closing the left eye moves the left lids alone, and the upper one more',
      zip(left.upperLid, left.lowerLid),
    ],
    [
      'eyes',
      'closing the left eye moves the left lids alone, and the upper one more',
      zip(left.upperLid, right.upperLid),
    ],
    ['brows', 'raising the left brow moves the left brow up', zip(left.brow, right.brow)],
    ['corners of the mouth', 'a smile on the left takes the left corner of the mouth out and up', [corners]],
  ])('%s', async (_, rule, pairs) => {
    const head = await HEADS['the built-in head']()
    const exchanged = { ...head.model, landmarks478: exchange(head.model.landmarks478, pairs) }
    const { movement, broken } = RULES[rule]
    expect(broken(new Moved(exchanged, head.pose(movement!), 478)).length).toBeGreaterThanOrEqual(pairs.length)
  })
})

function zip(a: readonly number[], b: readonly number[]): [number, number][] {
  return a.map((x, k) => [x, b[k]])
}

function exchange(
  { triangles, barycentric }: LandmarkEmbedding,
  pairs: readonly (readonly [number, number])[],
): LandmarkEmbedding {
  const out = { triangles: triangles.slice(), barycentric: barycentric.slice() }
  for (const [a, b] of pairs)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      out.triangles[to] = triangles[from]
      out.barycentric.set(barycentric.subarray(3 * from, 3 * from + 3), 3 * to)
    }
  return out
}

/**
 * What each landmark means: where it lies, and how it moves. The tables are the public definitions (iBUG 300-W; MediaPipe's face mesh),
 * written down anew, so that a mistake in the engine's own is found.
 */
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import type { HeadModel } from '../../../src/engine/stages.js'
import type { Movement } from './head-variants.js'

/** One side of the face. */
export interface Side {
  /** Without the corners of the eye. */
  upperLid: readonly number[]
  /** Below those of the upper lid. */
  lowerLid: readonly number[]
  /** Without its ends. */
  brow: readonly number[]
  /** Others of this side. */
  more: readonly number[]
}

export interface Layout {
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

export const LAYOUTS: Record<68 | 478, Layout> = {
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
export class Moved {
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
export const RULES: Record<string, { movement: Movement | undefined; broken(m: Moved): unknown[] }> = {
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

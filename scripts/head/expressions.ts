/**
 * The expression basis: MakeHuman's expression units, averaged over its three ethnic variants, those of both sides split into
 * left and right; and a few linear motions that it lacks (jaw sideways and forwards, mouth sideways, cheeks, gaze). Names are
 * ARKit's where a component does what ARKit's does.
 */

import type { FeatureRings } from './cut.js'
import { DECIMETRE, EYEBALLS, RACES } from './frame.js'
import { halves } from './openings.js'
import type { Source } from './source.js'

export interface Expression {
  name: string
  /** [base vertices, 3] displacement at coefficient 1, metres. */
  field: Float64Array
  /** Standard deviation a priori, and range. */
  sigma: number
  range: [number, number]
}

/** Unit → name; `|` splits a symmetric unit into Left and Right; sigma where it is not the usual. */
const UNITS: [string, string, number?][] = [
  ['eye-left-closure', 'eyeBlinkLeft', 0.4],
  ['eye-right-closure', 'eyeBlinkRight', 0.4],
  ['eye-left-opened-up', 'eyeWideLeft'],
  ['eye-right-opened-up', 'eyeWideRight'],
  ['eye-left-slit', 'eyeSquintLeft'],
  ['eye-right-slit', 'eyeSquintRight'],
  ['eyebrows-left-down', 'browDownLeft'],
  ['eyebrows-right-down', 'browDownRight'],
  ['eyebrows-left-extern-up', 'browOuterUpLeft'],
  ['eyebrows-right-extern-up', 'browOuterUpRight'],
  ['eyebrows-left-inner-up', 'browInnerUpLeft'],
  ['eyebrows-right-inner-up', 'browInnerUpRight'],
  ['eyebrows-left-up', 'browUpLeft'],
  ['eyebrows-right-up', 'browUpRight'],
  ['mouth-open', 'jawOpen', 0.15],
  ['mouth-corner-puller', 'mouthSmile|'],
  ['mouth-upward-retraction', 'mouthLaugh|', 0.2],
  ['mouth-compression', 'mouthDimple|'],
  ['mouth-depression', 'mouthFrown|'],
  ['mouth-depression-retraction', 'mouthLowerDown|', 0.2],
  ['mouth-elevation', 'mouthUpperUp|', 0.25],
  ['mouth-retraction', 'mouthStretch|'],
  ['mouth-eversion', 'mouthEversion'],
  ['mouth-parling', 'mouthLipsPart'],
  ['mouth-part-later', 'mouthLipsPartWide', 0.2],
  ['mouth-protusion', 'mouthFunnel', 0.2],
  ['mouth-pursing', 'mouthPucker'],
  ['neck-platysma', 'neckPlatysma', 0.15],
  ['nose-compression', 'noseCompress'],
  ['nose-depression', 'noseDepress'],
  ['nose-left-dilatation', 'noseFlareLeft'],
  ['nose-right-dilatation', 'noseFlareRight'],
  ['nose-left-elevation', 'noseSneerLeft'],
  ['nose-right-elevation', 'noseSneerRight'],
]
const SIGMA = 0.3
/** A little beyond neutral is allowed: the neutral of a given person is not known. */
const RANGE: [number, number] = [-0.2, 1]
/** Width over which a symmetric unit passes from one side to the other, metres. */
const BLEND = 0.014
/** Turn of the eyes at coefficient 1, radians. */
const GAZE = 0.45

/**
 * @param head mean head, all base vertices, head frame, metres
 * @param rings loops around the openings, of base vertices
 */
export function expressions(source: Source, head: Float64Array, rings: FeatureRings): Expression[] {
  const n = head.length
  const unit = (name: string): Float64Array => {
    const out = new Float64Array(n)
    for (const race of RACES) {
      const field = source.target(`expression/units/${race}/${name}`)
      for (let i = 0; i < n; i++) out[i] += (field[i] * DECIMETRE) / RACES.length
    }
    return out
  }
  const list: Expression[] = []
  const add = (name: string, field: Float64Array, sigma = SIGMA, range = RANGE): void => {
    list.push({ name, field, sigma, range })
  }
  const open = unit('mouth-open')
  const jaw = jawMask(head, open)
  const corrected: Record<string, (field: Float64Array) => void> = {
    eyeBlinkLeft: (field) => meetLids(head, field, rings.leftEye),
    eyeBlinkRight: (field) => meetLids(head, field, rings.rightEye),
  }
  const left = Float64Array.from({ length: n / 3 }, (_, v) => 1 / (1 + Math.exp((-4 * head[3 * v]) / BLEND)))
  for (const [name, as, sigma] of UNITS) {
    const field = unit(name)
    corrected[as]?.(field)
    if (as.endsWith('|')) {
      add(
        `${as.slice(0, -1)}Left`,
        field.map((x, i) => x * left[Math.floor(i / 3)]),
        sigma,
      )
      add(
        `${as.slice(0, -1)}Right`,
        field.map((x, i) => x * (1 - left[Math.floor(i / 3)])),
        sigma,
      )
    } else add(as, field, sigma)
  }
  addJawAndMouth(head, jaw, add)
  addGaze(head, unit, add)
  return list
}

type Add = (name: string, field: Float64Array, sigma?: number, range?: [number, number]) => void

/** What the corrections of shut lids keep at each ring of vertices around the eye, from the cut outwards. */
const LID_FALLOFF = [1, 1, 0.6, 0.3, 0.1]
/** Share of the way to where shut lids meet that the lower lid goes. */
const LOWER_LID = 0.25

/** MakeHuman's shut lids pass each other at the margins by 2 mm in depth: makes them meet. */
function meetLids(head: Float64Array, field: Float64Array, rings: number[][]): void {
  const open = (v: number): number[] => [...head.subarray(3 * v, 3 * v + 3)]
  const shut = (v: number): number[] => [0, 1, 2].map((k) => head[3 * v + k] + field[3 * v + k])
  const isUpper = new Set(halves(rings[0], open)[0].map((v) => rings[0].indexOf(v)))
  const corrections = new Map<number, number[]>()
  rings.slice(0, LID_FALLOFF.length).forEach((ring, r) => {
    // The cut's own edges meet, and the margins' outer edges; what lies further out follows the latter.
    const [upper, lower] = halves(rings[Math.min(r, 1)], open).map((half) => half.map(shut))
    ring.forEach((v, i) => {
      const [x] = shut(v)
      const gap = [0, 1, 2].map((k) => (k === 0 ? 0 : heightAt(upper, x, k) - heightAt(lower, x, k)))
      const share = LID_FALLOFF[r] * (isUpper.has(i) ? LOWER_LID - 1 : LOWER_LID)
      corrections.set(
        v,
        gap.map((g) => share * g),
      )
    })
  })
  for (const [v, by] of corrections) for (let k = 0; k < 3; k++) field[3 * v + k] += by[k]
}

/** Coordinate k of a polyline that runs along x, at x. */
function heightAt(line: number[][], x: number, k: number): number {
  const i = Math.min(
    Math.max(
      1,
      line.findIndex((p) => p[0] >= x),
    ),
    line.length - 1,
  )
  const [a, b] = [line[i - 1], line[i]]
  const t = Math.min(1, Math.max(0, (x - a[0]) / (b[0] - a[0])))
  return a[k] + t * (b[k] - a[k])
}

/**
 * How much each vertex belongs to the jaw, 0..1: its share of the turn about the jaw's joint that explains best where the opening carries
 * the vertices that move most.
 */
function jawMask(head: Float64Array, open: Float64Array): (v: number) => number {
  const length = (v: number): number => Math.hypot(open[3 * v + 1], open[3 * v + 2])
  let most = 0
  for (let v = 0; v < head.length / 3; v++) most = Math.max(most, length(v))
  // Least squares of dy = −θ z + c, dz = θ y + e over the turn θ and the two constants.
  let [n, y, z, yy, zz, dy, dz, cross] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let v = 0; v < head.length / 3; v++) {
    if (length(v) < 0.75 * most) continue
    const [py, pz, oy, oz] = [head[3 * v + 1], head[3 * v + 2], open[3 * v + 1], open[3 * v + 2]]
    n++
    y += py
    z += pz
    yy += py * py
    zz += pz * pz
    dy += oy
    dz += oz
    cross += py * oz - pz * oy
  }
  const turn = (cross - (y * dz - z * dy) / n) / (yy - (y * y) / n + zz - (z * z) / n)
  const [c, e] = [(dy + turn * z) / n, (dz - turn * y) / n]
  return (v) => {
    const [ry, rz] = [-turn * head[3 * v + 2] + c, turn * head[3 * v + 1] + e]
    return Math.min(1, Math.max(0, (open[3 * v + 1] * ry + open[3 * v + 2] * rz) / (ry * ry + rz * rz)))
  }
}

/** Motions along one axis under a smooth mask. */
function addJawAndMouth(head: Float64Array, jaw: (v: number) => number, add: Add): void {
  const n = head.length
  const along = (axis: number, metres: number, mask: (v: number) => number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => (i % 3 === axis ? metres * mask(Math.floor(i / 3)) : 0))
  add('jawForward', along(2, 0.006, jaw), SIGMA, [-0.7, 1])
  add('jawLeft', along(0, 0.008, jaw))
  add('jawRight', along(0, -0.008, jaw))
  const gauss = (v: number, at: number[], radius: number): number =>
    Math.exp(-[0, 1, 2].reduce((s, k) => s + ((head[3 * v + k] - at[k]) / radius) ** 2, 0))
  const mouth = (v: number): number => gauss(v, [0, -0.068, 0.11], 0.03)
  add('mouthLeft', along(0, 0.007, mouth))
  add('mouthRight', along(0, -0.007, mouth))
  for (const [name, side] of [
    ['Left', 1],
    ['Right', -1],
  ] as const) {
    const puff = (v: number): number => gauss(v, [side * 0.046, -0.058, 0.075], 0.021)
    const [sideways, forward] = [along(0, side * 0.007, puff), along(2, 0.005, puff)]
    add(
      `cheekPuff${name}`,
      sideways.map((x, i) => x + forward[i]),
      0.25,
    )
  }
}

/** Turns of the eyeballs (their tangents: coefficients add up), the lids following. */
function addGaze(head: Float64Array, unit: (name: string) => Float64Array, add: Add): void {
  for (const [name, [first, end]] of [
    ['Left', EYEBALLS.left],
    ['Right', EYEBALLS.right],
  ] as const) {
    const centre = [0, 0, 0]
    for (let v = first; v < end; v++) for (let k = 0; k < 3; k++) centre[k] += head[3 * v + k] / (end - first)
    const turn = (about: 'x' | 'y', angle: number, lids?: Float64Array, share = 0): Float64Array => {
      const out = lids ? lids.map((x) => share * x) : new Float64Array(head.length)
      for (let v = first; v < end; v++) {
        const [x, y, z] = [0, 1, 2].map((k) => head[3 * v + k] - centre[k])
        const d = about === 'x' ? [0, -z, y] : [z, 0, -x]
        for (let k = 0; k < 3; k++) out[3 * v + k] = angle * d[k]
      }
      return out
    }
    const side = name.toLowerCase()
    // The subject's left is +X: the left eye looks outwards there, the right eye inwards.
    const out = name === 'Left' ? 1 : -1
    const range: [number, number] = [0, 1]
    add(`eyeLookUp${name}`, turn('x', -GAZE, unit(`eye-${side}-opened-up`), 0.25), SIGMA, range)
    add(`eyeLookDown${name}`, turn('x', GAZE, unit(`eye-${side}-closure`), 0.35), SIGMA, range)
    add(`eyeLookOut${name}`, turn('y', out * GAZE), SIGMA, range)
    add(`eyeLookIn${name}`, turn('y', -out * GAZE), SIGMA, range)
  }
}

/**
 * Wrinkles and folds as heights in the face chart, mm: each is a curve placed by the face's landmarks, with a random course and a
 * profile of its own. A crease is a sharp valley between two soft ridges; a fold is a step whose upper side bulges over a crease.
 */
import { noise } from '../geometry/noise.js'
import type { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { ChartLayer, Curve, type Point } from './chart.js'
import type { SkinRelief } from './plan.js'

/** Millimetres a pixel of the chart: half a mesh edge. */
const STEP = 0.3

interface Crease {
  curve: Curve
  /** Depth of the valley in mm, and its width between the ridges' tops. */
  depth: number
  width: number
  /** How much higher the left side of the curve's direction stands, mm; 0 for a plain crease. */
  step?: number
  /** Shares of the length over which it fades in and out. */
  fade?: readonly [number, number]
}

/** Height of a crease at a signed distance from its curve, for depth 1. Mean about 0, so that skin is folded, not removed. */
function valley(distance: number, width: number): number {
  const x = Math.abs(distance) / width
  const floor = Math.sqrt(x * x + 0.012) - 0.11
  const ridge = (x - 0.62) / 0.3
  return -Math.exp(-5.2 * floor) + 0.34 * Math.exp(-ridge * ridge)
}

/** Draws creases one over the other; all draws come from `rng`. */
class Engraver {
  constructor(
    readonly layer: ChartLayer,
    readonly rng: Rng,
  ) {}

  draw({ curve, depth, width, step = 0, fade = [0.25, 0.25] }: Crease): void {
    if (depth < 0.015) return
    const seed = this.rng.uint32() & 0xffff
    const reach = step > 0 ? 6 * width : 2.2 * width
    const [low, high] = curve.bounds(reach)
    this.layer.update(low, high, (u, v, old) => {
      const { distance, along } = curve.nearest(u, v)
      if (Math.abs(distance) > reach) return old
      const ends = smoothstep(0, fade[0], along) * smoothstep(0, fade[1], 1 - along)
      if (ends === 0) return old
      const uneven = 1 + 0.8 * noise(along * curve.length * 0.22, seed, 0.5, seed)
      const wander = 0.35 * width * noise(along * curve.length * 0.12, seed, 3.5, seed + 7)
      const d = distance + wander
      // Folds bulge on the left: up at once, then down again over several widths.
      const bulge =
        step === 0 || d < -width
          ? 0
          : step * smoothstep(-0.3, 0.9, d / width) * Math.exp(-Math.max(0, d) / (2.4 * width))
      return old + ends * uneven * (depth * valley(d, width) + bulge)
    })
  }

  /** The points moved a little, and a curve through them. */
  curve(points: readonly Point[], jitter: number): Curve {
    return new Curve(points.map(([u, v]): Point => [u + this.rng.normal(0, jitter), v + this.rng.normal(0, jitter)]))
  }
}

/** All creases of a face. `marks`: chart places of the 478 landmarks. */
export function engraveCreases(marks: readonly Point[], relief: SkinRelief, rng: Rng): ChartLayer {
  const engraver = new Engraver(new ChartLayer(STEP), rng)
  forehead(engraver, marks, relief.forehead)
  frown(engraver, marks, relief.frown)
  for (const side of [-1, 1] as const) {
    crowsFeet(engraver, marks, side, relief.crowsFeet)
    nasolabial(engraver, marks, side, relief.nasolabial)
    underEye(engraver, marks, side, relief.underEye)
    mouthCorner(engraver, marks, side, relief.mouth)
    cheekLines(engraver, marks, side, relief.crowsFeet)
  }
  upperLip(engraver, marks, relief.mouth)
  return engraver.layer
}

/** Lines across the forehead, broken in two or three pieces, in arcs that follow the brows. */
function forehead({ rng, ...rest }: Engraver, marks: readonly Point[], strength: number): void {
  const engraver = new Engraver(rest.layer, rng)
  const bottom = marks[105][1] + 6
  const top = marks[10][1] + 1
  const lines = 3 + rng.integer(3)
  for (let i = 0; i < lines; i++) {
    const height = bottom + ((i + 0.4 + rng.uniform(-0.15, 0.15)) / lines) * (top - bottom)
    const strong = strength * rng.uniform(0.45, 1) * (i === lines - 1 ? 0.6 : 1)
    const width = rng.uniform(1.5, 2.6)
    const sag = rng.uniform(1, 4)
    const pieces =
      rng.uniform() < 0.4
        ? [[-48, 48]]
        : [
            [-50, rng.uniform(-4, 8)],
            [rng.uniform(-8, 4), 50],
          ]
    for (const [from, to] of pieces) {
      const shift = rng.normal(0, 0.8)
      const ends = [from + rng.uniform(0, 14) * (from < -20 ? 1 : 0), to - rng.uniform(0, 14) * (to > 20 ? 1 : 0)]
      const points = Array.from({ length: 7 }, (_, k): Point => {
        const u = ends[0] + ((ends[1] - ends[0]) * k) / 6
        return [u, height + shift + sag * Math.cos(u / 15) * 0.6 - (u / 50) ** 2 * 3]
      })
      engraver.draw({ curve: engraver.curve(points, 0.5), depth: strong, width, fade: [0.2, 0.2] })
    }
    // Short companions beside the long line.
    for (let k = 0; k < 2; k++) {
      const u = rng.uniform(-38, 38)
      const v = height + rng.uniform(2, 4) * (k === 0 ? 1 : -1)
      const half = rng.uniform(5, 12)
      const short = engraver.curve(
        [
          [u - half, v - 0.5],
          [u, v],
          [u + half, v - 0.5],
        ],
        0.4,
      )
      engraver.draw({ curve: short, depth: 0.35 * strong, width: 1.2, fade: [0.4, 0.4] })
    }
  }
}

/** One to three upright lines between the brows, and one across the root of the nose. */
function frown(engraver: Engraver, marks: readonly Point[], strength: number): void {
  const { rng } = engraver
  const [, v] = marks[9]
  const sides = rng.uniform() < 0.25 ? [1] : [-1, 1]
  for (const side of sides) {
    const u = side * rng.uniform(5.5, 8.5)
    const length = rng.uniform(10, 18)
    const points: Point[] = [
      [u - side * 1.5, v - length * 0.55],
      [u, v - 1],
      [u + side * 1.2, v + length * 0.45],
    ]
    engraver.draw({
      curve: engraver.curve(points, 0.5),
      depth: strength * rng.uniform(0.7, 1.2),
      width: rng.uniform(1.7, 2.8),
      fade: [0.3, 0.45],
    })
  }
  const root = marks[6][1] + 5
  const across = engraver.curve(
    [
      [-9, root + 1],
      [0, root - 0.5],
      [9, root + 1],
    ],
    0.4,
  )
  engraver.draw({ curve: across, depth: 0.5 * strength, width: 1.8, fade: [0.35, 0.35] })
}

/** A fan from the outer corner of the eye. */
function crowsFeet(engraver: Engraver, marks: readonly Point[], side: -1 | 1, strength: number): void {
  const { rng } = engraver
  const [u, v] = marks[side < 0 ? 33 : 263]
  const rays = 4 + rng.integer(3)
  for (let i = 0; i < rays; i++) {
    const angle = ((-48 + (95 * (i + rng.uniform(0.2, 0.8))) / rays) * Math.PI) / 180
    const bend = rng.uniform(-0.25, 0.25) - 0.25 * Math.sin(angle)
    const start = rng.uniform(3.5, 6)
    const length = rng.uniform(10, 22)
    const points = [0, 0.35, 0.7, 1].map((t): Point => {
      const a = angle + bend * t
      const r = start + t * length
      return [u + side * r * Math.cos(a), v + r * Math.sin(a)]
    })
    engraver.draw({
      curve: engraver.curve(points, 0.35),
      depth: strength * rng.uniform(0.5, 1.1),
      width: rng.uniform(1.1, 1.9),
      fade: [0.2, 0.55],
    })
  }
}

/** From the wing of the nose past the corner of the mouth; the cheek bulges over it. */
function nasolabial(engraver: Engraver, marks: readonly Point[], side: -1 | 1, strength: number): void {
  const { rng } = engraver
  const wing = marks[side < 0 ? 129 : 358]
  const corner = marks[side < 0 ? 61 : 291]
  const out = side * rng.uniform(5.5, 9)
  const down = rng.uniform(-10, 2)
  const points: Point[] = [
    [wing[0] + side * 1.5, wing[1] + 6],
    [wing[0] + side * 5.5, wing[1] - 2],
    [(wing[0] + corner[0]) / 2 + out * 0.95, (wing[1] + corner[1]) / 2],
    [corner[0] + out, corner[1] + 4],
    [corner[0] + out * 0.95, corner[1] + down],
  ]
  // The cheek lies on the left of a curve drawn upwards on the subject's right, and of one drawn downwards on the left.
  const curve = engraver.curve(side < 0 ? points.slice().reverse() : points, 0.7)
  const fade = [0.12, 0.42] as const
  const depth = 0.36 * strength * rng.uniform(0.75, 1.2)
  engraver.draw({
    curve,
    depth,
    width: rng.uniform(3, 4.6),
    step: 0.75 * strength,
    fade: side < 0 ? [fade[1], fade[0]] : fade,
  })
}

/** Arcs below the lid, and the edge of a bag under them. */
function underEye(engraver: Engraver, marks: readonly Point[], side: -1 | 1, strength: number): void {
  const { rng } = engraver
  const inner = marks[side < 0 ? 133 : 362]
  const outer = marks[side < 0 ? 33 : 263]
  const width = Math.abs(outer[0] - inner[0])
  const arc = (drop: number, from: number, to: number): Curve => {
    const points = [0, 0.25, 0.5, 0.75, 1].map((t): Point => {
      const s = from + t * (to - from)
      return [
        inner[0] + side * s * width,
        inner[1] - drop * (0.45 + 0.55 * Math.sin(Math.PI * Math.min(1, Math.max(0, s)))) - 1,
      ]
    })
    return engraver.curve(points, 0.3)
  }
  const lines = 2 + rng.integer(3)
  for (let i = 0; i < lines; i++) {
    const curve = arc(8.5 + 2.4 * i + rng.uniform(-0.6, 0.6), rng.uniform(0, 0.3), rng.uniform(0.75, 1.1))
    engraver.draw({
      curve,
      depth: 0.55 * strength * rng.uniform(0.5, 1),
      width: rng.uniform(1, 1.6),
      fade: [0.3, 0.35],
    })
  }
  const bag = arc(15 + rng.uniform(-1.5, 2), 0.02, 0.8)
  const edge = side > 0 ? bag : new Curve(bag.points.slice().reverse())
  engraver.draw({ curve: edge, depth: 0.3 * strength, width: 2.4, step: 0.9 * strength, fade: [0.25, 0.35] })
}

/** Lines that run down from the corners of the mouth, and the crease of the chin beside them. */
function mouthCorner(engraver: Engraver, marks: readonly Point[], side: -1 | 1, strength: number): void {
  const { rng } = engraver
  const [u, v] = marks[side < 0 ? 61 : 291]
  const points: Point[] = [
    [u + side * 2, v - 1],
    [u + side * 4.5, v - 8],
    [u + side * 4, v - rng.uniform(15, 22)],
  ]
  engraver.draw({
    curve: engraver.curve(points, 0.6),
    depth: strength * rng.uniform(0.4, 0.9),
    width: rng.uniform(1.6, 2.6),
    fade: [0.15, 0.6],
  })
}

/** Long faint lines down the cheek. */
function cheekLines(engraver: Engraver, marks: readonly Point[], side: -1 | 1, strength: number): void {
  const { rng } = engraver
  const [u, v] = marks[side < 0 ? 50 : 280]
  for (let i = 0; i < 3; i++) {
    const x = u + side * rng.uniform(2, 22)
    const y = v + rng.uniform(-14, 8)
    const length = rng.uniform(14, 30)
    const lean = side * rng.uniform(-0.4, 0.15)
    const points = [0, 0.33, 0.67, 1].map((t): Point => [x + lean * t * length, y - t * length])
    engraver.draw({
      curve: engraver.curve(points, 0.7),
      depth: 0.3 * strength * rng.uniform(0.3, 1),
      width: rng.uniform(1.1, 1.7),
      fade: [0.4, 0.5],
    })
  }
}

/** Short upright lines over the red of the upper lip. */
function upperLip(engraver: Engraver, marks: readonly Point[], strength: number): void {
  const { rng } = engraver
  const count = Math.round(10 * strength)
  for (let i = 0; i < count; i++) {
    const u = rng.uniform(-19, 19)
    const v = marks[0][1] - (u / 19) ** 2 * 4 + 0.8
    const length = rng.uniform(4, 8)
    const points: Point[] = [
      [u, v],
      [u + rng.normal(0, 0.4), v + length / 2],
      [u * 1.08, v + length],
    ]
    engraver.draw({
      curve: engraver.curve(points, 0.2),
      depth: 0.4 * strength * rng.uniform(0.4, 1),
      width: rng.uniform(0.9, 1.4),
      fade: [0.2, 0.5],
    })
  }
}

/** Hair: how thickly it covers the skull, and the brows and lashes as strokes in the face chart. */

import { LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE } from '../evidence/layouts.js'
import { octaves } from '../geometry/noise.js'
import type { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { ChartLayer, Curve, type Point } from './chart.js'
import type { PortraitPlan } from './plan.js'
import type { Posture } from './posture.js'

/** Millimetres a pixel of the chart: about a hair. */
const STEP = 0.15

/**
 * How far behind the hairline a place of the mean head lies, mm; negative on bare skin, -Infinity on a shaved head. The hairline runs over the forehead, draws back at the
 * temples, comes down before the ears and goes round behind them to the neck.
 */
export function hairDepth(x: number, y: number, z: number, { complexion, seed }: PortraitPlan): number {
  if (complexion.hairLength === 0) return Number.NEGATIVE_INFINITY
  const side = Math.abs(x)
  const ragged = 3 * octaves(x / 4, y / 4, z / 4, seed + 71, 3) + 5 * octaves(x / 25, y / 25, z / 25, seed + 72, 2)
  // Above this height there is hair: it falls from the forehead's line to the ears along the head's side.
  const temple = smoothstep(20, 62, side)
  const front = complexion.hairline + 5 * temple * (1 - smoothstep(58, 68, side))
  const behind = smoothstep(66, 40, z)
  const ear = smoothstep(18, -8, z)
  const line = front * (1 - behind) + behind * ((1 - ear) * -8 + ear * -62)
  return y - line + ragged
}

/** Hairs painted in the chart: 0..1 how much of the skin they cover. */
export function paintHair(marks: readonly Point[], posture: Posture, density: number, rng: Rng): ChartLayer {
  const layer = new ChartLayer(STEP)
  for (const brow of [RIGHT_BROW, LEFT_BROW]) paintBrow(layer, marks, brow, density, rng)
  paintLashes(layer, marks, RIGHT_EYE, posture.rightLids)
  paintLashes(layer, marks, LEFT_EYE, posture.leftLids)
  return layer
}

function paintBrow(
  layer: ChartLayer,
  marks: readonly Point[],
  brow: readonly number[],
  density: number,
  rng: Rng,
): void {
  const upper = new Curve(brow.slice(0, 5).map((i) => marks[i]))
  const lower = new Curve(brow.slice(5).map((i) => marks[i]))
  const outwards = Math.sign(marks[brow[0]][0])
  const hairs = Math.round(1000 * density)
  const [lift, thick] = [rng.normal(0, 0.8), rng.uniform(0.75, 1.05)]
  for (let i = 0; i < hairs; i++) {
    // 0 at the temple, 1 at the nose; thinner towards both ends.
    const s = rng.uniform(0.02, 1)
    const taper = smoothstep(0, 0.35, s) * (0.55 + 0.45 * smoothstep(1, 0.8, s))
    const across = 0.5 + thick * taper * Math.max(-0.5, Math.min(0.5, rng.normal(0, 0.3)))
    const [a, b] = [upper.at(s), lower.at(s)]
    const root: Point = [b[0] + across * (a[0] - b[0]), b[1] + across * (a[1] - b[1]) + lift]
    const [p, q] = [upper.at(Math.max(0, s - 0.08)), upper.at(Math.min(1, s + 0.08))]
    const along = Math.atan2(p[1] - q[1], (p[0] - q[0]) * outwards)
    // Hairs stand up near the nose and lie along the brow further out; the lower ones rise, the upper ones fall.
    const angle = along + 0.95 * smoothstep(0.6, 1, s) + (0.5 - across) * 1.1 + rng.normal(0, 0.16)
    const length = rng.uniform(4, 8.5) * (0.7 + 0.3 * taper)
    const bend = rng.normal(-0.15, 0.12)
    const points = [0, 0.5, 1].map((t): Point => {
      const turned = angle + bend * t
      return [root[0] + outwards * t * length * Math.cos(turned), root[1] + t * length * Math.sin(turned)]
    })
    stroke(layer, new Curve(points, 4), rng.uniform(0.1, 0.19), rng.uniform(0.5, 0.95))
  }
}

/** The dark rim that lashes give the lids: the upper one strong, the lower one faint. */
function paintLashes(layer: ChartLayer, marks: readonly Point[], eye: readonly number[], opening: number): void {
  const upper = new Curve(eye.slice(0, 9).map((i) => marks[i]))
  const lower = new Curve([...eye.slice(8), eye[0]].map((i) => marks[i]))
  // Shut lids stretch the skin that the chart has folded under their edge.
  const folded = 0.25 + 0.75 * smoothstep(-0.04, 0.1, opening)
  for (const [curve, width, strength] of [
    [upper, 0.75 * folded, 0.9],
    [lower, 0.45, 0.4],
  ] as const) {
    const [low, high] = curve.bounds(2 * width)
    layer.update(low, high, (u, v, old) => {
      const { distance, along } = curve.nearest(u, v)
      const cover = strength * smoothstep(2 * width, 0.4 * width, Math.abs(distance)) * smoothstep(0, 0.08, along)
      return Math.max(old, cover)
    })
  }
}

/** A tapering hair; what lies over another adds to it. */
function stroke(layer: ChartLayer, curve: Curve, radius: number, strength: number): void {
  const [low, high] = curve.bounds(3 * radius)
  layer.update(low, high, (u, v, old) => {
    const { distance, along } = curve.nearest(u, v)
    const r = radius * (1.1 - 0.7 * along)
    const cover = strength * smoothstep(r + 0.1, Math.max(0, r - 0.1), Math.abs(distance))
    return 1 - (1 - old) * (1 - cover)
  })
}

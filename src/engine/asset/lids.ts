/** How far a head's upper lids are open, and how far they can go up: skin that goes further turns inside out under its fold. */
import type { Side } from '../evidence/layouts.js'
import { smoothstep } from '../geometry/smoothstep.js'

/** MediaPipe's points about the middle of an eye: the upper lid's rim, the skin above its fold, and the lower lid's rim. */
const LIDS: Readonly<Record<Side, readonly (readonly [rim: number, above: number, below: number])[]>> = {
  Right: [
    [158, 28, 153],
    [159, 27, 145],
    [160, 29, 144],
  ],
  Left: [
    [385, 258, 380],
    [386, 257, 374],
    [387, 259, 373],
  ],
}
/** What is left of the lid between its rim and the skin above its fold, metres: less of it turns inside out. */
const LEAST_LID = 0.0066
/** Lids that are less open than the first are shut, and stay so; those that are more open than the second are open, metres. */
const SHUT = [0.0015, 0.004] as const

/** Of one eye, metres. */
export interface Lid {
  /** From rim to rim. */
  open: number
  /** From the upper rim to the skin above its fold. */
  above: number
}

/** @param landmarks [478, 3] on a head, metres */
export function lidOf(landmarks: Float64Array, side: Side): Lid {
  const apart = (a: number, b: number): number =>
    Math.hypot(...[0, 1, 2].map((k) => landmarks[3 * a + k] - landmarks[3 * b + k]))
  const of = LIDS[side]
  const mean = (distance: (points: (typeof of)[number]) => number): number =>
    of.reduce((sum, points) => sum + distance(points) / of.length, 0)
  return { open: mean(([rim, , below]) => apart(rim, below)), above: mean(([rim, above]) => apart(rim, above)) }
}

/** 0..1: how much of a movement of the upper lid there is room for. @param shown the lid before it @param raised the lid at its end */
export function roomAbove(shown: Lid, raised: Lid): number {
  const used = shown.above - raised.above
  return used <= 0 ? 1 : Math.min(1, Math.max(0, (shown.above - LEAST_LID) / used))
}

/** 0 for shut lids, 1 for open ones. */
export function openness({ open }: Lid): number {
  return smoothstep(SHUT[0], SHUT[1], open)
}

/** How far mouth and eyes of a posed head are open: what shows, and where skin is stretched, depends on it. */
import { type ContourName, contoursOn } from '../head/contours.js'
import type { HeadModel } from '../stages.js'

/** Lips nearer than this show a dark line between them and no more, metres. */
const SHUT = 0.0025

export interface Posture {
  /** Whether the mouth shows what is inside. */
  mouthOpen: boolean
  /** Largest height of the opening between the lids as a share of the eye's length; 0 and below: shut. */
  rightLids: number
  leftLids: number
}

/** @param positions of the model's vertices, posed */
export function postureOf(model: HeadModel, positions: Float32Array): Posture {
  const contours = contoursOn(model, positions)
  const heights = (upper: ContourName, lower: ContourName): number[] =>
    contours[upper].slice(1, -1).map((p, i) => p[1] - contours[lower][i + 1][1])
  const lids = (upper: ContourName, lower: ContourName): number => {
    const [a, b] = [contours[upper][0], contours[upper][contours[upper].length - 1]]
    return Math.max(...heights(upper, lower)) / Math.hypot(...a.map((x, k) => x - b[k]))
  }
  return {
    mouthOpen: Math.max(...heights('lipsUpper', 'lipsLower')) > SHUT,
    rightLids: lids('rightUpper', 'rightLower'),
    leftLids: lids('leftUpper', 'leftLower'),
  }
}

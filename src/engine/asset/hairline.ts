/**
 * Where hair grows on a head: places of the skull as seen from its middle, by azimuth and elevation, and the line over which they are hairy.
 * Nothing here knows a model's vertices: landmarks and the head frame (origin between the ears, at the height of the eyes) are enough.
 */
import { smoothstep } from '../geometry/smoothstep.js'

type Point = readonly [number, number, number]

/** Metres of a head whose chin is so far below its eyes: the skull's middle. */
const CHIN = 0.112
const MIDDLE: Point = [0, 0.015, 0.005]
/** MediaPipe's landmarks of the left side that the line passes, and by how much, metres: brow over nose, temple, before the ear. */
const FRONT: readonly { landmark: number; off: Point }[] = [
  { landmark: 10, off: [0, 0.013, -0.001] },
  { landmark: 297, off: [0.004, 0.019, -0.001] },
  { landmark: 332, off: [0.004, 0.022, -0.004] },
  { landmark: 284, off: [0.004, 0.008, -0.012] },
  { landmark: 251, off: [0.002, -0.001, -0.004] },
  { landmark: 389, off: [0.001, -0.01, 0.001] },
  { landmark: 454, off: [0, 0.001, 0.002] },
  { landmark: 454, off: [0.001, -0.003, -0.01] },
]
const CHIN_LANDMARK = 152
/** Behind the ear and round to the nape, metres of a head whose chin is CHIN below the eyes. */
const BACK: readonly Point[] = [
  [0.07, -0.036, -0.014],
  [0.057, -0.053, -0.033],
  [0.03, -0.06, -0.062],
  [0, -0.062, -0.075],
]
/** On a bald crown hair ends upwards: azimuth and elevation of where, degrees. */
const CROWN: readonly (readonly [number, number])[] = [
  [0, -20],
  [55, 12],
  [75, 30],
  [110, 36],
  [180, 40],
]
/** Corners are rounded over so many degrees. */
const ROUND = 3
/** Degrees of azimuth to either side. */
export const HALF = 180

/** Places of points of the mean head. */
export interface SkullPlaces {
  /** [n] degrees, 0 in front, positive to the subject's left */
  azimuth: Float32Array
  /** [n] degrees over the horizontal */
  elevation: Float32Array
  /** [n] metres from the skull's middle */
  radius: Float32Array
}

/** An elevation for each azimuth from -180 to 180 degrees. */
export type SkullLine = Float32Array

export interface Skull {
  places: SkullPlaces
  /** Over which hair grows by nature, and over which none does on a bald crown. */
  natural: SkullLine
  crown: SkullLine
}

const DEGREE = Math.PI / 180

/** @param mean [vertices, 3] the model's mean head @param landmarks [478, 3] on it */
export function skullOf(mean: Float32Array, landmarks: ArrayLike<number>): Skull {
  const at = (row: number, k: number): number => landmarks[3 * row + k]
  const scale = -at(CHIN_LANDMARK, 1) / CHIN
  const middle = MIDDLE.map((m) => m * scale) as unknown as Point
  const place = (p: Point): [number, number] => {
    const [x, y, z] = [0, 1, 2].map((k) => p[k] - middle[k])
    return [Math.atan2(x, z) / DEGREE, Math.atan2(y, Math.hypot(x, z)) / DEGREE]
  }
  const points = [
    ...FRONT.map(({ landmark, off }) => [0, 1, 2].map((k) => at(landmark, k) + scale * off[k]) as unknown as Point),
    ...BACK.map((p) => p.map((c) => scale * c) as unknown as Point),
  ]
  const n = mean.length / 3
  const places = { azimuth: new Float32Array(n), elevation: new Float32Array(n), radius: new Float32Array(n) }
  for (let v = 0; v < n; v++) {
    const x = mean[3 * v] - middle[0]
    const y = mean[3 * v + 1] - middle[1]
    const z = mean[3 * v + 2] - middle[2]
    places.azimuth[v] = Math.atan2(x, z) / DEGREE
    places.elevation[v] = Math.atan2(y, Math.hypot(x, z)) / DEGREE
    places.radius[v] = Math.hypot(x, y, z)
  }
  return { places, natural: mirroredLine(points.map(place)), crown: mirroredLine(CROWN) }
}

/** The line through corners of rising azimuth, rounded, the same on both sides. */
function mirroredLine(corners: readonly (readonly [number, number])[]): SkullLine {
  const raw = Float32Array.from({ length: HALF + 1 }, (_, a) => {
    const next = Math.max(
      1,
      corners.findIndex(([azimuth]) => azimuth >= a),
    )
    const [from, to] = [corners[next - 1], corners[next]]
    return from[1] + Math.min(1, Math.max(0, (a - from[0]) / Math.max(1e-6, to[0] - from[0]))) * (to[1] - from[1])
  })
  const half = raw.map((_, a) => {
    let [sum, total] = [0, 0]
    for (let k = -3 * ROUND; k <= 3 * ROUND; k++) {
      const weight = Math.exp(-0.5 * (k / ROUND) ** 2)
      const b = Math.abs(a + k)
      sum += weight * raw[b > HALF ? 2 * HALF - b : b]
      total += weight
    }
    return sum / total
  })
  return Float32Array.from({ length: 2 * HALF + 1 }, (_, i) => half[Math.abs(i - HALF)])
}

/** The line's elevation at an azimuth, degrees. */
export function lineAt(line: ArrayLike<number>, azimuth: number): number {
  const a = Math.min(2 * HALF, Math.max(0, azimuth + HALF))
  const low = Math.min(2 * HALF - 1, Math.floor(a))
  return line[low] + (a - low) * (line[low + 1] - line[low])
}

/** How far a place lies over a line, metres; negative below it. */
export function over(line: SkullLine, azimuth: number, elevation: number, radius: number): number {
  const here = lineAt(line, azimuth)
  // where the line is steep, its nearest point is not straight below
  const slope = lineAt(line, azimuth + 1) - lineAt(line, azimuth - 1)
  const steep = slope / (2 * Math.cos(Math.min(80, Math.max(-80, here)) * DEGREE))
  return (radius * (elevation - here) * DEGREE) / Math.sqrt(1 + steep * steep)
}

/** 1 below the line where hair ends on a bald crown, 0 above. */
export function belowCrown({ crown }: Skull, azimuth: number, elevation: number): number {
  const here = lineAt(crown, azimuth)
  return smoothstep(here + 6, here - 6, elevation)
}

/**
 * The iris network (MediaPipe, Ablavatski et al. 2020): lids and irises at the resolution of a crop around each eye.
 *
 * The mesh network leaves closed eyes open by half and cannot see the iris; this one puts the lids where they are. Its lid
 * contour replaces the mesh's, its points around the eye and on the brow are averaged with the mesh's (between two views of
 * a scan they agree better than either network's alone).
 */
import type { GraphProgram } from '../compute/tfjs.js'
import { type PhotoPyramid, patchToPhoto, type Square, samplePatch } from './patch.js'
import {
  IRIS_NET_LIDS,
  IRIS_NET_TO_RIGHT_EYE,
  LEFT_EYE_INNER,
  LEFT_EYE_OUTER,
  LEFT_IRIS,
  MIRROR_478,
  RIGHT_EYE_INNER,
  RIGHT_EYE_OUTER,
  RIGHT_IRIS,
} from './topology.js'

const INPUT = 64
const EYE_POINTS = 71
/**
 * The crops that the result is averaged over: side in eye widths, turn in radians. MediaPipe's single crop of 2.3 is a
 * little tight where the mesh's eye corners lie too far in, as they do on closed eyes.
 */
const CROPS: ReadonlyArray<readonly [number, number]> = [
  [2.35, 0],
  [2.65, 0.06],
  [2.65, -0.06],
  [3, 0],
]
/** Share of the iris network in the points around the eye. */
const AROUND = 0.5

/**
 * Refines both eyes of a face in place.
 * @param points [478, 2] photo pixels; the mesh's 468 are given, the irises (468..477) are written
 */
export function refineEyes(network: GraphProgram, pyramid: PhotoPyramid, points: Float64Array): void {
  for (const mirrored of [false, true]) {
    const crops = CROPS.map(([scale, turn]) => {
      const square = eyeSquare(points, mirrored, scale, turn)
      // The network knows right eyes; a left eye is shown to it in the mirror.
      const patch = samplePatch(pyramid, square, INPUT, { scale: 1 / 255, offset: 0, mirrored })
      return patchToPhoto(network.run(patch)[0], 3, square, INPUT, mirrored)
    })
    const mean = crops[0].map((_, k) => crops.reduce((sum, crop) => sum + crop[k], 0) / crops.length)
    const write = (point: number, row: number, share: number): void => {
      for (const k of [0, 1]) points[2 * point + k] += share * (mean[2 * row + k] - points[2 * point + k])
    }
    IRIS_NET_TO_RIGHT_EYE.forEach((right, i) => {
      write(mirrored ? MIRROR_478[right] : right, i, i < IRIS_NET_LIDS ? 1 : AROUND)
    })
    // In the mirror the ring's right and left edge change places: MIRROR_478 puts them back.
    RIGHT_IRIS.forEach((right, i) => {
      write(mirrored ? MIRROR_478[right] : right, EYE_POINTS + i, 1)
    })
  }
}

/** Square about an eye, its x axis along the line of the eye's corners. */
function eyeSquare(points: Float64Array, left: boolean, scale: number, turn: number): Square {
  const [a, b] = left ? [LEFT_EYE_INNER, LEFT_EYE_OUTER] : [RIGHT_EYE_OUTER, RIGHT_EYE_INNER]
  const dx = points[2 * b] - points[2 * a]
  const dy = points[2 * b + 1] - points[2 * a + 1]
  return {
    cx: (points[2 * a] + points[2 * b]) / 2,
    cy: (points[2 * a + 1] + points[2 * b + 1]) / 2,
    side: Math.hypot(dx, dy) * scale,
    angle: Math.atan2(dy, dx) + turn,
  }
}

/**
 * Irises where only the mesh's 468 points are known: a circle in the middle of the eye opening, of the usual share of the
 * eye's width (iris 11.7 mm, eye 28 mm). A stand-in, good for layout but not for the direction of gaze.
 */
export function deriveIrises(points: Float64Array): void {
  for (const left of [false, true]) {
    const square = eyeSquare(points, left, 11.7 / 28, 0)
    const radius = square.side / 2
    const [cos, sin] = [Math.cos(square.angle) * radius, Math.sin(square.angle) * radius]
    const ring = [
      [0, 0],
      [cos, sin],
      [sin, -cos],
      [-cos, -sin],
      [-sin, cos],
    ] // prettier-ignore
    ring.forEach(([x, y], i) => {
      const point = (left ? LEFT_IRIS : RIGHT_IRIS)[i]
      points[2 * point] = square.cx + x
      points[2 * point + 1] = square.cy + y
    })
  }
}

/** Landmarks given by the user in place of detection. */
import { SiderError } from '../errors.js'
import type { Face, Photo } from '../stages.js'
import { boundingBox } from './box.js'
import { deriveIrises } from './eyes.js'

const MESH = 468

/** How far outside the photo, in photo sizes, a landmark may lie: the hidden side of a cut face may, a wrong unit may not. */
const OUTSIDE = 0.25

/**
 * Reads landmarks from parsed JSON: [[x, y], ...], [x, y, x, y, ...], [{"x": ..., "y": ...}, ...], or an object that holds one
 * of these as "points" or "landmarks". Units are photo pixels. 68 points are iBUG's, 478 MediaPipe's; of 468 (MediaPipe
 * without irises) the irises are derived. A third coordinate is ignored.
 * @throws SiderError LANDMARKS_INVALID, naming the first landmark that is wrong
 */
export function readLandmarks(json: unknown, photo: Pick<Photo, 'width' | 'height'>): Face {
  const list = pointList(json)
  const flat = list.length > 0 && list.every((value) => typeof value === 'number' || value === null)
  if (flat && list.length % 2 !== 0) throw invalid(`there are ${list.length} numbers, which are not pairs of x and y`)
  const count = flat ? list.length / 2 : list.length
  if (count !== 68 && count !== MESH && count !== 478) {
    throw invalid(`there are ${count} landmarks; wanted are 68, ${MESH} or 478`, { count })
  }
  const points = new Float64Array((count === MESH ? 478 : count) * 2)
  for (let i = 0; i < count; i++) {
    const [x, y] = flat ? [list[2 * i], list[2 * i + 1]] : coordinates(list[i], i)
    if (typeof x !== 'number' || typeof y !== 'number' || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw invalid(`landmark ${i} is (${x}, ${y}), which are not two finite numbers`, { index: i })
    }
    const [w, h] = [photo.width, photo.height]
    if (x < -OUTSIDE * w || y < -OUTSIDE * h || x > (1 + OUTSIDE) * w || y > (1 + OUTSIDE) * h) {
      throw invalid(`landmark ${i} at (${x}, ${y}) lies outside the photo of ${w}x${h} pixels`, { index: i, x, y })
    }
    points[2 * i] = x
    points[2 * i + 1] = y
  }
  if (count === MESH) deriveIrises(points)
  const box = boundingBox(points)
  if (Math.max(box.width, box.height) < 2) {
    throw invalid(
      Math.max(Math.abs(box.x), Math.abs(box.y)) <= 2
        ? 'the landmarks lie within two pixels: they seem to be shares of the photo (0 to 1), not pixels'
        : 'the landmarks all lie at one place',
    )
  }
  return { box, landmarks: { layout: count === 68 ? 68 : 478, points }, score: 1 }
}

/** The list of points in the accepted wrappings. */
function pointList(json: unknown): unknown[] {
  let list = json
  for (const key of ['landmarks', 'points', 'landmarks', 'points']) {
    if (list !== null && typeof list === 'object' && !Array.isArray(list) && key in list) {
      list = (list as Record<string, unknown>)[key]
    }
  }
  if (!Array.isArray(list)) throw invalid('the landmarks are not a list of points')
  return list
}

function coordinates(point: unknown, index: number): unknown[] {
  if (Array.isArray(point) && point.length >= 2) return point
  if (point !== null && typeof point === 'object' && 'x' in point && 'y' in point) return [point.x, point.y]
  throw invalid(`landmark ${index} is ${JSON.stringify(point)}, not [x, y]`, { index })
}

function invalid(message: string, data: Record<string, unknown> = {}): SiderError {
  return new SiderError('LANDMARKS_INVALID', message, {
    stage: 'landmarks',
    hint: 'Give 68 (iBUG) or 478 (MediaPipe) points as [[x, y], ...] in photo pixels, origin at the upper left.',
    data,
  })
}

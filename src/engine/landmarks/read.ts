/** Landmarks given by the user in place of detection. */
import { SiderError } from '../errors.js'
import type { Face } from '../stages.js'
import { boundingBox } from './detect.js'

function invalid(message: string, data: Record<string, unknown> = {}): SiderError {
  return new SiderError('LANDMARKS_INVALID', message, {
    stage: 'landmarks',
    hint: 'Give 68 (iBUG) or 478 (MediaPipe) points as [[x, y], ...] in photo pixels, origin at the upper left.',
    data,
  })
}

/**
 * Reads 68 or 478 points from parsed JSON: [[x, y], ...], [x, y, x, y, ...], or {"points": ...} / {"landmarks": ...} of these.
 * A third coordinate is ignored.
 * @throws SiderError LANDMARKS_INVALID
 */
export function readLandmarks(json: unknown, photo: { width: number; height: number }): Face {
  let list: unknown = json
  for (const key of ['points', 'landmarks']) {
    if (list !== null && typeof list === 'object' && !Array.isArray(list) && key in list)
      list = (list as Record<string, unknown>)[key]
  }
  if (!Array.isArray(list)) throw invalid('the landmarks are not a list of points')
  const flat = list.every((value) => !Array.isArray(value))
  const count = flat ? list.length / 2 : list.length
  if (count !== 68 && count !== 478) throw invalid(`there are ${count} landmarks, not 68 or 478`, { count })
  const points = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    const [x, y] = flat ? [list[2 * i], list[2 * i + 1]] : (list[i] as unknown[])
    if (typeof x !== 'number' || typeof y !== 'number' || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw invalid(`landmark ${i} is (${x}, ${y}), which are not two finite numbers`, { index: i })
    }
    if (x < -photo.width || y < -photo.height || x > 2 * photo.width || y > 2 * photo.height) {
      throw invalid(
        `landmark ${i} at (${x}, ${y}) lies far outside the photo of ${photo.width} x ${photo.height} pixels`,
        { index: i },
      )
    }
    points.set([x, y], 2 * i)
  }
  return { box: boundingBox(points), landmarks: { layout: count, points }, score: 1 }
}

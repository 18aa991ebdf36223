/** Seven landmarks of the NoW benchmark, from MeshLab's picked points (.pp), text (.txt) or NumPy (.npy) files. */
import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { numbersIn, readNpy } from '../formats/npy.js'
import { invalidFile, readBytes, type Side } from '../formats/read-mesh.js'
import { contoursOfPoints, type FoundOpenings } from './expression.js'
import { readJson } from './truth.js'

/**
 * iBUG-68 indices of NoW's landmarks: outer and inner corner of the right eye, inner and outer corner of the left, bottom of the
 * nose, right and left corner of the mouth.
 */
export const NOW_FROM_68 = [36, 39, 42, 45, 33, 48, 54]

/** Endings of landmark files, in the order in which they are looked for. */
export const LANDMARK_ENDINGS = ['.npy', '.txt', '.pp']

/**
 * Reads seven points.
 * @returns [7, 3] in the file's unit
 * @throws SiderError of the given side: missing, damaged, not seven finite points
 */
export async function readSevenLandmarks(path: string, side: Side): Promise<Float64Array> {
  const bytes = await readBytes(path, side)
  const text = (): string => new TextDecoder('latin1').decode(bytes)
  let points: Float64Array
  try {
    if (extname(path) === '.pp') points = pickedPoints(text())
    else if (extname(path) === '.npy') points = Float64Array.from(numbersIn(readNpy(bytes)).data)
    else {
      const words = text().split(/[\s,;]+/)
      points = Float64Array.from(words.filter((word) => word !== '').map(Number))
    }
  } catch (cause) {
    throw invalidFile(side, path, (cause as Error).message, cause)
  }
  if (points.length !== 21 || !points.every(Number.isFinite))
    throw invalidFile(side, path, `seven points of three finite numbers are needed, not ${points.length} numbers`)
  return points
}

/** The points of MeshLab's XML, in the file's order. */
function pickedPoints(xml: string): Float64Array {
  const tags = xml.match(/<point\s[^>]*>/g) ?? []
  return Float64Array.from(
    tags.flatMap((tag) =>
      ['x', 'y', 'z'].map((axis) =>
        Number(new RegExp(`\\s${axis}\\s*=\\s*["']([^"']*)["']`).exec(tag)?.[1] ?? Number.NaN),
      ),
    ),
  )
}

/** What a reconstruction's `landmarks.json` says. */
export interface ResultLandmarks extends FoundOpenings {
  /** [7, 3] NoW's seven of the 68 points. */
  seven: Float64Array
}

/**
 * The points on the fitted head in a reconstruction's `landmarks.json`; undefined where the file is not there.
 * @throws SiderError RESULT_INVALID
 */
export async function landmarksOfResult(path: string): Promise<ResultLandmarks | undefined> {
  if (!existsSync(path)) return undefined
  const json = (await readJson(path, 'RESULT_INVALID')) as {
    points3d?: number[][]
    contours3d?: FoundOpenings['contours']
  }
  const rows = json?.points3d
  if (!Array.isArray(rows) || rows.length !== 68 || !rows.every((p) => p.length === 3 && p.every(Number.isFinite)))
    throw invalidFile('RESULT_INVALID', path, 'points3d with 68 points [x, y, z] is needed')
  const points = Float64Array.from(rows.flat())
  return {
    points,
    contours: json.contours3d ?? contoursOfPoints(points),
    seven: Float64Array.from(NOW_FROM_68.flatMap((i) => rows[i])),
  }
}

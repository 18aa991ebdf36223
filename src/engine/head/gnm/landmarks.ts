/**
 * iBUG's 68 points on GNM. google/GNM has them beside the model, in gnm/shape/data/landmarks/head_sparse_68.txt: a line for each point,
 * `vertex weight vertex weight vertex weight` (gnm_landmarks.py).
 */
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { invalidHead } from '../../formats/pickle-values.js'
import { submesh } from '../../geometry/mesh.js'
import type { LandmarkEmbedding } from '../../stages.js'
import { embeddedPoint } from '../embedding.js'
import { embedOn } from '../place-landmarks.js'
import type { GnmLandmarks } from './data.js'
import { type Piece, rowsOf } from './pieces.js'

export const LANDMARK_FILE = 'head_sparse_68.txt'
const HINT = `Use the unchanged ${LANDMARK_FILE} of google/GNM, or remove it.`
/** The file has 2 KiB. */
const MAX_BYTES = 1 << 20
/** Jaw points that early versions of the file list backwards (google/GNM#75). */
const [FIRST, LAST] = [2, 6]
const JAW = 17

/** Reads the landmark file beside a model; undefined where there is none. @throws SiderError HEAD_INVALID */
export async function landmarksBeside(model: string): Promise<GnmLandmarks | undefined> {
  const path = join(dirname(model), LANDMARK_FILE)
  const info = await stat(path).catch(() => undefined)
  if (!info?.isFile()) return undefined
  if (info.size > MAX_BYTES) throw invalidHead(path, 'it is too long', HINT)
  const rows = (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number))
  if (rows.length !== 68 || !rows.every((row) => row.length === 6 && row.every(Number.isFinite)))
    throw invalidHead(path, 'not 68 lines of three vertices and their weights', HINT)
  const column = (first: number): number[] => rows.flatMap((row) => [row[first], row[first + 2], row[first + 4]])
  return { vertices: column(0), weights: column(1) }
}

/** A point further than this from the head's skin is none of its landmarks, metres. */
const OFF_SKIN = 0.01

/**
 * Embeds the points: each on a triangle of its heaviest vertex, so that a point of one lip never gets onto the other. Where that
 * vertex is not of the head (the inner lips' points may be of the mouth's lining) it is on one of the nearest vertex.
 *
 * @param path the file that the points are from
 * @throws SiderError HEAD_INVALID where a point does not lie on the head
 */
export function embedLandmarks(
  { vertices, weights }: GnmLandmarks,
  template: Float32Array,
  head: Piece,
  path: string,
): LandmarkEmbedding {
  const number = new Map(Array.from(head.vertices, (v, i) => [v, i]))
  const mesh = { positions: rowsOf(head, template), indices: head.indices }
  const away = (v: number, point: number[]): number => Math.hypot(...point.map((x, k) => x - mesh.positions[3 * v + k]))
  const nearest = (point: number[]): number =>
    Array.from(head.vertices.keys()).reduce((best, v) => (away(v, point) < away(best, point) ? v : best))
  const triangles = new Uint32Array(68)
  const barycentric = new Float32Array(3 * 68)
  for (let i = 0; i < 68; i++) {
    const corners = [0, 1, 2].map((c) => [vertices[3 * i + c], weights[3 * i + c]])
    const sum = corners.reduce((total, [, w]) => total + w, 0)
    const point = [0, 1, 2].map((k) => corners.reduce((x, [v, w]) => x + (w / sum) * template[3 * v + k], 0))
    const [heaviest] = corners.reduce((best, next) => (next[1] > best[1] ? next : best))
    const about = number.get(heaviest) ?? nearest(point)
    if (!(Math.abs(sum - 1) < 0.05 && away(about, point) < OFF_SKIN))
      throw invalidHead(path, `landmark ${i} does not lie on the head's skin`, HINT)
    const fan = submesh(
      mesh,
      Uint8Array.from(head.triangles, (_, t) => (mesh.indices.subarray(3 * t, 3 * t + 3).includes(about) ? 1 : 0)),
    )
    const place = embedOn(fan.mesh, fan.triangleMap, Float64Array.from(point))
    triangles[i] = place.triangles[0]
    barycentric.set(place.barycentric, 3 * i)
  }
  return jawInOrder({ triangles, barycentric }, mesh)
}

/** Turns the jaw points round that were listed backwards: in the right order the jaw line is shorter. */
function jawInOrder(
  embedding: LandmarkEmbedding,
  { positions, indices }: { positions: Float32Array; indices: Uint32Array },
): LandmarkEmbedding {
  const order = Array.from({ length: 68 }, (_, i) => i)
  const turned = order.map((i) => (i >= FIRST && i <= LAST ? FIRST + LAST - i : i))
  const length = (of: number[]): number => {
    const points = of.slice(0, JAW).map((i) => embeddedPoint(positions, indices, embedding, i))
    return points.slice(1).reduce((sum, p, i) => sum + Math.hypot(...p.map((x, k) => x - points[i][k])), 0)
  }
  const best = length(turned) < length(order) ? turned : order
  return {
    triangles: Uint32Array.from(best, (i) => embedding.triangles[i]),
    barycentric: Float32Array.from(best.flatMap((i) => [...embedding.barycentric.subarray(3 * i, 3 * i + 3)])),
  }
}

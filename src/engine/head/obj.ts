/** The parts of Wavefront OBJ that head models use: vertices, texture coordinates, polygons. */
import { invalidHead } from './pickle-values.js'

export interface ObjMesh {
  /** [vertices, 3] in the file's unit. */
  positions: Float64Array
  /** [uvVertices, 2], v upwards; empty without. */
  uv: Float64Array
  /** [triangles, 3]; polygons are fanned. */
  indices: Uint32Array
  /** [triangles, 3] into `uv`; empty unless every corner has one. */
  uvIndices: Uint32Array
}

/**
 * Parses OBJ text. Polygons become fans of triangles.
 * @throws SiderError HEAD_INVALID for numbers that are none and corners that do not exist
 */
export function parseObj(text: string, file: string): ObjMesh {
  const positions: number[] = []
  const uv: number[] = []
  const indices: number[] = []
  const uvIndices: number[] = []
  let textured = true
  const bad = (line: string): Error =>
    invalidHead(file, `the line "${line.slice(0, 80)}" is damaged`, 'Download the file again.')
  const numbers = (line: string, count: number): number[] => {
    const list = line
      .split(/\s+/)
      .slice(1, 1 + count)
      .map(Number)
    if (list.length < count || !list.every(Number.isFinite)) throw bad(line)
    return list
  }
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('v ')) positions.push(...numbers(line, 3))
    else if (line.startsWith('vt ')) uv.push(...numbers(line, 2))
    else if (line.startsWith('f ')) {
      const corners = line
        .split(/\s+/)
        .slice(1)
        .map((corner) => {
          const [v, t] = corner.split('/')
          return [resolve(Number(v), positions.length / 3), t ? resolve(Number(t), uv.length / 2) : -1]
        })
      if (corners.length < 3 || corners.some(([v]) => !(v >= 0 && v < positions.length / 3))) throw bad(line)
      if (corners.some(([, t]) => !(t >= 0 && t < uv.length / 2))) textured = false
      for (let i = 2; i < corners.length; i++)
        for (const [v, t] of [corners[0], corners[i - 1], corners[i]]) {
          indices.push(v)
          uvIndices.push(t)
        }
    }
  }
  return {
    positions: Float64Array.from(positions),
    uv: Float64Array.from(uv),
    indices: Uint32Array.from(indices),
    uvIndices: Uint32Array.from(textured ? uvIndices : []),
  }
}

/** Positions alone, [vertices, 3], several times faster: the shapes of a model share the polygons of its neutral mesh. */
export function parseObjPositions(text: string, file: string): Float64Array {
  const out: number[] = []
  for (let at = text.startsWith('v ') ? 0 : text.indexOf('\nv ') + 1; at >= 0 && text.startsWith('v ', at); ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? undefined : end)
    const [x, y, z] = line.split(/\s+/).slice(1).map(Number)
    if (!Number.isFinite(x + y + z))
      throw invalidHead(file, `the line "${line.slice(0, 80)}" is damaged`, 'Download the file again.')
    out.push(x, y, z)
    if (end < 0) break
    if (text.startsWith('v ', end + 1)) at = end + 1
    else {
      const next = text.indexOf('\nv ', end)
      at = next < 0 ? -1 : next + 1
    }
  }
  return Float64Array.from(out)
}

/** OBJ counts from one, and negative numbers from the end. */
const resolve = (n: number, count: number): number => (n < 0 ? count + n : n - 1)

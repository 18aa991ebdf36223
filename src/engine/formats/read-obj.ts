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

/**
 * Positions alone, [vertices, 3], from the file's bytes, ten times faster: the shapes of a model share the polygons of its
 * neutral mesh, and a model is a hundred and fifty such files.
 */
export function parseObjPositions(bytes: Uint8Array, file: string): Float64Array {
  const out: number[] = []
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf(10, at)
    if (end < 0) end = bytes.length
    // 'v' and a space or tab
    if (bytes[at] === 0x76 && (bytes[at + 1] === 0x20 || bytes[at + 1] === 9)) {
      let from = at + 2
      for (let axis = 0; axis < 3; axis++) {
        while (bytes[from] === 0x20 || bytes[from] === 9) from++
        const number = readDecimal(bytes, from, end)
        if (!Number.isFinite(number.value))
          throw invalidHead(file, `a damaged vertex line at byte ${at}`, 'Download the file again.')
        out.push(number.value)
        from = number.end
      }
    }
    at = end + 1
  }
  return Float64Array.from(out)
}

const POWERS = Array.from({ length: 23 }, (_, n) => 10 ** n)

/** A decimal number that starts at `from`; NaN where there is none. */
function readDecimal(bytes: Uint8Array, from: number, limit: number): { value: number; end: number } {
  let end = from
  while (end < limit && bytes[end] > 0x20) end++
  let i = from
  const negative = bytes[i] === 0x2d
  if (negative || bytes[i] === 0x2b) i++
  let digits = 0
  let mantissa = 0
  let decimals = 0
  let point = false
  for (; i < end; i++) {
    const digit = bytes[i] - 0x30
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit
      digits++
      if (point) decimals++
    } else if (bytes[i] === 0x2e && !point) point = true
    else break
  }
  // Exponents and long mantissas are rare: left to the language's own reader.
  if (i < end || digits === 0 || digits > 15) {
    const text = Buffer.from(bytes.subarray(from, end)).toString('latin1')
    return { value: text === '' ? Number.NaN : Number(text), end }
  }
  return { value: (negative ? -mantissa : mantissa) / POWERS[decimals], end }
}

/** OBJ counts from one, and negative numbers from the end. */
const resolve = (n: number, count: number): number => (n < 0 ? count + n : n - 1)

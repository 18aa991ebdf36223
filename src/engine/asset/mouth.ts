/** How the mouth behaves in shape keys: what the linear expression basis leaves out as it opens. */
import { HEAD_PARTS } from '../stages.js'

/** Columns in which the mouth's height is measured. */
const COLUMNS = 10
/** How far from the corners of the mouth, metres, and how much, as shares of the gap, they follow the jaw: in, down, back. */
const REACH = 0.011
const FOLLOW: readonly [number, number, number] = [0.14, 0.24, 0.06]

/** The sheet between the lips. */
export interface Mouth {
  sheet: Uint32Array
  /** [sheet] column of each vertex, from the subject's right to left. */
  column: Uint8Array
  /** The vertices at the corners of the mouth, right and left. */
  corners: [number, number]
}

/** Finds the mouth; undefined for models without a sheet between the lips. */
export function mouthOf(positions: Float32Array, parts: Uint8Array): Mouth | undefined {
  const sheet = Uint32Array.from(parts.keys()).filter((v) => parts[v] === HEAD_PARTS.mouth)
  if (sheet.length === 0) return undefined
  const x = (v: number): number => positions[3 * v]
  const right = sheet.reduce((a, b) => (x(b) < x(a) ? b : a))
  const left = sheet.reduce((a, b) => (x(b) > x(a) ? b : a))
  const width = Math.max(x(left) - x(right), 1e-9)
  const column = Uint8Array.from(sheet, (v) => Math.min(COLUMNS - 1, Math.floor(((x(v) - x(right)) / width) * COLUMNS)))
  return { sheet, column, corners: [right, left] }
}

/** How much further the lips are apart after `moves`, metres, in the mean over the mouth's width. */
export function mouthGap(mouth: Mouth, positions: Float32Array, moves: Float32Array): number {
  return height(mouth, (v) => positions[3 * v + 1] + moves[3 * v + 1]) - height(mouth, (v) => positions[3 * v + 1])
}

function height({ sheet, column }: Mouth, y: (v: number) => number): number {
  const low = new Float64Array(COLUMNS).fill(Number.POSITIVE_INFINITY)
  const high = new Float64Array(COLUMNS).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < sheet.length; i++) {
    low[column[i]] = Math.min(low[column[i]], y(sheet[i]))
    high[column[i]] = Math.max(high[column[i]], y(sheet[i]))
  }
  let [sum, count] = [0, 0]
  for (let c = 0; c < COLUMNS; c++) {
    if (high[c] < low[c]) continue
    sum += high[c] - low[c]
    count++
  }
  return sum / count
}

/** Lets the corners of the mouth follow the jaw by `gap` metres of opening: the basis leaves them up at the upper lip. */
export function followJaw(moves: Float32Array, positions: Float32Array, { corners }: Mouth, gap: number): void {
  for (const [side, corner] of corners.entries()) {
    const inwards = side === 0 ? 1 : -1
    const [x, y, z] = positions.subarray(3 * corner, 3 * corner + 3)
    for (let i = 0; i < positions.length; i += 3) {
      const square = (positions[i] - x) ** 2 + (positions[i + 1] - y) ** 2 + (positions[i + 2] - z) ** 2
      if (square > 12 * REACH ** 2) continue
      const near = gap * Math.exp(-square / (2 * REACH ** 2))
      moves[i] += inwards * FOLLOW[0] * near
      moves[i + 1] -= FOLLOW[1] * near
      moves[i + 2] -= FOLLOW[2] * near
    }
  }
}

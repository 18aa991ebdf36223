/** The texture of the mouth's inside: a disc for each tooth, bands for the gums, cells for tongue and lining. */

/** A cell of the texture: middle and half size; v downwards. */
export interface Cell {
  u: number
  v: number
  halfWidth: number
  halfHeight: number
}

const MARGIN = 0.004
/** Rows of seven teeth, from the subject's right to the left: the upper jaw's halves, then the lower jaw's. */
const TOOTH = 1 / 14
/** @param column 0 to 13 from the subject's right to the left */
export function toothCell(column: number, row: number): Cell {
  const half = TOOTH - MARGIN
  return {
    u: (2 * (column % 7) + 1) * TOOTH,
    v: (4 * row + 2 * Math.floor(column / 7) + 1) * TOOTH,
    halfWidth: half,
    halfHeight: half,
  }
}
const band = (left: number, right: number, top: number, bottom: number): Cell => ({
  u: (left + right) / 2,
  v: (top + bottom) / 2,
  halfWidth: (right - left) / 2 - MARGIN,
  halfHeight: (bottom - top) / 2 - MARGIN,
})
export const CELLS = {
  upper: band(0, 1, 8 * TOOTH, 0.7),
  lower: band(0, 1, 0.7, 0.8),
  tongue: band(0, 0.3, 0.8, 1),
  lining: band(0.3, 1, 0.8, 1),
}

/** Coordinates of -1..1 in a cell. */
export const inCell = (uv: number[][], { u, v, halfWidth, halfHeight }: Cell): number[][] =>
  uv.map(([x, y]) => [u + halfWidth * x, v + halfHeight * y])

/** Texture coordinates stretched to -1..1, turned downwards. */
export function spread(uv: number[][]): number[][] {
  const [low, high] = [Math.min, Math.max].map((of) => [0, 1].map((k) => uv.reduce((m, p) => of(m, p[k]), uv[0][k])))
  return uv.map((p) => [0, 1].map((k) => (k === 0 ? 1 : -1) * ((2 * (p[k] - low[k])) / (high[k] - low[k]) - 1)))
}

/** The picture of the hairs on cards: a few in each cell, from their roots at the lower edge to their tips; what is between them is clear. */
import { Rng } from '../geometry/rng.js'

/** Pixels. */
const CELL_WIDTH = 128
const HEIGHT = 512
const CELLS = { lash: 5, brow: 3 } as const
const COUNT = CELLS.lash + CELLS.brow
const SEED = 11
/** Parts of a pixel that are looked at across a hair's edge. */
const SOFT = 0.8
/** Cells keep this share of their width free at each side, so that none shows its neighbour's hairs. */
const MARGIN = 0.08

interface Kind {
  /** Hairs of a cell. */
  hairs: number
  /** Half of a hair's width at its root, share of the cell's. */
  thick: number
  /** How far hairs of a cell lean together at their tips, and how much they bend, shares of the cell's width. */
  gather: number
  bend: number
  /** Lengths, shares of the cell's height. */
  shortest: number
}

const KINDS: Record<keyof typeof CELLS, Kind> = {
  lash: { hairs: 3, thick: 0.042, gather: 0.75, bend: 0.12, shortest: 0.72 },
  brow: { hairs: 8, thick: 0.033, gather: 0.35, bend: 0.1, shortest: 0.6 },
}

/** Texture coordinates of a cell (glTF's: v downwards). */
export interface Cell {
  left: number
  right: number
  top: number
  bottom: number
}

/** The cells with hairs of a kind. */
export function cellsOf(kind: keyof typeof CELLS): Cell[] {
  const first = kind === 'lash' ? 0 : CELLS.lash
  return Array.from({ length: CELLS[kind] }, (_, i) => ({
    left: (first + i) / COUNT,
    right: (first + i + 1) / COUNT,
    top: 0,
    bottom: 1,
  }))
}

/** sRGB 0..1 of the hairs of each kind. */
export type HairColours = Record<keyof typeof CELLS, readonly number[]>

export interface HairTexture {
  width: number
  height: number
  /** [height, width, 4] sRGB and alpha */
  data: Uint8Array
}

/** Paints all cells. Clear pixels have the hairs' colour: no other shines in at the edges. */
export function paintHair(colours: HairColours): HairTexture {
  const width = COUNT * CELL_WIDTH
  const data = new Uint8Array(4 * width * HEIGHT)
  const rng = new Rng(SEED)
  let cell = 0
  for (const kind of ['lash', 'brow'] as const)
    for (let i = 0; i < CELLS[kind]; i++, cell++)
      paintCell({ data, width, x0: cell * CELL_WIDTH }, KINDS[kind], colours[kind], rng)
  return { width, height: HEIGHT, data }
}

function paintCell(
  { data, width, x0 }: { data: Uint8Array; width: number; x0: number },
  { hairs, thick, gather, bend, shortest }: Kind,
  colour: readonly number[],
  rng: Rng,
): void {
  const alpha = new Float32Array(CELL_WIDTH * HEIGHT)
  const shade = new Float32Array(CELL_WIDTH * HEIGHT)
  const meeting = 0.5 + rng.uniform(-0.15, 0.15)
  for (let h = 0; h < hairs; h++) {
    const root = MARGIN + ((h + 0.5 + rng.uniform(-0.3, 0.3)) / hairs) * (1 - 2 * MARGIN)
    const tip = root + (gather + rng.uniform(-0.2, 0.2)) * (meeting - root)
    const bow = rng.uniform(-bend, bend)
    const length = h === hairs >> 1 ? 1 : rng.uniform(shortest, 1)
    const tone = rng.uniform(0.85, 1.15)
    for (let y = 0; y < HEIGHT; y++) {
      const t = (HEIGHT - 0.5 - y) / HEIGHT / (0.98 * length)
      if (t > 1) continue
      const middle = CELL_WIDTH * clamp(root + t * (tip - root) + 4 * bow * t * (1 - t), MARGIN, 1 - MARGIN)
      // thickest a little over the root, then thinner and thinner
      const half = CELL_WIDTH * thick * (0.75 + 0.25 * Math.min(1, 8 * t)) * (1 - t ** 1.6)
      for (let x = Math.max(0, Math.floor(middle - half - 2)); x < Math.min(CELL_WIDTH, middle + half + 2); x++) {
        const cover =
          clamp((half + SOFT / 2 - Math.abs(x + 0.5 - middle)) / SOFT, 0, 1) * Math.min(1, half / SOFT + 0.15)
        const i = y * CELL_WIDTH + x
        if (cover <= alpha[i]) continue
        alpha[i] = cover
        shade[i] = tone * (1 + 0.25 * t)
      }
    }
  }
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < CELL_WIDTH; x++) {
      const i = y * CELL_WIDTH + x
      const o = 4 * (y * width + x0 + x)
      for (let k = 0; k < 3; k++) data[o + k] = Math.round(255 * clamp(colour[k] * (shade[i] || 1), 0, 1))
      data[o + 3] = Math.round(255 * alpha[i])
    }
}

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x))

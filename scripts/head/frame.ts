/**
 * MakeHuman's axes and units (decimetres, +Y up, +Z out of the face, +X to the subject's left) become the head frame: metres,
 * same axes, origin on the symmetry plane, level with the average head's eyeball centres and 84 mm behind them, which is
 * between the ears.
 */
import type { Source } from './source.js'

/**
 * MakeHuman's decimetres in metres. Its average face is some five per cent smaller than measured faces (eyes 58 mm apart,
 * nasion to chin 111 mm, against 62 and 117 mm), so a decimetre is taken for a little more than one.
 */
export const DECIMETRE = 0.105

/** Vertices of the eyeballs in the base mesh. */
export const EYEBALLS = { left: [14598, 14670], right: [14670, 14742] } as const
/** Decimetres from the eyeballs' centres back to the origin. */
const EYE_DEPTH = 0.8

export const RACES = ['african', 'asian', 'caucasian'] as const
export const SEXES = ['male', 'female'] as const

/** The average young adult, decimetres: MakeHuman's base mesh is not yet a person, its macro targets make it one. */
export function averageAdult(source: Source): Float64Array {
  const positions = source.positions.slice()
  const add = (name: string, weight: number): void => {
    const t = source.target(name)
    for (let i = 0; i < positions.length; i++) positions[i] += t[i] * weight
  }
  for (const race of RACES) for (const sex of SEXES) add(`macrodetails/${race}-${sex}-young`, 1 / 6)
  for (const sex of SEXES) add(`macrodetails/universal-${sex}-young-averagemuscle-averageweight`, 1 / 2)
  return positions
}

/** Origin of the head frame for a head in decimetres. */
export function headOrigin(head: Float64Array): number[] {
  const [first, end] = [EYEBALLS.left[0], EYEBALLS.right[1]]
  let [y, z] = [0, 0]
  for (let v = first; v < end; v++) {
    y += head[3 * v + 1] / (end - first)
    z += head[3 * v + 2] / (end - first)
  }
  return [0, y, z - EYE_DEPTH]
}

/** Decimetres → head frame metres; `unit` 0.1 gives MakeHuman's own size. */
export const toHead = (positions: Float64Array, origin: number[], unit = DECIMETRE): Float64Array =>
  Float64Array.from(positions, (v, i) => (v - origin[i % 3]) * unit)

/** The mirrored vertex of each vertex of the (symmetric) base mesh; -1 where there is none. */
export function mirrorMap(positions: Float64Array, tolerance = 2e-3): Int32Array {
  const cell = (x: number, y: number, z: number): string => [x, y, z].map((c) => Math.round(c / tolerance)).join()
  const grid = new Map<string, number[]>()
  const n = positions.length / 3
  for (let i = 0; i < n; i++) {
    const k = cell(positions[3 * i], positions[3 * i + 1], positions[3 * i + 2])
    grid.set(k, [...(grid.get(k) ?? []), i])
  }
  const out = new Int32Array(n).fill(-1)
  const steps = [-tolerance, 0, tolerance]
  for (let i = 0; i < n; i++) {
    const [x, y, z] = [-positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]]
    let best = tolerance
    for (const a of steps)
      for (const b of steps)
        for (const c of steps)
          for (const j of grid.get(cell(x + a, y + b, z + c)) ?? []) {
            const d = Math.hypot(positions[3 * j] - x, positions[3 * j + 1] - y, positions[3 * j + 2] - z)
            if (d < best) {
              best = d
              out[i] = j
            }
          }
  }
  return out
}

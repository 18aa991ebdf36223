/** What stands about the head: a plain shirt, and a blurred room behind. */
import { boundaryLoops } from '../geometry/mesh.js'
import { noise, octaves } from '../geometry/noise.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Mesh } from '../stages.js'
import type { FineHead } from './head-mesh.js'
import type { PhotoPlan } from './plan.js'

const AROUND = 220
const RINGS = 80

export interface Neck {
  halfWidth: number
  front: number
  back: number
  /** Highest places of the edge where the head's mesh ends, before and behind. */
  topFront: number
  topBack: number
}

/** The neck's outline near the edge where the mesh ends. */
export function neckOf({ mesh, canonical }: FineHead): Neck {
  const edge = boundaryLoops(mesh)
    .flatMap((loop) => Array.from(loop))
    // The other borders are those of lids, eyeballs and gums.
    .filter((v) => canonical[3 * v + 1] < -0.11)
    .map((v) => mesh.positions.subarray(3 * v, 3 * v + 3))
  const middle = edge.reduce((sum, [, , z]) => sum + z / edge.length, 0)
  const highest = (inFront: boolean): number =>
    Math.max(...edge.filter(([, , z]) => z > middle === inFront).map(([, y]) => y))
  const neck: Neck = { halfWidth: 0, front: -1, back: 1, topFront: highest(true), topBack: highest(false) }
  const top = Math.max(neck.topFront, neck.topBack)
  for (let i = 0; i < mesh.positions.length; i += 3) {
    const [x, y, z] = mesh.positions.subarray(i, i + 3)
    if (y > top + 0.003 || z > 0.04) continue
    neck.halfWidth = Math.max(neck.halfWidth, Math.abs(x))
    neck.front = Math.max(neck.front, z)
    neck.back = Math.min(neck.back, z)
  }
  return neck
}

/** A round collar and shoulders below the neck. Head frame, metres. */
export function shirt(neck: Neck, seed: number): Mesh {
  const positions = new Float32Array(AROUND * RINGS * 3)
  const indices: number[] = []
  const middle = (neck.front + neck.back) / 2
  const depth = (neck.front - neck.back) / 2
  for (let j = 0; j < RINGS; j++) {
    const s = j / (RINGS - 1)
    for (let i = 0; i < AROUND; i++) {
      const a = (2 * Math.PI * i) / AROUND
      const [across, along] = [Math.sin(a), Math.cos(a)]
      // The collar stands up a little, then the cloth falls to the shoulders and over them.
      const collar = smoothstep(0.07, 0, s)
      const width = neck.halfWidth + 0.006 - 0.003 * collar + 0.235 * s ** 0.95
      const thick = depth + 0.006 - 0.003 * collar + 0.055 * s ** 0.6
      const fall = 0.012 * s + 0.05 * s ** 2 + 0.2 * smoothstep(0.6, 1.25, s) ** 1.5 + 0.16 * s * along * along
      const folds = 0.0028 * smoothstep(0.05, 0.4, s) * octaves(across * 5, along * 5, s * 6, seed, 3)
      const rim = neck.topBack + (neck.topFront - neck.topBack) * smoothstep(-0.6, 0.9, along)
      const o = 3 * (j * AROUND + i)
      positions[o] = across * (width + folds)
      positions[o + 1] = rim + 0.003 + 0.008 * collar - fall + folds
      positions[o + 2] = middle + along * (thick + folds)
      if (j + 1 === RINGS) continue
      const next = j * AROUND + ((i + 1) % AROUND)
      const here = j * AROUND + i
      indices.push(here, here + AROUND, next, next, here + AROUND, next + AROUND)
    }
  }
  return { positions, indices: Uint32Array.from(indices) }
}

/** Albedo of the cloth at a point: threads and uneven dye. */
export function cloth([x, y, z]: Float64Array, [r, g, b]: readonly number[], seed: number, out: number[]): void {
  const weave =
    1 +
    0.18 * noise(x / 0.0007, y / 0.0012, z / 0.0007, seed) +
    0.05 * octaves(x / 0.02, y / 0.02, z / 0.02, seed + 1, 3)
  out[0] = r * weave
  out[1] = g * weave
  out[2] = b * weave
}

/** The room behind, out of focus: linear RGB at a place in the picture (0..1). */
export function backdrop(x: number, y: number, { background }: PhotoPlan, out: number[]): void {
  const { colours, seed } = background
  const s = seed & 0xffff
  const a = smoothstep(-0.45, 0.45, noise(x * 1.7, y * 1.7, 0.3, s) + 0.25 * noise(x * 4.5, y * 4.5, 0.6, s + 1))
  const b = smoothstep(-0.1, 0.5, noise(x * 2.3 + 7, y * 1.9, 0.8, s + 2) + 0.3 * noise(x * 6, y * 5, 0.1, s + 3))
  const light = 1.15 - 0.35 * y
  for (let c = 0; c < 3; c++) {
    const base = colours[0][c] + a * (colours[1][c] - colours[0][c])
    out[c] = light * (base + b * (colours[2][c] - base))
  }
}

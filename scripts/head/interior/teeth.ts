/**
 * The 28 teeth as surfaces of their own, in anatomical sizes: each is a stack of cross-sections from a stump of the root to the
 * incisal edge or the cusps. Local axes: m along the arch (away from the midline), f outwards (towards lips and cheeks), h from
 * the neck to the edge; millimetres.
 */
import { DENTAL_ARCHES, type Frame, type Jaw, placed } from './arch.js'

/** Crown of a tooth: sizes in mm, and shape. */
export interface ToothShape {
  /** Mesiodistal width, faciolingual depth, height of the crown. */
  width: number
  depth: number
  height: number
  /** Width at the neck as a share of the crown's. */
  neck: number
  /** How far the edge falls off from the tip to the sides, as a share of the height: canines have a point. */
  point: number
  /** Degrees by which the crown leans outwards (lips, cheeks), and its root away from the midline. */
  lean: number
  tip: number
  /** Cusps of premolars and molars: place as shares of the half width and half depth, and height in mm over the fossa. */
  cusps?: readonly (readonly [m: number, f: number, height: number])[]
}

/** From the midline backwards. */
export const TEETH: Record<Jaw, readonly ToothShape[]> = {
  upper: [
    { width: 8.5, depth: 7, height: 10.5, neck: 0.74, point: 0.015, lean: 13, tip: 2 },
    { width: 6.6, depth: 6.2, height: 9.2, neck: 0.7, point: 0.03, lean: 11, tip: 5 },
    { width: 7.6, depth: 8, height: 10.2, neck: 0.74, point: 0.2, lean: 4, tip: 7 },
    { width: 7, depth: 9, height: 8.6, neck: 0.72, point: 0, lean: -3, tip: 3, cusps: [[0, 0.62, 2.4], [0, -0.6, 1.7]] },
    { width: 6.9, depth: 9, height: 8.2, neck: 0.74, point: 0, lean: -4, tip: 3, cusps: [[0, 0.6, 2.1], [0, -0.58, 1.9]] },
    { width: 10, depth: 11, height: 7.8, neck: 0.8, point: 0, lean: -7, tip: 0, cusps: [[-0.5, 0.62, 2.2], [0.45, 0.6, 2], [-0.42, -0.6, 2.3], [0.52, -0.56, 1.4]] },
    { width: 9.2, depth: 10.6, height: 7.2, neck: 0.8, point: 0, lean: -8, tip: 0, cusps: [[-0.5, 0.62, 2], [0.42, 0.58, 1.7], [-0.4, -0.6, 2], [0.5, -0.5, 1]] },
  ],
  lower: [
    { width: 5.2, depth: 6, height: 9, neck: 0.68, point: 0.005, lean: 6, tip: 0 },
    { width: 5.8, depth: 6.3, height: 9.3, neck: 0.68, point: 0.02, lean: 5, tip: 1 },
    { width: 6.9, depth: 7.6, height: 10.5, neck: 0.72, point: 0.17, lean: 1, tip: 4 },
    { width: 7, depth: 7.7, height: 8.8, neck: 0.7, point: 0, lean: -9, tip: 4, cusps: [[0, 0.5, 2.4], [-0.1, -0.6, 0.9]] },
    { width: 7.1, depth: 8, height: 8.2, neck: 0.72, point: 0, lean: -11, tip: 4, cusps: [[0, 0.55, 2], [-0.35, -0.58, 1.5], [0.4, -0.58, 1.2]] },
    { width: 11, depth: 10.4, height: 7.6, neck: 0.8, point: 0, lean: -15, tip: 5, cusps: [[-0.6, 0.6, 2], [0.06, 0.62, 1.9], [0.66, 0.45, 1.3], [-0.48, -0.6, 2.1], [0.42, -0.6, 1.9]] },
    { width: 10.4, depth: 10, height: 7, neck: 0.8, point: 0, lean: -18, tip: 6, cusps: [[-0.48, 0.6, 1.9], [0.45, 0.58, 1.7], [-0.48, -0.6, 1.9], [0.45, -0.58, 1.6]] },
  ],
} // biome-ignore format: a row a tooth

/** Vertices around a tooth. */
const AROUND = 14
/** Levels of the cross-sections as shares of the crown's height; below 0 lies the root, inside the gum. */
const LEVELS = [-0.38, -0.2, -0.04, 0.1, 0.26, 0.44, 0.62, 0.78, 0.91, 1]
/** Rings of the chewing surface, and of an incisal edge, as shares of the last cross-section. */
const TABLE = [0.8, 0.56, 0.32, 0.12]
const EDGE = [0.62]

export interface Surface {
  /** Head frame, metres. */
  points: number[][]
  triangles: number[][]
  /** Of a tooth: in a disc of radius 1 about (0, 0), the edge in the middle, the root at the rim. */
  uv: number[][]
  uvTriangles: number[][]
}

/** A tooth of the mean head's subject's left (`side` 1) or right (-1). `number` 0 is next to the midline. */
export function tooth(jaw: Jaw, number: number, side: 1 | -1): Surface {
  const shape = TEETH[jaw][number]
  const frame = toothFrame(jaw, number)
  const local = shape.cusps ? posterior(shape, shape.cusps) : anterior(shape, jaw)
  const rings = local.map((ring) => ring.map((p) => placed(frame, leaning(shape, p), shape.height)))
  const points = [...rings.flat()]
  const triangles: number[][] = []
  const at = (ring: number, j: number): number => ring * AROUND + (j % AROUND)
  for (let r = 0; r + 1 < rings.length; r++)
    for (let j = 0; j < AROUND; j++)
      triangles.push([at(r, j), at(r, j + 1), at(r + 1, j + 1)], [at(r, j), at(r + 1, j + 1), at(r + 1, j)])
  const middleOf = (ring: number[][]): number[] => [0, 1, 2].map((k) => ring.reduce((sum, p) => sum + p[k] / AROUND, 0))
  const [edge, root] = [rings[rings.length - 1], rings[0]].map((ring) => points.push(middleOf(ring)) - 1)
  for (let j = 0; j < AROUND; j++) triangles.push([at(rings.length - 1, j), at(rings.length - 1, j + 1), edge])
  const uvTriangles = triangles.slice()
  const uv = [...discUv(rings), [0, 0]]
  // The root's end is cut open along the disc's rim.
  for (let j = 0; j < AROUND; j++) {
    triangles.push([at(0, j + 1), at(0, j), root])
    uvTriangles.push([at(0, j + 1), at(0, j), uv.push(onDisc(1, j + 0.5)) - 1])
  }
  const mirrored = points.map(([x, y, z]) => [side * x, y, z])
  const inverted = volume(mirrored, triangles) < 0
  const turned = (list: number[][]): number[][] => (inverted ? list.map(([a, b, c]) => [a, c, b]) : list)
  return { points: mirrored, triangles: turned(triangles), uv, uvTriangles: turned(uvTriangles) }
}

/** Six times the volume of a closed surface; negative where its triangles face inwards. */
function volume(points: number[][], triangles: number[][]): number {
  let sum = 0
  for (const [a, b, c] of triangles.map((t) => t.map((v) => points[v])))
    sum += a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
  return sum
}

/** Where a tooth's edge stands on its arch, on the subject's left. */
export function toothFrame(jaw: Jaw, number: number): Frame {
  const before = TEETH[jaw].slice(0, number).reduce((sum, { width }) => sum + width, 0)
  return DENTAL_ARCHES[jaw].at(before + TEETH[jaw][number].width / 2)
}

/** A point of a tooth that leans, its edge staying in place. */
export function leaning({ height, lean, tip }: ToothShape, [m, f, h]: readonly number[]): [number, number, number] {
  const [a, b] = [lean, tip].map((degrees) => (degrees * Math.PI) / 180)
  const below = height - h
  const out = f * Math.cos(a) - below * Math.sin(a)
  const down = f * Math.sin(a) + below * Math.cos(a)
  return [m * Math.cos(b) + down * Math.sin(b), out, height - (down * Math.cos(b) - m * Math.sin(b))]
}

/** Smooth interpolation of values at given places. */
function profile(stops: readonly (readonly [at: number, value: number])[]): (t: number) => number {
  return (t) => {
    let i = 1
    while (i + 1 < stops.length && stops[i][0] < t) i++
    const [[a, x], [b, y]] = [stops[i - 1], stops[i]]
    const s = Math.max(0, Math.min(1, (t - a) / (b - a)))
    return x + (y - x) * s * s * (3 - 2 * s)
  }
}

/** A closed curve between ellipse (`square` 2) and rectangle (large). */
function section(width: number, out: number, inward: number, square: number): [number, number][] {
  const middle = (out - inward) / 2
  const thick = (out + inward) / 2
  return Array.from({ length: AROUND }, (_, j) => {
    const a = (2 * Math.PI * j) / AROUND
    const [c, s] = [Math.cos(a), Math.sin(a)]
    const round = (x: number): number => Math.sign(x) * Math.abs(x) ** (2 / square)
    return [width * round(c), middle + thick * round(s)]
  })
}

/** Incisors and canines: convex outside, hollow behind, a thin edge. */
function anterior({ width, depth, height, neck, point }: ToothShape, jaw: Jaw): number[][][] {
  const half = width / 2
  const wide = profile([
    [-0.4, neck * 0.85],
    [0, neck],
    [0.45, 0.94],
    [0.74, 1.015],
    [0.94, 0.98],
    [1, 0.93],
  ])
  const out = profile([
    [-0.4, 0.4],
    [0, 0.45],
    [0.2, 0.5],
    [0.55, 0.42],
    [0.85, 0.27],
    [1, 0.15],
  ])
  const inward = profile([
    [-0.4, 0.4],
    [0, 0.47],
    [0.18, 0.5],
    [0.45, 0.3],
    [0.75, 0.08],
    [1, 0.03],
  ])
  const square = profile([
    [-0.4, 2],
    [0, 2.1],
    [0.6, 2.7],
    [1, 3.2],
  ])
  const curl = 1 / (2 * (jaw === 'upper' ? 14 : 12))
  const at = (t: number, shrink: number, rise: number): number[][] =>
    section(half * wide(t), depth * out(t), depth * inward(t), square(t)).map(([m, f], _, ring) => {
      const middle = (ring.reduce((s, p) => Math.max(s, p[1]), -9) + ring.reduce((s, p) => Math.min(s, p[1]), 9)) / 2
      const [u, v] = [m * (1 - 0.28 * (1 - shrink)), middle + (f - middle) * shrink]
      // The edge is highest in the middle, and its far corner is rounder than the near one.
      const fall = (point * (Math.abs(u) / half) ** 1.2 + 0.012 * Math.max(0, u / half) ** 2) * Math.max(0, t) ** 2
      return [u, v - curl * u * u, height * (t - fall) + rise]
    })
  return [...LEVELS.map((t) => at(t, 1, 0)), ...EDGE.map((shrink) => at(1, shrink, 0.22))]
}

/** Premolars and molars: cusps about a fossa. */
function posterior(
  { width, depth, height, neck }: ToothShape,
  cusps: readonly (readonly [number, number, number])[],
): number[][][] {
  const wide = profile([
    [-0.4, neck * 0.9],
    [0, neck],
    [0.45, 0.98],
    [0.65, 1.02],
    [1, 0.86],
  ])
  const out = profile([
    [-0.4, 0.4],
    [0, 0.44],
    [0.25, 0.5],
    [0.6, 0.45],
    [1, 0.3],
  ])
  const inward = profile([
    [-0.4, 0.4],
    [0, 0.43],
    [0.35, 0.5],
    [0.65, 0.47],
    [1, 0.32],
  ])
  const square = profile([
    [-0.4, 2.2],
    [0, 2.4],
    [0.6, 2.9],
    [1, 2.7],
  ])
  const table = { m: (width / 2) * wide(1), f: (depth * (out(1) + inward(1))) / 2 }
  const middle = (depth * (out(1) - inward(1))) / 2
  const tallest = Math.max(...cusps.map(([, , z]) => z))
  /** Height of the chewing surface over its lowest place. */
  const relief = (m: number, f: number): number => {
    const [u, v] = [m / table.m, (f - middle) / table.f]
    let top = 0
    for (const [cu, cv, z] of cusps) {
      const d = ((u - cu) / 0.62) ** 2 + ((v - cv * 1.25) / 0.62) ** 2
      top = Math.max(top, z * Math.exp(-0.9 * d))
    }
    // The ridges at the near and the far side close the fossa.
    return Math.max(top, 0.85 * smooth(0.6, 1, Math.abs(u)))
  }
  const at = (t: number, shrink: number): number[][] =>
    section((width / 2) * wide(t), depth * out(t), depth * inward(t), square(t)).map(([m, f]) => {
      const [u, v] = [m * shrink, middle * (1 - shrink) + f * shrink]
      return [u, v, (height - tallest) * t + relief(u, v) * smooth(0.55, 1, t)]
    })
  return [...LEVELS.map((t) => at(t, 1)), ...TABLE.map((shrink) => at(1, shrink))]
}

const smooth = (low: number, high: number, x: number): number => {
  const s = Math.max(0, Math.min(1, (x - low) / (high - low)))
  return s * s * (3 - 2 * s)
}

/** Rings laid out in a disc by their way along the surface from the edge. */
function discUv(rings: number[][][]): number[][] {
  const way = new Array<number>(rings.length).fill(0)
  for (let r = rings.length - 2; r >= 0; r--) {
    const step = rings[r].map((p, j) => Math.hypot(...p.map((x, k) => x - rings[r + 1][j][k])))
    way[r] = way[r + 1] + step.reduce((a, b) => a + b, 0) / AROUND
  }
  const inner = 0.1
  return rings.flatMap((ring, r) =>
    ring.map((_, j) => {
      return onDisc(0.94 * (inner + ((1 - inner) * way[r]) / way[0]), j)
    }),
  )
}

function onDisc(radius: number, j: number): [number, number] {
  const a = (2 * Math.PI * j) / AROUND
  return [radius * Math.cos(a), radius * Math.sin(a)]
}

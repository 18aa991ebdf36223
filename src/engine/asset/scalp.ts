/**
 * Where the head has hair and of what colour, as the photo shows it. The photo's own hairline is followed wherever it shows one, on both
 * sides where it shows one side; a fringe hides it: there, behind and below it is as hairlines usually are.
 */
import { cropCamera } from '../geometry/camera.js'
import { octaves } from '../geometry/noise.js'
import { interpolate, type Raster, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import { type Camera, type Crop, HEAD_PARTS, type Mesh } from '../stages.js'
import { task } from '../threads/task.js'
import { belowCrown, HALF, lineAt, over, type Skull, type SkullLine, skullOf } from './hairline.js'

/** Bins of azimuth in which the hairline is looked for, degrees, out to so far from the front. */
const BIN = 5
const WIDEST = 70
/** Steps over the usual hairline, metres, and how many of them below and above it are looked at. */
const STEP = 0.003
const BELOW = 9
const ABOVE = 27
/** Hair so many steps below the usual line and lower hangs there. */
const HANGING = 5
/** Least hair, as a share of the pixels, that tells anything. */
const LEAST = 0.4
/** Hair stands off the skull: its pixels beyond the head's outline count up to so far, share of the crop. */
const BEYOND = 0.05
/** A line that is moved by this much counts like one wrong step. */
const RELUCTANT = 0.08
/** Bare so far behind the usual line, metres: to there a forehead may go; from there on the crown is bald. */
const BALD = [0.018, 0.036] as const
/** Steps that a bare forehead is taken to go on where the photo no longer shows it. */
const ON = 2
/** Pixels of hair that a photo must show, share of the crop's; and of what is on the skull, how much must be hair, not a hat. */
const ENOUGH = 0.003
const MOSTLY = 0.5
/** Degrees over which the found line is smoothed and carried to its neighbours. */
const SMOOTH = 9
/** Hair is this sure, after a blur of so much of the crop. */
const SURE = 0.8
const EDGE = 0.006
/** Of hair's pixels by brightness, those without its highlights and its shade. */
const PLAIN = [0.35, 0.7] as const
/** Hair grows thicker over so much behind its line, metres: in front, and at the nape. */
const FRINGE = 0.011
const NAPE = 0.022
/** Hairlines are ragged: sizes and strengths, metres. */
const RAGGED = [
  [0.006, 0.003],
  [0.025, 0.004],
] as const
/** So far from ears hair begins, and is as elsewhere, metres: before and behind them. */
const BEFORE_EARS = [0.001, 0.004] as const
const BEHIND_EARS = [0.0015, 0.006] as const

/** What the photo shows of hair; arrays are [size, size] of the crop, 0..1. */
export interface HairLabels {
  hair: Float32Array
  /** Hair, beards, glasses, hats and so on. */
  cover: Float32Array
  skin: Float32Array
  /** 1 where the photo shows nothing. */
  spoilt: Float32Array
}

export interface HairScene extends HairLabels {
  camera: Camera
  crop: Crop
  /** The head as it is in the photo. */
  mesh: Mesh
  /** [vertices] HEAD_PARTS */
  parts: Uint8Array
  /** [vertices, 3] the model's mean head, and [478, 3] landmarks on it. */
  mean: Float32Array
  landmarks: ArrayLike<number>
  /** [size, size, 3] sRGB 0..1 of the crop. */
  image: Float32Array
}

export interface Scalp {
  /** [vertices] 0..1 how densely hair grows. */
  cover: Float32Array
  /** sRGB 0..1, in the photo's light. */
  colour: [number, number, number]
}

/** What each pixel shows of the skull; -1e3 metres where it shows none. */
interface Seen {
  azimuth: Float32Array
  depth: Float32Array
  elevation: Float32Array
}

/** Finds the hair; undefined where the photo shows none, or too little to tell. */
export function findScalp(scene: HairScene): Scalp | undefined {
  const { mesh, parts, mean } = scene
  const skull = skullOf(mean, scene.landmarks)
  const seen = skullPixels(scene, skull)
  const colour = hairColour(scene, seen)
  if (!colour) return undefined
  const { back, bald } = hairlineOf(scene, seen)
  const { azimuth, elevation, radius } = skull.places
  const ears = earGap({ positions: mean, indices: mesh.indices }, parts)
  const cover = new Float32Array(parts.length)
  for (let v = 0; v < cover.length; v++) {
    if (parts[v] === HEAD_PARTS.eyeball || parts[v] === HEAD_PARTS.mouth || parts[v] === HEAD_PARTS.ear) continue
    const a = azimuth[v]
    const depth = over(skull.natural, a, elevation[v], radius[v]) - lineAt(back, a)
    const soft = FRINGE + (NAPE - FRINGE) * smoothstep(80, 130, Math.abs(a))
    if (depth < -soft) continue
    const behind = smoothstep(76, 92, Math.abs(a))
    const [near, far] = BEFORE_EARS.map((e, k) => e + behind * (BEHIND_EARS[k] - e))
    const grown = smoothstep(-0.25 * soft, soft, depth + ragged(mean, v)) * smoothstep(near, far, ears[v])
    cover[v] = grown * (1 - bald + bald * belowCrown(skull, a, elevation[v]))
  }
  return { cover, colour }
}

export const FIND_SCALP = task(import.meta.url, findScalp)

/** How much sooner or later hair begins at a place, metres. */
function ragged(mean: Float32Array, v: number): number {
  const [x, y, z] = mean.subarray(3 * v, 3 * v + 3)
  return RAGGED.reduce((sum, [size, by], i) => sum + by * octaves(x / size, y / size, z / size, 71 + i, 2), 0)
}

/** [vertices] metres to the foot of an ear, Infinity where it is far. */
function earGap({ positions: p, indices }: Mesh, parts: Uint8Array): Float32Array {
  const isEar = (corner: number): boolean => parts[indices[corner]] === HEAD_PARTS.ear
  const foot = new Set<number>()
  for (let t = 0; t < indices.length; t += 3) {
    const ears = Number(isEar(t)) + Number(isEar(t + 1)) + Number(isEar(t + 2))
    if (ears === 1 || ears === 2) for (let c = t; c < t + 3; c++) if (isEar(c)) foot.add(3 * indices[c])
  }
  const feet = Uint32Array.from(foot)
  const [, far] = BEHIND_EARS
  const [heights, depths] = [1, 2].map((k) => Array.from(feet, (w) => p[w + k]))
  const [bottom, top] = [Math.min(...heights) - far, Math.max(...heights) + far]
  const [back, front] = [Math.min(...depths) - far, Math.max(...depths) + far]
  const gap = new Float32Array(parts.length).fill(Number.POSITIVE_INFINITY)
  for (let v = 0; v < gap.length; v++) {
    const [x, y, z] = [p[3 * v], p[3 * v + 1], p[3 * v + 2]]
    if (y < bottom || y > top || z < back || z > front) continue
    let least = Number.POSITIVE_INFINITY
    for (const w of feet) least = Math.min(least, (p[w] - x) ** 2 + (p[w + 1] - y) ** 2 + (p[w + 2] - z) ** 2)
    gap[v] = Math.sqrt(least)
  }
  return gap
}

/** Looks at each pixel of the head, and at those beyond its outline, where hair stands off the skull. */
function skullPixels({ mesh, camera, crop }: HairScene, { places, natural }: Skull): Seen {
  const { size } = crop
  const raster: Raster = rasterize(mesh, cropCamera(camera, crop))
  const vertexDepth = places.azimuth.map((a, v) => over(natural, a, places.elevation[v], places.radius[v]))
  const on = (values: Float32Array): Float32Array => interpolate(raster, mesh.indices, values, 1, -1e3)
  const seen = { azimuth: on(places.azimuth), depth: on(vertexDepth), elevation: on(places.elevation) }
  // the outline of the skull grows pixel by pixel
  const pixel = 0.23 / size
  let border: number[] = []
  for (let i = 0; i < seen.depth.length; i++) if (seen.depth[i] > -0.03) border.push(i)
  for (let round = 0; round < BEYOND * size; round++) {
    const next: number[] = []
    for (const i of border)
      for (const j of [i - 1, i + 1, i - size, i + size]) {
        if (j < 0 || j >= size * size || Math.abs((j % size) - (i % size)) > 1 || raster.triangle[j] >= 0) continue
        if (seen.depth[j] > -1e3) continue
        seen.azimuth[j] = seen.azimuth[i]
        seen.elevation[j] = seen.elevation[i]
        seen.depth[j] = seen.depth[i] + pixel
        next.push(j)
      }
    border = next
  }
  return seen
}

/** sRGB of plain hair on the skull and close about it; undefined where there is too little of it. */
function hairColour(
  { hair, cover, spoilt, image, crop: { size } }: HairScene,
  { depth, elevation }: Seen,
): Scalp['colour'] | undefined {
  const sure = gaussianBlur(hair, size, size, 1, EDGE * size)
  const found: number[] = []
  let other = 0
  for (let i = 0; i < depth.length; i++) {
    if (depth[i] === -1e3 || spoilt[i] > 0.5 || elevation[i] < -15) continue
    if (sure[i] > SURE) found.push(i)
    if (depth[i] > STEP) other += Math.max(0, cover[i] - hair[i])
  }
  const count = found.length
  if (count < ENOUGH * size * size || count < (MOSTLY / (1 - MOSTLY)) * other) return undefined
  found.sort((a, b) => brightness(image, 3 * a) - brightness(image, 3 * b))
  const plain = found.slice(Math.floor(PLAIN[0] * count), Math.ceil(PLAIN[1] * count))
  return [0, 1, 2].map((k) => plain.reduce((sum, i) => sum + image[3 * i + k] / plain.length, 0)) as Scalp['colour']
}

interface FoundLine {
  /** Metres, by azimuth, by which it lies behind the usual line. */
  back: SkullLine
  /** 0..1 how surely the crown is bald. */
  bald: number
}

/** Looks in each bin of azimuth for the step over the usual line at which skin gives way to hair. */
function hairlineOf({ hair, cover, skin, spoilt }: HairLabels, { azimuth, depth }: Seen): FoundLine {
  const bins = (2 * WIDEST) / BIN
  const steps = BELOW + ABOVE
  const sums = new Float32Array(bins * steps)
  const counts = new Float32Array(bins * steps)
  for (let i = 0; i < depth.length; i++) {
    const bin = Math.floor((azimuth[i] + WIDEST) / BIN)
    const step = Math.floor(depth[i] / STEP) + BELOW
    if (bin < 0 || bin >= bins || step < 0 || step >= steps || spoilt[i] > 0.5) continue
    // behind a hat or glasses there may be either; beyond the outline there is hair or none
    const known = 1 - Math.max(0, cover[i] - hair[i])
    sums[bin * steps + step] += known * (hair[i] / Math.max(hair[i] + skin[i], 0.3))
    counts[bin * steps + step] += known
  }
  const found = Array.from({ length: bins }, (_, bin) =>
    changeOf(sums.subarray(bin * steps, (bin + 1) * steps), counts.subarray(bin * steps, (bin + 1) * steps)),
  )
  const known = found.map((one, bin) => one ?? found[bins - 1 - bin])
  const front = known.filter((one, bin) => one && Math.abs((bin + 0.5) * BIN - WIDEST) < 35)
  const bald =
    front.reduce((sum, one) => sum + (one!.bare ? smoothstep(BALD[0], BALD[1], one!.last) : 0), 0) /
    Math.max(1, front.length)
  const back = Float32Array.from({ length: 2 * HALF + 1 }, (_, i) => {
    // weak knowledge that it is as usual, strong where the photo no longer shows it
    let [sum, total] = [0, 0.05 + 4 * smoothstep(WIDEST - 15, WIDEST + 5, Math.abs(i - HALF))]
    for (let bin = 0; bin < bins; bin++) {
      const one = known[bin]
      if (!one) continue
      const weight = Math.exp(-0.5 * (((bin + 0.5) * BIN - WIDEST - (i - HALF)) / SMOOTH) ** 2)
      sum += weight * one.back
      total += weight
    }
    return sum / total
  })
  return { back, bald: smoothstep(0.4, 0.8, bald) }
}

interface Change {
  /** Metres behind the usual line. */
  back: number
  /** Whether no hair was seen, and up to where. */
  bare: boolean
  last: number
}

/** The step from which on there is hair; undefined where too little is seen, or hair hangs over it. */
function changeOf(sums: Float32Array, counts: Float32Array): Change | undefined {
  const share = Array.from(sums, (sum, s) => (counts[s] > LEAST ? sum / counts[s] : Number.NaN))
  const seen = share.flatMap((h, s) => (Number.isNaN(h) ? [] : [s]))
  const hanging = seen.filter((s) => s < BELOW - HANGING).map((s) => share[s])
  if (seen.length < 6 || hanging.length === 0 || hanging.reduce((a, b) => a + b, 0) > 0.35 * hanging.length)
    return undefined
  const last = seen[seen.length - 1]
  let [best, least] = [0, Number.POSITIVE_INFINITY]
  for (let s = 0; s <= last + 1; s++) {
    let cost = RELUCTANT * Math.abs(s - BELOW)
    for (const t of seen) cost += t < s ? share[t] : 1 - share[t]
    if (cost < least) [best, least] = [s, cost]
  }
  const bare = best > last
  // that nothing is seen from the usual line on says nothing
  if (bare && last < BELOW - 1) return undefined
  return { back: (best - BELOW + (bare ? ON : 0)) * STEP, bare, last: (last - BELOW) * STEP }
}

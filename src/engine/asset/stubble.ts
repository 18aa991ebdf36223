/**
 * Close-cropped hair on the scalp: a tint of what is too fine for the texture, roots and the skin's shade between the hairs, and over it single hairs of a
 * millimetre, each drawn on the triangle that it grows from. Their places, sizes and the way they lean are the head's, in metres, so no seam
 * of the texture shows; each is as dark in all as its size says however few texels it has, so no texture is too coarse for it.
 */
import type { Raster } from '../geometry/rasterize.js'
import { Rng } from '../geometry/rng.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { brightness } from '../image/colors.js'
import type { Mesh } from '../stages.js'
import { dot } from './cards.js'
import type { PaintMesh } from './compose.js'

/** How much of the skin cropped hair hides in the tint, where it is dense. */
const TINT = 0.46
/** Hairs to a square metre, their length and width, metres; how much of what is behind a hair it hides. */
const DENSITY = 1e6
const LENGTH = 0.0014
const WIDTH = 0.00013
const OPAQUE = 0.75
/** How far hairs lean this way and that, radians. */
const ASTRAY = 0.5
/** Where the hair's whorl is on the mean head, metres: hairs lean away from it. */
const WHORL = [0.008, 0.095, -0.06] as const
/** Hairs shade one another; short ones look no brighter than this times the skin, or they would look like powder. */
const SHADED = 0.85
const BRIGHTEST = 1.3
/** Texels over which a hair's edge is soft. */
const SOFT = 0.7
const SEED = 23
/** Believed by so much, the photo is left as it is. */
const SEEN = [0.5, 0.95] as const
/** Cover over this hides the skin's own grain. */
const DENSE = 0.95

interface Grown {
  /** [vertices] how densely, 0..1, after what the photo shows of bare skin. */
  cover: Float32Array
  colour: readonly number[]
}

/** Hair where the photo does not show bare skin. @param seen [vertices] how far it is believed */
export const grownWhere = (cover: Float32Array, seen: ArrayLike<number>): Float32Array =>
  cover.map((c, v) => c * (1 - smoothstep(SEEN[0], SEEN[1], seen[v])))

/** [triangles] 1 where it is dense. */
export const denseOn = ({ indices }: Pick<Mesh, 'indices'>, cover: Float32Array): Uint8Array =>
  Uint8Array.from({ length: indices.length / 3 }, (_, t) =>
    Number(Math.min(cover[indices[3 * t]], cover[indices[3 * t + 1]], cover[indices[3 * t + 2]]) > DENSE),
  )

/**
 * Paints it into the albedo, in place, and takes from `observed`, in place, what it hides.
 * @param observed [texels]
 */
export function growStubble(
  head: Pick<PaintMesh, 'mesh' | 'uv' | 'uvIndices' | 'removed'>,
  { raster, size }: { raster: Raster; size: number },
  { cover, colour }: Grown,
  albedo: Float32Array,
  observed: Float32Array,
): void {
  const { indices } = head.mesh
  const { triangle, barycentric } = raster
  const grows = head.removed.map((removed, t) =>
    !removed && cover[indices[3 * t]] + cover[indices[3 * t + 1]] + cover[indices[3 * t + 2]] > 0 ? 1 : 0,
  )
  const hairy = new Float32Array(triangle.length)
  const skin = [0, 0, 0]
  let count = 0
  for (let i = 0; i < triangle.length; i++) {
    const t = triangle[i]
    if (t < 0 || !grows[t]) continue
    const o = 3 * i
    hairy[i] =
      barycentric[o] * cover[indices[3 * t]] +
      barycentric[o + 1] * cover[indices[3 * t + 1]] +
      barycentric[o + 2] * cover[indices[3 * t + 2]]
    if (hairy[i] < 0.5) continue
    for (let k = 0; k < 3; k++) skin[k] += albedo[o + k]
    count++
  }
  const hair = shortHair(colour, count > 0 ? skin.map((s) => s / count) : colour)
  for (let i = 0; i < hairy.length; i++) {
    if (hairy[i] === 0) continue
    observed[i] *= 1 - hairy[i]
    const tint = TINT * hairy[i]
    for (let o = 3 * i, k = 0; k < 3; o++, k++) albedo[o] += tint * (hair[k] - albedo[o])
  }
  drawHairs(head, size, cover, hair, albedo)
}

/** The colour of hair cut short on this skin. */
function shortHair(colour: readonly number[], skin: readonly number[]): number[] {
  const scale = Math.min(SHADED, (BRIGHTEST * brightness(skin)) / Math.max(brightness(colour), 1e-6))
  return colour.map((c) => scale * c)
}

/** Draws each hair as a line from its root, soft by a texel. */
function drawHairs(
  { mesh, uv, uvIndices, removed }: Pick<PaintMesh, 'mesh' | 'uv' | 'uvIndices' | 'removed'>,
  size: number,
  cover: Float32Array,
  hair: readonly number[],
  albedo: Float32Array,
): void {
  const { positions: p, indices } = mesh
  const rng = new Rng(SEED)
  const e = new Float64Array(3)
  const f = new Float64Array(3)
  const lean = new Float64Array(3)
  for (let t = 0; t < removed.length; t++) {
    const a = indices[3 * t]
    const b = indices[3 * t + 1]
    const c = indices[3 * t + 2]
    const grown = (cover[a] + cover[b] + cover[c]) / 3
    if (grown < 0.01 || removed[t]) continue
    for (let k = 0; k < 3; k++) {
      e[k] = p[3 * b + k] - p[3 * a + k]
      f[k] = p[3 * c + k] - p[3 * a + k]
      lean[k] = p[3 * a + k] - WHORL[k]
    }
    const ee = dot(e, e)
    const ef = dot(e, f)
    const ff = dot(f, f)
    const square = ee * ff - ef * ef
    if (!(square > 0)) continue
    const wanted = (DENSITY * grown * Math.sqrt(square)) / 2
    const hairs = Math.floor(wanted + rng.uniform())
    if (hairs === 0) continue
    const ua = 2 * uvIndices[3 * t]
    const ub = 2 * uvIndices[3 * t + 1]
    const uc = 2 * uvIndices[3 * t + 2]
    const x0 = uv[ua] * size
    const y0 = uv[ua + 1] * size
    const ex = uv[ub] * size - x0
    const ey = uv[ub + 1] * size - y0
    const fx = uv[uc] * size - x0
    const fy = uv[uc + 1] * size - y0
    // along the skin, in shares of the triangle's two edges
    const le = dot(lean, e)
    const lf = dot(lean, f)
    const s0 = (ff * le - ef * lf) / square
    const t0 = (ee * lf - ef * le) / square
    const straight = Math.sqrt(s0 * s0 * ee + 2 * s0 * t0 * ef + t0 * t0 * ff) || 1
    // the direction at a right angle to it on the skin
    const area = Math.sqrt(square)
    const s1 = -(s0 * ef + t0 * ff) / area
    const t1 = (s0 * ee + t0 * ef) / area
    const texels = Math.abs(ex * fy - ey * fx) / area
    for (let h = 0; h < hairs; h++) {
      let u = rng.uniform()
      let v = rng.uniform()
      if (u + v > 1) [u, v] = [1 - u, 1 - v]
      const turn = ASTRAY * (rng.uniform() + rng.uniform() - 1) * 2
      const length = LENGTH * (0.6 + 0.8 * rng.uniform())
      const cos = (length / straight) * Math.cos(turn)
      const sin = (length / straight) * Math.sin(turn)
      const ds = cos * s0 + sin * s1
      const dt = cos * t0 + sin * t1
      drawLine({ albedo, size }, hair, {
        x: x0 + u * ex + v * fx,
        y: y0 + u * ey + v * fy,
        dx: ds * ex + dt * fx,
        dy: ds * ey + dt * fy,
        area: length * WIDTH * texels,
        strength: OPAQUE * (0.6 + 0.4 * rng.uniform()),
      })
    }
  }
}

/** Texels: from where and along what, and the area that it hides; how much of what is behind. */
interface Line {
  x: number
  y: number
  dx: number
  dy: number
  area: number
  strength: number
}

/** Draws it softly, and for what it is wider by that, as much fainter. */
function drawLine(
  { albedo, size }: { albedo: Float32Array; size: number },
  hair: readonly number[],
  { x, y, dx, dy, area, strength }: Line,
): void {
  const long = Math.hypot(dx, dy)
  if (!(long > 0)) return
  const soft = 0.5 * (area / long) + SOFT
  const nx = dx / long
  const ny = dy / long
  const peak = strength * Math.min(1, area / (soft * (long + soft)))
  const left = Math.max(0, Math.floor(Math.min(x, x + dx) - soft))
  const right = Math.min(size - 1, Math.floor(Math.max(x, x + dx) + soft))
  const top = Math.max(0, Math.floor(Math.min(y, y + dy) - soft))
  const bottom = Math.min(size - 1, Math.floor(Math.max(y, y + dy) + soft))
  for (let j = top; j <= bottom; j++)
    for (let i = left; i <= right; i++) {
      const qx = i + 0.5 - x
      const qy = j + 0.5 - y
      const along = qx * nx + qy * ny
      const across = Math.abs(qy * nx - qx * ny)
      const beyond = Math.max(0, -along, along - long)
      const near = (1 - across / soft) * (1 - beyond / soft)
      if (across >= soft || beyond >= soft) continue
      const hidden = peak * near
      const o = 3 * (j * size + i)
      albedo[o] += hidden * (hair[0] - albedo[o])
      albedo[o + 1] += hidden * (hair[1] - albedo[o + 1])
      albedo[o + 2] += hidden * (hair[2] - albedo[o + 2])
    }
}

/** A texture of what the photo shows and of what goes on beyond it. */
import type { Raster } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { sampleBilinear } from '../image/filter.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { grain, grainStrength } from './grain.js'
import { spread } from './skin.js'

/** Weight of mirrored colours in the base. */
const MIRRORED = 0.15
/** Colour of skin where the photo shows none at all, sRGB, and the weight of it beside the vertices that are seen. */
const SKIN = [0.72, 0.53, 0.44]
const UNSEEN = 1e-3
/** Colour of the closed mouth's inside, sRGB. */
const MOUTH = [0.3, 0.12, 0.11]

/** The asset's mesh, as far as painting goes. */
export interface PaintMesh {
  /** Whole, seams not split, as in the photo, head frame, metres. */
  mesh: Mesh
  /** The same before detail: its normals say how flat the photo's camera sees a place. */
  smooth: Mesh
  uv: Float32Array
  uvIndices: Uint32Array
  /** [triangles] 1 in the face region. */
  faceRegion: Uint8Array
  /** [vertices] HEAD_PARTS */
  parts: Uint8Array
  /** [triangles] 1 for sheets that are painted over: openings of the head whose edges go on into them. */
  removed: Uint8Array
  /** [vertices, 3] of `smooth` with a face at rest and eyes shut. */
  resting: Float32Array
  /** [vertices, 2] texture coordinates of the mirrored place on the other side. */
  mirror: Float32Array
}

/** The photo's colours at the mesh's vertices. */
export interface SeenColours {
  /** [vertices, 3] sRGB */
  values: Float32Array
  /** [vertices] how far they are believed, 0..1. */
  weight: Float32Array
  /** [vertices] 0..1: how far they are plain skin, away from eyes and lips. */
  plain: Float32Array
}

/**
 * Base colour, believed texels and mirrored detail together; gaps between islands are still to be filled.
 * @param grid its `hidden` is, [triangles], 1 where dense hair will hide the skin's grain
 */
export function compose(
  head: PaintMesh,
  {
    raster: { triangle, barycentric },
    size,
    hidden,
  }: { raster: Raster; size: number; hidden?: Uint8Array | undefined },
  detail: Float32Array,
  belief: Float32Array,
  seen: SeenColours,
): Float32Array {
  const { mesh, mirror } = head
  const base = baseColour(head, size, detail, belief, seen)
  const out = new Float32Array(3 * size * size)
  const { indices } = mesh
  // the base everywhere, so that it can be looked up at mirrored places, and what the believed texels differ from it
  const difference = new Float32Array(out.length)
  for (let i = 0; i < belief.length; i++) {
    const t = 3 * triangle[i]
    if (t < 0) continue
    const a = 3 * indices[t]
    const b = 3 * indices[t + 1]
    const c = 3 * indices[t + 2]
    const u = barycentric[3 * i]
    const v = barycentric[3 * i + 1]
    const w = barycentric[3 * i + 2]
    for (let k = 0; k < 3; k++) {
      const o = 3 * i + k
      out[o] = u * base[a + k] + v * base[b + k] + w * base[c + k]
      if (belief[i] > 0) difference[o] = belief[i] * (detail[o] - out[o])
    }
  }
  const reflected = mirroredTriangles(head, belief, size)
  const there = [0, 0, 0]
  const known = [0]
  const strength = grainStrength(difference, belief)
  const { positions: p } = mesh
  for (let i = 0; i < belief.length; i++) {
    const t = triangle[i]
    if (t < 0) continue
    const rest = 1 - belief[i]
    there.fill(0)
    known[0] = 0
    if (rest > 0 && reflected[t]) {
      let x = 0
      let y = 0
      for (let c = 0; c < 3; c++) {
        x += barycentric[3 * i + c] * mirror[2 * indices[3 * t + c]]
        y += barycentric[3 * i + c] * mirror[2 * indices[3 * t + c] + 1]
      }
      // `difference` holds belief times detail, so this fades where the other side is itself doubtful
      sampleBilinear(difference, size, size, 3, x * size, y * size, there)
      sampleBilinear(belief, size, size, 1, x * size, y * size, known)
    }
    const bare = rest * (1 - known[0])
    if (bare > 0.01 && !hidden?.[t] && head.parts[indices[3 * t]] !== HEAD_PARTS.mouth) {
      const a = 3 * indices[3 * t]
      const b = 3 * indices[3 * t + 1]
      const c = 3 * indices[3 * t + 2]
      const u = barycentric[3 * i]
      const v = barycentric[3 * i + 1]
      const w = barycentric[3 * i + 2]
      const noise =
        bare *
        strength *
        grain(
          u * p[a] + v * p[b] + w * p[c],
          u * p[a + 1] + v * p[b + 1] + w * p[c + 1],
          u * p[a + 2] + v * p[b + 2] + w * p[c + 2],
        )
      for (let k = 0; k < 3; k++) out[3 * i + k] += noise
    }
    for (let o = 3 * i, k = 0; k < 3; o++, k++)
      out[o] = Math.min(1, Math.max(0, out[o] + difference[o] + rest * there[k]))
  }
  return out
}

/** [triangles] 1 where the mirrored place, or one beside it, is believed. */
function mirroredTriangles({ mesh, mirror }: PaintMesh, belief: Float32Array, size: number): Uint8Array {
  const trust = new Float32Array(mirror.length / 2)
  const at = [0]
  for (let v = 0; v < trust.length; v++) {
    sampleBilinear(belief, size, size, 1, mirror[2 * v] * size, mirror[2 * v + 1] * size, at)
    trust[v] = at[0]
  }
  return nearSeen(mesh, trust)
}

/** [vertices, 3] smooth colours: the photo's where it is believed, the mirrored ones, or this face's mean skin. */
function baseColour(
  { mesh, parts, mirror }: PaintMesh,
  size: number,
  detail: Float32Array,
  belief: Float32Array,
  seen: SeenColours,
): Float32Array {
  const n = seen.weight.length
  const mean = [0, 1, 2].map((k) => {
    let sum = UNSEEN * SKIN[k]
    let total = UNSEEN
    for (let v = 0; v < n; v++) {
      if (parts[v] !== HEAD_PARTS.skin) continue
      const w = seen.weight[v] * seen.plain[v]
      sum += w * seen.values[3 * v + k]
      total += w
    }
    return sum / total
  })
  const values = new Float32Array(3 * n)
  const weight = new Float32Array(n)
  const trust = [0]
  const there = [0, 0, 0]
  for (let v = 0; v < n; v++) {
    const x = mirror[2 * v] * size
    const y = mirror[2 * v + 1] * size
    sampleBilinear(belief, size, size, 1, x, y, trust)
    const mirrored = MIRRORED * (1 - seen.weight[v]) * trust[0]
    if (mirrored > 0) sampleBilinear(detail, size, size, 3, x, y, there)
    weight[v] = seen.weight[v] + mirrored
    for (let k = 0; k < 3 && weight[v] > 0; k++)
      values[3 * v + k] = (seen.weight[v] * seen.values[3 * v + k] + mirrored * there[k]) / weight[v]
  }
  const colours = spread(mesh, { values, weight }, mean, { stiffness: 6, pull: 2e-3, rounds: 50 })
  // nothing is known of a closed mouth's inside; it must not darken lips that are not seen, nor colour a grey face
  const colourful = smoothstep(0.02, 0.1, mean[0] - mean[2])
  const grey = (MOUTH[0] + MOUTH[1] + MOUTH[2]) / 3
  const inside = MOUTH.map((c) => grey + colourful * (c - grey))
  for (let v = 0; v < n; v++)
    if (parts[v] === HEAD_PARTS.mouth)
      for (let k = 0; k < 3; k++)
        colours[3 * v + k] += (1 - Math.min(1, seen.weight[v])) * (inside[k] - colours[3 * v + k])
  return colours
}

/** [triangles] 1 where the photo shows a corner or a neighbour of one. */
export function nearSeen({ indices }: Mesh, weight: Float32Array): Uint8Array {
  const close = Uint8Array.from(weight, (w) => (w > 0 ? 1 : 0))
  for (let t = 0; t < indices.length; t += 3)
    if (weight[indices[t]] > 0 || weight[indices[t + 1]] > 0 || weight[indices[t + 2]] > 0)
      close[indices[t]] = close[indices[t + 1]] = close[indices[t + 2]] = 1
  return Uint8Array.from(
    { length: indices.length / 3 },
    (_, t) => close[indices[3 * t]] | close[indices[3 * t + 1]] | close[indices[3 * t + 2]],
  )
}

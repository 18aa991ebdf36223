/** Colours of what an open mouth shows: teeth, gums, tongue and lining. */
import { connectedComponents, submesh } from '../geometry/mesh.js'
import { noise, octaves } from '../geometry/noise.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { type HeadInterior, INTERIOR_PARTS } from '../stages.js'

/** Colour of a place, linear RGB albedo, and its sheen as a multiple of skin's. */
export interface MouthLook {
  albedo: [number, number, number]
  sheen: number
}

/** Whose mouth it is. */
export interface MouthOwner {
  /** Of the skin: 0.3 and below fair, 2 very dark. */
  melanin: number
  /** Years. */
  age: number
  /** Of the irregularities. */
  seed: number
}

/** [vertices] height on the crown of a tooth: 0 at its root's end, 1 at its edge; 0 elsewhere. */
export function crownHeights({ mean, indices, parts }: Pick<HeadInterior, 'mean' | 'indices' | 'parts'>): Float32Array {
  const out = new Float32Array(parts.length)
  const jaws = [INTERIOR_PARTS.upperTeeth, INTERIOR_PARTS.lowerTeeth]
  for (const [jaw, upwards] of [
    [jaws[0], -1],
    [jaws[1], 1],
  ]) {
    const of = submesh(
      { positions: mean, indices },
      Uint8Array.from({ length: indices.length / 3 }, (_, t) => (parts[indices[3 * t]] === jaw ? 1 : 0)),
    )
    const { labels, count } = connectedComponents(of.mesh)
    const low = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    const high = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
    const each = (visit: (tooth: number, v: number, y: number) => void): void => {
      labels.forEach((tooth, t) => {
        for (let k = 0; k < 3; k++) {
          const v = of.vertexMap[of.mesh.indices[3 * t + k]]
          visit(tooth, v, upwards * mean[3 * v + 1])
        }
      })
    }
    each((tooth, _, y) => {
      low[tooth] = Math.min(low[tooth], y)
      high[tooth] = Math.max(high[tooth], y)
    })
    each((tooth, v, y) => {
      out[v] = (y - low[tooth]) / (high[tooth] - low[tooth])
    })
  }
  return out
}

/**
 * Colour of a place inside the mouth.
 * @param part of INTERIOR_PARTS
 * @param crown see crownHeights
 * @param place on the mean head, metres
 */
export function paintInside(
  part: number,
  crown: number,
  place: ArrayLike<number>,
  { melanin, age, seed }: MouthOwner,
  out: MouthLook,
): MouthLook {
  const [x, y, z] = [1000 * place[0], 1000 * place[1], 1000 * place[2]]
  const { albedo } = out
  const set = (r: number, g: number, b: number, sheen: number): MouthLook => {
    albedo[0] = r
    albedo[1] = g
    albedo[2] = b
    out.sheen = sheen
    return out
  }
  const pigment = Math.exp(-0.3 * Math.max(0, melanin - 0.3))
  if (part === INTERIOR_PARTS.upperTeeth || part === INTERIOR_PARTS.lowerTeeth) {
    // Teeth yellow with age and towards the neck; the edge lets light through and looks greyer.
    const yellow = 0.25 + 0.5 * smoothstep(20, 80, age) + 0.2 * noise(seed * 0.37, 0.5, 0.5, 81)
    const neck = smoothstep(0.62, 0.3, crown)
    const edge = smoothstep(0.86, 1, crown)
    const stain = yellow + 0.5 * neck + 0.1 * octaves(x / 3, y / 5, z / 3, seed + 82, 2)
    const light = 0.66 - 0.12 * edge - 0.04 * neck
    return set(1.03 * light, light * (0.88 - 0.08 * stain), light * (0.7 - 0.18 * stain + 0.08 * edge), 1.6)
  }
  if (part === INTERIOR_PARTS.gums) {
    const patch = 1 + 0.12 * octaves(x / 4, y / 4, z / 4, seed + 83, 3)
    return set(0.46 * pigment * patch, 0.17 * pigment * patch, 0.15 * pigment * patch, 1.3)
  }
  if (part === INTERIOR_PARTS.tongue) {
    const papillae =
      1 + 0.2 * noise(x / 0.7, y / 0.9, z / 0.7, seed + 84) + 0.1 * octaves(x / 6, y / 6, z / 6, seed + 85, 3)
    const coat = 0.35 * smoothstep(88, 55, z) * smoothstep(-74, -66, y)
    const mix = (bare: number, coated: number): number => papillae * (bare + coat * (coated - bare))
    return set(mix(0.44, 0.5), mix(0.16, 0.32), mix(0.15, 0.28), 1.2)
  }
  // The lips' wet inner sides, then the darker red of the cheeks and the throat.
  const deep = smoothstep(108, 85, z)
  const patch = 1 + 0.15 * octaves(x / 5, y / 5, z / 5, seed + 86, 3)
  const mix = (lip: number, throat: number): number => patch * (lip * pigment + deep * (throat - lip * pigment))
  return set(mix(0.4, 0.3), mix(0.13, 0.08), mix(0.12, 0.07), 1.1)
}

/**
 * How much of the light skin mirrors: what its refractive index says, and less in the hollows of wrinkles and pores, into which little of
 * the surroundings shines.
 */
import { smoothstep } from '../geometry/smoothstep.js'

/** Share of the light that skin mirrors when it comes straight on (refractive index 1.4), and what glTF's specular of 1 stands for. */
const SKIN = 0.028
const DIELECTRIC = 0.04
/** A hollow's curvature, 1/mm, at which it begins to mirror less, and from which on it mirrors least; and how much less that is. */
const HOLLOW = [0.03, 0.35] as const
const LESS = 0.6
/** Millimetres that a texture of one texel would have to a side: the face has two thirds of the layout's width. */
const LAYOUT = 300
/** Texels along a side at most: narrower hollows than a millimetre are noise. */
const LARGEST = 512

/** A map of it. */
export interface Specular {
  size: number
  /** [size, size] 0..1 of what a surface with glTF's specular of 1 mirrors. */
  values: Float32Array
}

/** @param normals [full, full, 3] tangent space, y up the texture: where they lean towards each other there is a hollow */
export function specularMap({ normals, size: full }: { normals: Float32Array; size: number }): Specular {
  const step = Math.max(1, full / LARGEST)
  const size = full / step
  const texel = LAYOUT / size
  const leaning = new Float32Array(2 * size * size)
  for (let y = 0; y < full; y++)
    for (let x = 0; x < full; x++) {
      const to = 2 * (Math.floor(y / step) * size + Math.floor(x / step))
      for (let k = 0; k < 2; k++) leaning[to + k] += normals[3 * (y * full + x) + k] / step ** 2
    }
  const values = new Float32Array(size * size)
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const right = 2 * (x < size - 1 ? i + 1 : i)
      const left = 2 * (x > 0 ? i - 1 : i)
      const above = 2 * (y > 0 ? i - size : i) + 1
      const below = 2 * (y < size - 1 ? i + size : i) + 1
      const spread = (leaning[right] - leaning[left] + leaning[above] - leaning[below]) / (2 * texel)
      values[i] = (SKIN / DIELECTRIC) * (1 - LESS * smoothstep(HOLLOW[0], HOLLOW[1], -spread))
    }
  return { size, values }
}

/**
 * How much of the light skin mirrors: what its refractive index says, and less in the hollows of wrinkles and pores, into which little of
 * the surroundings shines.
 */
import { smoothstep } from '../geometry/smoothstep.js'
import { gaussianBlur } from '../image/filter.js'

/** Share of the light that skin mirrors when it comes straight on (refractive index 1.4), and what glTF's specular of 1 stands for. */
const SKIN = 0.028
const DIELECTRIC = 0.04
/** A hollow's curvature, 1/mm, at which it begins to mirror less, and from which on it mirrors least; and how much less that is. */
const HOLLOW = [0.03, 0.35] as const
const LESS = 0.6
/** Millimetres that a texture of one texel would have to a side: the face has two thirds of the layout's width. */
const LAYOUT = 300
/** Hollows narrower than this are noise, millimetres. */
const FINEST = 0.3

/**
 * [size, size] 0..1 of what a surface with glTF's specular of 1 mirrors.
 * @param normals [size, size, 3] tangent space, y up the texture: where they lean towards each other there is a hollow
 */
export function specularMap({ normals, size }: { normals: Float32Array; size: number }): Float32Array {
  const texel = LAYOUT / size
  const smooth = gaussianBlur(normals, size, size, 3, FINEST / texel)
  const out = new Float32Array(size * size)
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const right = 3 * (x < size - 1 ? i + 1 : i)
      const left = 3 * (x > 0 ? i - 1 : i)
      const above = 3 * (y > 0 ? i - size : i) + 1
      const below = 3 * (y < size - 1 ? i + size : i) + 1
      const spread = (smooth[right] - smooth[left] + smooth[above] - smooth[below]) / (2 * texel)
      out[i] = (SKIN / DIELECTRIC) * (1 - LESS * smoothstep(HOLLOW[0], HOLLOW[1], -spread))
    }
  return out
}

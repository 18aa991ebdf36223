/** Soft studio light for pictures of surfaces: light space, camera frame (x right, y down, z forward). */
import { linearToSrgb, srgbToLinear } from './colors.js'

interface Light {
  /** Unit vector towards the light. */
  direction: readonly [number, number, number]
  strength: number
  /** How far the light wraps around the terminator, 0..1: soft boxes wrap more. */
  wrap: number
}

const unit = (x: number, y: number, z: number): readonly [number, number, number] => {
  const l = Math.hypot(x, y, z)
  return [x / l, y / l, z / l]
}

const LIGHTS: readonly Light[] = [
  { direction: unit(-0.75, -0.75, -0.75), strength: 0.72, wrap: 0.1 },
  { direction: unit(0.9, -0.1, -0.7), strength: 0.2, wrap: 0.5 },
  { direction: unit(0.3, -0.9, 0.5), strength: 0.16, wrap: 0.2 },
]
const SKY = 0.17
const GROUND = 0.07
const HALFWAY = unit(-0.75, -0.75, -1.9)

/** Light (linear) that a unit normal receives, about 0..1.1; the part that glances off is in `specular`. */
export function shade(nx: number, ny: number, nz: number): { diffuse: number; specular: number } {
  let diffuse = GROUND + (SKY - GROUND) * (0.5 - 0.5 * ny)
  for (const { direction: d, strength, wrap } of LIGHTS) {
    const cos = nx * d[0] + ny * d[1] + nz * d[2]
    diffuse += strength * Math.max(0, (cos + wrap) / (1 + wrap))
  }
  const h = Math.max(0, nx * HALFWAY[0] + ny * HALFWAY[1] + nz * HALFWAY[2])
  return { diffuse, specular: h ** 24 }
}

const CLAY: readonly [number, number, number] = [0.62, 0.58, 0.55]

/** Default colour of untextured surfaces, linear. */
export const CLAY_COLOR = CLAY

/**
 * Shaded picture of per-pixel normals, sRGB 0..1 [n, 3]; 0 where the normal is 0 or NaN.
 * @param normals [n, 3] camera frame
 * @param albedo linear colour of the whole surface, or [n, 3] linear colours
 * @param gloss strength of the highlight (default 0.12)
 */
export function shadeNormals(
  normals: Float32Array,
  albedo: readonly [number, number, number] | Float32Array = CLAY,
  gloss = 0.12,
): Float32Array {
  const out = new Float32Array(normals.length)
  const each = albedo instanceof Float32Array
  for (let i = 0; i < normals.length; i += 3) {
    const x = normals[i]
    const y = normals[i + 1]
    const z = normals[i + 2]
    if (!(x * x + y * y + z * z > 0)) continue
    const { diffuse, specular } = shade(x, y, z)
    for (let k = 0; k < 3; k++) out[i + k] = linearToSrgb(albedo[each ? i + k : k] * diffuse + gloss * specular)
  }
  return out
}

const TO_LINEAR = Float32Array.from({ length: 256 }, (_, i) => srgbToLinear(i / 255))

/** Linear value of an sRGB byte. */
export function byteToLinear(byte: number): number {
  return TO_LINEAR[byte]
}

/**
 * What the head hides of the light about it. Light of low order shines on a point as E = Σ c_k ∫ V(ω) max(n·ω, 0) b_k(ω) dω; with
 * nothing in the way the integral is A_k b_k(n) (Funk-Hecke), so shading stays linear in b(n) and only a fixed difference per
 * point is added: the sockets of the eyes, the sides of the nose and the chin's underside are darker than their normals tell.
 * After precomputed radiance transfer (Sloan et al. 2002).
 */
import { cropCamera, transformDirections } from '../../geometry/camera.js'
import { HARMONICS, harmonics, TRANSFER } from '../../geometry/harmonics.js'
import { vertexNormals } from '../../geometry/normals.js'
import { interpolate, rasterize } from '../../geometry/rasterize.js'
import { HEAD_PARTS, type HeadFit } from '../../stages.js'
import { NO_THREADS } from '../../threads/index.js'
import { HIDDEN_LIGHT } from './hidden-light.js'

/** Directions about a point of the head. */
const DIRECTIONS = 192
/** Vertices that a thread looks at one after the other: neighbours mostly share what is in their way. */
const NEIGHBOURS = 64

/** [size, size, 9] what is added to the harmonics of a crop pixel's normal for what the fitted head hides; camera frame. */
export async function occlusion(fit: HeadFit, threads = NO_THREADS, signal?: AbortSignal): Promise<Float32Array> {
  const camera = cropCamera(fit.camera, fit.crop)
  const { positions, indices } = fit.mesh
  const { parts, faceRegion } = fit.model
  const solid = indices.filter((_, i) => {
    const part = parts[indices[i - (i % 3)]]
    return part !== HEAD_PARTS.eyeball && part !== HEAD_PARTS.mouth
  })
  const vertices = Uint32Array.from(new Set(indices.filter((_, i) => faceRegion[Math.floor(i / 3)])))
  const directions = sphere(DIRECTIONS)
  const scene = {
    head: { positions, indices: solid },
    normals: vertexNormals(fit.mesh),
    directions,
    terms: inCamera(directions, camera.headToCamera),
  }
  const transfer = new Float32Array((positions.length / 3) * HARMONICS)
  const shares = Array.from({ length: threads.count }, (_, share) =>
    vertices.filter((_, i) => Math.floor(i / NEIGHBOURS) % threads.count === share),
  )
  await Promise.all(
    shares.map(async (share) => {
      const hidden = await threads.run(HIDDEN_LIGHT, { ...scene, vertices: share }, signal)
      share.forEach((v, i) => {
        transfer.set(hidden.subarray(HARMONICS * i, HARMONICS * (i + 1)), HARMONICS * v)
      })
    }),
  )
  const raster = rasterize(fit.mesh, camera)
  return interpolate(raster, indices, transfer, HARMONICS)
}

/** n directions spread evenly over the sphere (Fibonacci), [n, 3]. */
function sphere(n: number): Float32Array {
  const golden = Math.PI * (3 - Math.sqrt(5))
  const result = new Float32Array(3 * n)
  for (let i = 0; i < n; i++) {
    const z = 1 - (2 * i + 1) / n
    const r = Math.sqrt(1 - z * z)
    result.set([r * Math.cos(golden * i), r * Math.sin(golden * i), z], 3 * i)
  }
  return result
}

/** [n, 9] harmonics of head-frame directions, seen from the camera, with the weights of the integral over the sphere. */
function inCamera(directions: Float32Array, headToCamera: Float64Array): Float32Array {
  const turned = transformDirections(headToCamera, directions)
  const n = directions.length / 3
  const result = new Float32Array(n * HARMONICS)
  for (let d = 0; d < n; d++) {
    const b = harmonics(turned[3 * d], turned[3 * d + 1], turned[3 * d + 2])
    result.set(
      b.map((value, k) => (value * 4 * Math.PI) / n / TRANSFER[k]),
      HARMONICS * d,
    )
  }
  return result
}

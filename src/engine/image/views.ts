/** Software renderer for pictures of results: a mesh from several sides, textured or as clay. */
import { multiply4, scaleCamera } from '../geometry/camera.js'
import { vertexNormals } from '../geometry/normals.js'
import { interpolate, type Raster, rasterize, rasterNormals } from '../geometry/rasterize.js'
import type { Camera, Mesh } from '../stages.js'
import { task } from '../threads/task.js'
import { srgbByte } from './colors.js'
import { sampleBilinear } from './filter.js'
import { mappedNormals, type NormalMap } from './normal-map.js'
import { newPicture, type Picture, resizePicture } from './picture.js'
import { byteToLinear, CLAY_COLOR, shade } from './shading.js'

/** A mesh to draw. Vertex arrays are in the mesh's vertex order. */
export interface ViewPart {
  mesh: Mesh
  /** [vertices, 3] head frame; computed if absent. */
  normals?: Float32Array
  /** [vertices, 2] with `texture`: glTF convention. */
  uv?: Float32Array
  texture?: Picture
  /** Fine normals for `normals`, `uv` and `tangents` [vertices, 4]. */
  normalMap?: NormalMap
  tangents?: Float32Array
  /** Linear colour without texture; clay by default. */
  color?: readonly [number, number, number]
}

export interface ViewOptions {
  /** Yaw of the camera about +Y: positive sees the subject's left side. */
  yawDegrees?: readonly number[]
  /** Positive looks from above. */
  pitchDegrees?: number
  /** Side of the square picture (default 512). */
  size?: number
  /** Samples along each side of a pixel (default 2). */
  supersample?: number
  /** 'textured' (default) uses the textures, 'clay' leaves them out. */
  style?: 'textured' | 'clay'
  background?: readonly [number, number, number]
  /** What the pictures show: a sphere in the head frame; around all parts if absent. */
  center?: readonly [number, number, number]
  radius?: number
}

/** One picture for each yaw angle. */
export function renderViews(parts: readonly ViewPart[], options: ViewOptions = {}): Picture[] {
  const size = options.size ?? 512
  const sphere = boundingSphere(parts)
  const center = options.center ?? sphere.center
  const radius = options.radius ?? sphere.radius
  return (options.yawDegrees ?? [-40, 0, 40]).map((yaw) =>
    renderView(parts, orbitCamera(center, radius, yaw, options.pitchDegrees ?? 0, size), options),
  )
}

/** Each look of the same meshes from each side: the looks share what is seen where. A task for threads. */
export function drawLooks({ looks, options }: { looks: ViewPart[][]; options: ViewOptions }): Picture[][] {
  const [parts] = looks
  const size = options.size ?? 512
  const sphere = boundingSphere(parts)
  const views = (options.yawDegrees ?? []).map((yaw) => {
    const camera = orbitCamera(sphere.center, sphere.radius, yaw, options.pitchDegrees ?? 0, size)
    const fine = scaleCamera(camera, options.supersample ?? 2)
    const rasters = parts.map(({ mesh }) => rasterize(mesh, fine, { cull: 'none' }))
    return looks.map((look) => renderView(look, camera, options, rasters))
  })
  return looks.map((_, i) => views.map((pictures) => pictures[i]))
}
export const DRAW_LOOKS = task(import.meta.url, drawLooks)

/**
 * One picture through a camera, of the camera's size. Surfaces seen from behind are lit as if they faced the camera.
 * @param known the parts' rasters, if they are known
 */
function renderView(
  parts: readonly ViewPart[],
  camera: Camera,
  options: ViewOptions = {},
  known?: readonly Raster[],
): Picture {
  const factor = options.supersample ?? 2
  const fine = scaleCamera(camera, factor)
  const background = options.background ?? [255, 255, 255]
  const picture = newPicture(fine.width, fine.height, background)
  const nearest = new Float32Array(fine.width * fine.height).fill(Number.POSITIVE_INFINITY)
  parts.forEach((part, p) => {
    const raster = known?.[p] ?? rasterize(part.mesh, fine, { cull: 'none' })
    const normals = pixelNormals(raster, part, fine)
    const texture = options.style === 'clay' ? undefined : part.texture
    const uv =
      texture !== undefined && part.uv !== undefined ? interpolate(raster, part.mesh.indices, part.uv, 2) : undefined
    const color = part.color ?? CLAY_COLOR
    const albedo = [color[0], color[1], color[2]]
    const texel = [0, 0, 0]
    const gloss = uv === undefined ? 0.1 : 0
    for (let i = raster.span[0]; i < raster.span[1]; i++) {
      if (raster.triangle[i] < 0 || raster.depth[i] >= nearest[i]) continue
      nearest[i] = raster.depth[i]
      let nx = normals[i * 3]
      let ny = normals[i * 3 + 1]
      let nz = normals[i * 3 + 2]
      // viewing ray of the pixel: the normal must point against it
      const rx = ((i % fine.width) + 0.5 - fine.cx) / fine.fx
      const ry = (Math.floor(i / fine.width) + 0.5 - fine.cy) / fine.fy
      if (nx * rx + ny * ry + nz > 0) {
        nx = -nx
        ny = -ny
        nz = -nz
      }
      const { diffuse, specular } = shade(nx, ny, nz)
      let strength = diffuse
      if (uv !== undefined && texture !== undefined) {
        const { width, height, data } = texture
        sampleBilinear(data, width, height, 3, uv[i * 2] * width, uv[i * 2 + 1] * height, texel)
        for (let k = 0; k < 3; k++) albedo[k] = byteToLinear(Math.round(texel[k]))
        // the photo holds its own light: add only a little, to show the shape
        strength = 0.62 + 0.5 * diffuse
      }
      for (let k = 0; k < 3; k++) picture.data[i * 3 + k] = srgbByte(albedo[k] * strength + gloss * specular)
    }
  })
  return factor === 1 ? picture : resizePicture(picture, camera.width, camera.height)
}

function pixelNormals(raster: Raster, part: ViewPart, camera: Camera): Float32Array {
  const { mesh, uv, tangents, normalMap } = part
  const normals = part.normals ?? vertexNormals(mesh)
  if (!uv || !tangents || !normalMap) return rasterNormals(raster, mesh, camera, normals)
  return mappedNormals(raster, { indices: mesh.indices, normals, tangents, uv }, normalMap, camera)
}

/** Camera that sees a sphere of the head frame from a direction, through a long lens. */
export function orbitCamera(
  center: readonly number[],
  radius: number,
  yawDegrees: number,
  pitchDegrees: number,
  size: number,
): Camera {
  const yaw = (yawDegrees * Math.PI) / 180
  const pitch = (pitchDegrees * Math.PI) / 180
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)]
  const distance = radius * 7
  // rows: the camera's right, down and forward in the head frame
  const rotation = Float64Array.of(cy, 0, -sy, 0, sp * sy, -cp, sp * cy, 0, -cp * sy, -sp, -cp * cy, 0, 0, 0, 0, 1)
  const move = Float64Array.of(1, 0, 0, -center[0], 0, 1, 0, -center[1], 0, 0, 1, -center[2], 0, 0, 0, 1)
  const headToCamera = multiply4(rotation, move)
  headToCamera[11] += distance
  const focal = (size / 2 / (radius * 1.04)) * distance
  return { width: size, height: size, fx: focal, fy: focal, cx: size / 2, cy: size / 2, headToCamera }
}

/** Sphere around the boxes of all parts. */
export function boundingSphere(parts: readonly ViewPart[]): { center: [number, number, number]; radius: number } {
  const low = [1e9, 1e9, 1e9]
  const high = [-1e9, -1e9, -1e9]
  for (const { mesh } of parts)
    for (let c = 0; c < mesh.indices.length; c++)
      for (let k = 0; k < 3; k++) {
        const x = mesh.positions[3 * mesh.indices[c] + k]
        if (x < low[k]) low[k] = x
        if (x > high[k]) high[k] = x
      }
  const center: [number, number, number] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2]
  let square = 0
  for (const { mesh } of parts)
    for (let c = 0; c < mesh.indices.length; c++) {
      const v = 3 * mesh.indices[c]
      const p = mesh.positions
      const away = (p[v] - center[0]) ** 2 + (p[v + 1] - center[1]) ** 2 + (p[v + 2] - center[2]) ** 2
      if (away > square) square = away
    }
  return { center, radius: Math.sqrt(square) || 1 }
}

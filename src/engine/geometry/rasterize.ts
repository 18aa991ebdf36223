/**
 * Z-buffer rasteriser: which triangle each pixel centre sees, where on it, and how far.
 *
 * Visibility goes by 1/Z, which is affine in the image plane; barycentric coordinates are then made perspective-correct by
 * weighting with 1/Z and normalising. For antialiasing, rasterise through `scaleCamera(camera, k)` and average.
 */
import type { Camera, Mesh } from '../stages.js'
import { transformDirections, transformPoints } from './camera.js'
import { vertexNormals } from './normals.js'

/** What each pixel sees. Arrays are [height, width] row by row. */
export interface Raster {
  width: number
  height: number
  /** Triangle seen, -1 where none. */
  triangle: Int32Array
  /** [height, width, 3] perspective-correct weights of the triangle's three corners; 0 off the mesh. */
  barycentric: Float32Array
  /** Metres along the optical axis, NaN off the mesh. */
  depth: Float32Array
  /** All pixels that see something are from the first of these on and before the second: a small part's are few. */
  span: readonly [from: number, to: number]
}

export interface RasterOptions {
  /** 'back' (default) skips triangles seen from behind; 'none' draws both sides. */
  cull?: 'back' | 'none'
  /** Triangles with a corner nearer than this are skipped, metres (default 0.001). */
  near?: number
}

/** Draws `mesh` (head frame) through `camera` into an image of the camera's own size (use `cropCamera` for a crop). */
export function rasterize(mesh: Mesh, camera: Camera, options: RasterOptions = {}): Raster {
  const { width, height } = camera
  const near = options.near ?? 1e-3
  const cullBack = (options.cull ?? 'back') === 'back'
  const { indices } = mesh
  const screen = transformPoints(camera.headToCamera, mesh.positions)
  for (let i = 0; i < screen.length; i += 3) {
    const w = 1 / screen[i + 2]
    screen[i] = camera.fx * screen[i] * w + camera.cx
    screen[i + 1] = camera.fy * screen[i + 1] * w + camera.cy
    screen[i + 2] = w
  }
  const maxW = 1 / near
  const triangle = new Int32Array(width * height).fill(-1)
  const inverseZ = new Float64Array(width * height)
  let [top, bottom] = [height, -1]
  for (let t = 0; t < indices.length; t += 3) {
    const a = indices[t] * 3
    const b = indices[t + 1] * 3
    const c = indices[t + 2] * 3
    const wa = screen[a + 2]
    const wb = screen[b + 2]
    const wc = screen[c + 2]
    if (!(wa > 0 && wb > 0 && wc > 0 && wa < maxW && wb < maxW && wc < maxW)) continue
    const ax = screen[a]
    const ay = screen[a + 1]
    const bx = screen[b]
    const by = screen[b + 1]
    const cx = screen[c]
    const cy = screen[c + 1]
    // y points down, so a counter-clockwise triangle seen from outside has negative area here
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if (area === 0 || (cullBack && area > 0)) continue
    const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5))
    const x1 = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5))
    if (x0 > x1) continue
    const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5))
    const y1 = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5))
    if (y0 > y1) continue
    if (y0 < top) top = y0
    if (y1 > bottom) bottom = y1
    const f = 1 / area
    // barycentric coordinate of corner a: edge function of b→c over the area; affine in the pixel
    const daX = (by - cy) * f
    const daY = (cx - bx) * f
    const dbX = (cy - ay) * f
    const dbY = (ax - cx) * f
    const dwX = wa * daX + wb * dbX - wc * (daX + dbX)
    const px = x0 + 0.5
    const py = y0 + 0.5
    let rowA = (px - cx) * daX + (py - cy) * daY
    let rowB = (px - cx) * dbX + (py - cy) * dbY
    // a hair of tolerance closes the cracks that rounding would leave on shared edges
    const tolerance = -1e-9
    const id = t / 3
    for (let y = y0; y <= y1; y++) {
      let la = rowA
      let lb = rowB
      let w = la * wa + lb * wb + (1 - la - lb) * wc
      const end = y * width + x1
      for (let o = y * width + x0; o <= end; o++) {
        if (la >= tolerance && lb >= tolerance && 1 - la - lb >= tolerance && w > inverseZ[o]) {
          inverseZ[o] = w
          triangle[o] = id
        }
        la += daX
        lb += dbX
        w += dwX
      }
      rowA += daY
      rowB += dbY
    }
  }
  const barycentric = new Float32Array(width * height * 3)
  const depth = new Float32Array(width * height).fill(Number.NaN)
  const span = [Math.min(top, bottom + 1) * width, (bottom + 1) * width] as const
  for (let o = span[0]; o < span[1]; o++) {
    const t = triangle[o]
    if (t < 0) continue
    const a = indices[t * 3] * 3
    const b = indices[t * 3 + 1] * 3
    const c = indices[t * 3 + 2] * 3
    const px = (o % width) + 0.5
    const py = Math.floor(o / width) + 0.5
    const ex = screen[a] - screen[c]
    const ey = screen[a + 1] - screen[c + 1]
    const gx = screen[b] - screen[c]
    const gy = screen[b + 1] - screen[c + 1]
    const qx = px - screen[c]
    const qy = py - screen[c + 1]
    const f = 1 / (ex * gy - ey * gx)
    const la = Math.min(1, Math.max(0, (qx * gy - qy * gx) * f))
    const lb = Math.min(1 - la, Math.max(0, (ex * qy - ey * qx) * f))
    const wa = la * screen[a + 2]
    const wb = lb * screen[b + 2]
    const wc = (1 - la - lb) * screen[c + 2]
    const z = 1 / (wa + wb + wc)
    barycentric[o * 3] = wa * z
    barycentric[o * 3 + 1] = wb * z
    barycentric[o * 3 + 2] = wc * z
    depth[o] = z
  }
  return { width, height, triangle, barycentric, depth, span }
}

/**
 * Whether a point lies behind what is seen at its pixel. Where nothing is seen, nothing hides it.
 * @param depth [height, width] of a raster, and its `width`
 * @param x @param y the point's place in the image, pixels within it
 * @param z the point's depth, metres
 * @param tolerance as far behind the front as this a point still counts as seen, metres
 */
export function isHidden(
  depth: Float32Array,
  width: number,
  x: number,
  y: number,
  z: number,
  tolerance: number,
): boolean {
  return z > depth[Math.floor(y) * width + Math.floor(x)] + tolerance
}

/**
 * Interpolates an attribute over the image: [height, width, dims], `fill` off the mesh.
 * @param attribute [n, dims] values of the corners
 * @param indices [triangles, 3] rows of `attribute`: the mesh's own indices, or those of a UV set
 */
export function interpolate(
  raster: Raster,
  indices: Uint32Array,
  attribute: Float32Array | Float64Array,
  dims: number,
  fill = 0,
): Float32Array {
  const { triangle, barycentric, span } = raster
  const out = new Float32Array(triangle.length * dims)
  if (fill !== 0) out.fill(fill)
  for (let o = span[0]; o < span[1]; o++) {
    const t = triangle[o] * 3
    if (t < 0) continue
    const a = indices[t] * dims
    const b = indices[t + 1] * dims
    const c = indices[t + 2] * dims
    const wa = barycentric[o * 3]
    const wb = barycentric[o * 3 + 1]
    const wc = barycentric[o * 3 + 2]
    for (let k = 0; k < dims; k++)
      out[o * dims + k] = wa * attribute[a + k] + wb * attribute[b + k] + wc * attribute[c + k]
  }
  return out
}

/**
 * Smooth unit normals of the pixels in the *camera* frame (x right, y down, z forward: a surface that faces the camera has
 * z < 0), [height, width, 3], 0 off the mesh.
 * @param normals vertex normals in the head frame; computed from the mesh if absent
 */
export function rasterNormals(raster: Raster, mesh: Mesh, camera: Camera, normals?: Float32Array): Float32Array {
  const out = interpolate(raster, mesh.indices, normals ?? vertexNormals(mesh), 3)
  const seen = out.subarray(3 * raster.span[0], 3 * raster.span[1])
  transformDirections(camera.headToCamera, seen, seen)
  for (let i = 3 * raster.span[0]; i < 3 * raster.span[1]; i += 3) {
    const length = Math.sqrt(out[i] ** 2 + out[i + 1] ** 2 + out[i + 2] ** 2)
    if (length === 0) continue
    out[i] /= length
    out[i + 1] /= length
    out[i + 2] /= length
  }
  return out
}

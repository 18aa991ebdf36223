/** A plane through a streamed distance grid: blue inside, orange and ever clearer outside, a line at every 10 mm, a white one at the surface. */
import { DataTexture, DoubleSide, LinearFilter, Mesh, MeshBasicMaterial, PlaneGeometry, SRGBColorSpace } from 'three'
import type { Grid } from './sdf-surface.js'

/** Across which axis of the head's frame: 0 from the side, 1 from above, 2 from the front. */
export type Axis = 0 | 1 | 2

/** Texels for each sample of the grid: the distance is smooth between them. */
const FINER = 16
const LINE = 0.01

/** Where the planes across an axis may lie, metres. */
export function sliceRange({ dims, origin, spacing }: Grid, axis: Axis): [number, number] {
  return [origin[axis], origin[axis] + spacing * (dims[axis] - 1)]
}

/** @param at where the plane crosses the axis, metres */
export function slice(grid: Grid, axis: Axis, at: number): Mesh<PlaneGeometry, MeshBasicMaterial> {
  const { dims, origin, spacing } = grid
  const [u, v] = axis === 0 ? [2, 1] : axis === 1 ? [0, 2] : [0, 1]
  const [width, height] = [FINER * (dims[u] - 1) + 1, FINER * (dims[v] - 1) + 1]
  const pixels = new Uint8Array(4 * width * height)
  const sample = [0, 0, 0]
  sample[axis] = (at - origin[axis]) / spacing
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sample[u] = x / FINER
      sample[v] = y / FINER
      pixels.set(colour(interpolate(grid, sample), spacing / FINER), 4 * (y * width + x))
    }
  }
  const map = new DataTexture(pixels, width, height)
  map.colorSpace = SRGBColorSpace
  map.minFilter = map.magFilter = LinearFilter
  map.needsUpdate = true
  // drawn over the face, which would hide what is inside it
  const look = { map, side: DoubleSide, transparent: true, depthTest: false, toneMapped: false }
  const [across, up] = [spacing * (dims[u] - 1), spacing * (dims[v] - 1)]
  const geometry = new PlaneGeometry(across, up)
  const position = geometry.getAttribute('position')
  for (let i = 0; i < position.count; i++) {
    const point = [0, 0, 0]
    point[axis] = at
    point[u] = origin[u] + across / 2 + position.getX(i)
    point[v] = origin[v] + up / 2 + position.getY(i)
    position.setXYZ(i, point[0], point[1], point[2])
  }
  const mesh = new Mesh(geometry, new MeshBasicMaterial(look))
  mesh.renderOrder = 1
  return mesh
}

/** @param sample position in samples, inside the grid */
function interpolate({ dims, values }: Grid, sample: readonly number[]): number {
  const cell = sample.map((s, k) => Math.min(dims[k] - 2, Math.max(0, Math.floor(s))))
  let sum = 0
  for (let corner = 0; corner < 8; corner++) {
    let [weight, index, stride] = [1, 0, 1]
    for (let k = 0; k < 3; k++) {
      const step = (corner >> k) & 1
      const t = sample[k] - cell[k]
      weight *= step ? t : 1 - t
      index += stride * (cell[k] + step)
      stride *= dims[k]
    }
    if (weight > 0) sum += weight * values[index]
  }
  return sum
}

/** @param distance metres; @param texel metres across one, for smooth lines of even width; @returns sRGB and opacity, 0..255 */
function colour(distance: number, texel: number): number[] {
  const far = Math.abs(distance)
  const line = (from: number, width: number): number => Math.min(1, Math.max(0, width + 0.5 - from / texel))
  const contour = 0.5 * line(Math.abs(far - LINE * Math.round(far / LINE)), 0.5)
  const surface = line(far, 1)
  const base = distance < 0 ? [70, 140, 255] : [255, 176, 92]
  const opacity = distance < 0 ? 0.85 : 0.1 + 0.6 * Math.exp(-far / 0.02)
  const rgb = base.map((value) => value * (1 - contour) * (1 - surface) + 255 * surface)
  return [...rgb, 255 * Math.max(opacity, contour, surface)]
}

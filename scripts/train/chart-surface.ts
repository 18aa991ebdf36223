/** The mean head's skin as a picture in the face chart: which place of the head each chart pixel shows. */
import { chartPoint, type Point } from '../../src/engine/generate/chart.js'
import { rasterize } from '../../src/engine/geometry/rasterize.js'
import { HEAD_PARTS, type HeadModel } from '../../src/engine/stages.js'

/** Size of the chart in mm and millimetres a pixel: about what a pixel of a 256 crop shows, halved. */
const HALF_WIDTH = 140
const LOW = -145
const HIGH = 115
const STEP = 280 / 512

export interface ChartSurface {
  width: number
  height: number
  /** [height, width, 3] place on the mean head, metres; the nearest one beyond the skin. */
  positions: Float32Array
  /** [height, width] 1 in the face region, 0 elsewhere. */
  face: Float32Array
  /** Chart place in mm of a pixel's number, and pixel coordinates of a chart place. */
  place(i: number): Point
  pixel(u: number, v: number): [number, number]
}

export function chartSurface(model: HeadModel): ChartSurface {
  const [width, height] = [Math.round((2 * HALF_WIDTH) / STEP), Math.round((HIGH - LOW) / STEP)]
  const pixel = (u: number, v: number): [number, number] => [(u + HALF_WIDTH) / STEP, (HIGH - v) / STEP]
  const vertices = model.mean.length / 3
  // An orthographic look at the unrolled skin from outside: depth falls with the distance from the cylinder's axis.
  const flat = new Float32Array(3 * vertices)
  for (let v = 0; v < vertices; v++) {
    const [x, y, z] = model.mean.subarray(3 * v, 3 * v + 3)
    const [px, py] = pixel(...(chartPoint(x, y, z) as [number, number]))
    const depth = 10 - Math.hypot(x, z - 0.015)
    flat.set([(px - width / 2) * depth, (py - height / 2) * depth, depth], 3 * v)
  }
  const kept: number[] = []
  const region: number[] = []
  for (let t = 0; t < model.indices.length / 3; t++) {
    const corners = [...model.indices.subarray(3 * t, 3 * t + 3)]
    const us = corners.map((v) => flat[3 * v] / flat[3 * v + 2])
    if (corners.some((v) => model.parts[v] === HEAD_PARTS.eyeball) && !model.faceRegion[t]) continue
    if (Math.max(...us) - Math.min(...us) > width / 2) continue // across the seam behind the head
    kept.push(...corners)
    region.push(model.faceRegion[t])
  }
  const camera = {
    ...{ width, height, fx: 1, fy: 1, cx: width / 2, cy: height / 2 },
    headToCamera: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
  }
  const raster = rasterize({ positions: flat, indices: Uint32Array.from(kept) }, camera, { cull: 'none' })
  const positions = new Float32Array(3 * width * height)
  const face = new Float32Array(width * height)
  for (let i = 0; i < width * height; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    face[i] = region[t]
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 3; k++)
        positions[3 * i + k] += raster.barycentric[3 * i + c] * model.mean[3 * kept[3 * t + c] + k]
  }
  spread(positions, raster.triangle, width, height)
  const place = (i: number): Point => [
    ((i % width) + 0.5) * STEP - HALF_WIDTH,
    HIGH - (Math.floor(i / width) + 0.5) * STEP,
  ]
  return { width, height, positions, face, place, pixel }
}

/** Fills pixels beyond the skin from their neighbours, ring by ring. */
function spread(positions: Float32Array, triangle: Int32Array, width: number, height: number): void {
  const known = Uint8Array.from(triangle, (t) => (t >= 0 ? 1 : 0))
  let front = Array.from(known.keys()).filter((i) => known[i])
  while (front.length > 0) {
    const next: number[] = []
    for (const i of front) {
      const [x, y] = [i % width, Math.floor(i / width)]
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        const [a, b] = [x + dx, y + dy]
        const j = b * width + a
        if (a < 0 || b < 0 || a >= width || b >= height || known[j]) continue
        known[j] = 1
        positions.copyWithin(3 * j, 3 * i, 3 * i + 3)
        next.push(j)
      }
    }
    front = next
  }
}

/**
 * A flat map of the built-in head's face, on which creases are drawn and brows are painted: the mean head's skin unrolled from a
 * cylinder about an upright axis inside the head. u runs to the subject's left, v upwards, both in mm; (0, 0) lies between the
 * eyes. Every vertex of any identity and expression has the place of the same vertex of the mean head.
 */
import { embeddedPoints } from '../head/embedding.js'
import type { HeadModel } from '../stages.js'

/** The cylinder's axis lies this far in front of the origin, and its radius is the forehead's, mm. */
const AXIS = 15
const RADIUS = 90
/** What the chart covers, mm. */
const BOUNDS = { u: 140, low: -145, high: 115 }
export type Point = readonly [u: number, v: number]

/** Chart place in mm of a point of the mean head, metres. */
export function chartPoint(x: number, y: number, z: number): Point {
  return [RADIUS * Math.atan2(1000 * x, 1000 * z - AXIS), 1000 * y]
}

/** Chart places of MediaPipe's 478 points. */
export function chartLandmarks(model: HeadModel): Point[] {
  const points = embeddedPoints(model.mean, model.indices, model.landmarks478)
  return Array.from({ length: points.length / 3 }, (_, i) =>
    chartPoint(points[3 * i], points[3 * i + 1], points[3 * i + 2]),
  )
}

/** Chart places of the closed line along which the lips touch. */
export function chartLipContact({ mean, interior }: HeadModel): Point[] {
  const seam = interior?.seam ?? []
  return Array.from({ length: seam.length / 2 }, (_, i) => {
    const v = 3 * seam[2 * i + 1]
    return chartPoint(mean[v], mean[v + 1], mean[v + 2])
  })
}

/** One number a chart pixel. */
export class ChartLayer {
  private readonly width: number
  private readonly height: number
  private readonly data: Float32Array

  /** @param step millimetres a pixel */
  constructor(private readonly step: number) {
    this.width = Math.ceil((2 * BOUNDS.u) / step)
    this.height = Math.ceil((BOUNDS.high - BOUNDS.low) / step)
    this.data = new Float32Array(this.width * this.height)
  }

  /** Bilinear value at a place in mm; 0 outside. */
  at(u: number, v: number): number {
    const x = (u + BOUNDS.u) / this.step - 0.5
    const y = (BOUNDS.high - v) / this.step - 0.5
    const ix = Math.floor(x)
    const iy = Math.floor(y)
    if (!(ix >= 0 && iy >= 0 && ix < this.width - 1 && iy < this.height - 1)) return 0
    const { data, width } = this
    const o = iy * width + ix
    const fx = x - ix
    const fy = y - iy
    const top = data[o] + (data[o + 1] - data[o]) * fx
    const bottom = data[o + width] + (data[o + width + 1] - data[o + width]) * fx
    return top + (bottom - top) * fy
  }

  /** Visits the pixels of a box in mm: `set` gets the place and the old value and answers the new one. */
  update(low: Point, high: Point, set: (u: number, v: number, old: number) => number): void {
    const x0 = Math.max(0, Math.floor((low[0] + BOUNDS.u) / this.step))
    const x1 = Math.min(this.width - 1, Math.ceil((high[0] + BOUNDS.u) / this.step))
    const y0 = Math.max(0, Math.floor((BOUNDS.high - high[1]) / this.step))
    const y1 = Math.min(this.height - 1, Math.ceil((BOUNDS.high - low[1]) / this.step))
    for (let y = y0; y <= y1; y++)
      for (let x = x0; x <= x1; x++) {
        const o = y * this.width + x
        this.data[o] = set((x + 0.5) * this.step - BOUNDS.u, BOUNDS.high - (y + 0.5) * this.step, this.data[o])
      }
  }
}

/** The nearest place of a curve to a point. */
export interface Nearest {
  /** Distance, mm; positive to the left of the curve's direction. */
  distance: number
  /** Share of the curve's length, 0..1. */
  along: number
}

/** A polyline in the chart with its length. */
export class Curve {
  readonly points: readonly Point[]
  readonly length: number
  private readonly starts: number[] = []
  /** The points' numbers one after another. */
  private readonly flat: Float64Array

  /** @param controls points that a Catmull-Rom spline passes through */
  constructor(controls: readonly Point[], stepsPerSpan = 12) {
    this.points = controls.length < 3 ? controls : spline(controls, stepsPerSpan)
    let length = 0
    for (let i = 0; i + 1 < this.points.length; i++) {
      this.starts.push(length)
      length += distance(this.points[i], this.points[i + 1])
    }
    this.length = length
    this.flat = Float64Array.from(this.points.flat())
  }

  /** The box about it, widened by a margin in mm. */
  bounds(margin: number): [low: Point, high: Point] {
    const us = this.points.map((p) => p[0])
    const vs = this.points.map((p) => p[1])
    return [
      [Math.min(...us) - margin, Math.min(...vs) - margin],
      [Math.max(...us) + margin, Math.max(...vs) + margin],
    ]
  }

  nearest(u: number, v: number): Nearest {
    let best = Number.POSITIVE_INFINITY
    let along = 0
    let side = 1
    const { flat } = this
    for (let i = 0; i + 1 < this.points.length; i++) {
      const au = flat[2 * i]
      const av = flat[2 * i + 1]
      const du = flat[2 * i + 2] - au
      const dv = flat[2 * i + 3] - av
      const squared = du * du + dv * dv
      let t = squared > 0 ? ((u - au) * du + (v - av) * dv) / squared : 0
      if (t < 0) t = 0
      else if (t > 1) t = 1
      const eu = u - au - t * du
      const ev = v - av - t * dv
      const d = eu * eu + ev * ev
      if (d >= best) continue
      best = d
      along = (this.starts[i] + t * Math.sqrt(squared)) / this.length
      side = du * ev - dv * eu >= 0 ? 1 : -1
    }
    return { distance: side * Math.sqrt(best), along }
  }

  /** The point at a share of its length. */
  at(share: number): Point {
    const wanted = share * this.length
    for (let i = 0; i + 1 < this.points.length; i++) {
      const [a, b] = [this.points[i], this.points[i + 1]]
      const span = distance(a, b)
      if (this.starts[i] + span < wanted && i + 2 < this.points.length) continue
      const t = span > 0 ? (wanted - this.starts[i]) / span : 0
      return [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
    }
    return this.points[0]
  }
}

const distance = (a: Point, b: Point): number => Math.hypot(b[0] - a[0], b[1] - a[1])

function spline(controls: readonly Point[], steps: number): Point[] {
  const out: Point[] = []
  const get = (i: number): Point => controls[Math.min(controls.length - 1, Math.max(0, i))]
  for (let i = 0; i + 1 < controls.length; i++) {
    const [a, b, c, d] = [get(i - 1), get(i), get(i + 1), get(i + 2)]
    for (let s = 0; s < steps; s++) {
      const t = s / steps
      const at = (k: 0 | 1): number =>
        0.5 *
        (2 * b[k] +
          (c[k] - a[k]) * t +
          (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t * t +
          (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t * t * t)
      out.push([at(0), at(1)])
    }
  }
  out.push(controls[controls.length - 1])
  return out
}

/** Distance in mm from a point to a closed polygon: negative inside. */
export function polygonDistance(polygon: readonly Point[], u: number, v: number): number {
  let inside = false
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < polygon.length; i++) {
    const [au, av] = polygon[i]
    const [bu, bv] = polygon[(i + 1) % polygon.length]
    if (av > v !== bv > v && u < ((bu - au) * (v - av)) / (bv - av) + au) inside = !inside
    const du = bu - au
    const dv = bv - av
    const t = Math.min(1, Math.max(0, ((u - au) * du + (v - av) * dv) / (du * du + dv * dv + 1e-12)))
    best = Math.min(best, Math.hypot(u - au - t * du, v - av - t * dv))
  }
  return inside ? -best : best
}

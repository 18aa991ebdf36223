/** A synthetic photo of known shape: a spherical cap with bumps, one albedo, lit by one far lamp and ambient light. */
import type { ReliefScene } from '../../../src/engine/methods/relief/scene.js'
import { frontCamera } from '../../support/shapes.js'

/** Metres: radius of the cap, its distance from the camera, height of the bumps. */
const RADIUS = 0.1
const DISTANCE = 0.6
const HEIGHT = 0.0008
const GAMMA = 2.2

export interface SyntheticScene {
  scene: ReliefScene
  /** [size, size, 3] unit normals of the true surface, camera frame, 0 off the face */
  normals: Float32Array
  /** [size, size, 3] those of the cap without bumps */
  smooth: Float32Array
}

/** The cap fills a `size`-pixel square; `waves` bumps across it. */
export function capScene(size: number, waves = 5): SyntheticScene {
  const focal = (size * DISTANCE) / (2 * RADIUS)
  const camera = frontCamera(size, focal, DISTANCE)
  /** Depth along the axis of the cap at image position (u, v) in pixels from the centre. */
  const cap = (u: number, v: number): number => {
    // |t d - c| = R with d = (u/f, v/f, 1), c = (0, 0, D + R)
    const [a, c] = [(u * u + v * v) / focal ** 2 + 1, DISTANCE + RADIUS]
    return (c - Math.sqrt(c * c - a * (c * c - RADIUS * RADIUS))) / a
  }
  const turn = (2 * Math.PI * waves) / size
  const bumpy = (u: number, v: number): number =>
    cap(u, v) - HEIGHT * Math.sin(turn * (u + 0.3 * v)) * Math.cos(0.7 * turn * v)
  const count = size * size
  const [normals, smooth] = [new Float32Array(count * 3), new Float32Array(count * 3)]
  const mask = new Uint8Array(count)
  const depth = new Float32Array(count)
  const slope = new Float32Array(count * 2)
  const offset = new Float32Array(count * 2)
  const image = new Float32Array(count * 3)
  const lamp = unit([-0.5, -0.6, -0.62])
  for (let i = 0; i < count; i++) {
    const [u, v] = [(i % size) + 0.5 - camera.cx, Math.floor(i / size) + 0.5 - camera.cy]
    offset.set([u, v], 2 * i)
    depth[i] = DISTANCE
    if (Math.hypot(u, v) > 0.42 * size) continue
    mask[i] = 1
    depth[i] = cap(u, v)
    const h = 0.01
    slope.set([(cap(u + h, v) - cap(u - h, v)) / (2 * h), (cap(u, v + h) - cap(u, v - h)) / (2 * h)], 2 * i)
    const n = normalOf(bumpy, u, v, focal)
    normals.set(n, 3 * i)
    smooth.set(normalOf(cap, u, v, focal), 3 * i)
    const lit = 0.25 + 0.6 * Math.max(0, n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2])
    image.set(
      [0.9 * lit, 0.7 * lit, 0.55 * lit].map((c) => c ** (1 / GAMMA)),
      3 * i,
    )
  }
  const weight = Float32Array.from(mask)
  return {
    scene: {
      size,
      camera,
      mask,
      weight,
      paint: weight,
      image,
      colourful: 1,
      depth,
      slope,
      offset,
      occlusion: new Float32Array(9 * size * size),
      pixel: DISTANCE / focal,
    },
    normals,
    smooth,
  }
}

/** Normal towards the camera of the surface (u, v) → z(u, v) (u/f, v/f, 1), by the cross product of its tangents. */
function normalOf(z: (u: number, v: number) => number, u: number, v: number, focal: number): number[] {
  const at = (a: number, b: number): number[] => [(a / focal) * z(a, b), (b / focal) * z(a, b), z(a, b)]
  const h = 0.01
  const [p, q] = [at(u + h, v), at(u - h, v)]
  const [r, s] = [at(u, v + h), at(u, v - h)]
  const [a, b] = [p.map((x, k) => x - q[k]), r.map((x, k) => x - s[k])]
  return unit([b[1] * a[2] - b[2] * a[1], b[2] * a[0] - b[0] * a[2], b[0] * a[1] - b[1] * a[0]])
}

function unit(v: number[]): number[] {
  const length = Math.hypot(...v)
  return v.map((x) => x / length)
}

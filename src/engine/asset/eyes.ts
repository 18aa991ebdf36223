/**
 * Eyeballs: spheres that lids lie on, turned to where the photo's irises are, with a flat iris sunk into them and a clear cornea
 * over it. Directions: yaw to the subject's left, pitch up, radians, both 0 straight ahead.
 */
import type { Side } from '../evidence/layouts.js'
import { solveCholesky } from '../geometry/algebra.js'
import { rotationFromAxisAngle } from '../geometry/camera.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Fineness, Mesh } from '../stages.js'
import type { ShapeKey } from './keys.js'

export type Vector = readonly [number, number, number]

export interface Gaze {
  yaw: number
  pitch: number
}

export interface Eye {
  side: Side
  /** Head frame, metres. */
  centre: Vector
  radius: number
  irisRadius: number
  gaze: Gaze
}

/** A straight line from the camera through the middle of an iris, and the iris's radius, metres. */
export interface IrisSeen {
  from: Vector
  /** Unit. */
  along: Vector
  radius: number
}

export interface EyeScene {
  side: Side
  /** [n, 3] points of the head model's eyeball. */
  ball: Float32Array
  /** [n, 3] the lids' rim. */
  rim: Float32Array
  /** Undefined where the photo does not show the iris. */
  iris: IrisSeen | undefined
}

/** The lids' rim lies on the ball but for this share of it, which is a little too near and is moved off it. */
const INSIDE = 0.25
/** How far lids keep off the ball, metres. */
export const LID_GAP = 0.0001
/** The model's balls may be this much larger or smaller than the spheres that its lids lie on. */
const RESIZE = 0.08
/** Radius of adults' irises and how far from it one is believed, metres. */
const IRIS = 0.00585
const IRIS_SPREAD = 0.0006
/** Turn of the eyes at the end of a gaze key, the furthest that a photo's gaze is believed, and the most that eyes differ in it. */
export const GAZE_END = 0.4
const FURTHEST: Gaze = { yaw: 0.6, pitch: 0.45 }
const SQUINT = 0.1
/** A key turns the eyes by at least this, also where they look that way already. */
const LEAST_TURN = 0.1

/** Places both eyes; the one whose iris is not seen looks where the other one does. */
export function placeEyes(scenes: readonly EyeScene[]): Eye[] {
  const eyes = scenes.map(({ side, ball, rim, iris }): Eye => {
    const sphere = fitSphere(ball)
    const off = Float64Array.from({ length: rim.length / 3 }, (_, i) => distance(rim, i, sphere.centre)).sort()
    const lids = off[Math.floor(INSIDE * off.length)] - LID_GAP
    const radius = clamp(lids, sphere.radius * (1 - RESIZE), sphere.radius * (1 + RESIZE))
    const irisRadius = iris ? clamp(iris.radius, IRIS - IRIS_SPREAD, IRIS + IRIS_SPREAD) : IRIS
    return { side, centre: sphere.centre, radius, irisRadius, gaze: { yaw: 0, pitch: 0 } }
  })
  const looks = eyes.map((eye, i) => scenes[i].iris && gazeAt(eye, scenes[i].iris))
  const known = looks.filter((look) => look !== undefined)
  if (known.length === 0) return eyes
  const mean = (k: keyof Gaze): number => known.reduce((sum, look) => sum + look[k] / known.length, 0)
  const common = { yaw: mean('yaw'), pitch: mean('pitch') }
  const irisRadius = eyes.reduce((sum, eye) => sum + eye.irisRadius / eyes.length, 0)
  return eyes.map((eye, i) => {
    const yaw = common.yaw + clamp((looks[i] ?? common).yaw - common.yaw, -SQUINT, SQUINT)
    return {
      ...eye,
      irisRadius,
      gaze: {
        yaw: clamp(yaw, -FURTHEST.yaw, FURTHEST.yaw),
        pitch: clamp(common.pitch, -FURTHEST.pitch, FURTHEST.pitch),
      },
    }
  })
}

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x))
const distance = (points: Float32Array, i: number, [x, y, z]: Vector): number =>
  Math.hypot(points[3 * i] - x, points[3 * i + 1] - y, points[3 * i + 2] - z)

/** Least squares of |p|² = 2 p·c + (r² − |c|²). */
function fitSphere(points: Float32Array): { centre: Vector; radius: number } {
  const n = points.length / 3
  const middle = [0, 1, 2].map((k) => points.reduce((sum, x, i) => (i % 3 === k ? sum + x / n : sum), 0))
  const [a, b] = [new Float64Array(16), new Float64Array(4)]
  for (let i = 0; i < n; i++) {
    const p = [0, 1, 2].map((k) => points[3 * i + k] - middle[k])
    const row = [2 * p[0], 2 * p[1], 2 * p[2], 1]
    const square = p[0] ** 2 + p[1] ** 2 + p[2] ** 2
    for (let r = 0; r < 4; r++) {
      for (let c = 0; c < 4; c++) a[4 * r + c] += row[r] * row[c]
      b[r] += row[r] * square
    }
  }
  // a ball that is flat or a point has no sphere: its middle, and a radius of nothing that the lids then set
  if (!solveCholesky(a, b, 4)) return { centre: middle as unknown as Vector, radius: 0 }
  return {
    centre: [b[0] + middle[0], b[1] + middle[1], b[2] + middle[2]],
    radius: Math.sqrt(b[3] + b[0] ** 2 + b[1] ** 2 + b[2] ** 2),
  }
}

/** Where the eye looks if its pupil lies on the line of sight; where the line passes by, as far as it goes. */
function gazeAt({ centre, radius }: Eye, { from, along }: IrisSeen): Gaze {
  const to = [0, 1, 2].map((k) => centre[k] - from[k])
  const near = to[0] * along[0] + to[1] * along[1] + to[2] * along[2]
  const beside = to.map((x, k) => near * along[k] - x)
  const square = beside[0] ** 2 + beside[1] ** 2 + beside[2] ** 2
  const depth = Math.sqrt(Math.max(0, radius ** 2 - square))
  const [x, y, z] = beside.map((b, k) => b - depth * along[k])
  return { yaw: Math.atan2(x, z), pitch: Math.asin(clamp(y / Math.hypot(x, y, z), -1, 1)) }
}

/** Turns straight ahead to the gaze. [3, 3] */
export function gazeRotation({ yaw, pitch }: Gaze): Float64Array {
  const [sy, cy] = [Math.sin(yaw), Math.cos(yaw)]
  const tilt = rotationFromAxisAngle(-pitch, 0, 0)
  const turn = [cy, 0, sy, 0, 1, 0, -sy, 0, cy]
  return Float64Array.from(
    { length: 9 },
    (_, i) =>
      turn[3 * Math.floor(i / 3)] * tilt[i % 3] +
      turn[3 * Math.floor(i / 3) + 1] * tilt[3 + (i % 3)] +
      turn[3 * Math.floor(i / 3) + 2] * tilt[6 + (i % 3)],
  )
}

/** Where the eye looks at the end of each of its gaze keys. */
function gazeKeys({ side, gaze }: Eye): [string, Gaze][] {
  const { yaw, pitch } = gaze
  // +X is the subject's left: outwards for the left eye
  const out = side === 'Left' ? 1 : -1
  const end = (now: number): number => Math.max(GAZE_END, now + LEAST_TURN)
  return [
    [`eyeLookUp${side}`, { yaw, pitch: end(pitch) }],
    [`eyeLookDown${side}`, { yaw, pitch: -end(-pitch) }],
    [`eyeLookOut${side}`, { yaw: out * end(out * yaw), pitch }],
    [`eyeLookIn${side}`, { yaw: -out * end(-out * yaw), pitch }],
  ]
}

interface Rings {
  /** Vertices around the axis of sight. */
  segments: number
  /** Of the iris, as shares of its radius from the pupil's middle, with the depth under the limbus, metres. */
  iris: readonly (readonly [share: number, depth: number])[]
  white: number
  cornea: number
}

/** Coarse rings stay within 0.1 mm of the sphere, as far as lids keep off it. */
const RINGS: Readonly<Record<Fineness, Rings>> = {
  fine: {
    segments: 40,
    iris: [
      [0.12, 0.0005],
      [0.3, 0.0005],
      [0.4, 0.00045],
      [0.55, 0.0004],
      [0.75, 0.00035],
      [0.93, 0.0003],
      [1, 0],
    ],
    white: 16,
    cornea: 8,
  },
  coarse: {
    segments: 24,
    iris: [
      [0.3, 0.0005],
      [0.45, 0.00045],
      [0.75, 0.00035],
      [0.93, 0.0003],
      [1, 0],
    ],
    white: 9,
    cornea: 4,
  },
}
/** The cornea's radius of curvature as a share of the ball's, and how far it lies over the limbus, metres. */
const CORNEA = 0.76
const OVER = 0.00004
/** Texture coordinates go outwards from the pupil with this power of the angle: the iris gets more texels than the back. */
const POWER = 0.6

/** Texture coordinates' distance from the middle, 0..0.5, of an angle from the axis of sight. */
const uvRadius = (angle: number): number => 0.5 * (angle / Math.PI) ** POWER
/** The inverse. */
export const angleOf = (radius: number): number => Math.PI * (2 * radius) ** (1 / POWER)

/** Mesh of a ball about the origin, looking along +Z. */
export interface BallMesh {
  mesh: Mesh
  /** [vertices, 2] */
  uv: Float32Array
}

/** The ball with its iris. */
export function ballMesh({ radius, irisRadius }: Pick<Eye, 'radius' | 'irisRadius'>, fineness: Fineness): BallMesh {
  const { segments, iris, white } = RINGS[fineness]
  const limbus = Math.asin(irisRadius / radius)
  const plane = radius * Math.cos(limbus)
  const rings: Ring[] = iris.map(([share, depth]) => ({
    r: share * irisRadius,
    z: plane - depth,
    uv: uvRadius(Math.asin((share * irisRadius) / radius)),
  }))
  for (let i = 1; i < white; i++) {
    const angle = limbus + (Math.PI - limbus) * (i / white) ** 1.3
    rings.push({ r: radius * Math.sin(angle), z: radius * Math.cos(angle), uv: uvRadius(angle) })
  }
  return lathe(segments, { r: 0, z: plane - 0.0005, uv: 0 }, rings, { r: 0, z: -radius, uv: 0.5 })
}

/** How far the cornea's middle stands out from the sphere, metres. */
export function corneaBulge({ radius, irisRadius }: Pick<Eye, 'radius' | 'irisRadius'>): number {
  const limbus = Math.asin(irisRadius / radius)
  return radius * Math.cos(limbus) + corneaHeight(radius, irisRadius, 0) - radius
}

/** Height of the cornea over the plane of the limbus at r from the axis. */
function corneaHeight(radius: number, irisRadius: number, r: number): number {
  const curve = CORNEA * radius
  return Math.sqrt(curve ** 2 - r ** 2) - Math.sqrt(curve ** 2 - irisRadius ** 2)
}

/** The clear cap over the iris. */
export function corneaMesh({ radius, irisRadius }: Pick<Eye, 'radius' | 'irisRadius'>, fineness: Fineness): BallMesh {
  const { segments, cornea } = RINGS[fineness]
  const plane = radius * Math.cos(Math.asin(irisRadius / radius))
  const at = (share: number): Ring => {
    const r = share * irisRadius
    return { r, z: plane + OVER + corneaHeight(radius, irisRadius, r), uv: share / 2 }
  }
  return lathe(
    segments,
    at(0),
    Array.from({ length: cornea }, (_, i) => at(1.01 * Math.sin(((i + 1) / cornea) * (Math.PI / 2)))),
  )
}

interface Ring {
  r: number
  z: number
  uv: number
}

/** A surface of revolution about +Z, from its pole in front over rings to a pole behind, if there is one. */
function lathe(segments: number, front: Ring, rings: readonly Ring[], back?: Ring): BallMesh {
  const positions = [0, 0, front.z]
  const uv = [0.5, 0.5]
  for (const ring of rings)
    for (let s = 0; s < segments; s++) {
      const [x, y] = [Math.cos((2 * Math.PI * s) / segments), Math.sin((2 * Math.PI * s) / segments)]
      positions.push(ring.r * x, ring.r * y, ring.z)
      uv.push(0.5 + ring.uv * x, 0.5 - ring.uv * y)
    }
  const indices: number[] = []
  const at = (ring: number, s: number): number => 1 + ring * segments + (s % segments)
  for (let s = 0; s < segments; s++) {
    indices.push(0, at(0, s), at(0, s + 1))
    for (let ring = 0; ring + 1 < rings.length; ring++) {
      const [a, b, c, d] = [at(ring, s), at(ring, s + 1), at(ring + 1, s), at(ring + 1, s + 1)]
      indices.push(a, c, b, b, c, d)
    }
  }
  if (back) {
    // the back pole has a vertex for each segment: the texture's border has no single place for it
    const first = positions.length / 3
    for (let s = 0; s < segments; s++) {
      const angle = (2 * Math.PI * (s + 0.5)) / segments
      positions.push(0, 0, back.z)
      uv.push(0.5 + back.uv * Math.cos(angle), 0.5 - back.uv * Math.sin(angle))
      indices.push(at(rings.length - 1, s), first + s, at(rings.length - 1, s + 1))
    }
  }
  return {
    mesh: { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) },
    uv: Float32Array.from(uv),
  }
}

/** A ball or cornea in its place, with its gaze keys. */
export interface PlacedBall extends BallMesh {
  normals: Float32Array
  keys: ShapeKey[]
}

export function placeBall(eye: Eye, { mesh, uv }: BallMesh, withKeys: boolean): PlacedBall {
  const straight = { positions: mesh.positions, normals: vertexNormals(mesh) }
  const now = turned(straight, eye, eye.gaze)
  const keys = gazeKeys(eye).map(([name, gaze]): ShapeKey => {
    const there = turned(straight, eye, gaze)
    return {
      name,
      displacements: there.positions.map((p, i) => p - now.positions[i]),
      normals: there.normals.map((n, i) => n - now.normals[i]),
    }
  })
  return {
    mesh: { positions: now.positions, indices: mesh.indices },
    normals: now.normals,
    uv,
    keys: withKeys ? keys : [],
  }
}

function turned(
  { positions, normals }: { positions: Float32Array; normals: Float32Array },
  { centre }: Eye,
  gaze: Gaze,
): { positions: Float32Array; normals: Float32Array } {
  const m = gazeRotation(gaze)
  const rotate = (rows: Float32Array, to: Vector): Float32Array => {
    const out = new Float32Array(rows.length)
    for (let i = 0; i < rows.length; i += 3)
      for (let k = 0; k < 3; k++)
        out[i + k] = m[3 * k] * rows[i] + m[3 * k + 1] * rows[i + 1] + m[3 * k + 2] * rows[i + 2] + to[k]
    return out
  }
  return { positions: rotate(positions, centre), normals: rotate(normals, [0, 0, 0]) }
}

/**
 * What colours ears where the photo does not show them: the face's skin, redder and darker in the bowl and in folds, redder at the rim and the
 * lobe, which light shines through, and a little blotchy. How deep a place lies is found by looking at the head's own ears from all sides.
 */
import { transformPoints } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { type Submesh, submesh } from '../geometry/mesh.js'
import { noise } from '../geometry/noise.js'
import { vertexNormals } from '../geometry/normals.js'
import { isHidden, type Raster, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { type Camera, HEAD_PARTS, type Mesh } from '../stages.js'
import { cross, unit } from './cards.js'
import type { PaintMesh } from './compose.js'
import { fromTone } from './skin-colour.js'

/** Directions that an ear is looked at from, pixels of the pictures, and how far what hides a place must lie before it, metres. */
const DIRECTIONS = 28
const PIXELS = 72
const BEFORE = 0.0012
/** So far about an ear things may hide it, metres. */
const AROUND = 0.03
/** An ear's colour begins at its foot and is whole so far off, metres. */
const FOOT = 0.007
/** Changes of the tone (asset/skin-colour.ts: brightness, red over green, blue over green): of an ear, its depths, rim and lobe. */
const EAR = [-0.01, 0.03, -0.005] as const
const DEEP = [-0.3, 0.15, -0.01] as const
const RIM = [-0.025, 0.06, 0.005] as const
const LOBE = [0, 0.03, 0.005] as const
/** The lowest part of an ear is its lobe, share of its height. */
const LOWEST = [0.3, 0.12] as const
/** So open places are its rim. */
const OPEN = [0.6, 0.85] as const
/** Blotches: wavelength, metres, and strengths. */
const BLOTCH = 0.005
const BLOTCHY = [0.035, 0.05, 0] as const

/**
 * [vertices, 3] the changes of tone, 0 off the ears.
 * @param parts [vertices] HEAD_PARTS @param colourful 0 for grey photos
 */
export function earTones(mesh: Mesh, parts: Uint8Array, colourful: number): Float32Array {
  const tones = new Float32Array(3 * parts.length)
  for (const side of [1, -1]) {
    const about = aboutEar(mesh, parts, side)
    if (!about) continue
    const { vertexMap, mesh: part } = about
    const isEar = Array.from(vertexMap, (v) => Number(parts[v] === HEAD_PARTS.ear))
    const foot = edgeDistance(
      part,
      isEar.map((ear) => 1 - ear),
    )
    const ear = [...isEar.keys()].filter((i) => isEar[i])
    const open = openness(part, ear, side)
    const heights = ear.map((v) => part.positions[3 * v + 1])
    const [low, high] = [Math.min(...heights), Math.max(...heights)]
    ear.forEach((v, i) => {
      const away = smoothstep(0, FOOT, foot[v])
      const rim = smoothstep(OPEN[0], OPEN[1], open[i])
      const lobe = smoothstep(LOWEST[0], LOWEST[1], (heights[i] - low) / (high - low))
      const [x, y, z] = part.positions.subarray(3 * v, 3 * v + 3)
      const blotch = noise(x / BLOTCH, y / BLOTCH, z / BLOTCH, 91)
      for (let k = 0; k < 3; k++) {
        const tone = EAR[k] + (1 - open[i]) * DEEP[k] + rim * (RIM[k] + lobe * LOBE[k]) + blotch * BLOTCHY[k]
        tones[3 * vertexMap[v] + k] = away * (k === 0 ? 1 : colourful) * tone
      }
    })
  }
  return tones
}

/** An ear with what is about it; undefined for models without ears. */
function aboutEar(mesh: Mesh, parts: Uint8Array, side: number): Submesh | undefined {
  const { positions: p, indices } = mesh
  const low = [Infinity, Infinity, Infinity]
  const high = [-Infinity, -Infinity, -Infinity]
  for (let v = 0; v < parts.length; v++)
    if (parts[v] === HEAD_PARTS.ear && side * p[3 * v] > 0)
      for (let k = 0; k < 3; k++) {
        low[k] = Math.min(low[k], p[3 * v + k] - AROUND)
        high[k] = Math.max(high[k], p[3 * v + k] + AROUND)
      }
  if (!(high[0] > low[0])) return undefined
  const near = new Uint8Array(parts.length).fill(1)
  for (let i = 0; i < p.length; i++) if (!(p[i] > low[i % 3] && p[i] < high[i % 3])) near[Math.floor(i / 3)] = 0
  const about = new Uint8Array(indices.length / 3)
  for (let t = 0; t < about.length; t++) about[t] = near[indices[3 * t]]
  return submesh(mesh, about)
}

/** [ear] 0..1: how much of what shines on each place from outside comes through. @param ear its vertices */
function openness(mesh: Mesh, ear: readonly number[], side: number): Float32Array {
  const { positions: p } = mesh
  const normals = vertexNormals(mesh)
  const span = [0, 1, 2].map((k) => {
    const values = ear.map((v) => p[3 * v + k])
    return [Math.min(...values), Math.max(...values)]
  })
  const centre = span.map(([low, high]) => (low + high) / 2)
  const reach = Math.max(...span.map(([low, high]) => high - low))
  const [through, all] = [new Float32Array(ear.length), new Float32Array(ear.length)]
  for (let d = 0; d < DIRECTIONS; d++) {
    // spread evenly over the sphere (Fibonacci); the head itself is on the other side
    const y = 1 - (2 * d + 1) / DIRECTIONS
    const turn = Math.PI * (3 - Math.sqrt(5)) * d
    const to = [Math.cos(turn) * Math.sqrt(1 - y * y), y, Math.sin(turn) * Math.sqrt(1 - y * y)]
    if (side * to[0] < -0.2) continue
    const camera = cameraFrom(to, centre, reach)
    const points = transformPoints(camera.headToCamera, p)
    const { depth } = rasterize(mesh, camera)
    ear.forEach((v, i) => {
      const facing = to[0] * normals[3 * v] + to[1] * normals[3 * v + 1] + to[2] * normals[3 * v + 2]
      if (facing <= 0) return
      const [x, y, z] = points.subarray(3 * v, 3 * v + 3)
      all[i] += facing
      if (!isHidden(depth, PIXELS, (camera.fx * x) / z + PIXELS / 2, (camera.fy * y) / z + PIXELS / 2, z, BEFORE))
        through[i] += facing
    })
  }
  return through.map((sum, i) => (all[i] > 0 ? sum / all[i] : 1))
}

/** Looks from afar along a direction at what is `reach` wide about `centre`. */
function cameraFrom(to: readonly number[], centre: readonly number[], reach: number): Camera {
  const far = 40 * reach
  const back = to.map((c) => -c)
  const up = Math.abs(to[1]) < 0.9 ? [0, 1, 0] : [0, 0, 1]
  const right = unit(cross(back, up))
  const down = cross(back, right)
  const rows = [right, down, back]
  const headToCamera = new Float64Array(16)
  rows.forEach((row, k) => {
    headToCamera.set(row, 4 * k)
    headToCamera[4 * k + 3] = (k === 2 ? far : 0) - row.reduce((sum, c, i) => sum + c * centre[i], 0)
  })
  headToCamera[15] = 1
  // the whole ear, and what is as far about it as it is wide
  const focal = (0.4 * PIXELS * far) / reach
  return { width: PIXELS, height: PIXELS, fx: focal, fy: focal, cx: PIXELS / 2, cy: PIXELS / 2, headToCamera }
}

/** Colours the ears in the albedo, in place, where the photo is not believed. @param tones [vertices, 3] */
export function colourEars(
  { mesh, parts }: Pick<PaintMesh, 'mesh' | 'parts'>,
  { triangle, barycentric }: Raster,
  belief: Float32Array,
  tones: Float32Array,
  albedo: Float32Array,
): void {
  const { indices } = mesh
  const ears = new Uint8Array(indices.length / 3)
  for (let c = 0; c < indices.length; c++) if (parts[indices[c]] === HEAD_PARTS.ear) ears[Math.floor(c / 3)] = 1
  const gain = new Float32Array(3)
  const tone = [0, 0, 0]
  for (let i = 0; i < triangle.length; i++) {
    if (triangle[i] < 0 || !ears[triangle[i]]) continue
    const t = 3 * triangle[i]
    for (let k = 0; k < 3; k++) {
      tone[k] = 0
      for (let c = 0; c < 3; c++) tone[k] += (1 - belief[i]) * barycentric[3 * i + c] * tones[3 * indices[t + c] + k]
    }
    fromTone(tone, gain, 0)
    for (let k = 0; k < 3; k++) albedo[3 * i + k] = Math.min(1, albedo[3 * i + k] * Math.exp(gain[k]))
  }
}

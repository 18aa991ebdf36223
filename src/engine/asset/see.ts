/** The photo at the head's vertices, and at the texels between them. */
import { edgeDistance } from '../geometry/edge-distance.js'
import { vertexShare } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Raster } from '../geometry/rasterize.js'
import { HEAD_PARTS, type Mesh } from '../stages.js'
import { nearSeen, type PaintMesh } from './compose.js'
import { unfoldedSkin } from './folded.js'
import { gainAt, knownAt, type Relight } from './light.js'
import { withinSeen } from './reach.js'
import type { Seen, Sight } from './sight.js'
import { spread, type VertexData } from './skin.js'

/** About eyes and mouth, up to this distance, what is not skin is no cover, metres. */
const OPENING = 0.012
/** Lashes and the lids' shadow reach so far over the skin, metres. */
const LASHES = 0.002

/** How soon light that is carried to where none is known becomes that of the face as a whole (`pull` of `spread`). */
const LIGHT_FADES = 0.1
/** How much known light counts beside that: the albedo rests on it. */
const LIGHT_HOLDS = 4

/** The texture's texels on the head's triangles. */
export interface TexelGrid {
  raster: Raster
  size: number
}

/** What is known at the vertices. */
export interface VertexSight {
  /** sRGB [vertices, 3] of the photo, how far it is believed, and 1 but for what is near eyes and mouth. */
  photo: { values: Float32Array; weight: Float32Array; plain: Float32Array }
  /** [vertices, 3] what takes the light out, carried to where it is not known; undefined without a light. */
  gain: Float32Array | undefined
  /** Points and normals [vertices, 3] in the camera frame. */
  camera: { points: Float32Array; normals: Float32Array }
  /** [vertices] 0..1: of the face region; near an opening; within the seen part of the head; not in a fold. */
  face: ArrayLike<number>
  opening: Float32Array
  within: ArrayLike<number>
  unfolded: Float32Array
}

/** What is known at the texels; arrays are [size, size]. */
export interface TexelSight {
  /** [size, size, 3] sRGB of the photo where it is believed */
  detail: Float32Array
  /** [size, size, 3] what takes the light out; empty without a light */
  gains: Float32Array
  belief: Float32Array
  /** Crop pixel of each believed texel. */
  pixel: Uint32Array
}

/** Looks at the photo at each vertex. */
export function seeVertices(head: PaintMesh, sight: Sight, relight: Relight | undefined): VertexSight {
  const { mesh } = head
  const camera = sight.inCamera(mesh.positions, vertexNormals(head.smooth))
  const face = vertexShare(mesh, head.faceRegion)
  const opening = nearOpening(head)
  // what is between lids and lips colours no skin, nor do lashes at the lids' edge; nothing can be read in folds
  const edge = lidEdge(head)
  const unfolded = unfoldedSkin({
    mesh: head.smooth,
    rest: head.resting,
    view: sight.view,
    size: sight.size,
    face,
    opening,
  })
  const vertices = mesh.positions.length / 3
  const seen: Seen = { colour: [0, 0, 0], belief: 0, x: 0, y: 0, visible: false, glasses: false }
  const photo = {
    values: new Float32Array(3 * vertices),
    weight: new Float32Array(vertices),
    plain: opening.map((o) => 1 - o),
  }
  const light = { values: new Float32Array(3 * vertices), weight: new Float32Array(vertices) }
  const factors = [1, 1, 1]
  const gaps = new Uint8Array(vertices)
  for (let v = 0; v < vertices; v++) {
    if (edge[v]) continue
    sight.at(camera.points, camera.normals, v, face[v], opening[v], seen)
    photo.values.set(seen.colour, 3 * v)
    gaps[v] = +seen.glasses
    photo.weight[v] = seen.belief * unfolded[v]
    if (!relight || !seen.visible) continue
    gainAt(relight, seen.x, seen.y, factors)
    light.values.set(factors, 3 * v)
    light.weight[v] = knownAt(relight, seen.x, seen.y)
  }
  const within = withinSeen(mesh, head.parts, photo.weight, gaps)
  for (let v = 0; v < vertices; v++) photo.weight[v] *= within[v]
  const gain = relight && carriedLight(mesh, light)
  return { photo, gain, camera, face, opening, within, unfolded }
}

interface TexelLook {
  head: PaintMesh
  grid: TexelGrid
  sight: Sight
  vertices: VertexSight
  relight: Relight | undefined
}

/** Looks at the photo at each texel of the triangles whose corners or neighbours are seen. */
export function seeTexels({ head, grid, sight, vertices, relight }: TexelLook): TexelSight {
  const { size, raster } = grid
  const { photo, gain, face, opening, within, unfolded } = vertices
  const { points, normals } = vertices.camera
  const { indices } = head.mesh
  const near = nearSeen(head.mesh, photo.weight)
  const texels = size * size
  const detail = new Float32Array(3 * texels)
  const gains = new Float32Array(gain ? 3 * texels : 0)
  const belief = new Float32Array(texels)
  const pixel = new Uint32Array(texels)
  const point = new Float32Array(3)
  const normal = new Float32Array(3)
  const seen: Seen = { colour: [0, 0, 0], belief: 0, x: 0, y: 0, visible: false, glasses: false }
  const factors = [1, 1, 1]
  for (let i = 0; i < texels; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    const a = indices[3 * t]
    const b = indices[3 * t + 1]
    const c = indices[3 * t + 2]
    const u = raster.barycentric[3 * i]
    const v = raster.barycentric[3 * i + 1]
    const w = raster.barycentric[3 * i + 2]
    if (gain)
      for (let k = 0; k < 3; k++) gains[3 * i + k] = u * gain[3 * a + k] + v * gain[3 * b + k] + w * gain[3 * c + k]
    if (!near[t] || head.removed[t]) continue
    const inside = u * within[a] + v * within[b] + w * within[c]
    if (inside === 0) continue
    const faceShare = u * face[a] + v * face[b] + w * face[c]
    const open = u * opening[a] + v * opening[b] + w * opening[c]
    for (let k = 0; k < 3; k++) {
      point[k] = u * points[3 * a + k] + v * points[3 * b + k] + w * points[3 * c + k]
      normal[k] = u * normals[3 * a + k] + v * normals[3 * b + k] + w * normals[3 * c + k]
    }
    sight.at(point, normal, 0, faceShare, open, seen)
    if (relight && seen.visible) {
      gainAt(relight, seen.x, seen.y, factors)
      const known = inside * knownAt(relight, seen.x, seen.y)
      for (let k = 0; k < 3; k++) gains[3 * i + k] += known * (factors[k] - gains[3 * i + k])
    }
    seen.belief *= inside * (u * unfolded[a] + v * unfolded[b] + w * unfolded[c])
    if (seen.belief === 0) continue
    belief[i] = seen.belief
    pixel[i] = Math.floor(seen.y) * sight.size + Math.floor(seen.x)
    for (let k = 0; k < 3; k++) detail[3 * i + k] = seen.colour[k]
  }
  return { detail, gains, belief, pixel }
}

/**
 * [vertices, 3] factors that take the light out, carried from where they are known to where they are not. There they become those of the face
 * as a whole: a lamp that shines on a temple does not shine on all of the head behind it.
 */
export function carriedLight(mesh: Mesh, known: VertexData): Float32Array {
  const held = { values: known.values, weight: known.weight.map((w) => LIGHT_HOLDS * w) }
  return spread(mesh, held, meanOf(known), { stiffness: 8, pull: LIGHT_FADES, rounds: 24 })
}

/** The mean of known factors, of their logarithms: 1 where none is known. */
function meanOf({ values, weight }: VertexData): number[] {
  const total = weight.reduce((sum, w) => sum + w, 1e-9)
  return [0, 1, 2].map((k) =>
    Math.exp(weight.reduce((sum, w, v) => (w > 0 ? sum + w * Math.log(values[3 * v + k]) : sum), 0) / total),
  )
}

/** [vertices] 1 on what is removed between lids and lips, and on the lids up to LASHES from it. */
function lidEdge({ mesh, parts, removed }: PaintMesh): Uint8Array {
  const within = vertexShare(mesh, removed)
  const eyes = new Uint8Array(within.length)
  removed.forEach((gone, t) => {
    const corners = mesh.indices.subarray(3 * t, 3 * t + 3)
    if (gone && corners.some((v) => parts[v] === HEAD_PARTS.eyeball)) for (const v of corners) eyes[v] = 1
  })
  const near = edgeDistance(mesh, eyes, LASHES)
  return Uint8Array.from(within, (share, v) => (share === 1 || near[v] < LASHES ? 1 : 0))
}

/** [vertices] 1 on the sheets between lids and lips, falling to 0 at OPENING from them. */
function nearOpening({ mesh, parts }: PaintMesh): Float32Array {
  const sheets = parts.map((part) => (part === HEAD_PARTS.eyeball || part === HEAD_PARTS.mouth ? 1 : 0))
  return edgeDistance(mesh, sheets, OPENING).map((d) => 1 - Math.min(1, d / OPENING) ** 2)
}

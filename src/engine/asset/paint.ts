/**
 * The head's textures from the photo: albedo, what was seen, how far to believe it.
 *
 * A smooth base colour is carried over the mesh from what is seen to what is not. Where the photo is believed, its texels replace
 * the base; elsewhere the difference between texel and base at the mirrored place is added, so that brows, lips and pores of the
 * seen side appear on the other one without an edge.
 */
import { edgeDistance } from '../geometry/edge-distance.js'
import { vertexShare } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { fillBetween, texelRaster } from '../geometry/texels.js'
import { HEAD_PARTS } from '../stages.js'
import { task } from '../threads/task.js'
import { compose, nearSeen, type PaintMesh } from './compose.js'
import { gainAt, knownAt, type Relight } from './light.js'
import { withinSeen } from './reach.js'
import { type Seen, Sight, type SightScene } from './sight.js'
import { spread } from './skin.js'

/** About eyes and mouth, up to this distance, what is not skin is no cover, metres. */
const OPENING = 0.012
/** Lashes and the lids' shadow reach so far over the skin, metres. */
const LASHES = 0.002
/** Skin that grows by the first factor as the lids shut is still the photo's; by the second, not at all. */
const STRETCH = [1.6, 3] as const

export interface HeadTextures {
  size: number
  /** [size, size, 3] sRGB 0..1, de-lit where a light is known. */
  albedo: Float32Array
  /** [size, size, 3] sRGB 0..1: the photo's own colours, filled in the same way. */
  photo: Float32Array
  /** [size, size] 0..1: how far the texel's colour is the photo's. */
  observed: Float32Array
  /** [size, size] 0..1: the same, less where the rendered face differs from the photo. */
  confidence: Float32Array
}

interface PaintInput {
  head: PaintMesh
  scene: SightScene
  size: number
  /** Takes the light out of a colour; undefined: the photo's colours are the albedo. */
  relight: Relight | undefined
  /** [crop.size, crop.size] 0..1 difference between the rendering and the photo. */
  residual: Float32Array
}

/** Paints the textures. */
export function paintHead({ head, scene, size, relight, residual }: PaintInput): HeadTextures {
  const raster = texelRaster(head.uv, head.uvIndices, size)
  const sight = new Sight(scene, footprint(head, scene, size))
  const { mesh } = head
  const camera = sight.inCamera(mesh.positions, vertexNormals(head.smooth))
  const face = vertexShare(mesh, head.faceRegion)
  const opening = nearOpening(head)
  // what is between lids and lips colours no skin, nor do lashes at the lids' edge; of the folds of open lids nothing can be read
  const edge = lidEdge(head)
  const unfolded = head.stretch?.map((s) => 1 - smoothstep(STRETCH[0], STRETCH[1], s))
  const vertices = mesh.positions.length / 3

  // the photo at each vertex
  const seen: Seen = { colour: [0, 0, 0], belief: 0, x: 0, y: 0, visible: false }
  const photo = {
    values: new Float32Array(3 * vertices),
    weight: new Float32Array(vertices),
    plain: opening.map((o) => 1 - o),
  }
  const light = { values: new Float32Array(3 * vertices), weight: new Float32Array(vertices) }
  const factors = [1, 1, 1]
  for (let v = 0; v < vertices; v++) {
    if (edge[v]) continue
    sight.at(camera.points, camera.normals, v, face[v], opening[v], seen)
    photo.values.set(seen.colour, 3 * v)
    photo.weight[v] = seen.belief * (unfolded?.[v] ?? 1)
    if (!relight || !seen.visible) continue
    gainAt(relight, seen.x, seen.y, factors)
    light.values.set(factors, 3 * v)
    light.weight[v] = knownAt(relight, seen.x, seen.y)
  }
  const within = withinSeen(mesh, head.parts, photo.weight)
  for (let v = 0; v < vertices; v++) photo.weight[v] *= within[v]
  const gain = relight ? spread(mesh, light, [1, 1, 1], { stiffness: 8, pull: 0, rounds: 24 }) : undefined

  // texels, of triangles whose corners or neighbours are seen
  const near = nearSeen(mesh, photo.weight)
  const texels = size * size
  const detail = new Float32Array(3 * texels)
  const gains = new Float32Array(gain ? 3 * texels : 0)
  const belief = new Float32Array(texels)
  const confidence = new Float32Array(texels)
  const point = new Float32Array(3)
  const normal = new Float32Array(3)
  const { points, normals } = camera
  const { indices } = mesh
  for (let i = 0; i < texels; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    const [a, b, c] = [indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]]
    const [u, v, w] = [raster.barycentric[3 * i], raster.barycentric[3 * i + 1], raster.barycentric[3 * i + 2]]
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
    seen.belief *= inside * (unfolded ? u * unfolded[a] + v * unfolded[b] + w * unfolded[c] : 1)
    if (seen.belief === 0) continue
    belief[i] = seen.belief
    for (let k = 0; k < 3; k++) detail[3 * i + k] = seen.colour[k]
    const pixel = Math.floor(seen.y) * scene.crop.size + Math.floor(seen.x)
    confidence[i] = seen.belief * Math.exp(-((residual[pixel] / 0.12) ** 2))
  }
  if (!gain) {
    const albedo = compose(head, { raster, size }, detail, belief, photo)
    wetEdges(head, raster.triangle, albedo)
    return { size, albedo, photo: albedo, observed: belief, confidence }
  }
  for (let k = 0; k < detail.length; k++) detail[k] *= gains[k]
  for (let k = 0; k < gain.length; k++) photo.values[k] *= gain[k]
  const albedo = compose(head, { raster, size }, detail, belief, photo)
  // with its light again: in unseen places the light that spreads there from the seen ones
  const lit = albedo.slice()
  for (let k = 0; k < lit.length; k++) if (gains[k] > 0) lit[k] = Math.min(1, lit[k] / gains[k])
  fillBetween(lit, 3, size, raster.triangle)
  wetEdges(head, raster.triangle, albedo)
  wetEdges(head, raster.triangle, lit)
  return { size, albedo, photo: lit, observed: belief, confidence }
}

export const PAINT_HEAD = task(import.meta.url, paintHead)

/** Skin's colour times this is that of the wet edges of lids and lips. */
const WET = [0.98, 0.72, 0.68] as const
const WET_GREY = 0.8

/** Makes what the skin's colour goes on to in openings redder, as far as it has colour, in place. @param triangle [size, size] of each texel */
function wetEdges({ removed }: PaintMesh, triangle: Int32Array, colours: Float32Array): void {
  for (let i = 0; i < triangle.length; i++) {
    if (triangle[i] < 0 || !removed[triangle[i]]) continue
    const [r, , b] = colours.subarray(3 * i, 3 * i + 3)
    const colourful = smoothstep(0.02, 0.1, r - b)
    for (let k = 0; k < 3; k++) colours[3 * i + k] *= WET_GREY + colourful * (WET[k] - WET_GREY)
  }
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

/** Photo pixels across a texel of a texture of `size`: the median over the face's triangles. */
export function footprint(
  { mesh, uv, uvIndices, faceRegion }: Pick<PaintMesh, 'mesh' | 'uv' | 'uvIndices' | 'faceRegion'>,
  { camera, crop }: Pick<SightScene, 'camera' | 'crop'>,
  size: number,
): number {
  const { positions: p, indices } = mesh
  const { headToCamera: m } = camera
  const ratios: number[] = []
  // a sample of the triangles will do
  for (let t = 0; t < faceRegion.length; t += 16) {
    if (!faceRegion[t]) continue
    const [a, b, c] = indices.subarray(3 * t, 3 * t + 3)
    const [u, v, w] = uvIndices.subarray(3 * t, 3 * t + 3)
    const texture =
      Math.abs(
        (uv[2 * v] - uv[2 * u]) * (uv[2 * w + 1] - uv[2 * u + 1]) -
          (uv[2 * v + 1] - uv[2 * u + 1]) * (uv[2 * w] - uv[2 * u]),
      ) *
      size ** 2
    const edge = (i: number, j: number): number[] => [0, 1, 2].map((k) => p[3 * j + k] - p[3 * i + k])
    const [d, e] = [edge(a, b), edge(a, c)]
    const area = Math.hypot(d[1] * e[2] - d[2] * e[1], d[2] * e[0] - d[0] * e[2], d[0] * e[1] - d[1] * e[0])
    const z = m[8] * p[3 * a] + m[9] * p[3 * a + 1] + m[10] * p[3 * a + 2] + m[11]
    if (texture > 0) ratios.push(Math.sqrt(area / texture) * (camera.fx / z))
  }
  ratios.sort((x, y) => x - y)
  return Math.max(crop.width / 4096, ratios[ratios.length >> 1] ?? 1)
}

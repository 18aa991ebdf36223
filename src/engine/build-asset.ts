/**
 * From the detailed field to what an artist gets: meshes, textures and shape keys. Puts together the steps of `surface/` and
 * `asset/` as reconstruct.ts puts together the stages.
 */
import { type KeySource, type ShapeKey, shapeKeys } from './asset/keys.js'
import { RELIGHTING, type Relight } from './asset/light.js'
import { MIRROR_UV } from './asset/mirror.js'
import { footprint, type HeadTextures, PAINT_HEAD } from './asset/paint.js'
import type { Settings } from './config.js'
import { gather } from './geometry/mesh.js'
import { vertexNormals } from './geometry/normals.js'
import { splitSeams } from './geometry/seams.js'
import { vertexTangents } from './geometry/tangents.js'
import { posedMesh } from './head/fit-mesh.js'
import type { Metric } from './head/metric.js'
import type { SdfGrid } from './inspect.js'
import { pass } from './pass.js'
import type { FaceView, HeadFit, ImplicitField, Mesh, Photo } from './stages.js'
import { type BakedDetail, bakeDetail } from './surface/bake.js'
import { evenSurface } from './surface/even-surface.js'
import { type HeadMesh, ride, settleHead } from './surface/head-mesh.js'
import { type HeadTopology, headMeshOf, headTopology } from './surface/head-topology.js'
import { sampleSdfGrid } from './surface/sdf-grid.js'
import type { Threads } from './threads/index.js'

/** Sizes of textures where none is asked for, and photo pixels that a texel of them may span. */
const LEAST_TEXTURE = 1024
const MOST_TEXTURE = 4096
const COARSEST = 1.5

/** A mesh with what is drawn on it. All arrays are in its vertex order; seams are split. Head frame, metres. */
export interface TexturedMesh {
  mesh: Mesh
  /** [vertices, 3] unit */
  normals: Float32Array
  /** [vertices, 4] */
  tangents: Float32Array
  /** [vertices, 2] glTF convention */
  uv: Float32Array
}

/** What the surface stage makes. */
export interface Asset {
  /** The head model's topology on the detailed field, in the expression that was asked for. */
  head: TexturedMesh
  /** The same as one mesh without seams, in the photo's expression. */
  whole: HeadMesh
  /** [head's triangles] 1 in the face region; the rest is not observed. */
  faceRegion: Uint8Array
  /** Of `head`. */
  keys: ShapeKey[]
  textures: HeadTextures
  baked: BakedDetail
  /** The field about the face. */
  sdf: SdfGrid
  /** The field's own surface with the head's texture coordinates, if it was asked for. */
  surface: TexturedMesh | undefined
}

export interface AssetInput {
  fit: HeadFit
  metric: Metric
  field: ImplicitField
  photo: Photo
  view: FaceView & { shading?: Float32Array }
  /** [size, size, 3] sRGB of the crop */
  image: Float32Array
  /** [size, size] 1 where the photo shows the face's skin */
  trusted: Float32Array
  /** [size, size] 1 where it shows nothing of the head */
  spoilt: Float32Array
  /** [size, size] 1 on the fitted face */
  mask: Uint8Array
  /** Lower and upper corner of the box about the face that the field is sampled in, head frame, metres. */
  bounds: { low: ArrayLike<number>; high: ArrayLike<number> }
}

/**
 * Makes the asset. Textures are painted on a thread of their own.
 * @param signal ends it between two steps
 * @throws SiderError SURFACE_EMPTY where the field has no surface near the face
 */
export async function buildAsset(
  input: AssetInput,
  settings: Settings,
  threads: Threads,
  signal?: AbortSignal,
): Promise<Asset> {
  const { fit, field } = input
  const topology = headTopology(fit.model, settings.surface.subdivisions)
  const [mirror, relight, whole] = await Promise.all([
    threads.run(MIRROR_UV, { mean: headMeshOf(topology, fit.model.mean), ...layoutOf(topology) }, signal),
    settings.surface.delight ? threads.run(RELIGHTING, litCrop(input), signal) : undefined,
    settleHead(fit, topology, field),
  ])
  await pass(signal)
  const size = textureSize(whole, fit, settings.surface.textureSize)
  // what takes longest first, beside the rest
  const painted = paint(input, whole, { size, mirror, relight }, threads, signal)
  const split = splitSeams(whole.mesh, topology.uv, topology.uvIndices)
  const each = <T extends Float32Array>(values: T, dims: number): Float32Array => gather(values, split.vertexMap, dims)
  const normals = each(vertexNormals(whole.mesh), 3)
  const tangents = vertexTangents(split.mesh, normals, split.uv)
  const bakeMesh = { mesh: split.mesh, normals, tangents, uv: split.uv, weight: each(whole.weight, 1) }
  const neutral = settings.surface.neutralize
  const { low, high } = input.bounds
  const [textures, baked, { shown, keys }, { grid: sdf }] = await Promise.all([
    painted,
    bakeDetail(bakeMesh, field, Math.min(size, detailSize(fit))),
    expressions(input, whole, neutral, settings.surface.shapeKeys, signal),
    sampleSdfGrid(field, low, high, { resolution: settings.output.sdfGrid }),
  ])
  await pass(signal)
  const mesh = { positions: each(shown.positions, 3), indices: split.mesh.indices }
  const shownNormals = neutral ? each(vertexNormals(shown), 3) : normals
  return {
    head: {
      mesh,
      normals: shownNormals,
      tangents: neutral ? vertexTangents(mesh, shownNormals, split.uv) : tangents,
      uv: split.uv,
    },
    whole,
    faceRegion: topology.faceRegion,
    keys: keys.map((key) => ({
      name: key.name,
      displacements: each(key.displacements, 3),
      normals: each(key.normals, 3),
    })),
    textures,
    baked,
    sdf,
    surface:
      settings.surface.mesh === 'head' ? undefined : await evenSurface(whole, fit, field, settings.surface.resolution),
  }
}

/** The mesh in the expression that is shown, and what leads from it to the others. */
async function expressions(
  { fit, metric }: AssetInput,
  whole: HeadMesh,
  neutral: boolean,
  withKeys: boolean,
  signal?: AbortSignal,
): Promise<{ shown: Mesh; keys: ShapeKey[] }> {
  await pass(signal)
  const model = poser(fit, metric)
  const pose = (expression: Float64Array): Float32Array => ride(whole, model(expression))
  const rest = new Float64Array(fit.expression.length)
  const expression = neutral ? rest : fit.expression
  const shown = neutral ? { positions: pose(expression), indices: whole.mesh.indices } : whole.mesh
  const { expressionNames: names, expressionRange: range } = fit.model
  const source: KeySource = { mesh: shown, parts: whole.topology.parts, names, range, expression, pose }
  const keys = withKeys ? shapeKeys(source, neutral ? { photo: fit.expression } : { neutral: rest }) : []
  return { shown, keys }
}

/** The model's vertices at metric size in any expression. Without joints only the coefficients that differ cost time. */
function poser(fit: HeadFit, { scale }: Metric): (expression: Float64Array) => Float32Array {
  const { model, identity, jointRotations } = fit
  if (model.skinning)
    return (expression) => posedMesh(model, identity, expression, jointRotations).positions.map((p) => p * scale)
  const start = fit.mesh.positions
  return (expression) => {
    const out = start.slice()
    for (let k = 0; k < expression.length; k++) {
      const change = scale * (expression[k] - fit.expression[k])
      if (change === 0) continue
      const basis = model.expression.subarray(k * out.length, (k + 1) * out.length)
      for (let i = 0; i < out.length; i++) out[i] += change * basis[i]
    }
    return out
  }
}

const layoutOf = ({ uv, uvIndices }: HeadTopology) => ({ uv, uvIndices })

const litCrop = ({ image, view, trusted, fit }: AssetInput) => ({
  image,
  shading: view.shading,
  trusted,
  size: fit.crop.size,
})

function paint(
  { fit, photo, view, image, trusted, spoilt, mask }: AssetInput,
  { mesh, topology, coarse }: HeadMesh,
  { size, mirror, relight }: { size: number; mirror: Float32Array; relight: Relight | undefined },
  threads: Threads,
  signal: AbortSignal | undefined,
): Promise<HeadTextures> {
  const { uv, uvIndices, faceRegion, parts } = topology
  const { camera, crop } = fit
  const residual = new Float32Array(trusted.length)
  for (let i = 0; i < residual.length; i++)
    if (view.mask[i]) for (let k = 3 * i; k < 3 * i + 3; k++) residual[i] += Math.abs(view.colour[k] - image[k]) / 3
  const smooth = { positions: coarse, indices: mesh.indices }
  const head = { mesh, uv, uvIndices, faceRegion, parts, mirror, smooth }
  const scene = { photo, camera, crop, mesh, mask, trusted, spoilt, image: relight?.image ?? image }
  return threads.run(PAINT_HEAD, { head, scene, size, relight, residual }, signal)
}

const powerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(size))

/** The size that was asked for, or the least that has a texel for about every pixel of the photo. */
function textureSize({ mesh, coarse, topology }: HeadMesh, fit: HeadFit, asked: number): number {
  if (asked > 0) return powerOfTwo(asked)
  const smooth = { positions: coarse, indices: mesh.indices }
  const head = { ...topology, mesh, smooth, mirror: new Float32Array(0) }
  let size = LEAST_TEXTURE
  while (size < MOST_TEXTURE && footprint(head, fit, size) > COARSEST) size *= 2
  return size
}

/** Texels that the field's detail needs: the face has about two thirds of the layout's width, at two texels for a crop pixel. */
function detailSize({ crop }: HeadFit): number {
  return Math.max(256, powerOfTwo(3 * crop.size))
}

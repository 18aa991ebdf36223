/**
 * From the detailed field to what an artist gets: meshes, textures and shape keys. Puts together the steps of `surface/` and
 * `asset/` as reconstruct.ts puts together the stages.
 */

import { browHair } from '../asset/brow-hair.js'
import { exposureOf, type MeteredCrop, meter } from '../asset/exposure.js'
import type { HairTexture } from '../asset/hair-texture.js'
import type { ShapeKey } from '../asset/keys.js'
import { gainAt, type LitCrop, RELIGHTING, type Relight } from '../asset/light.js'
import { MIRROR_UV } from '../asset/mirror.js'
import { footprint, type HeadTextures, PAINT_HEAD } from '../asset/paint.js'
import { PAINT_EYE, paintMouth } from '../asset/part-textures.js'
import { skinRoughness } from '../asset/roughness.js'
import { FIND_SCALP, type HairScene, type Scalp } from '../asset/scalp.js'
import type { Settings } from '../config.js'
import type { FaceEvidence } from '../evidence/face-evidence.js'
import { gather } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { splitSeams } from '../geometry/seams.js'
import { vertexTangents } from '../geometry/tangents.js'
import { embeddedPoints } from '../head/embedding.js'
import type { Metric } from '../head/metric.js'
import { brightness, srgbToLinear } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import type { MouthOwner } from '../image/mouth-colours.js'
import type { SdfGrid } from '../inspect.js'
import { type FaceView, HEAD_PARTS, type HeadFit, type ImplicitField, type Mesh } from '../stages.js'
import { type BakedDetail, bakeDetail } from '../surface/bake.js'
import { faceBounds } from '../surface/bounds.js'
import { evenSurface } from '../surface/even-surface.js'
import { type HeadMesh, settleHead } from '../surface/head-mesh.js'
import { type HeadTopology, headMeshOf, headTopology } from '../surface/head-topology.js'
import { sampleSdfGrid } from '../surface/sdf-grid.js'
import { pass } from '../system/pass.js'
import type { Threads } from '../threads/index.js'
import { buildHair } from './build-hair.js'
import { type AssetPart, eyeParts, moveHead, type OpenedHead, openFace, restingHead } from './build-parts.js'

/** Sizes of textures where none is asked for, and photo pixels that a texel of them may span. */
const LEAST_TEXTURE = 1024
const MOST_TEXTURE = 4096
const COARSEST = 1.5

/** A mesh with what is drawn on it. All arrays are in its vertex order; seams are split. Head frame, metres. */
export interface TexturedMesh {
  mesh: Mesh
  /** Number of quads, whose triangles come first: geometry/quads.ts. */
  quads: number
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
  /** Eyeballs, corneas, teeth, tongue, the mouth's cavity, lashes and brows, as far as the head model has them and they are asked for. */
  parts: AssetPart[]
  textures: HeadTextures
  /** sRGB 0..1 [size, size, 3] of the parts; undefined where there are none. */
  eyeTexture: Float32Array | undefined
  mouthTexture: Float32Array | undefined
  /** Of lashes and brows. */
  hairTexture: HairTexture | undefined
  baked: BakedDetail
  /** The field about the face. */
  sdf: SdfGrid
  /** The field's own surface with the head's texture coordinates, if it was asked for. */
  surface: TexturedMesh | undefined
}

export interface AssetInput {
  evidence: FaceEvidence
  metric: Metric
  field: ImplicitField
  view: FaceView & { shading?: Float32Array }
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
  const { evidence, field } = input
  const { fit, photo, landmarks } = evidence
  const { surface } = settings
  const topology = headTopology(fit.model, surface.subdivisions)
  await pass(signal)
  const mean = headMeshOf(topology, fit.model.mean)
  const hair = surface.scalp ? hairScene(evidence, topology, mean.positions) : undefined
  const [mirror, scalp, relight, settled] = await Promise.all([
    threads.run(MIRROR_UV, { mean, ...layoutOf(topology) }, signal),
    hair && threads.run(FIND_SCALP, hair, signal),
    surface.delight ? threads.run(RELIGHTING, litCrop(input), signal) : undefined,
    settleHead(fit, topology, field),
  ])
  await pass(signal)
  const light = lightFactors(fit, relight)
  const opened = openFace({
    fit,
    metric: input.metric,
    settled,
    photo,
    landmarks,
    light,
    open: openAt(evidence),
    neutral: surface.neutralize,
  })
  await pass(signal)
  const { whole } = opened
  const size = textureSize(whole, fit, surface.textureSize)
  // what takes longest first, beside the rest
  const ears = surface.ears ? evidence.colourful : undefined
  const painted = paint(input, opened, { size, mean: mean.positions, mirror, relight, scalp, ears }, threads, signal)
  const open = { positions: opened.extended(whole.mesh.positions), indices: opened.indices }
  const split = splitSeams(open, opened.uv, opened.uvIndices)
  const each = (values: Float32Array, dims: number): Float32Array => gather(values, split.vertexMap, dims)
  const normalsOf = (positions: Float32Array): Float32Array =>
    each(vertexNormals({ positions, indices: opened.indices }), 3)
  const normals = normalsOf(open.positions)
  const tangents = vertexTangents(split.mesh, normals, split.uv)
  // ledges have no detail
  const weight = new Float32Array(open.positions.length / 3)
  weight.set(whole.weight)
  const bakeMesh = { mesh: split.mesh, normals, tangents, uv: split.uv, weight: each(weight, 1) }
  const { low, high } = faceBounds(fit)
  const { colourful } = evidence
  const exposure = exposureOf({ ...meter(meteredCrop(evidence, relight)), whites: opened.white })
  const [ball] = opened.eyes.map(({ eye: { radius, irisRadius } }) => ({ radius, irisRadius }))
  const [textures, eyeTexture, baked, moved, { grid: sdf }] = await Promise.all([
    painted,
    ball && threads.run(PAINT_EYE, { ...ball, iris: opened.iris, colourful, exposure }, signal),
    bakeDetail(bakeMesh, field, Math.min(size, detailSize(fit))),
    moveHead(fit, input.metric, opened, settings, signal),
    sampleSdfGrid(field, low, high, { resolution: settings.output.sdfGrid }),
  ])
  await pass(signal)
  const mesh = { positions: each(moved.positions, 3), indices: split.mesh.indices }
  const cards = buildHair(fit, opened, moved, textures, surface)
  const shownNormals = surface.neutralize ? normalsOf(moved.positions) : normals
  return {
    head: {
      mesh,
      quads: opened.quads,
      normals: shownNormals,
      tangents: surface.neutralize ? vertexTangents(mesh, shownNormals, split.uv) : tangents,
      uv: split.uv,
    },
    whole,
    faceRegion: opened.faceRegion,
    keys: moved.keys.map(({ name, displacements, normals }) => ({
      name,
      displacements: each(displacements, 3),
      normals: each(normals, 3),
    })),
    parts: [...eyeParts(opened, surface), ...moved.inside, ...cards.parts],
    textures,
    eyeTexture,
    mouthTexture: moved.inside.some(({ uv }) => uv)
      ? paintMouth(fit.model.interior!, mouthOwner(textures), colourful, exposure)
      : undefined,
    hairTexture: cards.texture,
    baked,
    sdf,
    surface: surface.mesh === 'head' ? undefined : await evenSurface(whole, fit, field, surface.resolution),
  }
}

/** The light's factors by photo pixel instead of crop pixel. */
function lightFactors({ crop }: HeadFit, relight: Relight | undefined): (x: number, y: number) => readonly number[] {
  const factors = [1, 1, 1]
  return (x, y) => {
    if (relight)
      gainAt(relight, ((x - crop.x) / crop.width) * crop.size, ((y - crop.y) / crop.height) * crop.size, factors)
    return factors
  }
}

/** Whether the photo shows an open eye at one of its pixels. */
function openAt({ eyes, fit: { crop } }: FaceEvidence): (x: number, y: number) => boolean {
  return (x, y) => {
    const column = Math.floor(((x - crop.x) / crop.width) * crop.size)
    const row = Math.floor(((y - crop.y) / crop.height) * crop.size)
    return column >= 0 && column < crop.size && row >= 0 && row < crop.size && eyes[row * crop.size + column] > 0.5
  }
}

/** What tells the brightness of teeth and eyes. */
function meteredCrop(
  { image, trusted, painted, mouth, colourful }: FaceEvidence,
  relight: Relight | undefined,
): MeteredCrop {
  const skin = trusted.map((t, i) => t * (1 - Math.max(painted.lips[i], painted.brows[i])))
  return { image, unlit: relight?.image ?? image, skin, mouth, colourful }
}

/** Whose mouth it is, as far as the skin tells: the darker it is, the more pigment is in lips and gums. */
function mouthOwner({ albedo, observed }: HeadTextures): MouthOwner {
  let [sum, count] = [0, 0]
  for (let i = 0; i < observed.length; i += 7)
    if (observed[i] > 0.5) {
      sum += srgbToLinear(brightness(albedo, 3 * i))
      count++
    }
  const tone = count > 0 ? sum / count : 0.35
  return { melanin: Math.min(2, Math.max(0.2, -0.75 * Math.log(tone) - 0.3)), age: 35, seed: 1 }
}

const layoutOf = ({ uv, uvIndices }: HeadTopology) => ({ uv, uvIndices })

/** What hair is looked for in; undefined without labels. */
function hairScene(
  { hair, image, fit, spoilt }: FaceEvidence,
  topology: HeadTopology,
  mean: Float32Array,
): HairScene | undefined {
  const { model, mesh, camera, crop } = fit
  return (
    hair && {
      ...hair,
      spoilt,
      image,
      camera,
      crop,
      mesh: headMeshOf(topology, mesh.positions),
      parts: topology.parts,
      mean,
      landmarks: embeddedPoints(model.mean, model.indices, model.landmarks478),
    }
  )
}

/** Share of beard about a pixel, over this share of the crop, below which it shows skin: what is between hairs is of the beard. */
const BARE = 0.15
const SPARSE = 0.008

/** What the light is taken out of. */
export function litCrop({ evidence, view }: Pick<AssetInput, 'evidence' | 'view'>): LitCrop {
  const { image, trusted, uncovered, fit, painted, expected } = evidence
  const { size } = fit.crop
  const beard = gaussianBlur(painted.beard, size, size, 1, SPARSE * size)
  const marked = painted.lips.map((lips, i) => Math.max(lips, painted.brows[i], painted.beard[i]))
  const skin = trusted.map((t, i) => (marked[i] < 0.1 ? t : 0))
  const brows = browHair(painted.brows, { image, skin, size })
  return {
    image,
    shading: view.shading,
    // skin beside a beard says of its light what a surface should not be made of
    trusted: trusted.map((t, i) => Math.max(t, beard[i] < BARE ? uncovered[i] : 0)),
    uncovered,
    painted: painted.lips.map((lips, i) => Math.max(lips, brows[i], painted.beard[i])),
    expected: expected?.albedo,
    size,
  }
}

function paint(
  {
    evidence: {
      fit,
      photo,
      image,
      trusted,
      uncovered,
      painted: { beard },
      glasses,
      spoilt,
      eyes: openEyes,
      coarse: { mask },
    },
    metric,
    view,
  }: AssetInput,
  { whole, eyes, mouth }: OpenedHead,
  {
    mean,
    mirror,
    ...how
  }: {
    size: number
    mean: Float32Array
    mirror: Float32Array
    relight: Relight | undefined
    scalp: Scalp | undefined
    ears: number | undefined
  },
  threads: Threads,
  signal: AbortSignal | undefined,
): Promise<HeadTextures> {
  const { mesh, topology, coarse: smooth } = whole
  const { uv, uvIndices, faceRegion, parts, sheets } = topology
  const { camera, crop } = fit
  const residual = new Float32Array(trusted.length)
  for (let i = 0; i < residual.length; i++)
    if (view.mask[i]) for (let k = 3 * i; k < 3 * i + 3; k++) residual[i] += Math.abs(view.colour[k] - image[k]) / 3
  const removed = sheets.map((part) =>
    part === HEAD_PARTS.eyeball ? Number(eyes.length > 0) : Number(part > 0 && mouth !== undefined),
  )
  const resting = restingHead(fit, metric, whole)
  const head = {
    mesh,
    uv,
    uvIndices,
    faceRegion,
    parts,
    removed,
    resting,
    mirror,
    smooth: { positions: smooth, indices: mesh.indices },
  }
  const skin = { trusted, uncovered, beard, image: how.relight?.image ?? image }
  const scene = { photo, camera, crop, mesh, mask, spoilt, openEyes, glasses, ...skin }
  const { model } = fit
  const rough = skinRoughness(mean, parts, embeddedPoints(model.mean, model.indices, model.landmarks478))
  return threads.run(PAINT_HEAD, { head, scene, residual, rough, ...how }, signal)
}

const powerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(size))

/** The size that was asked for, or the least that has a texel for about every pixel of the photo. */
function textureSize({ mesh, topology }: HeadMesh, fit: HeadFit, asked: number): number {
  if (asked > 0) return powerOfTwo(asked)
  let size = LEAST_TEXTURE
  while (size < MOST_TEXTURE && footprint({ ...topology, mesh }, fit, size) > COARSEST) size *= 2
  return size
}

/** Texels that the field's detail needs: the face has about two thirds of the layout's width, at two texels for a crop pixel. */
function detailSize({ crop }: HeadFit): number {
  return Math.max(256, powerOfTwo(3 * crop.size))
}

/** What the steps of the asset are given: parts of the photo's evidence, and the sizes of textures. */
import { browHair } from '../asset/brow-hair.js'
import type { MeteredCrop } from '../asset/exposure.js'
import { gainAt, type LitCrop, type Relight } from '../asset/light.js'
import { footprint, type HeadTextures, PAINT_HEAD } from '../asset/paint.js'
import { skinRoughness } from '../asset/roughness.js'
import type { HairScene, Scalp } from '../asset/scalp.js'
import type { FaceEvidence } from '../evidence/face-evidence.js'
import { embeddedPoints } from '../head/embedding.js'
import type { Metric } from '../head/metric.js'
import { brightness, srgbToLinear } from '../image/colors.js'
import { gaussianBlur } from '../image/filter.js'
import type { MouthOwner } from '../image/mouth-colours.js'
import { type FaceView, HEAD_PARTS, type HeadFit, type ImplicitField } from '../stages.js'
import type { HeadMesh } from '../surface/head-mesh.js'
import { type HeadTopology, headMeshOf } from '../surface/head-topology.js'
import type { Threads } from '../threads/index.js'
import { restingHead } from './model-poses.js'
import type { OpenedHead } from './open-face.js'

/** Sizes of textures where none is asked for, and photo pixels that a texel of them may span. */
const LEAST_TEXTURE = 1024
const MOST_TEXTURE = 4096
const COARSEST = 1.5

export interface AssetInput {
  evidence: FaceEvidence
  metric: Metric
  field: ImplicitField
  view: FaceView & { shading?: Float32Array }
}

/** The light's factors by photo pixel instead of crop pixel. */
export function lightFactors(
  { crop }: HeadFit,
  relight: Relight | undefined,
): (x: number, y: number) => readonly number[] {
  const factors = [1, 1, 1]
  return (x, y) => {
    if (relight)
      gainAt(relight, ((x - crop.x) / crop.width) * crop.size, ((y - crop.y) / crop.height) * crop.size, factors)
    return factors
  }
}

/** Whether the photo shows an open eye at one of its pixels. */
export function openAt({ eyes, fit: { crop } }: FaceEvidence): (x: number, y: number) => boolean {
  return (x, y) => {
    const column = Math.floor(((x - crop.x) / crop.width) * crop.size)
    const row = Math.floor(((y - crop.y) / crop.height) * crop.size)
    return column >= 0 && column < crop.size && row >= 0 && row < crop.size && eyes[row * crop.size + column] > 0.5
  }
}

/** What tells the brightness of teeth and eyes. */
export function meteredCrop(
  { image, trusted, painted, mouth, colourful }: FaceEvidence,
  relight: Relight | undefined,
): MeteredCrop {
  const skin = trusted.map((t, i) => t * (1 - Math.max(painted.lips[i], painted.brows[i])))
  return { image, unlit: relight?.image ?? image, skin, mouth, colourful }
}

/** Whose mouth it is, as far as the skin tells: the darker it is, the more pigment is in lips and gums. */
export function mouthOwner({ albedo, observed }: HeadTextures): MouthOwner {
  let [sum, count] = [0, 0]
  for (let i = 0; i < observed.length; i += 7)
    if (observed[i] > 0.5) {
      sum += srgbToLinear(brightness(albedo, 3 * i))
      count++
    }
  const tone = count > 0 ? sum / count : 0.35
  return { melanin: Math.min(2, Math.max(0.2, -0.75 * Math.log(tone) - 0.3)), age: 35, seed: 1 }
}

export const layoutOf = ({ uv, uvIndices }: HeadTopology) => ({ uv, uvIndices })

/** What hair is looked for in; undefined without labels. */
export function hairScene(
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

export function paint(
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
export function textureSize({ mesh, topology }: HeadMesh, fit: HeadFit, asked: number): number {
  if (asked > 0) return powerOfTwo(asked)
  let size = LEAST_TEXTURE
  while (size < MOST_TEXTURE && footprint({ ...topology, mesh }, fit, size) > COARSEST) size *= 2
  return size
}

/** Texels that the field's detail needs: the face has about two thirds of the layout's width, at two texels for a crop pixel. */
export function detailSize({ crop }: HeadFit): number {
  return Math.max(256, powerOfTwo(3 * crop.size))
}

/**
 * From the detailed field to what an artist gets: meshes, textures and shape keys. Puts together the steps of `surface/` and
 * `asset/` as reconstruct.ts puts together the stages.
 */

import { exposureOf, meter } from '../asset/exposure.js'
import type { HairTexture } from '../asset/hair-texture.js'
import type { ShapeKey } from '../asset/keys.js'
import { RELIGHTING } from '../asset/light.js'
import { MIRROR_UV } from '../asset/mirror.js'
import type { HeadTextures } from '../asset/paint.js'
import { PAINT_EYE, PAINT_MOUTH } from '../asset/part-textures.js'
import { FIND_SCALP } from '../asset/scalp.js'
import type { Settings } from '../config.js'
import { gather } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { splitSeams } from '../geometry/seams.js'
import { vertexTangents } from '../geometry/tangents.js'
import type { SdfGrid } from '../inspect.js'
import type { Mesh } from '../stages.js'
import { type BakedDetail, bakeDetail } from '../surface/bake.js'
import { faceBounds } from '../surface/bounds.js'
import { evenSurface } from '../surface/even-surface.js'
import { type HeadMesh, settleHead } from '../surface/head-mesh.js'
import { headMeshOf, headTopology } from '../surface/head-topology.js'
import { sampleSdfGrid } from '../surface/sdf-grid.js'
import { pass } from '../system/pass.js'
import type { Threads } from '../threads/index.js'
import {
  type AssetInput,
  detailSize,
  hairScene,
  layoutOf,
  lightFactors,
  litCrop,
  meteredCrop,
  mouthOwner,
  openAt,
  paint,
  textureSize,
} from './asset-scenes.js'
import { browPatches } from './brow-patches.js'
import { buildHair } from './build-hair.js'
import { type AssetPart, eyeParts, moveHead } from './build-parts.js'
import { openFace } from './open-face.js'

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
  const relit = surface.delight ? threads.run(RELIGHTING, litCrop(input), signal) : undefined
  relit?.catch(() => {}) // told where it is waited for
  const topology = headTopology(fit.model, surface.subdivisions)
  await pass(signal)
  const mean = headMeshOf(topology, fit.model.mean)
  const hair = hairScene(evidence, topology, mean.positions)
  const [relight, mirror, settled] = await Promise.all([
    relit,
    threads.run(MIRROR_UV, { mean, ...layoutOf(topology) }, signal),
    settleHead(fit, topology, field),
  ])
  // beside the opening of the face; before, it would be in the way of what settles the head
  const finding = hair && threads.run(FIND_SCALP, hair, signal)
  finding?.catch(() => {}) // told where it is waited for
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
  const scalp = await finding
  await pass(signal)
  const { whole } = opened
  const size = textureSize(whole, fit, surface.textureSize)
  // what takes longest first, beside the rest
  const ears = surface.ears ? evidence.colourful : undefined
  const patches = browPatches(fit, topology, mean)
  const hairs = {
    scalp: surface.scalp ? scalp : undefined,
    brows: {
      sides: Object.values(patches).map(({ bound, uv }) => ({ uv, points: bound.at(mean.positions) })),
      hair: scalp?.colour,
      colourful: evidence.colourful,
    },
  }
  const painted = paint(input, opened, { size, mean: mean.positions, mirror, relight, ears, ...hairs }, threads, signal)
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
  const move = async () => {
    const moved = await moveHead(fit, input.metric, opened, settings, signal)
    const keys = moved.keys.map(({ name, displacements, normals }) => ({
      name,
      displacements: each(displacements, 3),
      normals: each(normals, 3),
    }))
    return { moved, keys }
  }
  const paintMouth = async () => {
    const { interior } = fit.model
    if (!interior || !opened.mouth || interior.uv.length === 0) return undefined
    const { mean, indices, parts, uv, uvIndices } = interior
    const scene = { interior: { mean, indices, parts, uv, uvIndices }, owner: mouthOwner(await painted) }
    return threads.run(PAINT_MOUTH, { ...scene, colourful, exposure }, signal)
  }
  const [textures, mouthTexture, eyeTexture, baked, { moved, keys }, { grid: sdf }] = await Promise.all([
    painted,
    paintMouth(),
    ball && threads.run(PAINT_EYE, { ...ball, iris: opened.iris, colourful, exposure }, signal),
    bakeDetail(bakeMesh, field, Math.min(size, detailSize(fit))),
    move(),
    sampleSdfGrid(field, low, high, { resolution: settings.output.sdfGrid }),
  ])
  await pass(signal)
  const mesh = { positions: each(moved.positions, 3), indices: split.mesh.indices }
  const cards = buildHair(fit, opened, moved, { patches, picture: textures }, surface)
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
    keys,
    parts: [...eyeParts(opened, surface), ...moved.inside, ...cards.parts],
    textures,
    eyeTexture,
    mouthTexture,
    hairTexture: cards.texture,
    baked,
    sdf,
    surface: surface.mesh === 'head' ? undefined : await evenSurface(whole, fit, field, surface.resolution),
  }
}

/** The files of the asset: GLB, textures and the plainer mesh formats. docs/asset.md explains each of them. */
import { createHash } from 'node:crypto'
import { GAZE_END } from '../asset/eyes.js'
import type { HeadTextures } from '../asset/paint.js'
import type { ExportPart } from '../formats/export-model.js'
import { vrmOf } from '../formats/vrm.js'
import { type GlbPart, writeGlb } from '../formats/write-glb.js'
import { normalMapPicture } from '../image/normal-map.js'
import {
  encodeClearPng,
  encodeGreyPng,
  encodeGreyPng16,
  encodeJpeg,
  encodePng,
  type Picture,
  pictureFromFloats,
  squarePicture,
} from '../image/picture.js'
import type { TexturedMesh } from '../pipeline/build-asset.js'
import type { AssetPart } from '../pipeline/build-parts.js'
import { PROFILES } from '../presets.js'
import type { Reconstruction } from '../run/types.js'
import { pass } from '../system/pass.js'
import { VERSION } from '../system/version.js'
import { atVertices, plainFormats } from './plain-formats.js'

const ALBEDO_FILE = 'textures/albedo.jpg'
const NORMAL_FILE = 'textures/normal.png'
const DISPLACEMENT_FILE = 'textures/displacement.png'
const ROUGHNESS_FILE = 'textures/roughness.jpg'
const SPECULAR_FILE = 'textures/specular.png'
const EYE_FILE = 'textures/eye.jpg'
const MOUTH_FILE = 'textures/mouth.jpg'
const HAIR_FILE = 'textures/hair.png'
/** Displacements are stored to at least this, metres, so that their scale is the same for most faces. */
const LEAST_RANGE = 0.001

/** Everything that is made of the asset, as bytes by name. @throws the signal's reason if it was aborted between two of them */
export async function assetFiles(
  result: Reconstruction,
  provenance: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<Record<string, Uint8Array | string>> {
  const { asset, settings, metric } = result
  const { textures, baked } = asset
  const range = displacementRange(baked.displacement)
  const files: Record<string, Uint8Array | string> = {}
  const { size } = textures
  // all at once: encoders run beside this thread
  const encoding: Record<string, Promise<Uint8Array>> = {
    [ALBEDO_FILE]: encodeJpeg(squarePicture(textures.albedo)),
    ...(textures.photo !== textures.albedo && {
      'textures/photo.jpg': encodeJpeg(squarePicture(textures.photo)),
    }),
    [ROUGHNESS_FILE]: encodeJpeg(greyPicture(textures.roughness)),
    [SPECULAR_FILE]: encodeClearPng(clearPicture(textures.specular)),
    [NORMAL_FILE]: encodePng(normalMapPicture(baked)),
    [DISPLACEMENT_FILE]: encodeGreyPng16(baked.displacement, baked.size, baked.size, -range, range),
    'textures/observed.png': encodeGreyPng(textures.observed, size, size),
    'textures/confidence.png': encodeGreyPng(textures.confidence, size, size),
    ...(asset.eyeTexture && { [EYE_FILE]: encodeJpeg(squarePicture(asset.eyeTexture)) }),
    ...(asset.hairTexture && { [HAIR_FILE]: encodeClearPng(asset.hairTexture) }),
    ...(asset.mouthTexture && { [MOUTH_FILE]: encodeJpeg(squarePicture(asset.mouthTexture)) }),
  }
  const pictures = await Promise.all(
    Object.entries(encoding).map(async ([name, bytes]): Promise<[string, Uint8Array]> => [name, await bytes]),
  )
  Object.assign(files, Object.fromEntries(pictures))
  const displacement = { file: DISPLACEMENT_FILE, midlevel: 0.5, scaleMetres: 2 * range }
  const extras = { provenance, metric, displacement }
  const face = {
    name: 'face',
    material: 'face skin',
    roughness: 1,
    roughnessTexture: textureOf(files, ROUGHNESS_FILE),
    specularTexture: textureOf(files, SPECULAR_FILE),
  }
  const head: AssetFilePart = {
    ...face,
    ...asset.head,
    texture: textureOf(files, ALBEDO_FILE),
    normalTexture: textureOf(files, NORMAL_FILE),
    observed: atVertices(asset.head, textures.observed, textures.size, 1),
    morphTargets: asset.keys,
    extras: { ...extras, mesh: 'head', topology: topologyId(asset.head), expression: expressionOf(result) },
  }
  // the surface's own triangles hold the detail: it needs no normal map
  const surface: AssetFilePart | undefined = asset.surface && {
    ...face,
    ...asset.surface,
    tangents: undefined,
    texture: head.texture,
    extras: { ...extras, mesh: 'surface' },
  }
  const profile = PROFILES[settings.output.profile]
  const generator = `sider ${VERSION}`
  const { compression } = settings.output
  const glb = (parts: GlbPart[]) => writeGlb(parts, { generator, compression, joint: profile.joint })
  const parts =
    settings.surface.mesh === 'surface' && surface
      ? [surface]
      : [head, ...asset.parts.map((part) => filePart(part, files))]
  await pass(signal)
  files['face.glb'] = await glb(parts)
  await pass(signal)
  if (settings.surface.mesh === 'both' && surface) files['surface.glb'] = await glb([surface])
  if (profile.vrm)
    files['face.vrm'] = vrmOf(
      await writeGlb(
        parts.map((part) => ({ ...part, tangents: undefined, specularTexture: undefined })),
        { generator },
      ),
      { name: 'face', eyes: eyesOf(parts), gazeDegrees: (GAZE_END * 180) / Math.PI },
    )
  const model = {
    name: 'face',
    parts: parts.filter(({ name }) => profile.parts?.includes(name) ?? true),
    metresPerUnit: profile.metresPerUnit,
    oneObject: profile.oneObject,
    comments: [`${generator}, photo ${result.photo.sha256}, seed ${settings.seed}`],
  }
  Object.assign(files, plainFormats(model, displacement, result))
  return files
}

/** Height and distance to the front of the eyeballs' middle, metres; the origin's where there are none. */
function eyesOf(parts: readonly AssetFilePart[]): readonly [number, number] {
  const balls = parts.filter(({ material }) => material === 'eye').map(({ mesh }) => mesh.positions)
  const mean = (k: number): number =>
    balls.reduce(
      (sum, p) => sum + p.reduce((s, x, i) => (i % 3 === k ? s + (3 * x) / p.length : s), 0) / balls.length,
      0,
    )
  return [mean(1), mean(2)]
}

/** A part for all kinds of files. */
type AssetFilePart = GlbPart & ExportPart

type Files = Readonly<Record<string, Uint8Array | string>>

function textureOf(files: Files, file: string): ExportPart['texture'] & GlbPart['texture'] {
  return { file, bytes: files[file] as Uint8Array, mimeType: file.endsWith('.png') ? 'image/png' : 'image/jpeg' }
}

const greyPicture = ({ values, size }: HeadTextures['roughness']): Picture => pictureFromFloats(values, size, size, 1)

/** Grey, and the same in its alpha: glTF reads the one, other programs the other. */
function clearPicture({ values, size }: HeadTextures['specular']): Picture {
  const data = new Uint8Array(4 * values.length)
  for (let i = 0; i < data.length; i++) data[i] = Math.round(255 * values[i >> 2])
  return { width: size, height: size, data }
}

/** Numbers of the parts' materials; colours are linear, for parts without texture. */
const LOOKS: Record<
  AssetPart['look'],
  Pick<ExportPart, 'roughness' | 'baseColor' | 'alpha' | 'cutOut'> & { doubleSided?: boolean; file?: string }
> = {
  eye: { roughness: 0.25, doubleSided: false, file: EYE_FILE },
  cornea: { roughness: 0.03, baseColor: [0, 0, 0], alpha: 0.12, doubleSided: false },
  teeth: { roughness: 0.25, baseColor: [0.6, 0.5, 0.4], file: MOUTH_FILE },
  tongue: { roughness: 0.4, baseColor: [0.4, 0.15, 0.14], file: MOUTH_FILE },
  // seen from the inside alone
  mouth: { roughness: 0.45, baseColor: [0.2, 0.06, 0.05], doubleSided: false, file: MOUTH_FILE },
  lashes: { roughness: 0.6, cutOut: true, file: HAIR_FILE },
  brows: { roughness: 0.7, cutOut: true, file: HAIR_FILE },
}

/** Whether all of a part's mesh is to be seen: no clear cap, no card with hairs. */
export const isSolid = ({ look }: AssetPart): boolean => LOOKS[look].alpha === undefined && !LOOKS[look].cutOut

function filePart({ look, uv, keys, ...part }: AssetPart, files: Files): AssetFilePart {
  const { file, baseColor, ...numbers } = LOOKS[look]
  return {
    ...part,
    material: look,
    ...numbers,
    ...(file && uv && files[file] ? { uv, texture: textureOf(files, file) } : { baseColor }),
    morphTargets: keys,
    extras: { observed: false },
  }
}

/** Says which meshes have the same vertices and triangles in the same order, and the same texture layout. */
function topologyId({ mesh, uv }: Pick<TexturedMesh, 'mesh' | 'uv'>): string {
  return createHash('sha256').update(mesh.indices).update(uv).digest('hex').slice(0, 16)
}

/** Metres that black and white of the displacement stand for: what is needed, in tenths of a millimetre. */
function displacementRange(displacement: Float32Array): number {
  let most = LEAST_RANGE
  for (const d of displacement) most = Math.max(most, Math.abs(d))
  return Math.ceil(most * 1e4) / 1e4
}

/** The coefficients of the expression that the photo shows, by name, without those near 0. */
function expressionOf({ fit, settings }: Reconstruction): Record<string, unknown> {
  const weights = Object.fromEntries(
    fit.model.expressionNames
      .map((name, k): [string, number] => [name, Number(fit.expression[k].toFixed(4))])
      .filter(([, weight]) => Math.abs(weight) >= 0.001),
  )
  return { shown: settings.surface.neutralize ? 'neutral' : 'photo', photo: weights }
}

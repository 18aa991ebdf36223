/** The files of the asset: GLB, textures and the plainer mesh formats. docs/asset.md explains each of them. */

import type { ExportModel } from '../formats/export-model.js'
import { encodePly } from '../formats/ply.js'
import { writeUsdz } from '../formats/usdz.js'
import { type GlbPart, writeGlb } from '../formats/write-glb.js'
import { writeMtl, writeObj } from '../formats/write-obj.js'
import { sampleBilinear } from '../image/filter.js'
import { normalMapPicture } from '../image/normal-map.js'
import { encodeGreyPng, encodeGreyPng16, encodeJpeg, encodePng, squarePicture } from '../image/picture.js'
import type { TexturedMesh } from '../pipeline/build-asset.js'
import type { AssetPart } from '../pipeline/build-parts.js'
import type { Reconstruction } from '../run/types.js'
import { VERSION } from '../system/version.js'

const EYE_FILE = 'textures/eye.jpg'
const MOUTH_FILE = 'textures/mouth.jpg'
/** Displacements are stored to at least this, metres, so that their scale is the same for most faces. */
const LEAST_RANGE = 0.001

/** Everything that is made of the asset, as bytes by name. */
export async function assetFiles(
  result: Reconstruction,
  provenance: Record<string, unknown>,
): Promise<Record<string, Uint8Array | string>> {
  const { asset, settings, metric } = result
  const { textures, baked } = asset
  const range = displacementRange(baked.displacement)
  const files: Record<string, Uint8Array | string> = {}
  const { size } = textures
  // all at once: encoders run beside this thread
  const encoding: Record<string, Promise<Uint8Array>> = {
    'textures/albedo.jpg': encodeJpeg(squarePicture(textures.albedo)),
    ...(textures.photo !== textures.albedo && {
      'textures/photo.jpg': encodeJpeg(squarePicture(textures.photo)),
    }),
    'textures/normal.png': encodePng(normalMapPicture(baked)),
    'textures/displacement.png': encodeGreyPng16(baked.displacement, baked.size, baked.size, -range, range),
    'textures/observed.png': encodeGreyPng(textures.observed, size, size),
    'textures/confidence.png': encodeGreyPng(textures.confidence, size, size),
    ...(asset.eyeTexture && { [EYE_FILE]: encodeJpeg(squarePicture(asset.eyeTexture)) }),
    ...(asset.mouthTexture && { [MOUTH_FILE]: encodeJpeg(squarePicture(asset.mouthTexture)) }),
  }
  const pictures = await Promise.all(
    Object.entries(encoding).map(async ([name, bytes]): Promise<[string, Uint8Array]> => [name, await bytes]),
  )
  Object.assign(files, Object.fromEntries(pictures))
  const albedo = files['textures/albedo.jpg'] as Uint8Array
  const normal = files['textures/normal.png'] as Uint8Array

  const extras = {
    provenance,
    metric,
    displacement: { file: 'textures/displacement.png', midlevel: 0.5, scaleMetres: 2 * range },
  }
  const head: GlbPart = {
    name: 'face',
    mesh: asset.head.mesh,
    normals: asset.head.normals,
    tangents: asset.head.tangents,
    uv: asset.head.uv,
    texture: { bytes: albedo, mimeType: 'image/jpeg' },
    normalTexture: { bytes: normal, mimeType: 'image/png' },
    observed: atVertices(asset.head, textures.observed, textures.size, 1),
    morphTargets: asset.keys,
    extras: { ...extras, mesh: 'head', expression: expressionOf(result) },
  }
  // the surface's own triangles hold the detail: it needs no normal map
  const surface: GlbPart | undefined = asset.surface && {
    name: 'face',
    ...asset.surface,
    tangents: undefined,
    texture: head.texture,
    extras: { ...extras, mesh: 'surface' },
  }
  const parts = asset.parts.map((part) => glbPart(part, files))
  const glb = (parts: GlbPart[]) =>
    writeGlb(parts, { generator: `sider ${VERSION}`, compression: settings.output.compression })
  const main = settings.surface.mesh === 'surface' && surface ? surface : head
  files['face.glb'] = await glb(main === head ? [head, ...parts] : [main])
  if (settings.surface.mesh === 'both' && surface) files['surface.glb'] = await glb([surface])
  Object.assign(
    files,
    plainFormats(result, asset.surface && main === surface ? asset.surface : asset.head, range, albedo, normal),
  )
  return files
}

/** Numbers of the parts' materials; colours are linear, for parts without texture. */
const LOOKS: Record<
  AssetPart['look'],
  Pick<GlbPart, 'roughness' | 'baseColor' | 'alpha' | 'doubleSided'> & { file?: string }
> = {
  eye: { roughness: 0.25, doubleSided: false, file: EYE_FILE },
  cornea: { roughness: 0.03, baseColor: [0, 0, 0], alpha: 0.12, doubleSided: false },
  teeth: { roughness: 0.25, baseColor: [0.6, 0.5, 0.4], file: MOUTH_FILE },
  tongue: { roughness: 0.4, baseColor: [0.4, 0.15, 0.14], file: MOUTH_FILE },
  // seen from the inside alone
  mouth: { roughness: 0.45, baseColor: [0.2, 0.06, 0.05], doubleSided: false, file: MOUTH_FILE },
}

function glbPart(
  { name, look, mesh, normals, uv, keys }: AssetPart,
  files: Readonly<Record<string, Uint8Array | string>>,
): GlbPart {
  const { file, baseColor, ...numbers } = LOOKS[look]
  const bytes = file && uv ? (files[file] as Uint8Array | undefined) : undefined
  return {
    name,
    material: look,
    mesh,
    normals,
    ...numbers,
    ...(bytes ? { uv, texture: { bytes, mimeType: 'image/jpeg' as const } } : { baseColor }),
    morphTargets: keys,
    extras: { observed: false },
  }
}

/** OBJ, PLY and USDZ as far as they are asked for. */
function plainFormats(
  { settings, photo, asset }: Reconstruction,
  part: TexturedMesh,
  range: number,
  albedo: Uint8Array,
  normal: Uint8Array,
): Record<string, Uint8Array | string> {
  const { obj, ply, usdz } = settings.output
  const comments = [`sider ${VERSION}, photo ${photo.sha256}, seed ${settings.seed}`]
  const model: ExportModel = { name: 'face', ...part, comments }
  const files: Record<string, Uint8Array | string> = {}
  if (obj) {
    files['face.obj'] = writeObj(model, 'face.mtl')
    files['face.mtl'] = writeMtl({
      albedo: 'textures/albedo.jpg',
      normal: 'textures/normal.png',
      displacement: 'textures/displacement.png',
      displacementScale: 2 * range,
    })
  }
  if (ply)
    files['face.ply'] = encodePly(part.mesh, {
      comments: [...comments, 'metres, +Y up'],
      normals: part.normals,
      uv: part.uv,
      colours: atVertices(part, asset.textures.albedo, asset.textures.size, 3),
    })
  if (usdz)
    files['face.usdz'] = writeUsdz(model, {
      albedo: { name: 'albedo.jpg', bytes: albedo },
      normal: { name: 'normal.png', bytes: normal },
    })
  return files
}

/** A texture [size, size, channels] at the vertices, [vertices, channels]. */
function atVertices(
  { uv }: Pick<TexturedMesh, 'uv'>,
  texture: Float32Array,
  size: number,
  channels: number,
): Float32Array {
  const out = new Float32Array((uv.length / 2) * channels)
  const texel = new Float32Array(channels)
  for (let v = 0; v < uv.length / 2; v++) {
    sampleBilinear(texture, size, size, channels, uv[2 * v] * size, uv[2 * v + 1] * size, texel)
    for (let c = 0; c < channels; c++) out[v * channels + c] = Math.min(1, Math.max(0, texel[c]))
  }
  return out
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

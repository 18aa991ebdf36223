/** OBJ, PLY and USDZ of the asset, as far as they are asked for. */

import type { ExportModel } from '../formats/export-model.js'
import { encodePly } from '../formats/ply.js'
import { writeUsdz } from '../formats/usdz.js'
import { writeMtl, writeObj } from '../formats/write-obj.js'
import { joinMeshes } from '../geometry/mesh.js'
import { linearToSrgb } from '../image/colors.js'
import { sampleBilinear } from '../image/filter.js'
import type { TexturedMesh } from '../pipeline/build-asset.js'
import type { Reconstruction } from '../run/types.js'

/** @param displacement its file, and what its white stands for, metres */
export function plainFormats(
  model: ExportModel,
  displacement: { file: string; scaleMetres: number },
  { settings, asset }: Reconstruction,
): Record<string, Uint8Array | string> {
  const { obj, ply, usdz } = settings.output
  const { file, scaleMetres } = displacement
  return {
    ...(obj && {
      'face.obj': writeObj(model, 'face.mtl'),
      'face.mtl': writeMtl(model, { file, scale: scaleMetres / model.metresPerUnit }),
    }),
    ...(ply && { 'face.ply': plyOf(model, asset) }),
    ...(usdz && { 'face.usdz': writeUsdz(model) }),
  }
}

/** All parts in one mesh with colours at its vertices. The format knows no clear material: corneas, lashes and brows are left out. */
function plyOf(
  { parts, comments }: ExportModel,
  { textures, eyeTexture, mouthTexture }: Reconstruction['asset'],
): Uint8Array {
  const solid = parts.filter(({ alpha = 1, cutOut }) => alpha === 1 && !cutOut)
  const pictures: Record<string, Float32Array | undefined> = { 'face skin': textures.albedo, eye: eyeTexture }
  const colours = solid.flatMap(({ mesh, uv, material, baseColor = [1, 1, 1] }) => {
    const picture = pictures[material] ?? mouthTexture
    if (uv && picture) return [...atVertices({ uv }, picture, Math.sqrt(picture.length / 3), 3)]
    return Array.from(mesh.positions, (_, i) => linearToSrgb(baseColor[i % 3]))
  })
  return encodePly(solid.map(({ mesh }) => mesh).reduce(joinMeshes), {
    comments: [...comments, 'metres, +Y up'],
    normals: solid.flatMap(({ normals }) => [...normals]),
    uv: solid.flatMap(({ mesh, uv }) => [...(uv ?? new Float32Array((mesh.positions.length / 3) * 2))]),
    colours,
  })
}

/** A texture [size, size, channels] at the vertices, [vertices, channels]. */
export function atVertices(
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

/**
 * GLB files: metres, +Y up, uint32 indices; uncompressed unless asked for, and then readable by every importer. Clean under
 * gltf-validator.
 */
import { Document, type Material, Primitive, type Texture, type TextureInfo } from '@gltf-transform/core'
import { KHRMaterialsSpecular } from '@gltf-transform/extensions'
import { gather, submesh } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import type { Mesh } from '../stages.js'
import { type Compression, encode } from './compress-glb.js'

/** A named shape key. */
interface MorphTarget {
  name: string
  /** [vertices, 3] displacement at weight 1, metres. */
  displacements: Float32Array
  /** [vertices, 3] change of the unit normal at weight 1. */
  normals?: Float32Array
}

/** A picture file. */
interface TextureFile {
  bytes: Uint8Array
  mimeType: 'image/png' | 'image/jpeg'
}

/** One node with one mesh. All vertex arrays are in the mesh's vertex order. */
export interface GlbPart {
  name: string
  mesh: Mesh
  /**
   * Number of quads whose triangles come first (geometry/quads.ts), written to the node's extras: readers that know it have the mesh in
   * quads, all others do not notice.
   */
  quads?: number
  /** [vertices, 3] unit normals; computed if absent. */
  normals?: Float32Array
  /** [vertices, 2] glTF convention: (0, 0) is the upper left corner of the texture. */
  uv?: Float32Array
  /** sRGB base colour texture; needs `uv`. */
  texture?: TextureFile
  /** Tangent-space normal map; needs `uv`. Without `tangents` readers make their own. */
  normalTexture?: TextureFile
  /** [vertices, 4] unit tangent, and 1 or -1 for the bitangent's side. */
  tangents?: Float32Array
  /** [vertices] 0..1: how far each vertex was seen by the photo; written as the attribute _OBSERVED. */
  observed?: Float32Array
  /** Linear base colour factor, default white. */
  baseColor?: readonly [number, number, number]
  /** Below 1 the part is seen through. */
  alpha?: number
  /** Whether the texture's alpha says where the part is. */
  cutOut?: boolean
  /** Name of its material; parts with the same name, textures and numbers share one. Default: the part's name and 'skin'. */
  material?: string
  /** Default true: the face is an open sheet. */
  doubleSided?: boolean
  /** Factor of the texture, if there is one. */
  roughness?: number
  /** Grey: glTF reads its green; the blue, metal, counts nothing as the factor of metal is 0. Needs `uv`. */
  roughnessTexture?: TextureFile
  /** Its alpha is a factor of what a dielectric mirrors (KHR_materials_specular). Needs `uv`. */
  specularTexture?: TextureFile
  morphTargets?: MorphTarget[]
  /** JSON for the node's extras: provenance, camera, settings. */
  extras?: Record<string, unknown>
}

export interface GlbOptions {
  /** Written to asset.generator. */
  generator?: string
  copyright?: string
  /** JSON for the scene's extras. */
  extras?: Record<string, unknown>
  /** Default 'none': readable by every importer. */
  compression?: Compression
  /** Name of a joint that all parts hang on: some programs have morph targets on skinned meshes only. */
  joint?: string
}

/**
 * Bytes of a GLB with one node for each part. Vertices that no triangle uses are dropped (importers would renumber them).
 * @throws RangeError for parts without triangles, coordinates that are not finite, or arrays of the wrong length
 */
export async function writeGlb(parts: readonly GlbPart[], options: GlbOptions = {}): Promise<Uint8Array> {
  const document = new Document()
  const buffer = document.createBuffer()
  const asset = document.getRoot().getAsset()
  asset.generator = options.generator ?? 'sider'
  if (options.copyright !== undefined) asset.copyright = options.copyright
  const scene = document.createScene('scene').setExtras(options.extras ?? {})
  document.getRoot().setDefaultScene(scene)
  const textures = new Map<Uint8Array, Texture>()
  const materials = new Map<string, Material>()
  const joint = options.joint === undefined ? undefined : document.createNode(options.joint)
  const skin = joint && document.createSkin(options.joint).setSkeleton(joint).addJoint(joint)
  if (joint) scene.addChild(joint)
  for (const input of parts) {
    const part = usedVertices(input)
    checkPart(part)
    const { positions, indices } = part.mesh
    const accessor = (
      name: string,
      type: 'VEC2' | 'VEC3' | 'VEC4' | 'SCALAR',
      data: Float32Array | Uint32Array | Uint8Array,
    ) =>
      document
        .createAccessor(name)
        .setType(type)
        .setArray(data as Float32Array<ArrayBuffer>)
        .setBuffer(buffer)
    const primitive = document
      .createPrimitive()
      .setMode(Primitive.Mode.TRIANGLES)
      .setIndices(accessor('indices', 'SCALAR', indices))
      .setAttribute('POSITION', accessor('positions', 'VEC3', positions))
      .setAttribute('NORMAL', accessor('normals', 'VEC3', unitNormals(part)))
    if (part.uv !== undefined) primitive.setAttribute('TEXCOORD_0', accessor('uv', 'VEC2', part.uv))
    if (part.observed !== undefined) primitive.setAttribute('_OBSERVED', accessor('observed', 'SCALAR', part.observed))
    if (part.uv !== undefined && part.normalTexture !== undefined && part.tangents !== undefined)
      primitive.setAttribute('TANGENT', accessor('tangents', 'VEC4', part.tangents))
    const name = part.material ?? `${part.name} skin`
    const material = materials.get(name) ?? materialOf(document, part, name, textures)
    materials.set(name, material)
    primitive.setMaterial(material)
    const mesh = document.createMesh(part.name).addPrimitive(primitive)
    if (skin) {
      // every vertex goes with the one joint
      const each = positions.length / 3
      primitive.setAttribute('JOINTS_0', accessor('joints', 'VEC4', new Uint8Array(4 * each))).setAttribute(
        'WEIGHTS_0',
        accessor(
          'weights',
          'VEC4',
          new Float32Array(4 * each).map((_, i) => +(i % 4 === 0)),
        ),
      )
    }
    const targets = part.morphTargets ?? []
    for (const target of targets) {
      const key = document.createPrimitiveTarget(target.name)
      // most vertices stay: only those that move are stored
      key.setAttribute('POSITION', accessor(target.name, 'VEC3', target.displacements).setSparse(true))
      if (target.normals)
        key.setAttribute('NORMAL', accessor(`${target.name} normals`, 'VEC3', target.normals).setSparse(true))
      primitive.addTarget(key)
    }
    if (targets.length > 0)
      mesh.setWeights(targets.map(() => 0)).setExtras({ targetNames: targets.map((target) => target.name) })
    scene.addChild(
      document
        .createNode(part.name)
        .setMesh(mesh)
        .setSkin(skin ?? null)
        .setExtras({ ...part.extras, ...(part.quads !== undefined && { quads: part.quads }) }),
    )
  }
  return encode(document, options.compression ?? 'none')
}

/** @param textures those that other parts have already, by their bytes */
function materialOf(document: Document, part: GlbPart, name: string, textures: Map<Uint8Array, Texture>): Material {
  const texture = (kind: string, file: TextureFile): Texture => {
    const known = textures.get(file.bytes)
    if (known) return known
    const made = document
      .createTexture(`${part.material ?? part.name} ${kind}`)
      .setMimeType(file.mimeType)
      .setImage(file.bytes as Uint8Array<ArrayBuffer>)
    textures.set(file.bytes, made)
    return made
  }
  const clamp = (info: TextureInfo | null) => info?.setWrapS(33071).setWrapT(33071)
  const alpha = part.alpha ?? 1
  const material = document
    .createMaterial(name)
    .setMetallicFactor(0)
    .setRoughnessFactor(part.roughness ?? 0.6)
    .setDoubleSided(part.doubleSided ?? true)
    .setBaseColorFactor([...(part.baseColor ?? [1, 1, 1]), alpha] as [number, number, number, number])
    .setAlphaMode(alpha < 1 || part.cutOut ? 'BLEND' : 'OPAQUE')
  if (part.uv !== undefined && part.texture !== undefined) {
    material.setBaseColorTexture(texture('albedo', part.texture))
    clamp(material.getBaseColorTextureInfo())
  }
  if (part.uv !== undefined && part.normalTexture !== undefined) {
    material.setNormalTexture(texture('normals', part.normalTexture))
    clamp(material.getNormalTextureInfo())
  }
  if (part.uv !== undefined && part.roughnessTexture !== undefined) {
    material.setMetallicRoughnessTexture(texture('roughness', part.roughnessTexture))
    clamp(material.getMetallicRoughnessTextureInfo())
  }
  if (part.uv !== undefined && part.specularTexture !== undefined) {
    const specular = document.createExtension(KHRMaterialsSpecular).createSpecular()
    specular.setSpecularTexture(texture('specular', part.specularTexture))
    clamp(specular.getSpecularTextureInfo())
    material.setExtension(KHRMaterialsSpecular.EXTENSION_NAME, specular)
  }
  return material
}

/** The part without the vertices that no triangle uses, and without triangles that have no area by their indices. */
function usedVertices(part: GlbPart): GlbPart {
  const { positions, indices } = part.mesh
  const area = new Uint8Array(indices.length / 3)
  for (let t = 0; t < area.length; t++) {
    const [a, b, c] = [indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]]
    if (a !== b && b !== c && c !== a) area[t] = 1
  }
  const { mesh, vertexMap: rows } = submesh(part.mesh, area)
  if (rows.length === positions.length / 3 && mesh.indices.length === indices.length) return part
  return {
    ...part,
    mesh,
    normals: part.normals && gather(part.normals, rows, 3),
    uv: part.uv && gather(part.uv, rows, 2),
    tangents: part.tangents && gather(part.tangents, rows, 4),
    observed: part.observed && gather(part.observed, rows, 1),
    morphTargets: part.morphTargets?.map((target) => ({
      ...target,
      displacements: gather(target.displacements, rows, 3),
      normals: target.normals && gather(target.normals, rows, 3),
    })),
  }
}

function checkPart(part: GlbPart): void {
  const { positions, indices } = part.mesh
  if (indices.length === 0) throw new RangeError(`${part.name}: the mesh has no triangles`)
  const n = positions.length / 3
  for (const [name, array, dims] of [
    ['positions', positions, 3],
    ['normals', part.normals, 3],
    ['uv', part.uv, 2],
    ['tangents', part.tangents, 4],
    ['observed', part.observed, 1],
    ...(part.morphTargets ?? []).map((target) => [target.name, target.displacements, 3] as const),
    ...(part.morphTargets ?? []).map((target) => [`${target.name} normals`, target.normals, 3] as const),
  ] as const) {
    if (array === undefined) continue
    if (array.length !== n * dims) throw new RangeError(`${part.name}: ${name} has the wrong length`)
    if (!finite(array)) throw new RangeError(`${part.name}: ${name} holds numbers that are not finite`)
  }
}

function finite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}

/** Unit normals; vertices without a direction (only in triangles without area) get +Z. */
function unitNormals(part: GlbPart): Float32Array {
  const normals = (part.normals ?? vertexNormals(part.mesh)).slice()
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2])
    if (length < 1e-6) normals.set([0, 0, 1], i)
    else if (Math.abs(length - 1) > 1e-6) for (let k = 0; k < 3; k++) normals[i + k] /= length
  }
  return normals
}

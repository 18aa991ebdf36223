/** What the plain mesh formats write: parts with their materials. */
import type { Mesh } from '../stages.js'

/** A picture with its place beside the files that name it. */
export interface ExportTexture {
  /** Relative path, with forward slashes. */
  file: string
  /** JPEG or PNG. */
  bytes: Uint8Array
}

/** A mesh with a material. */
export interface ExportPart {
  name: string
  /** Seams split. Metres, +Y up. */
  mesh: Mesh
  /** Number of quads, whose triangles come first: geometry/quads.ts. */
  quads: number
  /** [vertices, 3] unit */
  normals: Float32Array
  /** [vertices, 2] glTF convention: (0, 0) is the upper left corner */
  uv?: Float32Array
  /** Parts with the same one share it. */
  material: string
  texture?: ExportTexture
  normalTexture?: ExportTexture
  /** Linear, where there is no texture. */
  baseColor?: readonly [number, number, number]
  /** Below 1 the part is seen through. */
  alpha?: number
  /** Whether the texture's alpha says where the part is. */
  cutOut?: boolean
  /** Factor of the texture, if there is one. */
  roughness: number
  /** Grey, linear; needs `uv`. */
  roughnessTexture?: ExportTexture
  /** Linear, in grey and in alpha: what it mirrors, as a share of what plastic does; needs `uv`. */
  specularTexture?: ExportTexture
}

export interface ExportModel {
  name: string
  parts: readonly ExportPart[]
  /** What the files' numbers are in: 1 for metres, 0.01 for centimetres. The parts are in metres. */
  metresPerUnit: number
  /** Whether all parts are one object, told apart by their materials. */
  oneObject?: boolean
  /** Lines of comment at the head of the file. */
  comments: readonly string[]
}

/** One part for each material. */
export function materialsOf({ parts }: ExportModel): ExportPart[] {
  return parts.filter((part, i) => parts.findIndex(({ material }) => material === part.material) === i)
}

/** A name for formats that allow letters, digits and underscores only. */
export const identifier = (name: string): string => name.replace(/\W/g, '_')

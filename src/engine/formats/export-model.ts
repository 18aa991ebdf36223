/** What the plain mesh formats write: one mesh with its textures' file names. */
import type { Mesh } from '../stages.js'

export interface ExportModel {
  name: string
  /** Seams split. Metres, +Y up. */
  mesh: Mesh
  /** [vertices, 3] unit */
  normals: Float32Array
  /** [vertices, 2] glTF convention: (0, 0) is the upper left corner */
  uv: Float32Array
  /** Lines of comment at the head of the file. */
  comments: readonly string[]
}

/** Wavefront OBJ with a material library. */
import type { ExportModel } from './export-model.js'

/** Paths of the textures, relative to the OBJ file. */
export interface ObjTextures {
  albedo: string
  normal: string
  displacement: string
  /** Metres that the displacement's white stands for, and its offset (see `encodeDisplacement`). */
  displacementScale: number
}

/** Text of the .obj file. */
export function writeObj({ name, mesh, normals, uv, comments }: ExportModel, library: string): string {
  const { positions, indices } = mesh
  const lines = [...comments.map((c) => `# ${c}`), '# metres, +Y up', `mtllib ${library}`, `o ${name}`]
  for (let i = 0; i < positions.length; i += 3)
    lines.push(`v ${positions[i].toFixed(7)} ${positions[i + 1].toFixed(7)} ${positions[i + 2].toFixed(7)}`)
  // OBJ counts v upwards
  for (let i = 0; i < uv.length; i += 2) lines.push(`vt ${uv[i].toFixed(6)} ${(1 - uv[i + 1]).toFixed(6)}`)
  for (let i = 0; i < normals.length; i += 3)
    lines.push(`vn ${normals[i].toFixed(4)} ${normals[i + 1].toFixed(4)} ${normals[i + 2].toFixed(4)}`)
  lines.push('usemtl skin', 's 1')
  for (let t = 0; t < indices.length; t += 3)
    lines.push(
      `f ${[0, 1, 2].map((c) => `${indices[t + c] + 1}/${indices[t + c] + 1}/${indices[t + c] + 1}`).join(' ')}`,
    )
  return `${lines.join('\n')}\n`
}

/** Text of the .mtl file. */
export function writeMtl({ albedo, normal, displacement, displacementScale }: ObjTextures): string {
  return [
    'newmtl skin',
    'Kd 1 1 1',
    'Ks 0.04 0.04 0.04',
    'Ns 40',
    'illum 2',
    `map_Kd ${albedo}`,
    `norm ${normal}`,
    `# displacement along the normals: (value - 0.5) * ${displacementScale} metres`,
    `disp -mm ${-displacementScale / 2} ${displacementScale} ${displacement}`,
    '',
  ].join('\n')
}

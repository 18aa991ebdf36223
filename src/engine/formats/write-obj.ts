/** Wavefront OBJ with a material library: an object for each part, in quads where there are any, and closed over texture seams. */
import { facesOf } from '../geometry/quads.js'
import { type ExportModel, type ExportPart, identifier, materialsOf } from './export-model.js'

/** A picture that moves the skin along its normals, and the units that its white stands for. */
export interface ObjDisplacement {
  file: string
  scale: number
}

/** Text of the .obj file. */
export function writeObj(model: ExportModel, library: string): string {
  const unit = model.metresPerUnit === 1 ? 'metres' : 'centimetres'
  const lines = [...model.comments.map((c) => `# ${c}`), `# ${unit}, +Y up`, `mtllib ${library}`]
  // OBJ counts from one, over all objects
  const next = { v: 1, vt: 1 }
  model.parts.forEach((part, i) => {
    if (i === 0 || !model.oneObject) lines.push(`o ${part.name}`)
    writePart(part, model.metresPerUnit, next, lines)
  })
  return `${lines.join('\n')}\n`
}

function writePart(
  { mesh, quads, normals, uv, material }: ExportPart,
  metresPerUnit: number,
  next: { v: number; vt: number },
  lines: string[],
): void {
  const { positions, indices } = mesh
  const { kept, place } = weld(positions, normals)
  for (const v of kept) lines.push(`v ${row(positions.subarray(3 * v, 3 * v + 3), 7, metresPerUnit)}`)
  // OBJ counts v upwards
  if (uv) for (let i = 0; i < uv.length; i += 2) lines.push(`vt ${uv[i].toFixed(6)} ${(1 - uv[i + 1]).toFixed(6)}`)
  for (const v of kept) lines.push(`vn ${row(normals.subarray(3 * v, 3 * v + 3), 4)}`)
  lines.push(`usemtl ${identifier(material)}`, 's 1')
  const corner = (v: number): string => {
    const at = next.v + place[v]
    return `${at}/${uv ? next.vt + v : ''}/${at}`
  }
  for (const face of facesOf(indices, quads)) lines.push(`f ${face.map(corner).join(' ')}`)
  next.v += kept.length
  next.vt += uv ? uv.length / 2 : 0
}

const row = (values: Float32Array, digits: number, per = 1): string =>
  Array.from(values, (x) => (x / per).toFixed(digits)).join(' ')

/** Vertices that are one but for their texture coordinates: the first of each, and its number for each vertex. */
function weld(positions: Float32Array, normals: Float32Array): { kept: number[]; place: Uint32Array } {
  const known = new Map<string, number>()
  const kept: number[] = []
  const place = Uint32Array.from({ length: positions.length / 3 }, (_, v) => {
    const key = `${positions.subarray(3 * v, 3 * v + 3)} ${normals.subarray(3 * v, 3 * v + 3)}`
    const at = known.get(key) ?? kept.push(v) - 1
    known.set(key, at)
    return at
  })
  return { kept, place }
}

/** For readers that know no map of it. */
const SKIN_ROUGHNESS = 0.5

/** Text of the .mtl file. @param displacement of the first part */
export function writeMtl(model: ExportModel, displacement?: ObjDisplacement): string {
  return materialsOf(model)
    .flatMap(
      (
        {
          material,
          baseColor = [1, 1, 1],
          alpha = 1,
          cutOut,
          roughness,
          roughnessTexture,
          specularTexture,
          texture,
          normalTexture,
        },
        i,
      ) => [
        `newmtl ${identifier(material)}`,
        `Kd ${baseColor.join(' ')}`,
        'Ks 0.04 0.04 0.04',
        // Blinn-Phong's exponent of the same width, and the number itself for readers that know it
        `Ns ${Math.round(Math.min(1000, 2 / (roughnessTexture ? SKIN_ROUGHNESS : roughness) ** 4 - 2))}`,
        `Pr ${roughness}`,
        'illum 2',
        ...(alpha < 1 ? [`d ${alpha}`] : []),
        ...(texture ? [`map_Kd ${texture.file}`] : []),
        ...(texture && cutOut ? [`map_d ${texture.file}`] : []),
        ...(roughnessTexture ? [`map_Pr ${roughnessTexture.file}`] : []),
        ...(specularTexture ? [`map_Ks ${specularTexture.file}`] : []),
        ...(normalTexture ? [`norm ${normalTexture.file}`] : []),
        ...(i === 0 && displacement
          ? [
              `# displacement along the normals: (value - 0.5) * ${displacement.scale}`,
              `disp -mm ${-displacement.scale / 2} ${displacement.scale} ${displacement.file}`,
            ]
          : []),
        '',
      ],
    )
    .join('\n')
}

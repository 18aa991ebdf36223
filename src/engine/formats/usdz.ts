/**
 * USDZ: a zip of a USD text file and its textures, stored without compression and each starting at a multiple of 64 bytes, as
 * the format asks. Materials are UsdPreviewSurfaces. (three.js' exporter needs a browser's canvas for textures.)
 */
import { strToU8, type Zippable, zipSync } from 'fflate'
import { facesOf } from '../geometry/quads.js'
import { type ExportModel, type ExportPart, type ExportTexture, identifier, materialsOf } from './export-model.js'

/** Zip's local file header without the name. */
const LOCAL_HEADER = 30
const ALIGNMENT = 64

/** Bytes of the archive. */
export function writeUsdz(model: ExportModel): Uint8Array {
  const files = new Map<string, Uint8Array>([[`${model.name}.usda`, strToU8(usda(model))]])
  for (const { texture, normalTexture, roughnessTexture } of model.parts)
    for (const picture of [texture, normalTexture, roughnessTexture])
      if (picture) files.set(nameOf(picture), picture.bytes)
  const zip: Zippable = {}
  let offset = 0
  for (const [name, bytes] of files) {
    const head = LOCAL_HEADER + strToU8(name).length
    // an extra field pads the header: four bytes of its own, then as many as needed
    const padding = (ALIGNMENT - ((offset + head + 4) % ALIGNMENT)) % ALIGNMENT
    zip[name] = [bytes, { level: 0, mtime: '1980-01-01T00:00:00', extra: { 6534: new Uint8Array(padding) } }]
    offset += head + 4 + padding + bytes.length
  }
  return zipSync(zip)
}

/** Within the archive. */
const nameOf = ({ file }: ExportTexture): string => file.slice(file.lastIndexOf('/') + 1)

function usda(model: ExportModel): string {
  const { name, parts, comments, metresPerUnit } = model
  return `#usda 1.0
(
    defaultPrim = "${name}"
    doc = """${comments.join('; ')}"""
    metersPerUnit = ${metresPerUnit}
    upAxis = "Y"
)

def Xform "${name}" (
    kind = "component"
)
{
${parts.map((part) => meshPrim(part, name, metresPerUnit)).join('\n')}
    def Scope "Materials"
    {
${materialsOf(model)
  .map((part) => materialPrim(part, name))
  .join('\n')}
    }
}
`
}

function vectors(values: Float32Array, dims: number, digits: number): string {
  const out: string[] = []
  for (let i = 0; i < values.length; i += dims)
    out.push(`(${Array.from(values.subarray(i, i + dims), (v) => v.toFixed(digits)).join(', ')})`)
  return out.join(', ')
}

function meshPrim(
  { name, mesh, quads, normals, uv, material }: ExportPart,
  root: string,
  metresPerUnit: number,
): string {
  const { indices } = mesh
  const positions = mesh.positions.map((x) => x / metresPerUnit)
  const low = [0, 1, 2].map((k) => extreme(positions, k, Math.min))
  const high = [0, 1, 2].map((k) => extreme(positions, k, Math.max))
  const faces = facesOf(indices, quads)
  // USD counts v upwards
  const st = uv?.map((value, i) => (i % 2 === 0 ? value : 1 - value))
  return `    def Mesh "${identifier(name)}" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {
        uniform bool doubleSided = 1
        float3[] extent = [(${low.join(', ')}), (${high.join(', ')})]
        int[] faceVertexCounts = [${faces.map((face) => face.length).join(', ')}]
        int[] faceVertexIndices = [${faces.map((face) => face.join(', ')).join(', ')}]
        rel material:binding = </${root}/Materials/${identifier(material)}>
        normal3f[] normals = [${vectors(normals, 3, 4)}] (
            interpolation = "vertex"
        )
        point3f[] points = [${vectors(positions, 3, 7)}]${
          st
            ? `
        texCoord2f[] primvars:st = [${vectors(st, 2, 6)}] (
            interpolation = "vertex"
        )`
            : ''
        }
        uniform token subdivisionScheme = "none"
    }
`
}

const RGBA = `float3 outputs:rgb
                float outputs:a`

/** The preview surface has no map of what is mirrored: the refractive index says it for skin as a whole. */
const SKIN_IOR = 1.4

function materialPrim(
  {
    material,
    texture,
    normalTexture,
    baseColor = [1, 1, 1],
    alpha = 1,
    cutOut,
    roughness,
    roughnessTexture,
    specularTexture,
  }: ExportPart,
  root: string,
): string {
  const name = identifier(material)
  const path = `/${root}/Materials/${name}`
  const shader = (
    id: string,
    picture: ExportTexture,
    space: string,
    more = '',
    output = 'float3 outputs:rgb',
  ): string => `
            def Shader "${id}"
            {
                uniform token info:id = "UsdUVTexture"
                asset inputs:file = @${nameOf(picture)}@
                float2 inputs:st.connect = <${path}/st.outputs:result>
                token inputs:sourceColorSpace = "${space}"
                token inputs:wrapS = "clamp"
                token inputs:wrapT = "clamp"${more}
                ${output}
            }
`
  const diffuse = texture
    ? `color3f inputs:diffuseColor.connect = <${path}/albedo.outputs:rgb>`
    : `color3f inputs:diffuseColor = (${baseColor.join(', ')})`
  const rough = roughnessTexture
    ? `float inputs:roughness.connect = <${path}/roughness.outputs:r>`
    : `float inputs:roughness = ${roughness}`
  const opacity =
    texture && cutOut ? `float inputs:opacity.connect = <${path}/albedo.outputs:a>` : `float inputs:opacity = ${alpha}`
  return `        def Material "${name}"
        {
            token outputs:surface.connect = <${path}/surface.outputs:surface>

            def Shader "surface"
            {
                uniform token info:id = "UsdPreviewSurface"
                ${diffuse}${
                  normalTexture
                    ? `
                normal3f inputs:normal.connect = <${path}/normals.outputs:rgb>`
                    : ''
                }
                float inputs:metallic = 0
                ${opacity}
                ${rough}${
                  specularTexture
                    ? `
                float inputs:ior = ${SKIN_IOR}`
                    : ''
                }
                token outputs:surface
            }

            def Shader "st"
            {
                uniform token info:id = "UsdPrimvarReader_float2"
                string inputs:varname = "st"
                float2 outputs:result
            }
${texture ? shader('albedo', texture, 'sRGB', '', RGBA) : ''}${roughnessTexture ? shader('roughness', roughnessTexture, 'raw', '', 'float outputs:r') : ''}${
  normalTexture
    ? shader(
        'normals',
        normalTexture,
        'raw',
        `
                float4 inputs:scale = (2, 2, 2, 1)
                float4 inputs:bias = (-1, -1, -1, 0)`,
      )
    : ''
}        }
`
}

function extreme(values: Float32Array, k: number, pick: (a: number, b: number) => number): number {
  let best = values[k]
  for (let i = k; i < values.length; i += 3) best = pick(best, values[i])
  return best
}

/**
 * USDZ: a zip of a USD text file and its textures, stored without compression and each starting at a multiple of 64 bytes, as
 * the format asks. The material is a UsdPreviewSurface. (three.js' exporter needs a browser's canvas for textures.)
 */
import { strToU8, type Zippable, zipSync } from 'fflate'
import type { ExportModel } from './export-model.js'

/** Zip's local file header without the name. */
const LOCAL_HEADER = 30
const ALIGNMENT = 64

export interface UsdTextures {
  /** JPEG or PNG bytes, by the name within the archive. */
  albedo: { name: string; bytes: Uint8Array }
  normal: { name: string; bytes: Uint8Array }
}

/** Bytes of the archive. */
export function writeUsdz(model: ExportModel, { albedo, normal }: UsdTextures): Uint8Array {
  const files: [string, Uint8Array][] = [
    [`${model.name}.usda`, strToU8(usda(model, albedo.name, normal.name))],
    [albedo.name, albedo.bytes],
    [normal.name, normal.bytes],
  ]
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

function usda({ name, mesh, normals, uv, comments }: ExportModel, albedo: string, normal: string): string {
  const vectors = (values: Float32Array, dims: number, digits: number): string => {
    const out: string[] = []
    for (let i = 0; i < values.length; i += dims)
      out.push(`(${Array.from(values.subarray(i, i + dims), (v) => v.toFixed(digits)).join(', ')})`)
    return out.join(', ')
  }
  const { positions, indices } = mesh
  const low = [0, 1, 2].map((k) => extreme(positions, k, Math.min))
  const high = [0, 1, 2].map((k) => extreme(positions, k, Math.max))
  // USD counts v upwards
  const st = uv.map((value, i) => (i % 2 === 0 ? value : 1 - value))
  const texture = (id: string, file: string, space: string, more: string): string => `
            def Shader "${id}"
            {
                uniform token info:id = "UsdUVTexture"
                asset inputs:file = @${file}@
                float2 inputs:st.connect = </${name}/Materials/skin/st.outputs:result>
                token inputs:sourceColorSpace = "${space}"
                token inputs:wrapS = "clamp"
                token inputs:wrapT = "clamp"${more}
                float3 outputs:rgb
            }`
  return `#usda 1.0
(
    defaultPrim = "${name}"
    doc = """${comments.join('; ')}"""
    metersPerUnit = 1
    upAxis = "Y"
)

def Xform "${name}" (
    kind = "component"
)
{
    def Mesh "mesh" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {
        uniform bool doubleSided = 1
        float3[] extent = [(${low.join(', ')}), (${high.join(', ')})]
        int[] faceVertexCounts = [${new Array<number>(indices.length / 3).fill(3).join(', ')}]
        int[] faceVertexIndices = [${indices.join(', ')}]
        rel material:binding = </${name}/Materials/skin>
        normal3f[] normals = [${vectors(normals, 3, 4)}] (
            interpolation = "vertex"
        )
        point3f[] points = [${vectors(positions, 3, 7)}]
        texCoord2f[] primvars:st = [${vectors(st, 2, 6)}] (
            interpolation = "vertex"
        )
        uniform token subdivisionScheme = "none"
    }

    def Scope "Materials"
    {
        def Material "skin"
        {
            token outputs:surface.connect = </${name}/Materials/skin/surface.outputs:surface>

            def Shader "surface"
            {
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor.connect = </${name}/Materials/skin/albedo.outputs:rgb>
                normal3f inputs:normal.connect = </${name}/Materials/skin/normals.outputs:rgb>
                float inputs:metallic = 0
                float inputs:roughness = 0.6
                token outputs:surface
            }

            def Shader "st"
            {
                uniform token info:id = "UsdPrimvarReader_float2"
                string inputs:varname = "st"
                float2 outputs:result
            }
${texture('albedo', albedo, 'sRGB', '')}
${texture(
  'normals',
  normal,
  'raw',
  `
                float4 inputs:scale = (2, 2, 2, 1)
                float4 inputs:bias = (-1, -1, -1, 0)`,
)}
        }
    }
}
`
}

function extreme(values: Float32Array, k: number, pick: (a: number, b: number) => number): number {
  let best = values[k]
  for (let i = k; i < values.length; i += 3) best = pick(best, values[i])
  return best
}

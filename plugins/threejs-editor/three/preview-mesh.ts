/** The mesh of a running job: the first GLB of a topology makes the geometry, later ones only write its positions and normals. */
import { BufferAttribute, BufferGeometry, type Material, Mesh } from 'three'

interface GltfJson {
  accessors: { bufferView: number; byteOffset?: number; componentType: number; count: number }[]
  bufferViews: { byteOffset?: number; byteStride?: number }[]
  meshes: { primitives: { attributes: Record<string, number>; indices: number }[] }[]
}

export interface Arrays {
  /** [vertices, 3] metres, +Y up */
  positions: Float32Array
  normals: Float32Array
  indices: Uint32Array
}

/**
 * Arrays of the first primitive of an uncompressed GLB with float32 positions and uint32 indices, as previews are.
 * @throws Error if it is none
 */
export function readPreview(bytes: Uint8Array): Arrays {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== 0x46546c67) throw new Error('not a GLB file')
  const length = view.getUint32(12, true)
  const gltf = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length))) as GltfJson
  const { attributes, indices } = gltf.meshes[0].primitives[0]
  const start = 28 + length
  const at = (index: number): { offset: number; stride: number; count: number } => {
    const { bufferView, byteOffset = 0, count } = gltf.accessors[index]
    const { byteOffset: base = 0, byteStride = 0 } = gltf.bufferViews[bufferView]
    return { offset: start + base + byteOffset, stride: byteStride, count }
  }
  const vectors = (index: number): Float32Array => {
    if (gltf.accessors[index].componentType !== 5126) throw new Error('positions are not float32')
    const { offset, stride, count } = at(index)
    const out = new Float32Array(3 * count)
    for (let i = 0; i < out.length; i++) {
      out[i] = view.getFloat32(offset + Math.floor(i / 3) * (stride || 12) + 4 * (i % 3), true)
    }
    return out
  }
  if (gltf.accessors[indices].componentType !== 5125) throw new Error('indices are not uint32')
  const { offset, count } = at(indices)
  const triangles = Uint32Array.from({ length: count }, (_, i) => view.getUint32(offset + 4 * i, true))
  return { positions: vectors(attributes['POSITION']), normals: vectors(attributes['NORMAL']), indices: triangles }
}

export class PreviewMesh {
  readonly mesh: Mesh
  private topology: string | undefined

  constructor(readonly material: Material) {
    this.mesh = new Mesh(new BufferGeometry(), material)
    this.mesh.name = 'SIDER preview'
    this.mesh.visible = false
  }

  /** Shows the bytes of a preview. */
  update(bytes: Uint8Array, topology: string | undefined): void {
    const { positions, normals, indices } = readPreview(bytes)
    const { geometry } = this.mesh
    if (topology !== undefined && topology === this.topology) {
      for (const [name, values] of [
        ['position', positions],
        ['normal', normals],
      ] as const) {
        const attribute = geometry.getAttribute(name) as BufferAttribute
        attribute.copyArray(values)
        attribute.needsUpdate = true
      }
      geometry.computeBoundingSphere()
    } else {
      geometry.dispose()
      const fresh = new BufferGeometry()
      fresh.setAttribute('position', new BufferAttribute(positions, 3))
      fresh.setAttribute('normal', new BufferAttribute(normals, 3))
      fresh.setIndex(new BufferAttribute(indices, 1))
      this.mesh.geometry = fresh
    }
    this.topology = topology
    this.mesh.visible = true
  }

  hide(): void {
    this.mesh.visible = false
  }
}

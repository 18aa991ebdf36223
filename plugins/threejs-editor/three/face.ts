/** The finished face as an object of the scene, and its end. */
import { type Group, Mesh, type Object3D, type SkinnedMesh, Texture } from 'three'
import { MeshoptDecoder } from 'three/addons/libs/meshopt_decoder.module.js'
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js'

/** A result as the server wrote it, meshopt-packed ones too. @throws Error if the bytes are no GLB */
export async function parseFace(bytes: Uint8Array, name: string): Promise<Group> {
  const { scene } = await new GLTFLoader().setMeshoptDecoder(MeshoptDecoder).parseAsync(bytes.slice().buffer, '')
  scene.name = name
  return scene
}

/** Frees geometries, materials and textures of all meshes below. */
export function dispose(object: Object3D): void {
  object.traverse((one) => {
    if (!(one instanceof Mesh)) return
    const mesh = one as Mesh | SkinnedMesh
    mesh.geometry.dispose()
    for (const material of Array.isArray(mesh.material) ? mesh.material : [mesh.material]) {
      for (const value of Object.values(material)) if (value instanceof Texture) value.dispose()
      material.dispose()
    }
  })
}

/** Names of the morph targets with the meshes that have them. */
export function morphs(object: Object3D): Map<string, { mesh: Mesh; index: number }[]> {
  const found = new Map<string, { mesh: Mesh; index: number }[]>()
  object.traverse((one) => {
    if (!(one instanceof Mesh) || !one.morphTargetDictionary) return
    for (const [name, index] of Object.entries(one.morphTargetDictionary)) {
      found.set(name, [...(found.get(name) ?? []), { mesh: one, index: Number(index) }])
    }
  })
  return found
}

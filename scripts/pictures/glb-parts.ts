/** The parts of a GLB as the software renderer draws them. */
import { NodeIO, type Primitive, type Texture } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import type { NormalMap } from '../../src/engine/image/normal-map.js'
import { decodePicture, type Picture } from '../../src/engine/image/picture.js'
import type { ViewPart } from '../../src/engine/image/views.js'

export interface ShownPart extends ViewPart {
  name: string
  normals: Float32Array
  /** [vertices, 3] each */
  targets: Map<string, { positions: Float32Array; normals: Float32Array | undefined }>
}

/** All opaque parts: what is clear is not drawn. */
export async function shownParts(glb: Uint8Array): Promise<ShownPart[]> {
  const document = await new NodeIO().registerExtensions(ALL_EXTENSIONS).readBinary(glb)
  const pictures = new Map<Texture, Promise<Picture>>()
  const picture = async (texture: Texture | null): Promise<Picture | undefined> => {
    if (!texture) return undefined
    if (!pictures.has(texture)) pictures.set(texture, decodePicture(texture.getImage()!))
    return pictures.get(texture)
  }
  const parts: ShownPart[] = []
  for (const node of document.getRoot().listNodes()) {
    const mesh = node.getMesh()
    const primitive = mesh?.listPrimitives()[0]
    const material = primitive?.getMaterial()
    if (!mesh || !primitive || !material || material.getAlphaMode() === 'BLEND') continue
    const map = await picture(material.getNormalTexture())
    const names = (mesh.getExtras()['targetNames'] ?? []) as string[]
    parts.push({
      name: node.getName(),
      mesh: {
        positions: floats(primitive, 'POSITION')!,
        indices: Uint32Array.from(primitive.getIndices()!.getArray()!),
      },
      normals: floats(primitive, 'NORMAL')!,
      uv: floats(primitive, 'TEXCOORD_0'),
      tangents: floats(primitive, 'TANGENT'),
      texture: await picture(material.getBaseColorTexture()),
      normalMap: map && normalMapOf(map),
      color: material.getBaseColorFactor().slice(0, 3) as [number, number, number],
      targets: new Map(
        primitive.listTargets().map((target, i) => [
          names[i],
          {
            positions: Float32Array.from(target.getAttribute('POSITION')!.getArray()!),
            normals: target.getAttribute('NORMAL')
              ? Float32Array.from(target.getAttribute('NORMAL')!.getArray()!)
              : undefined,
          },
        ]),
      ),
    })
  }
  return parts
}

function floats(primitive: Primitive, name: string): Float32Array | undefined {
  const accessor = primitive.getAttribute(name)
  return accessor ? Float32Array.from(accessor.getArray()!) : undefined
}

function normalMapOf({ width, height, data }: Picture): NormalMap {
  if (width !== height) throw new RangeError('normal maps are square')
  return { size: width, normals: Float32Array.from(data, (byte) => byte / 127.5 - 1) }
}

/** The part with keys at a weight; those that it lacks do nothing. */
export function withKeys(part: ShownPart, keys: readonly string[], weight: number): ShownPart {
  const positions = part.mesh.positions.slice()
  const normals = part.normals.slice()
  for (const name of keys) {
    const target = part.targets.get(name)
    if (!target) continue
    for (let i = 0; i < positions.length; i++) positions[i] += weight * target.positions[i]
    if (target.normals) for (let i = 0; i < normals.length; i++) normals[i] += weight * target.normals[i]
  }
  return { ...part, mesh: { ...part.mesh, positions }, normals }
}

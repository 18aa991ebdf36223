/** A GLB read and written again by glTF-Transform: as it is, or packed as the engine packs it. */
import { WebIO } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import { type Compression, encode } from '../../src/engine/formats/compress-glb.js'

export async function repacked(glb: Uint8Array, how: Compression): Promise<Uint8Array> {
  return encode(await new WebIO().registerExtensions(ALL_EXTENSIONS).readBinary(glb), how)
}

/** Smaller GLB files: quantised numbers, and meshopt's packing of them. */
import { type Document, Logger, Verbosity, WebIO } from '@gltf-transform/core'
import { EXTMeshoptCompression, KHRMaterialsSpecular, KHRMeshQuantization } from '@gltf-transform/extensions'
import { withJson } from './glb-json.js'

/** How a GLB is packed; 'none' opens everywhere. */
export type Compression = 'none' | 'quantize' | 'meshopt'

/** Positions to 1/65536 of the head's size (4 micrometres), normals to a tenth of a degree. */
const BITS = { quantizePosition: 16, quantizeNormal: 12, quantizeTexcoord: 16 } as const

/** Bytes of the document. */
export async function encode(document: Document, compression: Compression): Promise<Uint8Array> {
  // its remarks are for people who run it by hand
  document.setLogger(new Logger(Verbosity.ERROR))
  const io = new WebIO().setLogger(new Logger(Verbosity.ERROR)).registerExtensions([KHRMaterialsSpecular])
  if (compression === 'none') return io.writeBinary(document)
  const { quantize } = await import('@gltf-transform/functions')
  io.registerExtensions([KHRMeshQuantization])
  await document.transform(quantize(BITS))
  if (compression === 'meshopt') {
    // Loaded where it is needed: its WebAssembly sets gigabytes of address space aside.
    const { MeshoptEncoder } = await import('meshoptimizer/encoder')
    await MeshoptEncoder.ready
    io.registerExtensions([EXTMeshoptCompression]).registerDependencies({ 'meshopt.encoder': MeshoptEncoder })
    // without the usual reordering, which would lose the quads and the order of vertices
    document
      .createExtension(EXTMeshoptCompression)
      .setRequired(true)
      .setEncoderOptions({ method: EXTMeshoptCompression.EncoderMethod.QUANTIZE })
    return io.writeBinary(document)
  }
  // quantising makes full arrays of the shape keys' sparse ones
  const quantised = new Set<string>()
  for (const mesh of document.getRoot().listMeshes())
    for (const primitive of mesh.listPrimitives())
      for (const key of primitive.listTargets())
        for (const accessor of key.listAttributes()) {
          accessor.setSparse(true)
          if (!accessor.getNormalized()) continue
          // the library would write what sparse integers mean, cut to whole numbers, in place of the integers: it is told later what they are
          accessor.setNormalized(false).setName(`quantised ${quantised.size}`)
          quantised.add(accessor.getName())
        }
  return withJson<{ accessors: { name?: string; normalized?: boolean }[] }>(
    await io.writeBinary(document),
    ({ accessors }) => {
      for (const accessor of accessors) if (quantised.has(accessor.name ?? '')) accessor.normalized = true
    },
  )
}

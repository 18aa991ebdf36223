/** The JSON of a finished GLB, changed in place of what the library that wrote it cannot say. */

/** Bytes of the file's header, of a chunk's, and the mark of JSON. */
const HEADER = 12
const CHUNK_HEADER = 8
const JSON_CHUNK = 0x4e4f534a

/** The same file with its JSON changed by `change`, in place. @throws RangeError if it is no GLB */
export function withJson<Gltf>(glb: Uint8Array, change: (gltf: Gltf) => void): Uint8Array {
  const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength)
  const length = view.getUint32(HEADER, true)
  if (view.getUint32(HEADER + 4, true) !== JSON_CHUNK) throw new RangeError('the GLB does not begin with its JSON')
  const start = HEADER + CHUNK_HEADER
  const gltf = JSON.parse(new TextDecoder().decode(glb.subarray(start, start + length))) as Gltf
  change(gltf)
  const json = new TextEncoder().encode(JSON.stringify(gltf))
  const padded = Math.ceil(json.length / 4) * 4
  const rest = glb.subarray(start + length)
  const out = new Uint8Array(start + padded + rest.length)
  out.set(glb.subarray(0, start))
  // chunks of JSON are padded with spaces
  out.fill(0x20, start, start + padded)
  out.set(json, start)
  out.set(rest, start + padded)
  const header = new DataView(out.buffer)
  header.setUint32(8, out.length, true)
  header.setUint32(HEADER, padded, true)
  return out
}

/** Meshes of any origin for evaluation: GLB (all triangles of the scene), PLY (text or binary) and OBJ. */
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { type Node, NodeIO, type Primitive } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import { type ErrorCode, SiderError } from '../errors.js'
import type { Mesh } from '../stages.js'
import { parseObj } from './read-obj.js'

/** Which side of the evaluation a file belongs to: decides the error's code. */
export type Side = Extract<ErrorCode, 'TRUTH_INVALID' | 'RESULT_INVALID'>

const HINTS: Record<Side, string> = {
  TRUTH_INVALID: 'docs/evaluation.md shows the layouts of ground truth that are read.',
  RESULT_INVALID: 'Make the reconstruction with `sider reconstruct`, or add --reconstruct.',
}

/** The error for a file that is missing, damaged or of an unknown kind. */
export function invalidFile(side: Side, path: string, why: string, cause?: unknown): SiderError {
  return new SiderError(side, `${path}: ${why}`, { hint: { cli: HINTS[side] }, data: { path }, cause })
}

/**
 * Bytes of a file.
 * @throws SiderError of the given side where it cannot be read
 */
export async function readBytes(path: string, side: Side): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw invalidFile(side, path, missing ? 'there is no such file' : (cause as Error).message, cause)
  }
}

/**
 * Reads a mesh by its file's ending (.glb, .ply, .obj). The unit is the file's own.
 * @throws SiderError of the given side: missing, damaged, without triangles, numbers that are not finite
 */
export async function readMesh(path: string, side: Side): Promise<Mesh> {
  const bytes = await readBytes(path, side)
  const readers: Record<string, (bytes: Uint8Array) => Mesh | Promise<Mesh>> = {
    '.glb': parseGlb,
    '.ply': parsePly,
    '.obj': (text) => {
      const { positions, indices } = parseObj(new TextDecoder('latin1').decode(text), path)
      return { positions: Float32Array.from(positions), indices }
    },
  }
  const read = readers[extname(path).toLowerCase()]
  if (!read) throw invalidFile(side, path, 'not a .glb, .ply or .obj file')
  let mesh: Mesh
  try {
    mesh = await read(bytes)
  } catch (cause) {
    throw invalidFile(side, path, `the mesh cannot be read: ${(cause as Error).message}`, cause)
  }
  const vertices = mesh.positions.length / 3
  if (mesh.indices.length === 0) throw invalidFile(side, path, 'the mesh has no triangles')
  if (!mesh.indices.every((v) => v < vertices))
    throw invalidFile(side, path, 'a triangle names a vertex that is not there')
  if (!mesh.positions.every(Number.isFinite)) throw invalidFile(side, path, 'a coordinate is not a finite number')
  return mesh
}

/** Whether the alpha of its picture says where there is something: hairs on cards are no surface. */
const isCutOut = (primitive: Primitive): boolean => {
  const material = primitive.getMaterial()
  return material?.getBaseColorTexture() != null && material.getAlphaMode() !== 'OPAQUE'
}

/**
 * All triangles of the default scene, in the scene's space, but those of cards with pictures that are clear in part, unless there are no
 * others. Quantised and compressed positions are decoded.
 */
export async function parseGlb(bytes: Uint8Array): Promise<Mesh> {
  const document = await new NodeIO().registerExtensions(ALL_EXTENSIONS).readBinary(bytes)
  const root = document.getRoot()
  const scene = root.getDefaultScene() ?? root.listScenes()[0]
  const all: { node: Node; primitive: Primitive }[] = []
  scene?.traverse((node) => {
    for (const primitive of node.getMesh()?.listPrimitives() ?? [])
      if (primitive.getAttribute('POSITION') && primitive.getMode() === 4) all.push({ node, primitive })
  })
  const solid = all.filter(({ primitive }) => !isCutOut(primitive))
  const positions: number[] = []
  const indices: number[] = []
  for (const { node, primitive } of solid.length > 0 ? solid : all) {
    const m = node.getWorldMatrix() // column-major
    const attribute = primitive.getAttribute('POSITION')!
    const first = positions.length / 3
    const p = [0, 0, 0]
    for (let i = 0; i < attribute.getCount(); i++) {
      attribute.getElement(i, p)
      for (let k = 0; k < 3; k++) positions.push(m[k] * p[0] + m[4 + k] * p[1] + m[8 + k] * p[2] + m[12 + k])
    }
    const list = primitive.getIndices()?.getArray() ?? Uint32Array.from({ length: attribute.getCount() }, (_, i) => i)
    for (const v of list) indices.push(first + v)
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) }
}

type Read = (view: DataView, at: number) => number
/** PLY's number types, old and new names: bytes and reader (little-endian flag last). */
const NUMBERS: Record<string, [size: number, read: (view: DataView, at: number, little: boolean) => number]> = {
  char: [1, (v, at) => v.getInt8(at)],
  uchar: [1, (v, at) => v.getUint8(at)],
  short: [2, (v, at, le) => v.getInt16(at, le)],
  ushort: [2, (v, at, le) => v.getUint16(at, le)],
  int: [4, (v, at, le) => v.getInt32(at, le)],
  uint: [4, (v, at, le) => v.getUint32(at, le)],
  float: [4, (v, at, le) => v.getFloat32(at, le)],
  double: [8, (v, at, le) => v.getFloat64(at, le)],
}
const ALIASES: Record<string, string> = {
  int8: 'char',
  uint8: 'uchar',
  int16: 'short',
  uint16: 'ushort',
  int32: 'int',
  uint32: 'uint',
  float32: 'float',
  float64: 'double',
}

interface PlyElement {
  name: string
  count: number
  properties: { name: string; type: string; list: string | undefined }[]
}

/** A PLY file, text or binary; polygons become fans of triangles, other elements and properties are skipped. */
export function parsePly(bytes: Uint8Array): Mesh {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 65536))
  const end = /end_header\r?\n/.exec(head)
  if (!head.startsWith('ply') || !end) throw new RangeError('not a PLY file')
  const format = /^format (\w+) /m.exec(head)?.[1]
  const elements: PlyElement[] = []
  for (const line of head.slice(0, end.index).split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'element') elements.push({ name: rest[0], count: Number(rest[1]), properties: [] })
    if (word !== 'property') continue
    const list = rest[0] === 'list'
    const types = (list ? rest.slice(1, 3) : rest.slice(0, 1)).map((type) => ALIASES[type] ?? type)
    if (!types.every((type) => type in NUMBERS)) throw new RangeError(`unknown PLY type in '${line.trim()}'`)
    const property = { name: rest[rest.length - 1], type: types[types.length - 1], list: list ? types[0] : undefined }
    elements[elements.length - 1]?.properties.push(property)
  }
  const body = bytes.subarray(end.index + end[0].length)
  const next = format === 'ascii' ? asciiNumbers(body) : binaryNumbers(body, format)
  const positions: number[] = []
  const indices: number[] = []
  for (const { name, count, properties } of elements)
    for (let row = 0; row < count; row++)
      for (const property of properties) {
        const length = property.list === undefined ? 1 : next(property.list)
        const values: number[] = []
        for (let i = 0; i < length; i++) values.push(next(property.type))
        const axis = ['x', 'y', 'z'].indexOf(property.name)
        if (name === 'vertex' && axis >= 0 && property.list === undefined) positions[3 * row + axis] = values[0]
        if (name === 'face' && /^vertex_ind/.test(property.name))
          for (let i = 2; i < length; i++) indices.push(values[0], values[i - 1], values[i])
      }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) }
}

function binaryNumbers(body: Uint8Array, format: string | undefined): (type: string) => number {
  if (format !== 'binary_little_endian' && format !== 'binary_big_endian')
    throw new RangeError(`unknown PLY format '${format}'`)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const readers: Record<string, [number, Read]> = Object.fromEntries(
    Object.entries(NUMBERS).map(([type, [size, read]]) => [
      type,
      [size, (v, at) => read(v, at, format === 'binary_little_endian')],
    ]),
  )
  let at = 0
  return (type) => {
    const [size, read] = readers[type]
    at += size
    return read(view, at - size) // a DataView throws RangeError past its end
  }
}

function asciiNumbers(body: Uint8Array): (type: string) => number {
  const words = new TextDecoder('latin1').decode(body).split(/\s+/)
  let at = words[0] === '' ? 1 : 0
  return () => {
    const value = Number(words[at])
    if (words[at++] === undefined || Number.isNaN(value)) throw new RangeError('the PLY file is truncated or damaged')
    return value
  }
}

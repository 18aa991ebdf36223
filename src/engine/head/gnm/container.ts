/**
 * GNM's web containers (GNMW), with bases of 8-bit integers. Little-endian throughout:
 *
 *   bytes 0-3    'GNMW'
 *   bytes 4-7    format version, 1
 *   bytes 8-11   H, length of the header, a multiple of 4
 *   12 to 12+H   JSON in UTF-8, padded with spaces: { meta, sections: [{ name, dtype, shape, offset, byteLength }] }
 *   from 12+H    the sections, each at a multiple of 4; offsets count from here
 *
 * Component k of a basis is scales[k] times row k of the integers. Layout: google/GNM, gnm/shape/web/gnmw_container.py and
 * quantization.py. Two programs write such files and name the sections differently: google/GNM's gnmw_model.py (shapes alone), and
 * google/xrblocks' export_gnm_web.py (with joints, components, names and landmarks; gnm_head_web.bin). Neither has texture
 * coordinates or says where the mouth's lining begins.
 */
import { type NumericArray, numbersOf, product } from '../../formats/numeric-array.js'
import { invalidHead, readingHead } from '../../formats/pickle-values.js'
import { type Basis, checkData, GNM_HINT, type GnmData } from './data.js'

const MAGIC = 'GNMW'
const PREAMBLE = 12
const VERSION = 1
/** The headers that are written have some 20 KiB, most of it names. */
const MAX_HEADER = 4 * 2 ** 20
const MAX_SECTIONS = 1000

/** numpy's codes of the element types that containers may have. */
const TYPES: Readonly<Record<string, string>> = {
  float32: '<f4',
  int8: '|i1',
  uint8: '|u1',
  uint16: '<u2',
  int32: '<i4',
  uint32: '<u4',
}

/** Names of the sections that every container must have: google/GNM's, then XR Blocks'. */
const SECTIONS = {
  template: ['vertices', 'template'],
  triangles: ['triangles'],
  identity: ['identity_quantized', 'identity_basis'],
  identityScales: ['identity_scales'],
  expression: ['expression_quantized', 'expression_basis'],
  expressionScales: ['expression_scales'],
} as const

interface Section {
  name: string
  dtype: string
  shape: number[]
  offset: number
  byteLength: number
}

/** Whether the bytes begin like a container. */
export function isGnmContainer(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 4)).toString('latin1') === MAGIC
}

/** Reads a container. @throws SiderError HEAD_INVALID */
export function readGnmContainer(bytes: Uint8Array, path: string): GnmData {
  const { meta, section, names } = openContainer(bytes, path)
  const need = (what: keyof typeof SECTIONS, ...shape: (number | undefined)[]): NumericArray => {
    const found = SECTIONS[what].map(section).find((one) => one !== undefined)
    if (!found)
      throw invalidHead(
        path,
        `the section ${SECTIONS[what].join(' or ')} is missing; there are ${names.join(', ')}`,
        GNM_HINT,
      )
    return shaped(found, SECTIONS[what][0], shape)
  }
  const shaped = (found: NumericArray, name: string, shape: (number | undefined)[]): NumericArray => {
    const same = found.shape.length === shape.length && shape.every((n, i) => n === undefined || n === found.shape[i])
    if (!same)
      throw invalidHead(
        path,
        `the section ${name} has the shape (${found.shape.join(', ')}), not (${shape.map((n) => n ?? 'any').join(', ')})`,
        GNM_HINT,
      )
    return found
  }
  const may = (name: string, ...shape: (number | undefined)[]): NumericArray | undefined => {
    const found = section(name)
    return found && shaped(found, name, shape)
  }
  const listed = (name: string): string[] | undefined => {
    const list = meta[name]
    return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : undefined
  }
  const basis = (what: 'identity' | 'expression', size: number): Basis => {
    const rows = need(what, undefined, size)
    const count = rows.shape[0]
    const scales = need(`${what}Scales`, count).data
    const given = listed(`${what}Names`)
    const row = new Float32Array(size)
    return {
      count,
      names: given?.length === count ? given : Array.from({ length: count }, (_, k) => `${what}_${k}`),
      row: (k) => {
        for (let i = 0; i < size; i++) row[i] = scales[k] * rows.data[k * size + i]
        return row
      },
    }
  }

  const template = Float32Array.from(need('template', undefined, 3).data)
  const size = template.length
  const identity = basis('identity', size)
  const ofVertex = (name: string, kinds: string): ((v: number) => string) | undefined => {
    const [ids, list] = [may(name, size / 3)?.data, listed(kinds)]
    return ids && list && ((v) => list[ids[v]] ?? '')
  }
  const material = ofVertex('material_id', 'materialNames')
  const [landmarks, weights] = [may('landmark_indices', 68, 3)?.data, may('landmark_weights', 68, 3)?.data]
  const data: GnmData = {
    source: 'web container, 8-bit components',
    template,
    triangles: Uint32Array.from(need('triangles', undefined, 3).data),
    identity,
    expression: basis('expression', size),
    uv: undefined,
    component: ofVertex('component_id', 'componentNames'),
    group: (name) =>
      material && listed('materialNames')?.includes(name)
        ? Uint8Array.from({ length: size / 3 }, (_, v) => (material(v) === name ? 1 : 0))
        : undefined,
    joints: jointsOf(),
    landmarks: landmarks && weights && { vertices: landmarks, weights },
  }
  checkData(data, path)
  return data

  function jointsOf(): GnmData['joints'] {
    const joints = listed('jointNames')
    const positions = joints && may('template_joints', joints.length, 3)
    const parents = joints && may('joint_parents', joints.length)
    const moves = joints && may('joint_identity_basis', identity.count, joints.length, 3)
    const skin = joints && may('skinning_weights', joints.length, size / 3)
    if (!positions || !parents || !moves || !skin) return undefined
    if (section('pose_correctives'))
      throw invalidHead(path, 'it has pose correctives, which are only read from gnm_head.npz', GNM_HINT)
    return {
      names: joints,
      parents: parents.data,
      positions: Float32Array.from(positions.data),
      identity: Float32Array.from(moves.data),
      weights: Float32Array.from(skin.data),
      correctives: undefined,
    }
  }
}

interface Container {
  meta: Record<string, unknown>
  names: string[]
  section(name: string): NumericArray | undefined
}

function openContainer(bytes: Uint8Array, path: string): Container {
  const damaged = (what: string): never => {
    throw invalidHead(path, `a damaged GNMW container: ${what}`, GNM_HINT)
  }
  if (!isGnmContainer(bytes) || bytes.length < PREAMBLE) damaged('it does not begin with GNMW')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const version = view.getUint32(4, true)
  if (version !== VERSION) damaged(`format version ${version}, only ${VERSION} is known`)
  const start = PREAMBLE + view.getUint32(8, true)
  if (start > bytes.length || start > MAX_HEADER) damaged('its header is cut off or too long')
  let header: { meta?: unknown; sections?: unknown }
  try {
    header = JSON.parse(Buffer.from(bytes.subarray(PREAMBLE, start)).toString('utf8')) ?? {}
  } catch {
    return damaged('its header is not JSON')
  }
  const { meta, sections } = header
  if (!Array.isArray(sections) || sections.length > MAX_SECTIONS) return damaged('no list of sections')
  const table = new Map(sections.map((one: Partial<Section> | null) => [String(one?.name), checked(one)]))
  return {
    meta: typeof meta === 'object' && meta !== null ? (meta as Record<string, unknown>) : {},
    names: [...table.keys()],
    section: (name) => {
      const found = table.get(name)
      if (!found) return undefined
      const from = start + found.offset
      const part = bytes.subarray(from, from + found.byteLength)
      return readingHead(path, () => numbersOf(part, { type: TYPES[found.dtype], shape: found.shape }))
    },
  }

  function checked(one: Partial<Section> | null): Section {
    const { name, dtype = '', shape, offset = -1, byteLength = -1 } = one ?? {}
    const whole = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0
    const size = Number(TYPES[dtype]?.slice(2))
    if (!Array.isArray(shape) || ![...shape, offset, byteLength].every(whole) || Number.isNaN(size))
      return damaged(`section ${name} is not described properly`)
    if (product(shape) * size !== byteLength || offset % 4 !== 0 || start + offset + byteLength > bytes.length)
      return damaged(`section ${name} is not where the header says`)
    return { name: String(name), dtype, shape, offset, byteLength }
  }
}

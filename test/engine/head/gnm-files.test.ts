/** GNM Head's files: what is refused, and the web containers. The fixtures are written by Python (test/fixtures/make_gnm.py). */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { beforeAll, describe, expect, test } from 'vitest'
import { SiderError } from '../../../src/engine/errors.js'
import { encodeNpy, type Writable } from '../../../src/engine/formats/npy.js'
import { zipEntries } from '../../../src/engine/formats/zip.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { isGnmContainer } from '../../../src/engine/head/gnm/container.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { HEAD_PARTS, type HeadModel } from '../../../src/engine/stages.js'
import { bytesOf, ENTRIES, encodeTexts, FIXTURES, failure, NPZ, variant, write } from './gnm-fixture.js'
import { checkInvariants } from './head-invariants.js'

const packed = (name: string): Uint8Array => gunzipSync(bytesOf(`${name}.gz`))

describe('what differs from GNM is refused by name', () => {
  const NEEDED = [
    'triangles',
    'triangle_uvs',
    'vertex_identity_basis',
    'expression_basis',
    'template_joint_positions',
    'joint_identity_basis',
    'joint_parent_indices',
    'skinning_weights',
    'pose_correctives_regressor',
    'vertex_groups',
    'version',
    'variant',
    'identity_names',
    'expression_names',
    'joint_names',
    'mesh_component_names',
    'vertex_group_names',
  ]
  test.each(NEEDED)('without %s', async (name) => {
    const error = await failure(variant({ [name]: undefined }))
    expect(error.message).toContain(`the array ${name} is missing`)
    expect(error.data['found']).toContain('template_vertex_positions')
  })

  const numbersOf = (data: Writable, shape: number[]) => encodeNpy(data, shape)
  test.each<[string, Record<string, Uint8Array>, RegExp]>([
    [
      'a basis of other vertices',
      { expression_basis: numbersOf(new Float32Array(10 * 9), [10, 3, 3]) },
      /expression_basis has the shape \(10, 3, 3\).*V = 2282/,
    ],
    ['names that are too few', { expression_names: encodeTexts(['a', 'b']) }, /expression_names has the shape \(2\)/],
    ['numbers for names', { joint_names: numbersOf(new Float32Array(4), [4]) }, /joint_names holds numbers/],
    [
      'texts for numbers',
      { joint_parent_indices: encodeTexts(['a', 'b', 'c', 'd']) },
      /joint_parent_indices holds texts/,
    ],
    ['another variant', { variant: encodeTexts(['body'], []) }, /variant 'body'/],
    ['an unknown component', { mesh_component_names: encodeTexts(['skin', 'hat']) }, /no vertex group hat/],
    [
      'a joint before its parent',
      { joint_parent_indices: numbersOf(Int32Array.of(-1, 2, 1, 1), [4]) },
      /before its parent/,
    ],
  ])('%s', async (_, changes, message) => {
    expect((await failure(variant(changes))).message).toMatch(message)
  })

  test('numbers that are not finite, triangles out of range', async () => {
    for (const [name, value] of [
      ['template_vertex_positions', Number.NaN],
      ['expression_basis', Number.POSITIVE_INFINITY],
      ['triangles', 1e6],
    ] as const) {
      const npy = ENTRIES[`${name}.npy`].slice()
      const view = new DataView(npy.buffer, npy.byteOffset + npy.length - 4)
      if (name === 'triangles') view.setInt32(0, value, true)
      else view.setFloat32(0, value, true)
      expect((await failure(variant({ [name]: npy }))).message).toMatch(/finite|do not exist/)
    }
  })

  test('arrays of Python objects are never read', async () => {
    const pickle = Buffer.from("cos\nsystem\n(S'touch gnm-was-executed'\ntR.", 'latin1')
    const header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }".padEnd(117)
    const npy = Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
      Buffer.from(`${header}\n`),
      pickle,
    ])
    expect((await failure(variant({ version: npy }))).message).toMatch(/version holds Python objects/)
    expect(existsSync('gnm-was-executed')).toBe(false)
  })
})

describe('damaged archives', () => {
  const whole = () => Buffer.from(bytesOf('gnm_head.npz'))
  const central = (bytes: Buffer): number => bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))

  test('truncated anywhere, or a bit turned anywhere in the data: never loaded', async () => {
    const bytes = whole()
    for (let length = 0; length < bytes.length; length += 20_011)
      await failure(write('gnm_head.npz', bytes.subarray(0, length || 1)))
    for (let at = 300; at < central(bytes); at += 17_011) {
      const turned = whole()
      turned[at] ^= 0x10
      const path = write('gnm_head.npz', turned)
      // what is turned may be in an array that is not read, or in a local header that says again what the directory says
      const loaded = await loadHead(path).catch((error: unknown) => error)
      if (loaded instanceof SiderError) expect(loaded.code).toBe('HEAD_INVALID')
      else checkInvariants(loaded as HeadModel)
    }
  })

  test('an entry that says to be larger than a head model, or that is larger than it says', async () => {
    const large = whole()
    large.writeUInt32LE(0xf0000000, central(large) + 24)
    expect((await failure(write('gnm_head.npz', large))).message).toMatch(/would take \d+ MiB/)

    const bomb = zipSync({ 'template_vertex_positions.npy': new Uint8Array(50_000_000) })
    const lying = Buffer.from(bomb)
    lying.writeUInt32LE(1000, central(lying) + 24)
    const before = process.memoryUsage().arrayBuffers
    expect(() => zipEntries(lying)[0].read()).toThrow(RangeError)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000)
  })

  test('the directory: garbage is never followed', () => {
    const bytes = whole()
    for (let at = central(bytes); at < bytes.length; at++) {
      const turned = whole()
      turned[at] ^= 0xff
      try {
        for (const entry of zipEntries(turned)) if (entry.name.startsWith('version')) entry.read()
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }
  })
})

describe('web containers', () => {
  let model: HeadModel
  beforeAll(async () => {
    model = await loadHead(NPZ)
  })

  test("XR Blocks': the same head, but for the rounding to 8 bits, without texture coordinates", async () => {
    const web = await loadHead(write('gnm_head_web.bin', packed('gnm_head_web.bin')))
    checkInvariants(web)
    expect(web.expressionNames).toEqual(model.expressionNames)
    expect(web.skinning!.joints).toEqual(model.skinning!.joints)
    expect(web.uv).toBeUndefined()
    const parts = new Set(web.interior!.parts)
    expect(parts).toEqual(new Set([0, 1, 2, 3])) // it does not tell the lining
    // landmarks are in the container
    const [a, b] = [web, model].map((m) => embeddedPoints(m.mean, m.indices, m.landmarks68))
    for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i], 3)
    const jaw = web.expressionNames.indexOf('lower_face_region_002')
    const largest = (m: HeadModel): number =>
      m.expression
        .subarray(jaw * m.mean.length, (jaw + 1) * m.mean.length)
        .reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    expect(Math.abs(largest(web) - largest(model))).toBeLessThan(largest(model) / 127)
  })

  test("google/GNM's: shapes alone, eyes and teeth told by where they are", async () => {
    const path = write('model.gnmw', packed('gnm_model.gnmw'))
    const bare = await loadHead(path)
    checkInvariants(bare)
    expect(bare.skinning).toBeUndefined()
    expect(bare.interior).toBeUndefined()
    const eyes = (m: HeadModel): number =>
      m.parts.filter((part, v) => part === HEAD_PARTS.eyeball && m.faceRegion[v] !== 1).length
    expect(eyes(bare)).toBeGreaterThan(200)
    cpSync(join(FIXTURES, 'head_sparse_68.txt'), join(path, '..', 'head_sparse_68.txt'))
    expect((await loadHead(path)).provenance).not.toMatch(/by shape alone/)
  })

  /** A container with another header. */
  function changed(name: string, change: (header: { sections: Record<string, unknown>[] }) => unknown): string {
    const bytes = Buffer.from(packed(name))
    const length = bytes.readUInt32LE(8)
    const header = JSON.parse(bytes.subarray(12, 12 + length).toString()) as { sections: Record<string, unknown>[] }
    const text = JSON.stringify(change(header) ?? header)
    const padded = Buffer.from(text.padEnd(4 * Math.ceil(text.length / 4)))
    const preamble = Buffer.from(bytes.subarray(0, 12))
    preamble.writeUInt32LE(padded.length, 8)
    return write('x.gnmw', Buffer.concat([preamble, padded, bytes.subarray(12 + length)]))
  }
  const section = (header: { sections: Record<string, unknown>[] }, name: string) =>
    header.sections.find((one) => one['name'] === name)!

  test.each<[string, () => string, RegExp]>([
    ['another version', () => write('x.bin', Buffer.from('GNMW\x02\0\0\0\0\0\0\0')), /version 2/],
    ['a header that is cut off', () => write('x.bin', packed('gnm_model.gnmw').subarray(0, 100)), /cut off/],
    [
      'sections that are cut off',
      () => write('x.bin', packed('gnm_model.gnmw').subarray(0, 9000)),
      /not where the header says/,
    ],
    ['a header that is not JSON', () => write('x.bin', Buffer.from('GNMW\x01\0\0\0\x04\0\0\0{bad')), /not JSON/],
    ['a header of null', () => write('x.bin', Buffer.from('GNMW\x01\0\0\0\x04\0\0\0null')), /no list of sections/],
    ['a preamble alone', () => write('x.bin', 'GNMW'), /does not begin/],
    [
      'a missing section',
      () =>
        changed('gnm_model.gnmw', (h) => {
          h.sections = h.sections.filter((s) => s['name'] !== 'identity_scales')
        }),
      /identity_scales is missing; there are vertices/,
    ],
    [
      'an offset beyond the end',
      () =>
        changed('gnm_model.gnmw', (h) => {
          section(h, 'triangles')['offset'] = 2 ** 40
        }),
      /not where the header says/,
    ],
    [
      'a negative offset',
      () =>
        changed('gnm_model.gnmw', (h) => {
          section(h, 'triangles')['offset'] = -4
        }),
      /not described properly/,
    ],
    [
      'a shape that does not fit',
      () =>
        changed('gnm_model.gnmw', (h) => {
          section(h, 'vertices')['shape'] = [1, 3]
        }),
      /not where the header says/,
    ],
    [
      'a shape of texts',
      () =>
        changed('gnm_model.gnmw', (h) => {
          section(h, 'vertices')['shape'] = ['a']
        }),
      /not described properly/,
    ],
    [
      'an element type',
      () =>
        changed('gnm_model.gnmw', (h) => {
          section(h, 'vertices')['dtype'] = 'float64'
        }),
      /not described properly/,
    ],
    [
      'sections that are no list',
      () => changed('gnm_model.gnmw', () => ({ meta: {}, sections: {} })),
      /no list of sections/,
    ],
    [
      'a section that is null',
      () => changed('gnm_model.gnmw', () => ({ meta: {}, sections: [null] })),
      /not described properly/,
    ],
  ])('%s: refused', async (_, make, message) => {
    const path = make()
    expect(isGnmContainer(readFileSync(path))).toBe(true)
    expect((await failure(path)).message).toMatch(message)
  })
})

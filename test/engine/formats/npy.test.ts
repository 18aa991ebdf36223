/** NumPy's files and half-precision numbers: written, read, and read where nobody knows where they are from. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { fromHalf, toHalf } from '../../../src/engine/formats/half.js'
import { encodeNpy, encodeNpz, numbersIn, readNpy, readNpz } from '../../../src/engine/formats/npy.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { npyNumbers, npzNumbers } from '../../support/numpy.js'

describe('half precision', () => {
  test('known bits and every finite pattern round-trip', () => {
    expect([...toHalf([0, 1, -2, 65504, 1e6, 2 ** -24, 0.1])]).toEqual([0, 0x3c00, 0xc000, 0x7bff, 0x7c00, 1, 0x2e66])
    expect(toHalf([Number.NaN])[0] & 0x7c00).toBe(0x7c00)
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((b) => (b & 0x7c00) !== 0x7c00)
    expect(toHalf(fromHalf(bits))).toEqual(bits)
  })
})

describe('npy', () => {
  const rng = new Rng(1)
  test.each([
    ['float32', Float32Array.from({ length: 24 }, () => rng.normal())],
    ['uint8', Uint8Array.from({ length: 24 }, () => rng.integer(256))],
    ['int32', Int32Array.from({ length: 24 }, () => rng.integer(1000) - 500)],
    ['float64', Float64Array.from({ length: 24 }, () => rng.normal())],
  ])('%s round-trips', (_, data) => {
    const file = encodeNpy(data, [2, 3, 4])
    const back = npyNumbers(file)
    expect(back.data).toEqual(data)
    expect(back.shape).toEqual([2, 3, 4])
    expect(() => encodeNpy(data, [5])).toThrow(RangeError)
    expect(() => npyNumbers(file.subarray(0, file.length - 1))).toThrow(RangeError)
  })
  test('npz round-trips, half precision included, and equal content gives equal bytes', () => {
    const half = toHalf([0.5, -3, 100])
    const pack = () => encodeNpz({ a: { data: { half }, shape: [3] }, b: { data: Uint8Array.of(1, 2), shape: [1, 2] } })
    const back = npzNumbers(pack())
    expect(Object.keys(back)).toEqual(['a', 'b'])
    expect([...back.a.data]).toEqual([0.5, -3, 100])
    expect(back.b.shape).toEqual([1, 2])
    expect(pack()).toEqual(pack())
  })
  const hasNumpy = (() => {
    try {
      execFileSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()
  test.skipIf(!hasNumpy)('NumPy reads what we write and we read what NumPy writes (needs python3-numpy)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sider-npy-'))
    try {
      const data = Float32Array.of(1.5, -2, 3, 4, 5, 1e-3)
      writeFileSync(join(folder, 'a.npz'), encodeNpz({ x: { data, shape: [3, 2] } }))
      const script =
        'import numpy as n,sys; f=sys.argv[1]; x=n.load(f+"/a.npz")["x"]; n.savez_compressed(f+"/b.npz",t=x.T.copy(),m=x>2,h=x.astype("f2"))'
      execFileSync('python3', ['-c', script, folder])
      const back = npzNumbers(readFileSync(join(folder, 'b.npz')))
      expect([...back.t.data]).toEqual([1.5, 3, 5, -2, 4, Math.fround(1e-3)])
      expect(back.t.shape).toEqual([2, 3])
      expect([...back.m.data]).toEqual([0, 0, 1, 1, 1, 0])
      expect(back.h.data[0]).toBe(1.5)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('files of unknown origin', () => {
  /** An .npy file with a header of one's own. */
  const npy = (header: string, data: Uint8Array): Uint8Array => {
    const text = `${header}\n`
    const start = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8)
    return Buffer.concat([start, Buffer.from(text), data])
  }
  const described = (descr: string, shape: string, fortran = false) =>
    `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape}), }`

  test('the first axis may run fastest, and bytes may be in either order', () => {
    const data = Float32Array.of(1, 4, 2, 5, 3, 6)
    const columns = npyNumbers(npy(described('<f4', '2, 3', true), new Uint8Array(data.buffer)))
    expect([...columns.data]).toEqual([1, 2, 3, 4, 5, 6])
    const big = npyNumbers(npy(described('>i2', '2,'), Uint8Array.of(1, 2, 255, 255)))
    expect([...big.data]).toEqual([258, -1])
  })

  test.each([
    ['a shape of more than there is', described('<f4', '1000000000, 1000000000')],
    ['a negative shape', described('<f4', '-1,')],
    ['a shape that is no number', described('<f4', 'x,')],
    ['an unknown type', described('<c16', '1,')],
    ['no shape', "{'descr': '<f4'}"],
  ])('%s is refused before memory is taken', (_, header) => {
    expect(() => readNpy(npy(header, new Uint8Array(8)))).toThrow(RangeError)
  })

  test('pickles are handed on unread, and are no numbers; neither are texts', () => {
    const objects = readNpy(npy(described('|O', ''), Buffer.from('cos\nsystem\n.')))
    expect(objects).toEqual({ pickle: Buffer.from('cos\nsystem\n.'), shape: [] })
    expect(() => numbersIn(objects)).toThrow('Python objects')
    const texts = readNpy(npy(described('|S2', '2,'), Buffer.from('abc\0')))
    expect(texts).toEqual({ texts: ['ab', 'c'], shape: [2] })
    expect(() => numbersIn(texts)).toThrow('texts')
  })

  test('an archive that unpacks to more than it may is refused, and so is a damaged entry', () => {
    const zip = Buffer.from(zipSync({ 'a.npy': encodeNpy(new Float32Array(100), [100]) }, { level: 0 }))
    const [central, data] = [zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2])), zip.indexOf('NUMPY') + 200]
    const large = Buffer.from(zip)
    large.writeUInt32LE(0xf0000000, central + 24)
    expect(() => readNpz(large)).toThrow(/would take 3840 MiB/)
    const turned = Buffer.from(zip)
    turned[data] ^= 1
    expect(readNpz(turned).names).toEqual(['a'])
    expect(() => readNpz(turned).get('a')).toThrow('wrong checksum')
    expect(() => readNpz(zip.subarray(0, 100))).toThrow(RangeError)
  })
})

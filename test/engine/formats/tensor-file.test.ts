import { describe, expect, test } from 'vitest'
import { decodeTensors, encodeTensors } from '../../../src/engine/formats/tensor-file.js'

describe('tensor files', () => {
  const tensors = {
    flags: { shape: [3], data: Uint8Array.of(1, 2, 3) },
    'layer0.weight': { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 4, 5, 6) },
    counts: { shape: [2], data: Int32Array.of(-7, 8) },
    scalar: { shape: [], data: Float64Array.of(Math.PI) },
  }
  const file = encodeTensors({ tensors, metadata: { made: 'by a test' } })
  test('round-trips tensors and metadata; the header follows the format', () => {
    const back = decodeTensors(file)
    expect({ ...back.tensors }).toEqual(tensors)
    expect(back.metadata).toEqual({ made: 'by a test' })
    // a Buffer that lies within a larger one, as readFileSync may give
    const shifted = Buffer.concat([Buffer.from('x'), file]).subarray(1)
    expect({ ...decodeTensors(shifted).tensors }).toEqual(tensors)
    const length = Number(new DataView(file.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))
    expect(header['layer0.weight']).toMatchObject({ dtype: 'F32', shape: [2, 3] })
    const [from, to] = header['layer0.weight'].data_offsets
    expect(to - from).toBe(24)
    expect(new DataView(file.buffer).getFloat32(8 + length + from + 8, true)).toBe(3.5)
  })
  test('damaged files are refused', () => {
    expect(() => decodeTensors(file.subarray(0, file.length - 1))).toThrow('beyond the file')
    expect(() => decodeTensors(file.subarray(0, 5))).toThrow('too short')
    const huge = file.slice()
    new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true)
    expect(() => decodeTensors(huge)).toThrow('header')
    const garbled = file.slice()
    garbled[9] = 0
    expect(() => decodeTensors(garbled)).toThrow('not JSON')
    expect(() => encodeTensors({ tensors: { x: { shape: [5], data: Float32Array.of(1) } }, metadata: {} })).toThrow(
      'does not hold',
    )
  })
  test('half floats of other writers become floats', () => {
    const header = JSON.stringify({ x: { dtype: 'F16', shape: [2], data_offsets: [0, 4] } })
    const bytes = new Uint8Array(8 + header.length + 4)
    const view = new DataView(bytes.buffer)
    view.setBigUint64(0, BigInt(header.length), true)
    bytes.set(new TextEncoder().encode(header), 8)
    view.setUint16(8 + header.length, 0x3c00, true) // 1
    view.setUint16(10 + header.length, 0xc100, true) // -2.5
    expect(decodeTensors(bytes).tensors['x'].data).toEqual(Float32Array.of(1, -2.5))
  })
})

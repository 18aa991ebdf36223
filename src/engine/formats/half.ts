/** Half-precision floats (IEEE 754 binary16) as raw bits in a Uint16Array. */

const floatView = new Float32Array(1)
const bitsView = new Uint32Array(floatView.buffer)

/** Bits of the half-precision number nearest to each value (ties to even; beyond 65504: infinity). */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) {
    floatView[0] = values[i]
    const x = bitsView[0]
    const sign = (x >>> 16) & 0x8000
    const magnitude = x & 0x7fffffff
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00
    else if (magnitude >= 0x47800000) out[i] = sign | 0x7c00
    else if (magnitude < 0x38800000) {
      // subnormal half: the spacing is 2^-24
      const scaled = Math.abs(values[i]) * 16777216
      const low = Math.floor(scaled)
      const rest = scaled - low
      out[i] = sign | (rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low)
    } else {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
      out[i] = sign | ((rounded - 0x38000000) >>> 13)
    }
  }
  return out
}

/** Values of half-precision bits. */
export function fromHalf(bits: Uint16Array): Float32Array {
  const out = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i]
    const sign = h & 0x8000 ? -1 : 1
    const exponent = (h >>> 10) & 0x1f
    const fraction = h & 0x3ff
    if (exponent === 0) out[i] = sign * fraction * 2 ** -24
    else if (exponent === 31) out[i] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    else out[i] = sign * (1024 + fraction) * 2 ** (exponent - 25)
  }
  return out
}

/** Colour spaces and their ICC profiles, made from their definitions: what a photo program would embed. */

/** Chromaticities of red, green, blue and white. */
type Primaries = readonly [number, number][]

export interface ColourSpace {
  /** Undefined for grey. */
  primaries: Primaries | undefined
  /** Exponent of the transfer curve, or sRGB's piecewise one. */
  gamma: number | 'srgb'
}

const D65 = [0.3127, 0.329] as const
const D50 = [0.3457, 0.3585] as const
const D50_XYZ = [0.9642, 1, 0.8249]

const of = (red: number[], green: number[], blue: number[], white: readonly number[]): Primaries =>
  [red, green, blue, white] as unknown as Primaries

export const SRGB: ColourSpace = {
  primaries: of([0.64, 0.33], [0.3, 0.6], [0.15, 0.06], D65),
  gamma: 'srgb',
}
export const SPACES: Record<string, ColourSpace> = {
  sRGB: SRGB,
  'Display P3': { primaries: of([0.68, 0.32], [0.265, 0.69], [0.15, 0.06], D65), gamma: 'srgb' },
  'Adobe RGB': { primaries: of([0.64, 0.33], [0.21, 0.71], [0.15, 0.06], D65), gamma: 563 / 256 },
  'ProPhoto RGB': { primaries: of([0.7347, 0.2653], [0.1596, 0.8404], [0.0366, 0.0001], D50), gamma: 1.8 },
  'linear Rec. 2020': { primaries: of([0.708, 0.292], [0.17, 0.797], [0.131, 0.046], D65), gamma: 1 },
  'grey gamma 2.2': { primaries: undefined, gamma: 2.2 },
  'grey gamma 1.8': { primaries: undefined, gamma: 1.8 },
}

type Matrix = number[][]

const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)))

function inverse([[a, b, c], [d, e, f], [g, h, i]]: Matrix): Matrix {
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((x) => x / det))
}

const xyz = ([x, y]: readonly number[]): number[] => [x / y, 1, (1 - x - y) / y]
const column = (values: number[]): Matrix => values.map((x) => [x])

/** Linear RGB to XYZ, white adapted to D50 (Bradford), as profiles want it. */
function toD50([red, green, blue, white]: Primaries): Matrix {
  const bare = [0, 1, 2].map((k) => [red, green, blue].map((p) => xyz(p)[k]))
  const scale = times(inverse(bare), column(xyz(white)))
  const own = bare.map((row) => row.map((x, j) => x * scale[j][0]))
  const bradford = [
    [0.8951, 0.2664, -0.1614],
    [-0.7502, 1.7135, 0.0367],
    [0.0389, -0.0685, 1.0296],
  ]
  const from = times(bradford, column(xyz(white)))
  const to = times(bradford, column(D50_XYZ))
  const gains = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? to[i][0] / from[i][0] : 0)))
  return times(times(times(inverse(bradford), gains), bradford), own)
}

const decode = (v: number, gamma: ColourSpace['gamma']): number => {
  if (gamma !== 'srgb') return v ** gamma
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
}
const encode = (v: number, gamma: ColourSpace['gamma']): number => {
  if (gamma !== 'srgb') return Math.max(0, v) ** (1 / gamma)
  return v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055
}

/** The numbers 0..1 that stand for an sRGB colour 0..255 in a colour space: three, or one (its brightness) for grey. */
export function numbersIn(space: ColourSpace, srgb: readonly number[]): number[] {
  const linear = times(toD50(SRGB.primaries!), column(srgb.map((v) => decode(v / 255, 'srgb'))))
  const own = space.primaries ? times(inverse(toD50(space.primaries)), linear) : [linear[1]]
  return own.map(([v]) => encode(v, space.gamma))
}

/** A version 4 display profile: matrix and curves, or a grey curve. */
export function iccProfile(space: ColourSpace): Buffer {
  const tags: [string, Buffer][] = [
    ['desc', text('made for a test')],
    ['cprt', text('none')],
    ['wtpt', triple(D50_XYZ)],
  ]
  const trc = curve(space.gamma)
  if (space.primaries) {
    const matrix = toD50(space.primaries)
    for (const [k, name] of ['r', 'g', 'b'].entries()) {
      tags.push([`${name}XYZ`, triple(matrix.map((row) => row[k]))], [`${name}TRC`, trc])
    }
  } else tags.push(['kTRC', trc])
  const head = Buffer.alloc(128 + 4 + 12 * tags.length)
  const body: Buffer[] = []
  let at = head.length
  head.writeUInt32BE(tags.length, 128)
  for (const [i, [name, data]] of tags.entries()) {
    head.write(name, 132 + 12 * i, 'latin1')
    head.writeUInt32BE(at, 136 + 12 * i)
    head.writeUInt32BE(data.length, 140 + 12 * i)
    body.push(data)
    at += data.length
  }
  head.writeUInt32BE(at, 0)
  head.writeUInt32BE(0x04300000, 8)
  head.write('mntr', 12, 'latin1')
  head.write(space.primaries ? 'RGB ' : 'GRAY', 16, 'latin1')
  head.write('XYZ ', 20, 'latin1')
  head.write('acsp', 36, 'latin1')
  for (const [k, v] of D50_XYZ.entries()) head.writeInt32BE(Math.round(v * 65536), 68 + 4 * k)
  return Buffer.concat([head, ...body])
}

function triple(values: number[]): Buffer {
  const out = Buffer.alloc(20)
  out.write('XYZ ', 0, 'latin1')
  for (const [k, v] of values.entries()) out.writeInt32BE(Math.round(v * 65536), 8 + 4 * k)
  return out
}

/** 'para' of function type 0 (a power), or 3 (sRGB's). */
function curve(gamma: ColourSpace['gamma']): Buffer {
  const parameters = gamma === 'srgb' ? [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045] : [gamma]
  const out = Buffer.alloc(12 + 4 * parameters.length)
  out.write('para', 0, 'latin1')
  out.writeUInt16BE(gamma === 'srgb' ? 3 : 0, 8)
  for (const [k, v] of parameters.entries()) out.writeInt32BE(Math.round(v * 65536), 12 + 4 * k)
  return out
}

/** 'mluc' with one English text. */
function text(value: string): Buffer {
  const out = Buffer.alloc(28 + 2 * value.length + (value.length % 2) * 2)
  out.write('mluc', 0, 'latin1')
  out.writeUInt32BE(1, 8)
  out.writeUInt32BE(12, 12)
  out.write('enUS', 16, 'latin1')
  out.writeUInt32BE(2 * value.length, 20)
  out.writeUInt32BE(28, 24)
  for (const [i, c] of [...value].entries()) out.writeUInt16BE(c.charCodeAt(0), 28 + 2 * i)
  return out
}

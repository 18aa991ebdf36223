/**
 * Whether the coded data of a JPEG is whole. Decoders go on after a flipped bit as well as they can and seldom say so: what
 * follows is shifted, discoloured or made up. Here the data is only counted: every code must exist, every stretch between two
 * markers must hold exactly its blocks, and no block may be brighter than white or darker than black.
 */

const SOF0 = 0xc0
const SOF1 = 0xc1
const DHT = 0xc4
const RST0 = 0xd0
const EOI = 0xd9
const SOS = 0xda
const DQT = 0xdb
const DRI = 0xdd

/** Bytes behind the last block that are no sign of damage: some encoders leave some. */
const SPARE = 2
/** Largest mean of a block before it is quantised, either side of grey. */
const WHITE = 1024

interface Component {
  id: number
  /** Blocks of one unit of the picture, across and down. */
  across: number
  down: number
  quantisation: number
}

interface Frame {
  width: number
  height: number
  components: Component[]
}

/** What markers have told so far. */
interface Tables {
  frame: Frame | undefined
  /** By 16 next bits, length of the code times 256 plus what it stands for, 0 for no code; DC tables are 0..3, AC 4..7. */
  codes: Uint16Array[]
  /** Step of the mean, by table. */
  steps: number[]
  /** Units between restarts, 0: none. */
  interval: number
}

/**
 * Looks through a JPEG.
 * @returns undefined for kinds that are not looked into (progressive, arithmetic, lossless)
 */
export function isJpegDamaged(file: Uint8Array): boolean | undefined {
  const tables: Tables = { frame: undefined, codes: [], steps: [], interval: 0 }
  let at = 2
  while (at + 2 <= file.length) {
    if (file[at] !== 0xff) return true
    const marker = file[at + 1]
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker === EOI) return false
    const end = at + 2 + ((file[at + 2] << 8) | file[at + 3])
    const segment = file.subarray(at + 4, end)
    if (marker === DHT) readCodes(segment, tables)
    else if (marker === DQT) readSteps(segment, tables)
    else if (marker === DRI) tables.interval = (segment[0] << 8) | segment[1]
    else if (marker === SOF0 || marker === SOF1) tables.frame = readFrame(segment)
    else if (marker > SOF1 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) return undefined
    at = end
    if (marker !== SOS) continue
    if (!tables.frame || tables.frame.height === 0) return undefined
    if (!(segment[0] > 0 && segment[0] <= tables.frame.components.length)) return true
    const next = new Scan(file, end, segment, tables, tables.frame).walk()
    if (next === undefined) return true
    at = next
  }
  return true
}

function readFrame(segment: Uint8Array): Frame {
  const components = Array.from({ length: segment[5] }, (_, k) => {
    const [id, sampling, quantisation] = segment.subarray(6 + 3 * k, 9 + 3 * k)
    return { id, across: sampling >> 4, down: sampling & 15, quantisation }
  })
  return { height: (segment[1] << 8) | segment[2], width: (segment[3] << 8) | segment[4], components }
}

function readSteps(segment: Uint8Array, { steps }: Tables): void {
  for (let at = 0; at < segment.length; ) {
    const wide = segment[at] >> 4
    steps[segment[at] & 15] = wide ? (segment[at + 1] << 8) | segment[at + 2] : segment[at + 1]
    at += 1 + (wide ? 128 : 64)
  }
}

function readCodes(segment: Uint8Array, { codes }: Tables): void {
  for (let at = 0; at + 17 <= segment.length; ) {
    const table = new Uint16Array(65536)
    codes[(segment[at] & 3) + 4 * (segment[at] >> 4)] = table
    let value = at + 17
    let code = 0
    for (let length = 1; length <= 16; length++, code <<= 1)
      for (let k = segment[at + length]; k > 0; k--, code++, value++)
        table.fill((length << 8) | segment[value], code << (16 - length), (code + 1) << (16 - length))
    at = value
  }
}

/** One scan's coded data. */
class Scan {
  private bits = 0
  private count = 0
  /** Bits in `bits` that lie beyond the data's end. */
  private made = 0
  /** Each block of a unit: tables, and which component's mean it goes on from. */
  private readonly blocks: { dc: Uint16Array; ac: Uint16Array; component: number; most: number }[] = []
  private readonly units: number
  private readonly means: number[]

  constructor(
    private readonly file: Uint8Array,
    private at: number,
    segment: Uint8Array,
    private readonly tables: Tables,
    { width, height, components }: Frame,
  ) {
    const [widest, tallest] = [Math.max(...components.map((c) => c.across)), Math.max(...components.map((c) => c.down))]
    const number = segment[0]
    this.means = new Array(number).fill(0)
    for (let k = 0; k < number; k++) {
      const [id, used] = segment.subarray(1 + 2 * k, 3 + 2 * k)
      const component = components.find((c) => c.id === id) ?? components[k]
      const step = tables.steps[component.quantisation] ?? 1
      const block = {
        dc: tables.codes[used >> 4],
        ac: tables.codes[4 + (used & 15)],
        component: k,
        most: WHITE / step + 2,
      }
      // a component alone is not sorted into units
      const blocks = number === 1 ? 1 : component.across * component.down
      for (let i = 0; i < blocks; i++) this.blocks.push(block)
    }
    const alone = number === 1 ? components.find((c) => c.id === segment[1]) : undefined
    const across = alone ? (8 * widest) / alone.across : 8 * widest
    const down = alone ? (8 * tallest) / alone.down : 8 * tallest
    this.units = Math.ceil(width / across) * Math.ceil(height / down)
  }

  /** @returns where the next marker is; undefined for damaged data */
  walk(): number | undefined {
    const { interval } = this.tables
    if (this.blocks.some(({ dc, ac }) => !dc || !ac)) return undefined
    for (let unit = 0, restart = 0; unit < this.units; unit++) {
      if (interval > 0 && unit > 0 && unit % interval === 0) {
        if (!this.ended(0) || this.file[this.at + 1] !== RST0 + (restart++ & 7)) return undefined
        this.at += 2
        this.bits = this.count = this.made = 0
        this.means.fill(0)
      }
      for (const block of this.blocks) if (!this.block(block)) return undefined
    }
    return this.ended(SPARE) ? this.at : undefined
  }

  private block({ dc, ac, component, most }: Scan['blocks'][number]): boolean {
    const length = this.symbol(dc)
    if (length < 0 || length > 15) return false
    const difference = this.take(length)
    // the upper half of the values are themselves, the lower half the negative ones
    this.means[component] += length > 0 && difference < 1 << (length - 1) ? difference - (1 << length) + 1 : difference
    if (Math.abs(this.means[component]) > most) return false
    for (let k = 1; k < 64; k++) {
      const symbol = this.symbol(ac)
      if (symbol < 0) return false
      if (symbol === 0) break
      k += symbol >> 4
      if (k > 63) return false
      this.take(symbol & 15)
    }
    return this.count >= this.made
  }

  /** What the next code stands for; -1 where there is no such code. */
  private symbol(table: Uint16Array): number {
    this.fill()
    const found = table[(this.bits >> (this.count - 16)) & 0xffff]
    if (found === 0) return -1
    this.count -= found >> 8
    return found & 0xff
  }

  /** A number of so many bits. */
  private take(length: number): number {
    this.fill()
    this.count -= length
    return (this.bits >> this.count) & ((1 << length) - 1)
  }

  /** Has at least 16 bits ready; beyond the data's end they are zeros. */
  private fill(): void {
    while (this.count < 16) {
      let byte = this.at < this.file.length ? this.file[this.at] : 0xff
      if (byte !== 0xff) this.at++
      else if (this.file[this.at + 1] === 0) this.at += 2
      else {
        byte = 0
        this.made += 8
      }
      this.bits = (this.bits << 8) | byte
      this.count += 8
    }
  }

  /** Whether a marker follows what was read, but for the rest of a byte and `spare` bytes (or any number of zeros). */
  private ended(spare: number): boolean {
    const { file } = this
    const left = (this.count - this.made) >> 3
    let end = this.at
    while (end < file.length && !(file[end] === 0xff && file[end + 1] !== 0 && file[end + 1] !== 0xff)) end++
    const over = left + end - this.at
    const zeros = spare > 0 && file.subarray(this.at, end).every((byte) => byte === 0)
    this.at = end
    return end < file.length && (over <= spare || zeros)
  }
}

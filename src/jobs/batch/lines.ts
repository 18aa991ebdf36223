/** Lines of text as they come, so that a list may be longer than memory. */
import { SiderError } from '../../engine/index.js'

/** A longer one is none: the file is something else. Bytes. */
const LONGEST = 1 << 16
const NEWLINE = 10

export interface Line {
  /** Of its first byte. */
  offset: number
  text: string
  /** Whether it has an end; only the last one may have none. */
  whole: boolean
}

/** @param name of what is read, for messages. @throws SiderError USAGE if it is no text */
export async function* linesOf(parts: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Line> {
  let rest: Uint8Array = new Uint8Array()
  let offset = 0
  for await (const part of parts) {
    const bytes = rest.length === 0 ? part : Buffer.concat([rest, part])
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield { offset: offset + start, text: text(bytes.subarray(start, end)), whole: true }
      start = end + 1
    }
    offset += start
    rest = Uint8Array.from(bytes.subarray(start))
    if (rest.length > LONGEST) throw new SiderError('USAGE', `${name} is no list: it has a line of more than 64 KiB`)
  }
  if (rest.length > 0) yield { offset, text: text(rest), whole: false }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').replace(/\r$/, '')

/** What a pickle holds once it is read: plain values, and inert records of what Python would have built. */
import { SiderError } from '../errors.js'

/** Python's `str` of Python 2 or `bytes`: raw bytes that may also be meant as text (Latin-1). */
export class PickleBytes {
  constructor(readonly bytes: Uint8Array) {}

  text(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).toString('latin1')
  }
}

/** A name of a Python class or function: never resolved. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** What the pickle would have built by calling `callee(...args)`, then setting `state`. */
export class PickleObject {
  state: PickleValue = null

  constructor(
    readonly callee: PickleGlobal,
    readonly args: PickleValue[],
  ) {}
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleBytes
  | PickleGlobal
  | PickleObject
  | PickleValue[]
  | Map<string, PickleValue>

/** A HEAD_INVALID error about `file`. */
export function invalidHead(file: string, what: string, hint: string, data: Record<string, unknown> = {}): SiderError {
  return new SiderError('HEAD_INVALID', `${file}: ${what}`, {
    stage: 'head',
    hint: { cli: hint },
    data: { path: file, ...data },
  })
}

const DAMAGED_HINT = 'Download the model file again.'

/** A HEAD_INVALID error about `file`, which is damaged. */
export const damagedHead = (file: string, what: string): SiderError => invalidHead(file, what, DAMAGED_HINT)

/** Does `work` on bytes of `file`. @throws SiderError HEAD_INVALID where these are found to be damaged, a RangeError */
export function readingHead<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw cause instanceof RangeError ? damagedHead(file, cause.message) : cause
  }
}

/** Text of a dictionary key or a name. */
export function keyText(value: PickleValue): string {
  return value instanceof PickleBytes ? value.text() : String(value)
}

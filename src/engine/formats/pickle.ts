/**
 * Reads Python pickles (protocols 0 to 5) as inert data. Nothing is imported, called or executed: a global is only a name, and
 * only names on a short list are let in; "calls" become records of what would have been called. `pickled-arrays.ts` makes arrays
 * of those records. Format: the comments of CPython's pickletools module.
 */
import type { SiderError } from '../errors.js'
import { invalidHead, keyText, PickleBytes, PickleGlobal, PickleObject, type PickleValue } from './pickle-values.js'

/** Everything a head model file may mention. Names of numpy ≥ 2 and of old scipy included. */
const ALLOWED: readonly RegExp[] = [
  /^numpy (ndarray|dtype|bool_?|float(16|32|64)|u?int(8|16|32|64))$/,
  /^numpy\.(core|_core)\.multiarray (_reconstruct|scalar)$/,
  /^numpy\.(core|_core)\.numeric _frombuffer$/,
  /^scipy\.sparse(\.(_?csc|_?csr))? (csc|csr)_(matrix|array)$/,
  /^chumpy(\.ch)? Ch$/,
  /^chumpy\.reordering Select$/,
  /^(copy_reg|copyreg) _reconstructor$/,
  /^(__builtin__|builtins) (object|set|list|dict|tuple|bytearray)$/,
  /^collections OrderedDict$/,
  /^_codecs encode$/,
  // Landmark files of other projects hold tensors beside the arrays that are read here; they stay unopened records.
  /^torch\._utils _rebuild_tensor(_v2)?$/,
  /^torch\.storage _load_from_bytes$/,
]

/** Limits against files made to exhaust memory: a head model has a few thousand objects. */
const MAX_OPERATIONS = 5_000_000

const MARK = Symbol('mark')
type Slot = PickleValue | typeof MARK

/**
 * Reads one pickle.
 *
 * @param bytes the pickle, from its first opcode
 * @param file its name, for messages
 * @returns the value on the stack at the STOP opcode; dictionaries have text keys
 * @throws SiderError HEAD_INVALID for damaged or truncated data, unknown opcodes, and globals that are not on the list
 */
export function readPickle(bytes: Uint8Array, file: string): PickleValue {
  return new PickleMachine(bytes, file).run()
}

class PickleMachine {
  readonly #view: DataView
  #at = 0
  readonly #stack: Slot[] = []
  readonly #memo = new Map<number, PickleValue>()

  constructor(
    readonly bytes: Uint8Array,
    readonly file: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  run(): PickleValue {
    for (let n = 0; n < MAX_OPERATIONS; n++) {
      const op = this.#take(1)[0]
      if (op === 0x2e) return this.#pop() // STOP
      this.#step(op)
    }
    throw this.#damaged(`more than ${MAX_OPERATIONS} operations`)
  }

  #damaged(what: string): SiderError {
    return invalidHead(this.file, `damaged pickle: ${what}`, 'Download the model file again.', { offset: this.#at })
  }

  #take(length: number): Uint8Array {
    if (length < 0 || this.#at + length > this.bytes.length) throw this.#damaged('it ends too early')
    this.#at += length
    return this.bytes.subarray(this.#at - length, this.#at)
  }

  #u8 = (): number => this.#take(1)[0]
  #u16 = (): number => this.#number(2, (at) => this.#view.getUint16(at, true))
  #u32 = (): number => this.#number(4, (at) => this.#view.getUint32(at, true))
  #u64 = (): number => this.#number(8, (at) => Number(this.#view.getBigUint64(at, true)))

  #number(size: number, read: (at: number) => number): number {
    this.#take(size)
    return read(this.#at - size)
  }

  #line(): string {
    const end = this.bytes.indexOf(10, this.#at)
    if (end < 0) throw this.#damaged('it ends too early')
    const text = Buffer.from(this.#take(end - this.#at)).toString('latin1')
    this.#at++
    return text
  }

  #text = (length: number): string => Buffer.from(this.#take(length)).toString('utf8')

  #push(value: PickleValue): void {
    this.#stack.push(value)
  }

  #pop(): PickleValue {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) throw this.#damaged('the stack is empty')
    return value
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1)
    if (value === undefined || value === MARK) throw this.#damaged('the stack is empty')
    return value
  }

  #popMark(): PickleValue[] {
    const from = this.#stack.lastIndexOf(MARK)
    if (from < 0) throw this.#damaged('a mark is missing')
    return this.#stack.splice(from).slice(1) as PickleValue[]
  }

  #global(module: string, name: string): PickleGlobal {
    if (!ALLOWED.some((pattern) => pattern.test(`${module} ${name}`)))
      throw invalidHead(
        this.file,
        `the pickle names ${module}.${name}, which no head model needs; it was not run`,
        'Use only model files from their official sites: a pickle like this one can carry a program.',
        { global: `${module}.${name}` },
      )
    return new PickleGlobal(module, name)
  }

  #memoGet(key: number): void {
    if (!this.#memo.has(key)) throw this.#damaged(`it refers to entry ${key}, which does not exist`)
    this.#push(this.#memo.get(key)!)
  }

  #long(length: number): number | bigint {
    const raw = this.#take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i])
    if (length > 0 && raw[length - 1] & 0x80) value -= 1n << BigInt(8 * length)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  #call(callee: PickleValue, args: PickleValue): void {
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) throw this.#damaged('a call of something not a name')
    if (callee.name === 'encode') {
      // bytes written by protocol 2: Latin-1 text and the codec's name
      if (typeof args[0] !== 'string') throw this.#damaged('_codecs.encode of something not text')
      this.#push(new PickleBytes(Buffer.from(args[0], 'latin1')))
    } else this.#push(new PickleObject(callee, args))
  }

  #append(values: PickleValue[]): void {
    const list = this.#top()
    if (Array.isArray(list)) for (const v of values) list.push(v)
    else if (!(list instanceof PickleObject)) throw this.#damaged('appending to something not a list')
  }

  #setItems(values: PickleValue[]): void {
    const target = this.#top()
    if (target instanceof PickleObject) return // an OrderedDict inside an unopened record
    if (!(target instanceof Map) || values.length % 2 !== 0)
      throw this.#damaged('setting items of something not a dictionary')
    for (let i = 0; i < values.length; i += 2) target.set(keyText(values[i]), values[i + 1])
  }

  #step(op: number): void {
    switch (op) {
      case 0x80: // PROTO
        if (this.#u8() > 5) throw this.#damaged('its protocol is newer than 5')
        return
      case 0x95: // FRAME
        this.#take(8)
        return
      case 0x28: // MARK
        this.#stack.push(MARK)
        return
      case 0x30: // POP
        this.#stack.pop()
        return
      case 0x31: // POP_MARK
        this.#popMark()
        return
      case 0x32: // DUP
        this.#push(this.#top())
        return
      case 0x4e: // NONE
        this.#push(null)
        return
      case 0x88: // NEWTRUE
        this.#push(true)
        return
      case 0x89: // NEWFALSE
        this.#push(false)
        return
      case 0x49: {
        // INT, which also spells booleans
        const text = this.#line()
        this.#push(text === '00' ? false : text === '01' ? true : Number(text))
        return
      }
      case 0x4c: // LONG
        this.#push(Number(this.#line().replace(/L$/, '')))
        return
      case 0x4a: // BININT
        this.#push(this.#u32() | 0)
        return
      case 0x4b: // BININT1
        this.#push(this.#u8())
        return
      case 0x4d: // BININT2
        this.#push(this.#u16())
        return
      case 0x8a: // LONG1
        this.#push(this.#long(this.#u8()))
        return
      case 0x8b: // LONG4
        this.#push(this.#long(Math.min(this.#u32(), this.bytes.length)))
        return
      case 0x46: // FLOAT
        this.#push(Number(this.#line()))
        return
      case 0x47: // BINFLOAT, big-endian
        this.#push(this.#number(8, (at) => this.#view.getFloat64(at, false)))
        return
      default:
        if (!this.#stepText(op) && !this.#stepBuild(op))
          throw this.#damaged(`opcode 0x${op.toString(16)} is unknown or not used by head models`)
    }
  }

  /** Opcodes of texts, bytes and the memo. */
  #stepText(op: number): boolean {
    const bytes = (length: number): void => this.#push(new PickleBytes(this.#take(length)))
    switch (op) {
      case 0x53: // STRING: a quoted Python literal
        bytesOfLiteral(this.#line(), (b) => this.#push(new PickleBytes(b)))
        return true
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        bytes(this.#u32())
        return true
      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
        bytes(this.#u8())
        return true
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        bytes(this.#u64())
        return true
      case 0x56: // UNICODE, raw-unicode-escape
        this.#push(
          this.#line().replace(/\\u([0-9a-fA-F]{4})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        )
        return true
      case 0x58: // BINUNICODE
        this.#push(this.#text(this.#u32()))
        return true
      case 0x8c: // SHORT_BINUNICODE
        this.#push(this.#text(this.#u8()))
        return true
      case 0x8d: // BINUNICODE8
        this.#push(this.#text(this.#u64()))
        return true
      case 0x67: // GET
        this.#memoGet(Number(this.#line()))
        return true
      case 0x68: // BINGET
        this.#memoGet(this.#u8())
        return true
      case 0x6a: // LONG_BINGET
        this.#memoGet(this.#u32())
        return true
      case 0x70: // PUT
        this.#memo.set(Number(this.#line()), this.#top())
        return true
      case 0x71: // BINPUT
        this.#memo.set(this.#u8(), this.#top())
        return true
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#u32(), this.#top())
        return true
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top())
        return true
      default:
        return false
    }
  }

  /** Opcodes of containers, globals and objects. */
  #stepBuild(op: number): boolean {
    switch (op) {
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        this.#push([])
        return true
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        this.#push(this.#popMark())
        return true
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        const items: PickleValue[] = []
        for (let i = 0; i < op - 0x84; i++) items.unshift(this.#pop())
        this.#push(items)
        return true
      }
      case 0x61: {
        // APPEND
        const value = this.#pop()
        this.#append([value])
        return true
      }
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.#append(this.#popMark())
        return true
      case 0x7d: // EMPTY_DICT
        this.#push(new Map())
        return true
      case 0x64: {
        // DICT
        const items = this.#popMark()
        this.#push(new Map())
        this.#setItems(items)
        return true
      }
      case 0x73: {
        // SETITEM
        const value = this.#pop()
        const key = this.#pop()
        this.#setItems([key, value])
        return true
      }
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark())
        return true
      case 0x63: {
        // GLOBAL
        const module = this.#line()
        this.#push(this.#global(module, this.#line()))
        return true
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop()
        const module = this.#pop()
        this.#push(this.#global(keyText(module), keyText(name)))
        return true
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop()
        this.#call(this.#pop(), args)
        return true
      }
      case 0x92: {
        // NEWOBJ_EX: keyword arguments are of no use to any class on the list
        this.#pop()
        const args = this.#pop()
        this.#call(this.#pop(), args)
        return true
      }
      case 0x69: {
        // INST
        const module = this.#line()
        const callee = this.#global(module, this.#line())
        this.#call(callee, this.#popMark())
        return true
      }
      case 0x6f: {
        // OBJ
        const [callee, ...args] = this.#popMark()
        this.#call(callee ?? null, args)
        return true
      }
      case 0x62: {
        // BUILD
        const state = this.#pop()
        const target = this.#top()
        if (!(target instanceof PickleObject)) throw this.#damaged('state for something not an object')
        target.state = state
        return true
      }
      default:
        return false
    }
  }
}

/** Bytes of a quoted Python 2 string literal. */
function bytesOfLiteral(literal: string, then: (bytes: Uint8Array) => void): void {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' }
  const text = literal
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, e: string) =>
      e.length === 3 ? String.fromCharCode(Number.parseInt(e.slice(1), 16)) : (escapes[e] ?? `\\${e}`),
    )
  then(Buffer.from(text, 'latin1'))
}

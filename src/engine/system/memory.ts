/**
 * Memory: what a run takes at least where a limit is set for the program, asked before anything large is loaded; and errors of the
 * libraries that mean that there was not enough.
 */
import { readFileSync } from 'node:fs'
import { SiderError } from '../errors.js'

/**
 * Address space that the largest usual runs were seen to take (12.6 and 6.6 GiB), rounded up. Most of it is set aside and never
 * used: WebAssembly alone takes 10 GiB for its checks of bounds, unless Node is told to make them otherwise.
 */
const NEEDED_GIB = 14
const NEEDED_WITHOUT_TRAPS_GIB = 8
const WITHOUT_TRAPS = '--disable-wasm-trap-handler'

/** In words of V8, Node, Emscripten, ONNX Runtime and libvips. */
const OUT_OF_MEMORY =
  /out of memory|allocation failed|could not allocate|cannot allocate|failed to allocate|bad_alloc|bad allocation|ENOMEM/i

/**
 * Refuses to begin where `ulimit -v` leaves too little address space: libraries would crash in the midst of the work.
 * @throws SiderError OUT_OF_MEMORY with what is needed
 */
export function assertAddressSpace(limitGiB = addressSpaceLimit(), nodeOptions = nodeOptionsGiven()): void {
  const spare = nodeOptions.includes(WITHOUT_TRAPS)
  const needed = spare ? NEEDED_WITHOUT_TRAPS_GIB : NEEDED_GIB
  if (limitGiB >= needed) return
  const instead = spare ? '' : `, or NODE_OPTIONS=${WITHOUT_TRAPS} and ${NEEDED_WITHOUT_TRAPS_GIB} GiB`
  throw new SiderError(
    'OUT_OF_MEMORY',
    `the engine needs ${needed} GiB of address space, and the program may take ${limitGiB.toFixed(1)} GiB`,
    {
      stage: 'setup',
      hint: { cli: `Raise the limit (ulimit -v unlimited)${instead}. Little of it becomes memory: about 1 GiB.` },
      data: { neededGiB: needed, limitGiB },
    },
  )
}

/** An error that means that memory ran out, as OUT_OF_MEMORY; any other as it is. */
export function asMemoryError(error: unknown): unknown {
  const words = error instanceof Error ? error.message : String(error)
  if (error instanceof SiderError || !OUT_OF_MEMORY.test(words)) return error
  return new SiderError('OUT_OF_MEMORY', `there is not enough memory: ${words.split('\n')[0]}`, {
    hint: { cli: 'Close other programs, take a smaller photo or --size, or a smaller --set surface.textureSize.' },
    cause: error,
  })
}

/** GiB that the process may address; only Linux says, and only Linux' limits matter in practice. */
export function addressSpaceLimit(): number {
  try {
    const [, bytes] = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes) / 2 ** 30
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

const nodeOptionsGiven = (): string => [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ')

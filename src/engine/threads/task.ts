/** A function that threads can call: one of a module's exports. */

export interface Task<I, O> {
  /** URL of the module, and the name of its export. */
  readonly module: string
  readonly name: string
  /** The function itself, for a call without threads. */
  readonly call: (input: I) => O | Promise<O>
}

/**
 * @param module `import.meta.url` of the module that exports `call` under its own name; threads load it, so it should import little
 * @param call its argument is copied to the thread: what structuredClone can copy (a view of a larger buffer costs the whole buffer).
 *   The arrays of its answer are handed over: it must not keep them
 */
export function task<I, O>(module: string, call: (input: I) => O | Promise<O>): Task<I, O> {
  return { module, name: call.name, call }
}

/** Where tasks run. */
export interface Threads {
  /** Tasks that run at once. */
  readonly count: number
  /**
   * Runs a task.
   * @throws what the task throws, SiderErrors as such; the signal's reason as soon as it is aborted; SiderError COMPUTE_FAILED or
   *   OUT_OF_MEMORY where the thread ends without an answer
   */
  run<I, O>(task: Task<I, O>, input: I, signal?: AbortSignal): Promise<O>
}

/** The same values in memory that threads share instead of being given a copy with every question. Nobody may change them. */
export function inCommon<A extends Float32Array | Uint32Array>(values: A): A {
  const copy = new (values.constructor as new (buffer: SharedArrayBuffer) => A)(
    new SharedArrayBuffer(values.byteLength),
  )
  copy.set(values)
  return copy
}

/** Tasks for test/engine/threads/threads.test.ts. */
import { SiderError } from '../../../src/engine/errors.js'
import { task } from '../../../src/engine/threads/task.js'

/** Squares, and where they were worked out. */
export async function squares(values: Float32Array): Promise<{ values: Float32Array; thread: number }> {
  const { threadId } = await import('node:worker_threads')
  return { values: values.map((x) => x * x), thread: threadId }
}
export function fails(code: string): never {
  if (code === 'plain') throw new RangeError('out of range')
  throw new SiderError('SURFACE_EMPTY', 'nothing there', { stage: 'surface', hint: 'Look elsewhere.', data: { n: 3 } })
}
export function spins(milliseconds: number): number {
  const start = performance.now()
  while (performance.now() - start < milliseconds);
  return milliseconds
}
export function leaves(status: number): void {
  process.exit(status)
}

export const SQUARES = task(import.meta.url, squares)
export const FAILS = task(import.meta.url, fails)
export const SPINS = task(import.meta.url, spins)
export const LEAVES = task(import.meta.url, leaves)

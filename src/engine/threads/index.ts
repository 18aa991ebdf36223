/**
 * Threads for loops over plain numbers, so that one run keeps all cores busy.
 *
 * Answers must not depend on the number of threads: work is split at places that the data give, never by how many threads there are.
 */
import { availableParallelism } from 'node:os'
import { addressSpaceLimit } from '../system/memory.js'
import { Pool } from './pool.js'
import type { Threads } from './task.js'

export { inCommon, type Task, type Threads, task } from './task.js'

/** More threads than this copy more than they help. */
const MOST = 8

/** Everything in the caller's own thread. */
export const NO_THREADS: Threads = {
  count: 1,
  run: async (task, input, signal) => {
    signal?.throwIfAborted()
    return task.call(input)
  },
}

const pools = new Map<number, Threads>()

/**
 * The process' threads: started when first needed, ended when long idle, and never what keeps the process alive. None where the
 * program's address space is limited: each sets more than half a GiB of it aside.
 * @param asked how many; 0: as many as there are cores
 */
export function openThreads(asked: number, limitGiB = addressSpaceLimit()): Threads {
  const count = limitGiB < Number.POSITIVE_INFINITY ? 1 : Math.min(MOST, asked || availableParallelism())
  if (count === 1) return NO_THREADS
  const pool = pools.get(count) ?? new Pool(count)
  pools.set(count, pool)
  return pool
}

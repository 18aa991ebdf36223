/** Deletes ended jobs that are too old, and the oldest of them when they take too much room. */
import type { Log } from '../log.js'
import type { JobQueue } from './queue.js'
import type { JobStore } from './store.js'

export interface RetentionOptions {
  /** Ended jobs are deleted after so many days. */
  keepDays: number
  /** Ended jobs take at most so many bytes together. */
  keepBytes: number
}

export async function sweep(queue: JobQueue, store: JobStore, options: RetentionOptions, log: Log): Promise<void> {
  const oldest = Date.now() - options.keepDays * 86_400_000
  const sized = await Promise.all(
    queue.ended().map(async (entry) => ({ entry, bytes: await store.bytes(entry.record.id) })),
  )
  let total = sized.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { entry, bytes } of sized) {
    const { id, updated } = entry.record
    if (updated >= oldest && total <= options.keepBytes) continue
    await queue.delete(entry)
    total -= bytes
    log.info('job deleted by retention', { job: id, bytes })
  }
}

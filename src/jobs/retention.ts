/** Deletes ended jobs that are too old, and the oldest of them when they take too much room. */
import type { Log } from './log.js'
import type { JobQueue } from './queue.js'
import { bytesOf } from './record.js'

export interface RetentionOptions {
  /** Ended jobs are deleted after so many days. */
  keepDays: number
  /** Ended jobs take at most so many bytes together. */
  keepBytes: number
}

export async function sweep(queue: JobQueue, options: RetentionOptions, log: Log): Promise<void> {
  const oldest = Date.now() - options.keepDays * 86_400_000
  const ended = queue.ended()
  let total = ended.reduce((sum, { record }) => sum + bytesOf(record), 0)
  for (const entry of ended) {
    const { id, updated } = entry.record
    if (updated >= oldest && total <= options.keepBytes) continue
    const bytes = bytesOf(entry.record)
    await queue.delete(entry)
    total -= bytes
    log.info('job deleted by retention', { job: id, bytes })
  }
}

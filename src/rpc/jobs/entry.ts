/** A job in memory, and which of those that wait is next. */
import type { EventLog } from './events.js'
import type { JobRecord } from './record.js'
import type { JobRun } from './run.js'

export interface Entry {
  record: JobRecord
  events: EventLog
  /** Resolves when the job is on disk: before that it is neither started nor answered with. */
  accepted: Promise<void>
  isAccepted: boolean
  run?: JobRun
  /** The run has ended and its outcome is being put on disk. */
  settling?: boolean
}

/**
 * Those that wait for a place, in the order in which they get one: owners in turn, each one's oldest first.
 * @param served when each owner last had a job started: the one who has waited longest is next
 */
export function fairOrder(entries: Iterable<Entry>, served: ReadonlyMap<string, number>): Entry[] {
  const byOwner = new Map<string, Entry[]>()
  for (const entry of entries) {
    if (entry.record.state !== 'queued' || !entry.isAccepted || entry.run) continue
    const { owner } = entry.record
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), entry])
  }
  const owners = [...byOwner.keys()].sort((a, b) => (served.get(a) ?? 0) - (served.get(b) ?? 0))
  for (const list of byOwner.values()) list.sort((a, b) => a.record.queued - b.record.queued)
  const order: Entry[] = []
  for (let round = 0; order.length < [...byOwner.values()].flat().length; round++) {
    for (const owner of owners) order.push(...byOwner.get(owner)!.slice(round, round + 1))
  }
  return order
}

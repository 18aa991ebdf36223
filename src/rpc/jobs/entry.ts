/** A job in memory. */
import type { EventLog } from './events.js'
import type { JobRecord } from './record.js'
import type { JobRun } from './run.js'

export interface Entry {
  /** As it is on disk, but for the progress, which is ahead. */
  readonly record: JobRecord
  readonly events: EventLog
  /** Resolves when the job is on disk: before that it is neither started nor seen. */
  accepted: Promise<void>
  isAccepted: boolean
  /** It has one of the places of running jobs, until the outcome of its run is on disk. */
  launched: boolean
  run?: JobRun
  /** The change of the record that is under way, after which the next one is made. */
  changing: Promise<unknown>
  /** Its state has changed, and waits for the disk. */
  waitsForDisk: boolean
}

export function newEntry(record: JobRecord, events: EventLog, accepted?: Promise<void>): Entry {
  return {
    record,
    events,
    accepted: accepted ?? Promise.resolve(),
    isAccepted: accepted === undefined,
    launched: false,
    changing: Promise.resolve(),
    waitsForDisk: false,
  }
}

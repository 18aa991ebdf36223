/** A job in memory. */
import type { EventLog } from './events.js'
import type { JobRecord } from './record.js'
import type { Attempt } from './runner.js'

export interface Entry {
  /** As it is on disk, but for the progress, which is ahead. */
  readonly record: JobRecord
  readonly events: EventLog
  /** It has one of the places of running jobs, until the outcome of its run is on disk. */
  launched: boolean
  attempt?: Attempt
  /** The change of the record that is under way, after which the next one is made. */
  changing: Promise<unknown>
  /** Its state has changed, and waits for the disk. */
  waitsForDisk: boolean
}

export const newEntry = (record: JobRecord, events: EventLog): Entry => ({
  record,
  events,
  launched: false,
  changing: Promise.resolve(),
  waitsForDisk: false,
})

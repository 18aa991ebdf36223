/** Jobs in BullMQ: what it hands to workers is an id and a turn, never a record or bytes. */
import type { Queue } from 'bullmq'
import { PREFIX, QUEUE, type QueueConnection, queueError } from './connection.js'
import type { JobRecords, Queued } from './records.js'

/** What BullMQ's job says. */
export interface Ticket {
  id: string
  turn: number
}

/** BullMQ's own retries: of attempts that were lost, and of workers without room; the record says when it is enough. */
const RETRIES = 1000
/** Time before such a retry, milliseconds: doubled each time, up to the longest. */
const [FIRST_MS, LONGEST_MS] = [1000, 60_000]
/** Jobs that were set aside are shown so long, seconds. */
const SET_ASIDE_S = 30 * 86_400

export const backoff = (attemptsMade = 1): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** (attemptsMade - 1))

const ticketId = ({ id, turn }: Ticket): string => `${id}.${turn}`

export class Dispatch {
  private readonly queue: Queue<Ticket>

  constructor(
    connection: QueueConnection,
    private readonly records: JobRecords,
  ) {
    this.queue = new connection.bull.Queue<Ticket>(QUEUE, { connection: connection.redis, prefix: PREFIX })
    this.queue.on('error', () => {}) // the connection's own are logged
  }

  /**
   * Hands a job's turn to whoever is free; the same turn again is no other.
   * @throws SiderError QUEUE_UNAVAILABLE: it is done later then, for the record says that it is to be
   */
  async send(queued: Queued): Promise<void> {
    const { id, turn, place } = queued
    try {
      await this.queue.add(
        'face',
        { id, turn },
        {
          jobId: ticketId(queued),
          priority: place,
          attempts: RETRIES,
          backoff: { type: 'custom' },
          removeOnComplete: true,
          removeOnFail: { age: SET_ASIDE_S },
        },
      )
    } catch (error) {
      throw queueError(error)
    }
    await this.records.sent(queued)
  }

  /** Takes a turn out that nobody need take any more; a worker that has it sees for itself. */
  async withdraw(ticket: Ticket): Promise<void> {
    await this.queue.remove(ticketId(ticket)).catch(() => {})
  }

  async close(): Promise<void> {
    await this.queue.close()
  }
}

/**
 * Events of jobs as they happen, wherever the jobs run: of each job that somebody here watches its channel is heard. What was missed
 * while there was no connection is read again.
 */
import { createHash } from 'node:crypto'
import type { Artifact } from '../../generated/protocol.js'
import type { EventListener, JobEvent } from '../events.js'
import type { Log } from '../log.js'
import { isEnd, type JobState } from '../states.js'
import { ask, type QueueConnection } from './connection.js'
import { isPreview, readLive, toEvent } from './live-event.js'
import { type JobRecords, liveChannel } from './records.js'
import { KEYS, type Storage } from './storage.js'

export class Feed {
  private readonly watches = new Map<string, Watch>()
  private closed = false

  constructor(
    private readonly queue: Pick<QueueConnection, 'subscriber' | 'now'>,
    private readonly records: JobRecords,
    private readonly storage: Storage,
    private readonly log: Log,
  ) {
    const { subscriber } = queue
    subscriber.on('message', (channel: string, text: string) => this.watches.get(channel)?.hear(text))
    let connected = false
    subscriber.on('ready', () => {
      if (connected) void this.catchUp()
      connected = true
    })
  }

  /**
   * Tells events as `JobEngine.subscribe` says.
   * @returns what ends it. @throws SiderError QUEUE_UNAVAILABLE
   */
  async subscribe(id: string, after: number | undefined, listener: EventListener): Promise<() => void> {
    const channel = liveChannel(id)
    let watch = this.watches.get(channel)
    if (!watch) {
      watch = new Watch(id, this.records, this.storage, this.queue.now, this.log)
      this.watches.set(channel, watch)
    }
    const follower = new Follower(listener, after)
    watch.followers.add(follower)
    const stop = (): void => {
      watch.followers.delete(follower)
      if (watch.followers.size > 0 || this.watches.get(channel) !== watch) return
      this.watches.delete(channel)
      if (!this.closed) void this.queue.subscriber.unsubscribe(channel).catch(() => {})
    }
    try {
      await ask(this.queue.subscriber.subscribe(channel))
      await watch.catchUp(follower)
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  close(): void {
    this.closed = true
    this.watches.clear()
  }

  /** After a new connection: what happens between the reading and the hearing must not be missed, so hearing is first. */
  private async catchUp(): Promise<void> {
    if (this.watches.size === 0) return
    await this.queue.subscriber.subscribe(...this.watches.keys()).catch(() => {}) // a further connection does it again
    for (const watch of this.watches.values()) await watch.catchUp()
  }
}

/** One who listens to a job. */
class Follower {
  /** The last number that was told; undefined before the present was. */
  last: number | undefined
  private ended = false
  /** What happens while he catches up. */
  private meanwhile: JobEvent[] | undefined
  private readonly previews = new Map<string, number>()

  constructor(
    private readonly listener: EventListener,
    after: number | undefined,
  ) {
    this.last = after
  }

  begin(): void {
    this.meanwhile ??= []
  }

  /** He has caught up with what was read, or it could not be read. */
  end(events: JobEvent[]): void {
    const waiting = [...events, ...(this.meanwhile ?? [])]
    this.meanwhile = undefined
    for (const event of waiting) this.tell(event)
  }

  tell(event: JobEvent): void {
    if (this.meanwhile) {
      this.meanwhile.push(event)
      return
    }
    const { seq } = event.params
    if (event.payload) {
      // Its bytes took a while: others may have overtaken it, or the end.
      const { name } = (event.params as { artifact: Artifact }).artifact
      if (this.ended || seq <= (this.previews.get(name) ?? -1)) return
      this.previews.set(name, seq)
    } else {
      if (seq <= (this.last ?? -1) && event.method !== 'job/gap') return
      this.last = seq
      if (event.method === 'job/state') this.ended = isEnd((event.params as { state: JobState }).state)
    }
    this.listener(event)
  }
}

/** A job that is watched here. */
class Watch {
  readonly followers = new Set<Follower>()
  /** The newest preview of each name whose bytes are yet to be loaded; undefined while none waits behind the one being loaded. */
  private readonly loading = new Map<string, JobEvent | undefined>()

  constructor(
    private readonly id: string,
    private readonly records: JobRecords,
    private readonly storage: Storage,
    private readonly now: () => number,
    private readonly log: Log,
  ) {}

  hear(text: string): void {
    const live = readLive(text)
    const event = toEvent(this.id, live)
    if (isPreview(live)) this.load(event)
    else for (const follower of this.followers) follower.tell(event)
  }

  /** Reads what one has missed, or all have. */
  async catchUp(one?: Follower): Promise<void> {
    for (const follower of one ? [one] : this.followers) {
      follower.begin()
      try {
        const { gap, events } = await this.records.events(this.id, follower.last)
        const withPayload = (event: JobEvent) => isPreview({ method: event.method, body: event.params })
        for (const event of events.filter(withPayload)) this.load(event)
        const params = { job: this.id, seq: gap?.to ?? 0, time: this.now(), ...(gap ?? { from: 0, to: 0 }) }
        const told: JobEvent[] = gap ? [{ method: 'job/gap', kind: 'state', params }] : []
        follower.end([...told, ...events.filter((event) => !withPayload(event))])
      } catch (error) {
        follower.end([])
        if (one) throw error
        this.log.warning('events not read', { job: this.id, error: String(error) })
      }
    }
  }

  /** Loads a preview's bytes and tells of it; of those that come meanwhile the newest is next. */
  private load(event: JobEvent): void {
    const { artifact } = event.params as { artifact: Artifact }
    const waits = this.loading.has(artifact.name)
    const newest = this.loading.get(artifact.name)
    if (waits && (newest?.params.seq ?? -1) > event.params.seq) return
    this.loading.set(artifact.name, waits ? event : undefined)
    if (waits) return
    void loadPreview(this.storage, this.id, artifact)
      .then((payload) => {
        // One that was replaced meanwhile is told of by the next event.
        if (payload) for (const follower of this.followers) follower.tell({ ...event, payload })
      })
      .catch((error) => this.log.warning('preview not read', { job: this.id, error: String(error) }))
      .finally(() => {
        const next = this.loading.get(artifact.name)
        this.loading.delete(artifact.name)
        if (next && this.followers.size > 0) this.load(next)
      })
  }
}

/** The bytes of the newest preview of a name; undefined if it is not this one any more. */
export async function loadPreview(storage: Storage, id: string, artifact: Artifact): Promise<Uint8Array | undefined> {
  const bytes = await storage.get(KEYS.preview(id, artifact.name))
  if (!bytes) return undefined
  return createHash('sha256').update(bytes).digest('hex') === artifact.sha256 ? bytes : undefined
}

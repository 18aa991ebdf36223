/**
 * The events of one job: numbered, handed to subscribers, and kept for those who come late. States, logs and files are kept in a
 * ring; of progress and of each kind of preview only the newest is.
 */
import type { Artifact, EventKind, Notifications } from '../generated/protocol.js'
import type { PreviewInfo } from './runner.js'

/** What a subscriber is told, without job, seq and time. */
type Body<N extends keyof Notifications> = Omit<Notifications[N], 'job' | 'seq' | 'time'>

export interface JobEvent {
  method: keyof Notifications
  /** 'state' events come whatever a subscriber has chosen. */
  kind: EventKind | 'state'
  params: Notifications[keyof Notifications]
  /** A preview's bytes. */
  payload?: Uint8Array
}

export type EventListener = (event: JobEvent) => void

/** After a restart numbers go on this much higher than the last one on disk: progress and previews are not on disk. */
const RESTART_JUMP = 1_000_000

export class EventLog {
  seq: number
  /** Numbers up to this one have left the ring. */
  private evicted = 0
  private progress: JobEvent | undefined
  private readonly previews = new Map<string, JobEvent>()
  private readonly listeners = new Set<EventListener>()

  /** @param kept what is on disk; @param running whether the job's numbers may have gone on since */
  constructor(
    private readonly job: string,
    private readonly kept: JobEvent[],
    private readonly capacity: number,
    { seq, restarted }: { seq: number; restarted: boolean },
  ) {
    this.seq = Math.max(seq, kept.at(-1)?.params.seq ?? 0) + (restarted ? RESTART_JUMP : 0)
    this.evict()
  }

  listen(listener: EventListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  emit<N extends keyof Notifications>(
    method: N,
    kind: JobEvent['kind'],
    body: Body<N>,
    payload?: Uint8Array,
  ): JobEvent {
    this.seq++
    const params = { job: this.job, seq: this.seq, time: Date.now(), ...body } as unknown as Notifications[N]
    const event: JobEvent = { method, kind, params, ...(payload && { payload }) }
    if (payload) this.previews.set((params as { artifact: Artifact }).artifact.name, event)
    else if (kind === 'progress') this.progress = event
    else {
      this.kept.push(event)
      this.evict()
    }
    for (const listener of this.listeners) listener(event)
    return event
  }

  emitPreview(info: PreviewInfo, sha256: string, payload: Uint8Array): JobEvent {
    const artifact: Artifact = {
      id: `preview/${this.seq + 1}`,
      role: 'preview',
      ...info,
      bytes: payload.length,
      sha256,
    }
    return this.emit('job/artifact', info.kind, { artifact }, payload)
  }

  /** The newest preview of that id, if it still is the newest. */
  preview(id: string): JobEvent | undefined {
    return [...this.previews.values()].find((event) => (event.params as { artifact: Artifact }).artifact.id === id)
  }

  /** The present: state, progress, previews, files. */
  present(): JobEvent[] {
    const state = this.kept.findLast((event) => event.kind === 'state')
    const files = this.kept.filter((event) => event.method === 'job/artifact')
    return this.inOrder([state, this.progress, ...this.previews.values(), ...files])
  }

  /** What came after a number, and the span of numbers that are no longer kept. */
  since(after: number): { gap?: { from: number; to: number }; events: JobEvent[] } {
    if (after < this.evicted) return { gap: { from: after + 1, to: this.evicted }, events: this.present() }
    const all = this.inOrder([...this.kept, this.progress, ...this.previews.values()])
    return { events: all.filter((event) => event.params.seq > after) }
  }

  /** Previews are for watching: a job that has ended keeps none. */
  dropPreviews(): void {
    this.previews.clear()
  }

  private inOrder(events: (JobEvent | undefined)[]): JobEvent[] {
    return events.filter((event) => event !== undefined).sort((a, b) => a.params.seq - b.params.seq)
  }

  private evict(): void {
    while (this.kept.length > this.capacity) this.evicted = this.kept.shift()!.params.seq
  }
}

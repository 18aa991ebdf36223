/** One connection after its upgrade: who it is, what it may send, what it is sent. */
import { randomUUID } from 'node:crypto'
import { SiderError } from '../engine/index.js'
import type { Artifact, ArtifactGetResult, Delivery, EventKind, PeerInfo } from '../generated/protocol.js'
import type { JobEngine, Subscription as Subscribed } from '../jobs/engine.js'
import type { JobEvent } from '../jobs/events.js'
import type { Log } from '../jobs/log.js'
import { isEnd, type JobState } from '../jobs/states.js'
import type { Outbox, Transfer } from './outbox.js'
import { ownerOf, type Tokens } from './security.js'
import type { Uploads } from './uploads.js'

interface Subscription {
  stop(): void
  timers: Map<string, NodeJS.Timeout>
}

export interface SubscribeOptions {
  after?: number | undefined
  kinds?: EventKind[] | undefined
  minIntervalMs: number
}

export class Session {
  readonly id = randomUUID()
  delivery: Delivery = 'binary'
  private ownedBy: string | undefined
  private readonly subscriptions = new Map<string, Subscription>()

  constructor(
    private readonly tokens: Tokens,
    private readonly outbox: Outbox,
    readonly uploads: Uploads,
    private readonly log: Log,
  ) {}

  get isOpen(): boolean {
    return this.ownedBy !== undefined
  }

  /** Name of the token. */
  get owner(): string {
    if (this.ownedBy === undefined) throw new SiderError('NOT_INITIALISED')
    return this.ownedBy
  }

  /** @throws SiderError UNAUTHORISED */
  open(token: string, client: PeerInfo | undefined, delivery: Delivery): void {
    const owner = ownerOf(this.tokens, token)
    if (owner === undefined) throw new SiderError('UNAUTHORISED')
    this.ownedBy = owner
    this.delivery = delivery
    this.log.info('session opened', { session: this.id, owner, client })
  }

  /** Sends a job's events from now on, after those that it has missed. @returns the job as it is. @throws as of the engine */
  async subscribe(
    engine: JobEngine,
    job: string,
    { after, kinds, minIntervalMs }: SubscribeOptions,
  ): Promise<Subscribed['job']> {
    const timers = new Map<string, NodeJS.Timeout>()
    const waiting = new Map<string, JobEvent>()
    const listener = (event: JobEvent): void => {
      if (event.kind !== 'state' && kinds && !kinds.includes(event.kind)) return
      const key = coalescingKey(event)
      if (key !== undefined && timers.has(key)) {
        waiting.set(key, event)
        return
      }
      this.tell(job, event)
      if (key === undefined || minIntervalMs === 0) return
      // Those that come within the interval wait for its end, newest wins.
      const next = (): void => {
        const newest = waiting.get(key)
        waiting.delete(key)
        timers.delete(key)
        if (!newest) return
        this.tell(job, newest)
        timers.set(key, setTimeout(next, minIntervalMs))
      }
      timers.set(key, setTimeout(next, minIntervalMs))
    }
    const owner = this.owner
    this.unsubscribe(job)
    const subscription: Subscription = { stop: () => {}, timers }
    this.subscriptions.set(job, subscription)
    try {
      const subscribed = await engine.subscribe(owner, job, after, listener)
      subscription.stop = subscribed.stop
      if (this.subscriptions.get(job) !== subscription) subscription.stop() // the connection has ended meanwhile
      return subscribed.job
    } catch (error) {
      this.unsubscribe(job)
      throw error
    }
  }

  unsubscribe(job: string): void {
    const subscription = this.subscriptions.get(job)
    if (!subscription) return
    this.subscriptions.delete(job)
    this.quiet(job, subscription)
    subscription.stop()
  }

  /** An artifact in answer to artifact/get; the frames go out after the answer. */
  async deliver(
    job: string,
    artifact: Artifact,
    delivery: Delivery | undefined,
    source: Pick<Transfer, 'read' | 'end'>,
  ): Promise<ArtifactGetResult> {
    if ((delivery ?? this.delivery) === 'base64') {
      try {
        return { artifact, base64: Buffer.from(await source.read(0, artifact.bytes)).toString('base64') }
      } finally {
        source.end?.()
      }
    }
    if (!this.outbox.roomForTransfer) {
      source.end?.()
      throw new SiderError('RATE', 'too many artifacts are under way: wait for one')
    }
    const transfer = randomUUID()
    // After the answer, which is put into the outbox when this returns.
    setImmediate(() => this.outbox.transfer({ ...frameOf(transfer, job, artifact), ...source }))
    return { artifact, transfer }
  }

  close(): void {
    for (const job of [...this.subscriptions.keys()]) this.unsubscribe(job)
    this.uploads.close()
    this.outbox.close()
  }

  private tell(job: string, event: JobEvent): void {
    const { method, params, payload } = event
    const key = coalescingKey(event)
    if (method === 'job/state' && isEnd((params as { state: JobState }).state)) {
      const subscription = this.subscriptions.get(job)
      if (subscription) this.quiet(job, subscription)
    }
    if (key === undefined) {
      this.outbox.send(notification(method, params))
      return
    }
    if (!payload) {
      this.outbox.offer(`${job} ${key}`, { text: notification(method, params) })
      return
    }
    const { artifact } = params as { artifact: Artifact }
    if (this.delivery === 'base64') {
      const base64 = Buffer.from(payload).toString('base64')
      this.outbox.offer(`${job} ${key}`, { text: notification(method, { ...params, base64 }) })
      return
    }
    const transfer = randomUUID()
    const frame = frameOf(transfer, job, artifact)
    this.outbox.offer(`${job} ${key}`, {
      text: notification(method, { ...params, transfer }),
      transfer: {
        ...frame,
        header: { ...frame.header, seq: params.seq },
        read: (start, end) => payload.subarray(start, end),
      },
    })
  }

  /** Nothing more of what only the newest counts. */
  private quiet(job: string, { timers }: Subscription): void {
    for (const timer of timers.values()) clearTimeout(timer)
    timers.clear()
    this.outbox.forget(`${job} `)
  }
}

/** Events of the same key replace one another; those without are never dropped. */
function coalescingKey({ kind, params, payload }: JobEvent): string | undefined {
  if (kind === 'progress') return kind
  return payload && `preview ${(params as { artifact: Artifact }).artifact.name}`
}

function frameOf(transfer: string, job: string, { id, mediaType, bytes, sha256 }: Artifact) {
  return { kind: 'artifact' as const, header: { id: transfer, job, artifact: id, mediaType }, bytes, sha256 }
}

const notification = (method: string, params: unknown): string => JSON.stringify({ jsonrpc: '2.0', method, params })

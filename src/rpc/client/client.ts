/** A client that stays connected: it connects again after losing its connection, and jobs go on being watched. */
import {
  type FaceFindResult,
  type JobCreateParams,
  type Methods,
  PROTOCOL_VERSION,
  type Session,
} from '../../generated/protocol.js'
import { type JobClient, type ReconstructOptions, RemoteJob } from './job.js'
import { ConnectionLost, Link, type Notification, RemoteError, type WebSocketClass } from './link.js'

export interface ConnectOptions {
  /** The secret of the server's token file. */
  token: string
  /** Who connects, for the server's log. */
  client?: { name: string; version?: string }
  /** 'base64' where binary frames cannot be had. */
  delivery?: 'binary' | 'base64'
  /** Class of sockets; the platform's own, or that of the package `ws`, by default. */
  WebSocket?: WebSocketClass
  /** Seconds to go on trying after losing the connection, each time; 0 does not try. Default 60. */
  retrySeconds?: number
  /** Told when the connection is lost and when it is there again; with it the client connects again even if idle. */
  status?: (status: 'connected' | 'lost' | 'gone') => void
}

export class SiderClient implements JobClient {
  private link: Link | undefined
  private connecting: Promise<Link> | undefined
  private closed = false
  private readonly listeners = new Set<(notification: Notification) => void>()
  private readonly reconnected = new Set<() => void>()
  /** What the server said about itself. */
  session!: Session

  private constructor(
    readonly url: string,
    private readonly options: ConnectOptions,
    private readonly WebSocketType: WebSocketClass,
  ) {}

  /** @throws ConnectionLost if there is no server; RemoteError if it refuses the token */
  static async connect(url: string, options: ConnectOptions): Promise<SiderClient> {
    const client = new SiderClient(url, options, options.WebSocket ?? (await platformSocket()))
    client.link = await client.open()
    return client
  }

  /** Calls a method; waits while the connection is being made again. @throws RemoteError, ConnectionLost */
  async call<M extends keyof Methods>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    return (await this.connection()).call(method, params)
  }

  /** Fetches a file of a result, or a preview. */
  async fetch(job: string, artifact: string): Promise<Uint8Array> {
    return this.again(async (link) => link.fetch(job, artifact))
  }

  /** Starts a reconstruction; iterate over it for progress and previews, or await its result. */
  reconstruct(photo: Uint8Array | Blob, options: ReconstructOptions = {}): RemoteJob {
    return new RemoteJob(this, options, async () => {
      const bytes = await bytesOf(photo)
      const { signal: _, ...wanted } = options
      const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID()
      // With the key, sending it again after a lost connection makes no second job.
      return this.again(async (link) => {
        const image = { upload: await link.upload(bytes) }
        return link.call('job/create', { ...wanted, image, idempotencyKey } as JobCreateParams)
      })
    })
  }

  /** Finds the faces of a photo and their landmarks, without a job. */
  async findFaces(photo: Uint8Array | Blob): Promise<FaceFindResult> {
    const bytes = await bytesOf(photo)
    return this.again(async (link) => link.call('face/find', { image: { upload: await link.upload(bytes) } }))
  }

  /** Watches a job that exists. */
  watch(job: string, options: Pick<ReconstructOptions, 'signal'> = {}): RemoteJob {
    return new RemoteJob(this, options, () => this.call('job/get', { job }))
  }

  /** For the classes of this folder: notifications, and what to do after connecting again. */
  listen(listener: (notification: Notification) => void, reconnected: () => void): () => void {
    this.listeners.add(listener)
    this.reconnected.add(reconnected)
    return () => {
      this.listeners.delete(listener)
      this.reconnected.delete(reconnected)
    }
  }

  /** Whether the connection is lost and is not being made again. */
  get isGone(): boolean {
    return this.closed || (!this.link && !this.connecting)
  }

  close(): void {
    this.closed = true
    this.link?.close()
  }

  /** Does something, and once more on a new connection if the first is lost. */
  private async again<T>(work: (link: Link) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work(await this.connection())
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.closed || attempt === 3) throw error
      }
    }
  }

  private async connection(): Promise<Link> {
    if (this.closed) throw new ConnectionLost('the client was closed')
    if (this.link) return this.link
    this.connecting ??= this.reopen().finally(() => {
      this.connecting = undefined
    })
    return this.connecting
  }

  private async open(): Promise<Link> {
    const link = await Link.open(this.url, this.WebSocketType, {
      notification: (notification) => {
        for (const listener of this.listeners) listener(notification)
      },
      closed: () => {
        if (this.link !== link) return
        this.link = undefined
        if (this.closed) return
        this.options.status?.('lost')
        if (this.listeners.size > 0 || this.options.status) this.connection().catch(() => {})
      },
    })
    const { token, client = { name: 'sider-face/client' }, delivery = 'binary' } = this.options
    this.session = await link.call('initialize', {
      protocol: PROTOCOL_VERSION,
      token,
      client,
      capabilities: { delivery },
    })
    return link
  }

  private async reopen(): Promise<Link> {
    const until = performance.now() + (this.options.retrySeconds ?? 60) * 1000
    for (let wait = 100; ; wait = Math.min(5000, wait * 2)) {
      try {
        this.link = await this.open()
        this.options.status?.('connected')
        for (const listener of this.reconnected) listener()
        return this.link
      } catch (error) {
        if (error instanceof RemoteError || performance.now() + wait > until || this.closed) {
          this.closed = true
          this.options.status?.('gone')
          for (const listener of this.reconnected) listener() // those who watch must not wait for ever
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)))
      }
    }
  }
}

async function bytesOf(photo: Uint8Array | Blob): Promise<Uint8Array> {
  return photo instanceof Uint8Array ? photo : new Uint8Array(await photo.arrayBuffer())
}

async function platformSocket(): Promise<WebSocketClass> {
  if (globalThis.WebSocket) return globalThis.WebSocket
  return (await import('ws')).WebSocket as unknown as WebSocketClass
}

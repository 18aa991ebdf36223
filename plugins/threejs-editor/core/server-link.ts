/** The connection to a server: where it is, the token, and in words how it stands. */
import { ConnectionLost, RemoteError, SiderClient } from '../../../src/rpc/client/index.js'
import { Changes } from './dom.js'

export type LinkState = 'no-token' | 'connecting' | 'connected' | 'lost' | 'away' | 'refused'

const KEY = 'sider.token'

export class ServerLink {
  readonly changes = new Changes()
  state: LinkState = 'connecting'
  client: SiderClient | undefined
  /** What the server said, if it refused. */
  private why = ''
  private attempt = 0

  /** @param url of the server's WebSocket */
  constructor(readonly url: string) {
    const given = /^#token=([\w.~-]+)$/.exec(location.hash)?.[1]
    if (given === undefined) return
    sessionStorage.setItem(this.key, given)
    history.replaceState(null, '', location.pathname + location.search) // out of sight, bookmarks and history
  }

  get token(): string {
    return sessionStorage.getItem(this.key) ?? localStorage.getItem(this.key) ?? ''
  }

  get remembered(): boolean {
    return localStorage.getItem(this.key) !== null
  }

  /** Keeps the token for this tab, or for every later visit. */
  setToken(token: string, remember: boolean): void {
    sessionStorage.setItem(this.key, token.trim())
    if (remember) localStorage.setItem(this.key, token.trim())
    else localStorage.removeItem(this.key)
    void this.connect()
  }

  /** Connects; while there is no server it tries again, ever more seldom. */
  async connect(): Promise<void> {
    const attempt = ++this.attempt
    this.client?.close()
    this.client = undefined
    if (this.token === '') return this.set('no-token')
    this.set('connecting')
    for (let wait = 500; attempt === this.attempt; wait = Math.min(5000, wait * 2)) {
      try {
        const client = await SiderClient.connect(this.url, {
          token: this.token,
          client: { name: 'threejs-editor' },
          retrySeconds: Number.POSITIVE_INFINITY,
          status: (status) => {
            if (attempt !== this.attempt) return
            this.set(status === 'gone' ? 'refused' : status)
          },
        })
        if (attempt !== this.attempt) return client.close()
        this.client = client
        return this.set('connected')
      } catch (error) {
        if (attempt !== this.attempt) return
        if (!(error instanceof ConnectionLost)) {
          this.why = error instanceof RemoteError ? error.message : String(error)
          return this.set('refused')
        }
        this.set('away')
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }

  /** One sentence on how it stands and what to do. */
  get words(): string {
    const own = location.origin === this.url.replace(/^ws/, 'http').replace(/\/$/, '')
    const start = own ? 'sider serve' : `sider serve --allow-origin ${location.origin}`
    switch (this.state) {
      case 'no-token':
        return 'Enter the token of the server. `sider serve` prints the file that holds it.'
      case 'connecting':
        return 'Connecting ...'
      case 'connected':
        return `Connected to ${this.client?.session.server.name} ${this.client?.session.server.version ?? ''}`
      case 'lost':
        return 'The server has gone away. Jobs are kept; this goes on as soon as the server is back.'
      case 'away':
        return `No server answers at ${this.url}. Start it with: ${start}`
      default:
        return `The server refused: ${this.why || 'wrong token'}. Copy the token from the file that sider serve names.`
    }
  }

  private get key(): string {
    return `${KEY} ${this.url}`
  }

  private set(state: LinkState): void {
    this.state = state
    this.changes.tell()
  }
}

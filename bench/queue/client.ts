/** A client of the benchmark: requests and notifications over one WebSocket, nothing more. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { SUBPROTOCOL } from '../../src/rpc/protocol.js'

// biome-ignore lint/suspicious/noExplicitAny: the benchmark trusts the server
type Any = any

export class BenchClient {
  private next = 0
  private readonly waiting = new Map<number, { resolve(value: Any): void; reject(error: Error): void }>()

  private constructor(
    private readonly socket: WebSocket,
    heard: (method: string, params: Any) => void,
  ) {
    socket.on('message', (data, isBinary) => {
      if (isBinary) return
      const { id, method, params, result, error } = JSON.parse(String(data)) as Any
      if (method !== undefined) return heard(method, params)
      const one = this.waiting.get(id)
      this.waiting.delete(id)
      if (error) one?.reject(new Error(JSON.stringify(error)))
      else one?.resolve(result)
    })
  }

  static async open(url: string, token: string, protocol: number, heard: (method: string, params: Any) => void) {
    const socket = new WebSocket(url, [SUBPROTOCOL], { perMessageDeflate: false })
    const client = new BenchClient(socket, heard)
    await once(socket, 'open')
    await client.call('initialize', { protocol, token, client: { name: 'bench' } })
    return client
  }

  call(method: string, params: object): Promise<Any> {
    const id = ++this.next
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  close(): void {
    this.socket.close()
  }
}

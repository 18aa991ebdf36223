/**
 * /metrics, /healthz and /livez over plain HTTP at a port of their own: for Prometheus and for what looks after processes. They tell
 * counts and times, nothing of any one job, and take nothing.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SiderError } from '../engine/index.js'

export interface MetricsAddress {
  host: string
  port: number
}

export interface MetricsServer {
  url: string
  close(): Promise<void>
}

/**
 * @param text of /metrics. What it throws makes /healthz say 503: the queue is away, say. /livez says 200 as long as the process
 *   answers, for a process that waits for its queue is not made better by being killed
 * @throws SiderError USAGE if it cannot listen there
 */
export async function startMetricsServer(
  { host, port }: MetricsAddress,
  text: () => Promise<string>,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const send = (code: number, type: string, body: string): void => {
      response.writeHead(code, {
        'content-type': type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      response.end(body)
    }
    const { url } = request
    if (request.method !== 'GET') send(405, 'text/plain', 'only GET')
    else if (url === '/livez') send(200, 'text/plain', 'ok')
    else if (url !== '/metrics' && url !== '/healthz') send(404, 'text/plain', 'no such page: see docs/metrics.md')
    else {
      const present = await text().catch((error: Error) => error)
      if (present instanceof Error) send(503, 'text/plain', present.message)
      else if (url === '/healthz') send(200, 'text/plain', 'ok')
      else send(200, 'text/plain; version=0.0.4', present)
    }
  })
  server.requestTimeout = 10_000
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new SiderError('USAGE', `metrics cannot be told at ${host}, port ${port}: ${(cause as Error).message}`, {
      hint: { cli: 'Choose another --metrics.' },
      cause,
    })
  }
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${name}:${(server.address() as AddressInfo).port}/metrics`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** The server: HTTP for health and metrics, WebSockets for everything else, jobs behind them. */
import { readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { WebSocketServer } from 'ws'
import { SiderError, VERSION, writeFileAtomic } from '../engine/index.js'
import { Log } from '../jobs/log.js'
import { Metrics } from '../jobs/metrics.js'
import { openEngine } from '../jobs/open.js'
import { Connection, type ConnectionServices } from './connection.js'
import { FaceService } from './faces/service.js'
import { Faults } from './faults.js'
import { Lane } from './lane.js'
import { type MetricsServer, startMetricsServer } from './metrics-server.js'
import { type ServerOptions, serverOptions } from './options.js'
import { Pages } from './pages.js'
import { SUBPROTOCOL } from './protocol.js'
import { isLoopback, readTokens, refusal, tokensOf } from './security.js'
import { UploadArea } from './uploads.js'

export interface RunningServer {
  /** As clients connect to it. */
  url: string
  tokenFile: string
  /** Of metrics at a port of their own, if they have one. */
  metricsUrl?: string
  /** Takes no more, lets running jobs save checkpoints, and ends. */
  close(): Promise<void>
}

/**
 * Starts a server.
 * @throws SiderError USAGE (beyond loopback without TLS), OUTPUT_UNWRITABLE (data folder, token file), or what `listen` says
 */
export async function startServer(
  changes: Partial<ServerOptions> = {},
  log = new Log((line) => process.stderr.write(line)),
): Promise<RunningServer> {
  const options = serverOptions(changes)
  if (!isLoopback(options.host) && !options.tls) {
    throw new SiderError('USAGE', `${options.host} can be reached from elsewhere, and there is no TLS`, {
      hint: { cli: 'Give --tls-cert and --tls-key, or listen on 127.0.0.1.' },
    })
  }
  const http = options.tls ? tlsServer(options.tls) : createServer()
  http.requestTimeout = 10_000
  const tokens = options.tokens === undefined ? await readTokens(options.tokenFile) : tokensOf(options.tokens)
  const metrics = new Metrics()
  const engine = await openEngine(options, log, metrics).catch((error) => {
    metrics.close()
    throw error
  })
  const connections = new Set<Connection>()
  const gate = { port: options.port, origins: options.origins, hosts: options.hosts }
  const status = async () => ({ jobs: (await engine.figures()).jobs, connections: connections.size })
  const metricsText = async () => {
    metrics.set('connections', connections.size)
    return metrics.text(await engine.figures())
  }
  const pages = new Pages()
  http.on(
    'request',
    (request, response) =>
      void answerHttp(request, response, refusal(request, gate), { metrics: metricsText, status, pages }),
  )
  const timers: NodeJS.Timeout[] = []
  let metricsServer: MetricsServer | undefined
  let discovery: Announcement | undefined
  const close = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer)
    const stopped = new Promise((resolve) => http.close(resolve))
    await discovery?.end()
    await metricsServer?.close()
    faces.close()
    await engine.stop(options.graceMs)
    for (const connection of connections) connection.end(1001, 'the server is going away')
    http.closeIdleConnections()
    await stopped
    metrics.close()
    faults.close()
    log.info('server stopped')
  }
  const faults = new Faults(log, metrics, () => {
    log.error('too many faults: the server gives up')
    void close().finally(() => process.exit(1))
  })
  const uploads = new UploadArea(engine.room, options)
  const faces = new FaceService(log, options.faceProgram)
  const services = { engine, faces, uploads, faults, lane: new Lane(), options, tokens, log, metrics }
  listenForSockets(http, gate, services, connections)
  try {
    await listen(http, options)
    if (options.metrics) metricsServer = await startMetricsServer(options.metrics, metricsText)
  } catch (error) {
    await engine.stop(0)
    metrics.close()
    throw error
  }
  gate.port = (http.address() as AddressInfo).port
  faults.watch()
  engine.start()
  timers.push(
    setInterval(() => {
      for (const connection of connections) connection.beat()
    }, options.heartbeatMs),
  )
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  const url = `${options.tls ? 'wss' : 'ws'}://${host}:${gate.port}/`
  discovery = await announce(url, options, log)
  log.info('server started', { url, version: VERSION, dataFolder: options.dataFolder, tokenFile: options.tokenFile })
  return { url, tokenFile: options.tokenFile, ...(metricsServer && { metricsUrl: metricsServer.url }), close }
}

/** @throws SiderError USAGE */
function tlsServer(tls: { cert: string; key: string }): Server {
  try {
    return createTlsServer(tls)
  } catch (cause) {
    throw new SiderError('USAGE', `the certificate or its key cannot be used: ${(cause as Error).message}`, { cause })
  }
}

interface Announcement {
  end(): Promise<void>
}

/**
 * Says in server.json of the data folder where the server listens and which token file it uses: clients of the same user find it
 * by that. A killed server leaves the file; the next one replaces it.
 */
async function announce(url: string, { dataFolder, tokenFile }: ServerOptions, log: Log): Promise<Announcement> {
  const file = join(dataFolder, 'server.json')
  const text = `${JSON.stringify({ url, tokenFile: resolve(tokenFile), pid: process.pid, version: VERSION })}\n`
  await writeFileAtomic(file, text).catch((error) => log.warning('server.json not written', { error: String(error) }))
  return {
    async end() {
      if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true }).catch(() => {})
    },
  }
}

function listenForSockets(
  http: Server,
  gate: Parameters<typeof refusal>[1],
  services: ConnectionServices,
  connections: Set<Connection>,
): void {
  const { options, log, metrics } = services
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.messageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  })
  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    const why =
      refusal(request, gate) ??
      (connections.size >= options.maxConnections ? 'too many connections' : undefined) ??
      (offered.includes(SUBPROTOCOL) ? undefined : `the sub-protocol ${SUBPROTOCOL} is needed`)
    if (why !== undefined) {
      metrics.count('connections_refused_total')
      log.warning('connection refused', { why, host: request.headers.host, origin: request.headers.origin })
      socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: ${why.length}\r\n\r\n${why}`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      metrics.count('connections_total')
      const connection = new Connection(webSocket, socket, services)
      connections.add(connection)
      webSocket.on('close', () => {
        connections.delete(connection)
        metrics.count('messages_coalesced_total', connection.outbox.coalesced)
      })
    })
  })
}

/** What anybody may ask for. */
interface Told {
  metrics(): Promise<string>
  status(): Promise<{ jobs: Record<string, number>; connections: number }>
  pages: Pages
}

/** The page, /healthz and /metrics; they tell nothing of any one job. */
async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  refused: string | undefined,
  { metrics, status, pages }: Told,
): Promise<void> {
  const send = (code: number, type: string, text: string): void => {
    response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    response.end(text)
  }
  if (refused !== undefined) send(403, 'text/plain', refused)
  else if (request.method !== 'GET') send(405, 'text/plain', 'only GET')
  else if (request.url === '/healthz' || request.url === '/metrics') {
    const present = await (request.url === '/metrics' ? metrics() : status()).catch((error: Error) => error)
    if (present instanceof Error) send(503, 'application/json', JSON.stringify({ status: present.message }))
    else if (typeof present === 'string') send(200, 'text/plain; version=0.0.4', present)
    else send(200, 'application/json', JSON.stringify({ status: 'ok', version: VERSION, ...present }))
  } else {
    const page = pages.find(request.url ?? '/', request.headers.host!, request.headers.origin)
    if (page) {
      response.writeHead(200, page.headers)
      response.end(page.body)
    } else send(404, 'text/plain', 'no such page; WebSockets are answered: see docs/server.md')
  }
}

function listen(http: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const [message, hint] =
        error.code === 'EADDRINUSE'
          ? [`port ${port} is in use`, 'Is a server running already? Else choose another --port.']
          : [`cannot listen on ${host}, port ${port}: ${error.message}`, 'Choose another --host or --port.']
      reject(new SiderError('USAGE', message, { hint: { cli: hint }, cause: error }))
    })
    http.listen(port, host, resolve)
  })
}

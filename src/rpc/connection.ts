/** One WebSocket: frames in, JSON-RPC through json-rpc-2.0, answers out, in the order of the requests. */
import { JSONRPCServer } from 'json-rpc-2.0'
import type { RawData, WebSocket } from 'ws'
import { RpcError, toRpcError } from './errors.js'
import { decodeFrame, type Frame } from './frames.js'
import type { JobQueue } from './jobs/queue.js'
import type { Lane } from './lane.js'
import type { Log } from './log.js'
import { METHODS, type MethodContext } from './methods.js'
import type { Metrics } from './metrics.js'
import type { ServerOptions } from './options.js'
import { Outbox } from './outbox.js'
import { checkFrameHeader, checkParams, isMethod, isTooDeep } from './protocol.js'
import type { Tokens } from './security.js'
import { Session } from './session.js'
import { Uploads } from './uploads.js'

/** Before initialize only these are answered. */
const OPEN_TO_ALL = ['initialize', 'ping', 'rpc.discover']
/** Messages that wait to be worked on before the socket is read no further, and until how few are left. */
const [PAUSE_AT, GO_ON_AT] = [64, 16]
const BATCH_LIMIT = 50
/** Close codes of the WebSocket standard. */
const [CLOSE_PROTOCOL, CLOSE_POLICY] = [1002, 1008]

export interface ConnectionServices {
  queue: JobQueue
  lane: Lane
  options: ServerOptions
  tokens: Tokens
  log: Log
  metrics: Metrics
}

interface RequestContext extends MethodContext {
  /** What the method threw. */
  failure?: unknown
}

/** Methods are the same for every connection. */
const rpc = new JSONRPCServer<RequestContext>({ errorListener: () => {} })
rpc.mapErrorToJSONRPCErrorResponse = (id, error: unknown) => failure(id, error)
for (const name of Object.keys(METHODS)) {
  if (!isMethod(name)) throw new Error(`${name} is not in schemas/rpc.openrpc.json`)
  rpc.addMethod(name, async (params: unknown, context: RequestContext) => {
    const { session } = context
    const wrongTime = session.isOpen ? name === 'initialize' : !OPEN_TO_ALL.includes(name)
    const handle = METHODS[name] as (params: unknown, context: MethodContext) => unknown
    try {
      if (wrongTime) throw new RpcError('NOT_INITIALISED')
      return await handle(checkParams(name, params), context)
    } catch (error) {
      context.failure = error
      throw error
    }
  })
}

export class Connection {
  readonly outbox: Outbox
  private readonly session: Session
  private waiting = 0
  private work = Promise.resolve()
  private alive = true
  private tokens: number
  private refilled = performance.now()

  constructor(
    private readonly socket: WebSocket,
    private readonly services: ConnectionServices,
  ) {
    const { options, lane, log, tokens } = services
    this.tokens = 2 * options.requestsPerSecond
    this.outbox = new Outbox(
      {
        send: (data, { binary, fin }, done) => socket.send(data, { binary, fin, compress: false }, done),
        close: (code, reason) => this.end(code, reason),
      },
      { controlBytes: options.outboxBytes, transfers: 8 },
      lane,
    )
    this.session = new Session(tokens, this.outbox, new Uploads(options.photoBytes), log)
    const tooLate = setTimeout(() => {
      if (!this.session.isOpen) this.end(CLOSE_POLICY, 'initialize did not come in time')
    }, options.initializeMs)
    socket.on('message', (data, isBinary) => this.receive(data, isBinary))
    socket.on('pong', () => {
      this.alive = true
    })
    socket.on('error', (error) => log.info('socket error', { session: this.session.id, error: error.message }))
    socket.on('close', (code) => {
      clearTimeout(tooLate)
      this.session.close()
      log.info('session closed', { session: this.session.id, code })
    })
  }

  /** Lets go of a client that has not answered since the last beat. */
  beat(): void {
    if (this.alive) this.socket.ping()
    else this.socket.terminate()
    this.alive = false
  }

  /** Ends the connection: politely, and for those who do not read, soon. */
  end(code: number, reason: string): void {
    this.session.close()
    this.socket.close(code, reason)
    setTimeout(() => this.socket.terminate(), 2000).unref()
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.socket.readyState !== this.socket.OPEN) return
    this.services.metrics.count('messages_received_total')
    if (++this.waiting === PAUSE_AT) this.socket.pause()
    const bytes = data as Buffer
    this.work = this.work
      .then(() => (isBinary ? this.frame(bytes) : this.text(bytes.toString('utf8'))))
      .catch((error) => this.services.log.error('fault', { session: this.session.id, error: (error as Error).stack }))
      .finally(() => {
        if (--this.waiting === GO_ON_AT && this.socket.isPaused) this.socket.resume()
      })
  }

  private frame(bytes: Uint8Array): void {
    const frame = this.readFrame(bytes)
    if (!frame) return
    try {
      this.session.uploads.part(frame.header, frame.payload)
    } catch (error) {
      this.answer(failure(null, error))
    }
  }

  /** @returns nothing when the connection has been ended: what follows a bad frame could not be trusted */
  private readFrame(bytes: Uint8Array): Frame | undefined {
    if (!this.session.isOpen) {
      this.end(CLOSE_POLICY, 'initialize must come first')
      return undefined
    }
    try {
      const frame = decodeFrame(bytes)
      checkFrameHeader(frame.header)
      if (frame.kind !== 'upload') throw new RangeError('only frames of kind upload are received')
      return frame
    } catch (error) {
      this.end(CLOSE_PROTOCOL, (error as Error).message.slice(0, 100))
      return undefined
    }
  }

  private async text(text: string): Promise<void> {
    if (isTooDeep(text)) return this.answer(failure(null, new RpcError('REQUEST', 'nested too deeply')))
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return this.answer(failure(null, new RpcError('PARSE')))
    }
    if (!Array.isArray(message)) return this.answer(await this.request(message))
    if (message.length === 0 || message.length > BATCH_LIMIT) {
      const why = message.length === 0 ? 'the batch is empty' : `a batch may hold ${BATCH_LIMIT} requests`
      return this.answer(failure(null, new RpcError('REQUEST', why)))
    }
    const answers = []
    for (const one of message) answers.push(await this.request(one))
    const given = answers.filter((one) => one !== undefined)
    if (given.length > 0) this.answer(given)
  }

  /** @returns the answer; undefined for notifications */
  private async request(message: unknown): Promise<unknown> {
    const { options, queue, log, metrics } = this.services
    const { id = null, method } = (message ?? {}) as { id?: unknown; method?: unknown }
    const known = id === null || typeof id === 'string' || typeof id === 'number' ? id : null
    if (!this.allowance()) return failure(known, new RpcError('RATE'))
    if (typeof method === 'string' && !isMethod(method) && isRequest(message)) {
      return 'id' in message
        ? failure(known, new RpcError('METHOD', `no such method: ${method.slice(0, 100)}`))
        : undefined
    }
    if (!isRequest(message)) return failure(known, new RpcError('REQUEST'))
    const context: RequestContext = { session: this.session, queue, options }
    const answer = (await rpc.receive(message as Parameters<typeof rpc.receive>[0], context)) ?? undefined
    if (context.failure === undefined) return answer
    const error = toRpcError(context.failure)
    metrics.count('request_errors_total')
    if (error.kind === 'INTERNAL')
      log.error('fault', { method, error: (context.failure as Error)?.stack ?? String(context.failure) })
    if (error.kind === 'UNAUTHORISED' || error.kind === 'VERSION') {
      setTimeout(() => this.end(CLOSE_POLICY, error.message), 20) // after the answer
    }
    return answer
  }

  /** A bucket that holds two seconds' worth of requests; a client that goes on long after it is empty is let go. */
  private allowance(): boolean {
    const { requestsPerSecond } = this.services.options
    const now = performance.now()
    this.tokens = Math.min(2 * requestsPerSecond, this.tokens + ((now - this.refilled) / 1000) * requestsPerSecond)
    this.refilled = now
    this.tokens--
    if (this.tokens < -10 * requestsPerSecond) this.end(CLOSE_POLICY, 'too many requests')
    return this.tokens >= 0
  }

  private answer(message: unknown): void {
    if (message !== undefined) this.outbox.send(JSON.stringify(message))
  }
}

function isRequest(message: unknown): message is object {
  const { jsonrpc, method, params, id } = (message ?? {}) as Record<string, unknown>
  const goodId = id === undefined || id === null || typeof id === 'string' || typeof id === 'number'
  const goodParams = params === undefined || (typeof params === 'object' && params !== null)
  return jsonrpc === '2.0' && typeof method === 'string' && goodId && goodParams
}

function failure(id: string | number | null, error: unknown) {
  const { code, message, data } = toRpcError(error)
  return { jsonrpc: '2.0' as const, id, error: { code, message, data } }
}

/** One WebSocket: frames in, JSON-RPC through json-rpc-2.0, answers out, in the order of the requests. */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { JSONRPCServer } from 'json-rpc-2.0'
import type { WebSocket } from 'ws'
import { SiderError } from '../engine/index.js'
import type { JobEngine } from '../jobs/engine.js'
import type { Log } from '../jobs/log.js'
import type { Metrics } from '../jobs/metrics.js'
import { toWireError } from './errors.js'
import type { FaceService } from './faces/service.js'
import type { Faults } from './faults.js'
import { decodeFrame, type Frame } from './frames.js'
import { Intake } from './intake.js'
import type { Lane } from './lane.js'
import { METHODS, type MethodContext } from './methods.js'
import type { ServerOptions } from './options.js'
import { Outbox } from './outbox.js'
import { checkFrameHeader, checkParams, excess, isMethod } from './protocol.js'
import type { Tokens } from './security.js'
import { Session } from './session.js'
import { type UploadArea, Uploads } from './uploads.js'

/** Before initialize only these are answered. */
const OPEN_TO_ALL = ['initialize', 'ping', 'rpc.discover']
const TOO_MUCH = 'too much before initialize'
const BATCH_LIMIT = 50
/** Largest message but for the photo in it, characters. */
const TEXT_LIMIT = 262_144
/** A message that takes longer than this, milliseconds, makes its sender wait: so many times as long. */
const [MESSAGE_MS, PENALTY] = [10, 3]
/** Longest id of a request that is given back. */
const ID_LENGTH = 200
/** Longest reason of a close, bytes. */
const REASON_LENGTH = 120
/** Close codes of the WebSocket standard. */
const [CLOSE_PROTOCOL, CLOSE_POLICY, CLOSE_TOO_LARGE] = [1002, 1008, 1009]

export interface ConnectionServices {
  engine: JobEngine
  faces: FaceService
  uploads: UploadArea
  faults: Faults
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
      if (wrongTime) throw new SiderError('NOT_INITIALISED')
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
  private readonly intake: Intake
  private work = Promise.resolve()
  private alive = true
  private tokens: number
  private refilled = performance.now()

  /** @param stream what the socket reads from, to be measured */
  constructor(
    private readonly socket: WebSocket,
    stream: Readable,
    private readonly services: ConnectionServices,
  ) {
    const { options, lane, log, tokens, uploads } = services
    this.tokens = 2 * options.requestsPerSecond
    this.outbox = new Outbox(
      {
        send: (data, { binary, fin }, done) => socket.send(data, { binary, fin, compress: false }, done),
        close: (code, reason) => this.end(code, reason),
      },
      { controlBytes: options.outboxBytes, transfers: 8 },
      lane,
    )
    this.session = new Session(tokens, this.outbox, new Uploads(uploads), log)
    const tooLate = setTimeout(() => {
      if (!this.session.isOpen) this.end(CLOSE_POLICY, 'initialize did not come in time')
    }, options.initializeMs)
    this.intake = new Intake(
      socket,
      stream,
      () => this.session.isOpen,
      () => this.end(CLOSE_TOO_LARGE, TOO_MUCH, 200),
    )
    socket.on('message', (data, isBinary) => this.receive(data as Buffer, isBinary))
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

  /** Lets go of a client that has not answered since the last beat, or not finished a message that it had begun before. */
  beat(): void {
    if (this.intake.isStalled()) this.end(CLOSE_POLICY, 'a message was not finished in time')
    else if (this.alive) this.socket.ping()
    else this.socket.terminate()
    this.alive = false
  }

  /** Ends the connection: politely, and for those who do not read, soon. */
  end(code: number, reason: string, patienceMs = 2000): void {
    this.session.close()
    this.socket.close(code, reason)
    setTimeout(() => this.socket.terminate(), patienceMs).unref()
  }

  private receive(bytes: Buffer, isBinary: boolean): void {
    if (this.socket.readyState !== this.socket.OPEN) return
    this.services.metrics.count('messages_received_total')
    this.intake.came(bytes)
    this.work = this.work
      .then(() => this.take(bytes, isBinary))
      .catch((error) => this.services.faults.report(error, { session: this.session.id }))
      .finally(() => this.intake.done(bytes))
  }

  /** Works on a message. One that takes long makes its sender wait, so that others get their turn. */
  private async take(bytes: Buffer, isBinary: boolean): Promise<void> {
    if (this.socket.readyState !== this.socket.OPEN) return
    if (!this.intake.admits(bytes)) return this.end(CLOSE_TOO_LARGE, TOO_MUCH)
    const started = performance.now()
    const work = isBinary ? this.frame(bytes) : this.text(bytes.toString('utf8'))
    const spent = performance.now() - started // until it waits for something else
    await work
    if (spent > MESSAGE_MS) await sleep(PENALTY * spent, undefined, { ref: false })
  }

  private async frame(bytes: Uint8Array): Promise<void> {
    const frame = this.readFrame(bytes)
    if (!frame) return
    try {
      await this.session.uploads.part(frame.header, frame.payload)
    } catch (error) {
      if (!(error instanceof SiderError)) this.services.faults.report(error, { session: this.session.id })
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
    const why = excess(text)
    if (why !== undefined) return this.answer(failure(null, new SiderError('REQUEST', why)))
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return this.answer(failure(null, new SiderError('PARSE')))
    }
    const requests = Array.isArray(message) ? message : [message]
    if (text.length - requests.reduce((sum, one) => sum + photoLength(one), 0) > TEXT_LIMIT) {
      const limit = `a message may have ${TEXT_LIMIT} characters beside the photo`
      return this.answer(failure(knownId(message), new SiderError('TOO_LARGE', limit)))
    }
    if (!Array.isArray(message)) return this.answer(await this.request(message))
    if (message.length === 0 || message.length > BATCH_LIMIT) {
      const limit = message.length === 0 ? 'the batch is empty' : `a batch may hold ${BATCH_LIMIT} requests`
      return this.answer(failure(null, new SiderError('REQUEST', limit)))
    }
    const answers = []
    for (const one of message) answers.push(await this.request(one))
    const given = answers.filter((one) => one !== undefined)
    if (given.length > 0) this.answer(given)
  }

  /** @returns the answer; undefined for notifications */
  private async request(message: unknown): Promise<unknown> {
    const { options, engine, faces, faults, metrics } = this.services
    const { method } = (message ?? {}) as { method?: unknown }
    const known = knownId(message)
    if (!this.allowance()) return failure(known, new SiderError('RATE'))
    if (typeof method === 'string' && !isMethod(method) && isRequest(message)) {
      return 'id' in message
        ? failure(known, new SiderError('METHOD', `no such method: ${method.slice(0, 100)}`))
        : undefined
    }
    if (!isRequest(message)) return failure(known, new SiderError('REQUEST'))
    const context: RequestContext = { session: this.session, engine, faces, options }
    const answer = (await rpc.receive(message as Parameters<typeof rpc.receive>[0], context)) ?? undefined
    if (context.failure === undefined) return answer
    const { failure: error } = context
    metrics.count('request_errors_total')
    if (!(error instanceof SiderError)) faults.report(error, { method })
    else if (error.code === 'UNAUTHORISED' || error.code === 'VERSION') {
      setTimeout(() => this.end(CLOSE_POLICY, error.message.slice(0, REASON_LENGTH)), 20) // after the answer
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
  const goodId = id === undefined || id === null || isId(id)
  const goodParams = params === undefined || (typeof params === 'object' && params !== null)
  return jsonrpc === '2.0' && typeof method === 'string' && goodId && goodParams
}

const isId = (id: unknown): id is string | number =>
  typeof id === 'number' || (typeof id === 'string' && id.length <= ID_LENGTH)

/** The id to answer with. */
function knownId(message: unknown): string | number | null {
  const { id } = (message ?? {}) as { id?: unknown }
  return isId(id) ? id : null
}

/** Length of the photo that a request carries. */
function photoLength(request: unknown): number {
  const { params } = (request ?? {}) as { params?: { image?: { base64?: unknown } } | null }
  const photo = params?.image?.base64
  return typeof photo === 'string' ? photo.length : 0
}

function failure(id: string | number | null, error: unknown) {
  return { jsonrpc: '2.0' as const, id, error: toWireError(error) }
}

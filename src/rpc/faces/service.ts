/** Faces found and heads fitted for clients at once, without a job: by one process that is started when it is first needed. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fromErrorInfo, SiderError } from '../../engine/index.js'
import type { Log } from '../../jobs/log.js'
import type { FromFaces, Questions, ToFaces } from './messages.js'

const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url))
/** Questions of all clients that may wait. */
const MOST_WAITING = 16
/** Time for an answer, milliseconds from when it was asked for; and without questions, until the process is let go. */
const [PATIENCE_MS, IDLE_MS] = [120_000, 300_000]

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
  deadline: NodeJS.Timeout
}

export class FaceService {
  private child: ChildProcess | undefined
  private readonly waiting = new Map<number, Waiting>()
  private idle: NodeJS.Timeout | undefined
  private next = 1
  private closed = false

  /** @param program tests put another in its place */
  constructor(
    private readonly log: Log,
    private readonly program = PROGRAM,
  ) {}

  /** @throws SiderError what the engine says; RATE when too many wait; WORKER_LOST when the process crashed or takes too long */
  ask<Q extends keyof Questions>(question: Q, ask: Questions[Q]['ask']): Promise<Questions[Q]['answer']> {
    if (this.closed || this.waiting.size >= MOST_WAITING)
      throw new SiderError('RATE', `${this.waiting.size} questions about faces are waiting`, {
        hint: 'Try again in a second.',
      })
    clearTimeout(this.idle)
    const id = this.next++
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.end(), PATIENCE_MS).unref()
      this.waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, deadline })
      this.child ??= this.start()
      this.child.send({ id, question, ask } as ToFaces, () => {}) // one that is gone says so by its exit
    })
  }

  close(): void {
    this.closed = true
    this.end()
  }

  /** Lets the process go; what waits for it is told so. */
  private end(): void {
    clearTimeout(this.idle)
    const child = this.child
    this.child = undefined
    child?.kill('SIGKILL')
    const lost = new SiderError('WORKER_LOST', 'the process that looks at faces ended unexpectedly')
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(lost)
  }

  private start(): ChildProcess {
    const child = fork(this.program, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    let stderr = ''
    child.stderr!.on('data', (text: Buffer) => {
      stderr = (stderr + text.toString()).slice(-4000)
    })
    child.on('message', (message) => this.receive(message as FromFaces))
    const gone = (why: object): void => {
      if (this.child !== child) return
      this.log.warning('process for faces lost', { ...why, stderr })
      this.end()
    }
    child.on('error', (error) => gone({ error: String(error) }))
    child.on('close', (code, signal) => gone({ code, signal }))
    return child
  }

  private receive(message: FromFaces): void {
    const one = this.take(message.id)
    if ('answer' in message) one?.resolve(message.answer)
    else {
      if (message.fault !== undefined) this.log.error('fault', { error: message.fault })
      one?.reject(fromErrorInfo(message.error))
    }
    if (this.waiting.size === 0) this.idle = setTimeout(() => this.end(), IDLE_MS).unref()
  }

  private take(id: number): Waiting | undefined {
    const one = this.waiting.get(id)
    this.waiting.delete(id)
    clearTimeout(one?.deadline)
    return one
  }
}

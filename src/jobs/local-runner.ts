/** Jobs in processes of this machine: a crash of the compute libraries costs a job a restart alone. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Attempt, Outcome, RunEvents, Runner, Work } from './runner.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

const WORKER_PROGRAM = fileURLToPath(new URL('./worker.js', import.meta.url))
/** The last that a worker said on standard error is kept, characters. */
const STDERR_LENGTH = 4000

export class LocalRunner implements Runner {
  /** @param program that workers run; tests put another in its place */
  constructor(private readonly program: string = WORKER_PROGRAM) {}

  start(work: Work, events: RunEvents): Attempt {
    return new WorkerProcess(this.program, work, events)
  }
}

class WorkerProcess implements Attempt {
  readonly ended: Promise<Outcome>
  private readonly child: ChildProcess
  private stderr = ''
  /** Its last message, or that it was ended from here: what comes after it is not heard. */
  private last: Outcome | undefined

  constructor(
    program: string,
    work: Work,
    private readonly events: RunEvents,
  ) {
    this.child = fork(program, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    this.child.stderr!.on('data', (text: Buffer) => {
      this.stderr = (this.stderr + text.toString()).slice(-STDERR_LENGTH)
    })
    this.child.on('message', (message) => this.receive(message as FromWorker))
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null): void => {
        const { last, stderr } = this
        if (!last) resolve({ type: 'lost', why: { code, signal, stderr } })
        else resolve(last.type === 'failed' ? { ...last, stderr } : last)
      }
      this.child.on('close', end)
      this.child.on('error', (error) => {
        this.stderr += String(error)
        if (this.child.pid === undefined) end(null, null) // it could not be started
      })
    })
    this.send({ type: 'start', job: work })
  }

  get worker(): string {
    return String(this.child.pid)
  }

  pause(): void {
    this.send({ type: 'pause' })
  }

  finish(): void {
    this.send({ type: 'finish' })
  }

  kill(): void {
    this.last ??= { type: 'stopped' }
    this.child.kill('SIGKILL')
  }

  private receive(message: FromWorker): void {
    if (this.last) return
    if (message.type === 'progress') this.events.progress(message.progress)
    else if (message.type === 'preview') this.events.preview(message.info, message.payload, message.sha256)
    else if (message.type === 'log') this.events.log(message.level, message.message)
    else this.last = message.type === 'failed' ? { ...message, stderr: '' } : message
  }

  private send(message: ToWorker): void {
    this.child.send(message, () => {}) // a worker that is gone says so by its end
  }
}

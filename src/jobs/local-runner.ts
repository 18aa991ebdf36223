/** Jobs in processes of this machine: a crash of the compute libraries costs a job a restart alone. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Attempt, Outcome, RunEvents, Runner, Work } from './runner.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

const WORKER_PROGRAM = fileURLToPath(new URL('./worker.js', import.meta.url))
/** The last that a worker said on standard error is kept, characters. */
const STDERR_LENGTH = 4000

/** Without jobs for this long, the process that is kept ready is ended and gives its memory back. */
const IDLE_MS = 10 * 60_000

export class LocalRunner implements Runner {
  /** The process of the job to come: it loads the engine while another job runs. */
  private spare: WorkerProcess | undefined
  private timer: NodeJS.Timeout | undefined

  /** @param program that workers run; tests put another in its place */
  constructor(private readonly program: string = WORKER_PROGRAM) {}

  start(work: Work, events: RunEvents): Attempt {
    const worker = this.spare?.alive ? this.spare : new WorkerProcess(this.program)
    worker.begin(work, events)
    this.spare = new WorkerProcess(this.program)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.spare?.kill()
      this.spare = undefined
    }, IDLE_MS).unref()
    return worker
  }
}

class WorkerProcess implements Attempt {
  readonly ended: Promise<Outcome>
  private readonly child: ChildProcess
  private stderr = ''
  /** Its last message, or that it was ended from here: what comes after it is not heard. */
  private last: Outcome | undefined
  private events: RunEvents | undefined
  /** Whether the process is there, as far as is known. */
  alive = true

  /** A process that waits for its job. Until then it does not keep this one alive, and ends with it. */
  constructor(program: string) {
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
        this.alive = false
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
    for (const held of this.handles()) held?.unref()
  }

  begin(work: Work, events: RunEvents): void {
    this.events = events
    for (const held of this.handles()) held?.ref()
    this.send({ type: 'start', job: work })
  }

  /** What keeps this program alive while the process runs. */
  private handles() {
    const { child } = this
    return [child, child.channel, child.stderr as unknown as Pick<ChildProcess, 'ref' | 'unref'>]
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
    if (message.type === 'progress') this.events?.progress(message.progress)
    else if (message.type === 'preview') this.events?.preview(message.info, message.payload, message.sha256)
    else if (message.type === 'log') this.events?.log(message.level, message.message)
    else this.last = message.type === 'failed' ? { ...message, stderr: '' } : message
  }

  private send(message: ToWorker): void {
    this.child.send(message, () => {}) // a worker that is gone says so by its end
  }
}

/** One worker as the server sees it: a child process, so that a crash of its compute libraries costs the job a restart alone. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromWorker, ToWorker, WorkerJob } from './worker-messages.js'

/** The program that workers run; tests put another in its place. */
export const WORKER_PROGRAM = fileURLToPath(new URL('./worker.js', import.meta.url))

export interface WorkerEvents {
  message(message: FromWorker): void
  /** The process is gone, for whatever reason; nothing comes after it. */
  exit(why: { code: number | null; signal: string | null; stderr: string }): void
}

export class WorkerProcess {
  /** Whether the process is there, as far as is known. */
  alive = true
  private readonly child: ChildProcess
  private events: WorkerEvents | undefined
  private stderr = ''

  constructor(program: string) {
    this.child = fork(program, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    this.child.stderr!.on('data', (text: Buffer) => {
      this.stderr = (this.stderr + text.toString()).slice(-4000)
    })
    this.child.on('message', (message) => this.events?.message(message as FromWorker))
    this.child.on('error', (error) => {
      this.stderr += String(error)
      if (this.child.pid === undefined) this.ended(null, null)
    })
    this.child.on('close', (code, signal) => {
      if (this.child.pid !== undefined) this.ended(code, signal)
    })
  }

  private ended(code: number | null, signal: string | null): void {
    this.alive = false
    this.events?.exit({ code, signal, stderr: this.stderr })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** Gives it its job. */
  start(job: WorkerJob, events: WorkerEvents): void {
    this.events = events
    this.send({ type: 'start', job })
  }

  /** Stop after the current step, with a checkpoint. */
  pause(): void {
    this.send({ type: 'pause' })
  }

  /** End the optimisation after the current step and finish. */
  finish(): void {
    this.send({ type: 'finish' })
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }

  private send(message: ToWorker): void {
    this.child.send(message, () => {}) // a worker that is gone says so by its exit
  }
}

/** A fixed number of threads, and the tasks that wait for one. */
import type { Task, Threads } from './task.js'
import { Thread } from './thread.js'

/** One call of a task, from the question to the answer. */
interface Job {
  task: Task<never, unknown>
  input: unknown
  thread: Thread | undefined
  resolve(output: unknown): void
  reject(error: unknown): void
}

export class Pool implements Threads {
  private readonly idle: Thread[] = []
  private readonly waiting: Job[] = []
  private busy = 0
  /** Threads cannot be started here (the program was bundled, a limit of the system): tasks run in the caller's. */
  private useless = false

  constructor(readonly count: number) {}

  run<I, O>(task: Task<I, O>, input: I, signal?: AbortSignal): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = (): void => {
        job.thread?.end()
        this.waiting.splice(0, Number.POSITIVE_INFINITY, ...this.waiting.filter((other) => other !== job))
        reject(signal!.reason)
      }
      const settled = (): void => signal?.removeEventListener('abort', stop)
      const job: Job = {
        task: task as unknown as Task<never, unknown>,
        input,
        thread: undefined,
        resolve: (output) => {
          settled()
          resolve(output as O)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      signal?.addEventListener('abort', stop, { once: true })
      this.waiting.push(job)
      this.pump()
    })
  }

  private pump(): void {
    while (this.waiting.length > 0 && this.busy < this.count) {
      this.busy++
      void this.work(this.waiting.shift()!).finally(() => {
        this.busy--
        this.pump()
      })
    }
  }

  private async work(job: Job): Promise<void> {
    const { task, input } = job
    const { module, name } = task
    const thread = this.useless ? undefined : (this.takeIdle() ?? new Thread())
    job.thread = thread
    try {
      job.resolve(thread ? await thread.ask({ module, name, input }) : await task.call(input as never))
    } catch (error) {
      if (thread?.state === 'never started') {
        this.useless = true
        return this.work(job)
      }
      job.reject(error)
    }
    if (thread?.state !== 'running') return
    this.idle.push(thread)
    thread.rest()
  }

  private takeIdle(): Thread | undefined {
    let thread = this.idle.pop()
    while (thread && thread.state !== 'running') thread = this.idle.pop()
    return thread
  }
}

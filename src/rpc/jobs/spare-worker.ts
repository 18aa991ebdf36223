/** The process of the job to come: started while another runs, it has loaded the engine by the time it is needed. */
import { WorkerProcess } from './worker-process.js'

/** A server without jobs for this long gives its memory back. */
const IDLE_MS = 10 * 60_000

export class SpareWorker {
  private spare: WorkerProcess | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly program: string) {}

  /** Process number of the spare one. */
  get pid(): number | undefined {
    return this.spare?.pid
  }

  /** A process that has done nothing yet: the spare one if there is one. */
  take(): WorkerProcess {
    clearTimeout(this.timer)
    const { spare } = this
    this.spare = undefined
    return spare?.alive ? spare : new WorkerProcess(this.program)
  }

  /** Sees to it that there is one. */
  prepare(): void {
    if (this.spare?.alive) return
    this.spare = new WorkerProcess(this.program)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.end(), IDLE_MS).unref()
  }

  end(): void {
    clearTimeout(this.timer)
    this.spare?.kill()
    this.spare = undefined
  }
}

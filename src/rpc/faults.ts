/**
 * The one place for what nobody caught: faults of the program. They are logged and counted, and the server goes on, as each job
 * and each connection stands for itself and the truth is on disk; only a server that does nothing but fail gives up.
 */
import type { Log } from '../jobs/log.js'
import type { Metrics } from '../jobs/metrics.js'

/** So many faults within a minute are too many. */
const MOST_A_MINUTE = 20

export class Faults {
  private recent: number[] = []
  private readonly uncaught = (error: unknown): void => this.report(error, { uncaught: true })

  /** @param giveUp called when there are too many */
  constructor(
    private readonly log: Log,
    private readonly metrics: Metrics,
    private readonly giveUp: () => void,
  ) {}

  /** Takes the process's uncaught exceptions and unhandled rejections from now on. */
  watch(): void {
    process.on('uncaughtException', this.uncaught)
    process.on('unhandledRejection', this.uncaught)
  }

  close(): void {
    process.off('uncaughtException', this.uncaught)
    process.off('unhandledRejection', this.uncaught)
  }

  report(error: unknown, where: Record<string, unknown> = {}): void {
    this.log.error('fault', { ...where, error: error instanceof Error ? error.stack : String(error) })
    this.metrics.count('faults_total')
    const now = performance.now()
    this.recent = [...this.recent.filter((at) => now - at < 60_000), now]
    if (this.recent.length === MOST_A_MINUTE) this.giveUp()
  }
}

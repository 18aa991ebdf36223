/** What a batch says of itself while it goes on: how far it is, how fast, how long yet, and what failed. */
import type { SiderError } from '../../engine/errors.js'
import type { Row } from '../../jobs/batch/journal.js'
import type { Tally } from '../../jobs/batch/run.js'
import type { Shell } from '../command.js'
import { duration } from '../progress.js'

/** The rate is that of so many last ones. */
const WINDOW = 200
/** How often it is told on a terminal, in a log and to a program, milliseconds. */
const [TERMINAL_MS, LOG_MS, JSON_MS] = [1000, 30_000, 5000]

export class BatchReport {
  /** When the last ones were done, seconds, the oldest first; before them when it began. */
  private readonly times: number[]
  private readonly timer: NodeJS.Timeout
  private readonly json: boolean
  private waits = ''

  constructor(
    private readonly shell: Pick<Shell, 'stdout' | 'stderr'>,
    private readonly tally: Tally,
    /** Photos, where their number is known; and of them those that are worked on at once, behind which others wait. */
    private readonly photos: { total?: number | undefined; atOnce?: number | undefined },
    json: boolean,
    private readonly now = () => performance.now() / 1000,
  ) {
    this.json = json
    this.times = [now()]
    const every = json ? JSON_MS : shell.stderr.isTTY ? TERMINAL_MS : LOG_MS
    this.timer = setInterval(() => this.tell(), every).unref()
  }

  row(row: Row): void {
    this.times.push(this.now())
    if (this.times.length > WINDOW) this.times.shift()
    this.waits = ''
    const { completed, failed, skipped } = this.tally
    const count = `${completed + failed + skipped}${this.photos.total === undefined ? '' : `/${this.photos.total}`}`
    const why = row.error ? `: ${row.error.message}` : ''
    this.say({ event: 'photo', ...row }, `${count} ${row.name} ${row.state}${why}`)
  }

  wait(error: SiderError): void {
    if (this.waits === error.message) return
    this.waits = error.message
    this.say({ event: 'waiting', error: error.toJSON() }, `Waiting: ${error.message}`)
  }

  /** A line that stays. */
  say(event: object, text: string): void {
    this.clear()
    this.shell.stdout.write(`${this.json ? JSON.stringify(event) : text}\n`)
  }

  close(): void {
    clearInterval(this.timer)
    this.clear()
  }

  /** How far it is. */
  state(): Record<string, unknown> {
    const { completed, failed, skipped, duplicates, atWork, failures } = this.tally
    const span = this.now() - this.times[0]
    const perSecond = this.times.length > 1 && span > 0 ? (this.times.length - 1) / span : undefined
    const left =
      this.photos.total === undefined ? undefined : this.photos.total - completed - failed - skipped - duplicates
    return {
      completed,
      failed,
      skipped,
      duplicates,
      atWork: Math.min(atWork, this.photos.atOnce ?? atWork),
      ...(this.photos.total !== undefined && { total: this.photos.total }),
      ...(perSecond !== undefined && { perHour: Math.round(3600 * perSecond * 10) / 10 }),
      ...(perSecond !== undefined && left !== undefined && { etaSeconds: Math.round(left / perSecond) }),
      failures: { ...failures },
    }
  }

  private tell(): void {
    const state = this.state()
    if (this.json) this.shell.stdout.write(`${JSON.stringify({ event: 'progress', ...state })}\n`)
    else if (this.shell.stderr.isTTY) {
      this.clear()
      this.shell.stderr.write(words(state).slice(0, Math.max(40, this.shell.stderr.columns ?? 80) - 1))
    } else this.shell.stderr.write(`${words(state)}\n`)
  }

  private clear(): void {
    if (!this.json && this.shell.stderr.isTTY) this.shell.stderr.write('\r\x1b[K')
  }
}

function words(state: Record<string, unknown>): string {
  const { completed, failed, skipped, atWork, total, perHour, etaSeconds, failures } = state as Record<
    string,
    number
  > & {
    failures: Record<string, number>
  }
  const parts = [`${completed + failed + skipped}${total === undefined ? '' : ` of ${total}`} done, ${atWork} at work`]
  if (perHour !== undefined) parts.push(`${perHour} an hour`)
  if (etaSeconds !== undefined) parts.push(`${duration(etaSeconds)} left`)
  if (failed > 0) parts.push(`${failed} failed (${byCode(failures)})`)
  return parts.join(', ')
}

/** 'NO_FACE 12, FACE_CUT 3', the most frequent first. */
export function byCode(failures: Record<string, number>): string {
  return Object.entries(failures)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')
}

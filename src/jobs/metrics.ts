/** Counters and gauges in Prometheus' text format, for /metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const PREFIX = 'sider_'

export class Metrics {
  private readonly counters = new Map<string, number>()
  private readonly delay = monitorEventLoopDelay({ resolution: 10 })

  constructor() {
    this.delay.enable()
  }

  count(name: string, amount = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + amount)
  }

  /** @param gauges present values, by name, or by name and state */
  text(gauges: Record<string, number | Record<string, number>>): string {
    const lines: string[] = []
    for (const [name, value] of [...this.counters].sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push(`# TYPE ${PREFIX}${name} counter`, `${PREFIX}${name} ${value}`)
    }
    const own = {
      memory_bytes: process.memoryUsage().rss,
      event_loop_delay_p99_seconds: this.delay.percentile(99) / 1e9,
    }
    for (const [name, value] of Object.entries({ ...gauges, ...own })) {
      lines.push(`# TYPE ${PREFIX}${name} gauge`)
      if (typeof value === 'number') lines.push(`${PREFIX}${name} ${value}`)
      else for (const [state, n] of Object.entries(value)) lines.push(`${PREFIX}${name}{state="${state}"} ${n}`)
    }
    return `${lines.join('\n')}\n`
  }

  close(): void {
    this.delay.disable()
  }
}

/** Counters, gauges and histograms in Prometheus' text format, for /metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { QueueFigures } from './engine.js'
import { BUCKETS, METRICS, type Metric, type MetricName } from './metric-table.js'

export const PREFIX = 'sider_'

type Labels = Record<string, string>

interface Histogram {
  /** How many were in each bucket, and beyond the last one. */
  buckets: number[]
  sum: number
}

export class Metrics {
  /** Values by name and then by labels as they are written. */
  private readonly values = new Map<MetricName, Map<string, number>>()
  private readonly histograms = new Map<MetricName, Map<string, Histogram>>()
  private readonly delay = monitorEventLoopDelay({ resolution: 10 })

  /** @param on whose metrics are told, from the beginning: a counter that is not there is not zero to Prometheus */
  constructor(private readonly on: 'server' | 'worker' = 'server') {
    this.delay.enable()
  }

  count(name: MetricName, amount = 1, labels: Labels = {}): void {
    const key = written(labels)
    const of = this.of(name)
    of.set(key, (of.get(key) ?? 0) + amount)
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.of(name).set(written(labels), value)
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const key = written(labels)
    const all = this.histograms.get(name) ?? new Map<string, Histogram>()
    this.histograms.set(name, all)
    const one = all.get(key) ?? { buckets: new Array(BUCKETS.length + 1).fill(0), sum: 0 }
    all.set(key, one)
    const bucket = BUCKETS.findIndex((end) => value <= end)
    one.buckets[bucket < 0 ? BUCKETS.length : bucket]++
    one.sum += value
  }

  /** A job has come to its end. */
  ended(outcome: string, code = ''): void {
    this.count('jobs_ended_total', 1, { outcome, code })
  }

  /** A job is completed. @param seconds of its stages */
  completed(seconds: Record<string, number>, previews: { seconds: number }): void {
    for (const [stage, value] of Object.entries(seconds)) this.observe('stage_seconds', value, { stage })
    this.count(
      'job_seconds_total',
      Object.values(seconds).reduce((sum, value) => sum + value, 0),
    )
    this.count('preview_seconds_total', previews.seconds)
  }

  /** @param figures present ones of the queue */
  text({ jobs, waiting, active, stalled, deadLetter, oldestSeconds }: QueueFigures): string {
    this.of('jobs').clear()
    for (const [state, count] of Object.entries(jobs)) this.set('jobs', count, { state })
    this.set('queue_waiting', waiting)
    this.set('queue_active', active)
    this.set('queue_stalled', stalled)
    this.set('queue_dead_letter', deadLetter)
    this.set('queue_oldest_seconds', oldestSeconds)
    this.set('memory_bytes', process.memoryUsage().rss)
    this.set('event_loop_delay_p99_seconds', this.delay.percentile(99) / 1e9)
    const lines: string[] = []
    for (const [name, metric] of Object.entries(METRICS) as [MetricName, Metric][]) {
      if (metric.on !== undefined && metric.on !== this.on) continue
      lines.push(`# HELP ${PREFIX}${name} ${metric.help}`, `# TYPE ${PREFIX}${name} ${metric.type}`)
      lines.push(...(metric.type === 'histogram' ? this.histogram(name) : this.samples(name, metric)))
    }
    return `${lines.join('\n')}\n`
  }

  close(): void {
    this.delay.disable()
  }

  private of(name: MetricName): Map<string, number> {
    const found = this.values.get(name) ?? new Map<string, number>()
    this.values.set(name, found)
    return found
  }

  private samples(name: MetricName, { labels }: Metric): string[] {
    const of = this.of(name)
    if (of.size === 0 && !labels) of.set('', 0)
    return [...of].map(([key, value]) => `${PREFIX}${name}${key === '' ? '' : `{${key}}`} ${value}`)
  }

  private histogram(name: MetricName): string[] {
    return [...(this.histograms.get(name) ?? [])].flatMap(([key, { buckets, sum }]) => {
      let total = 0
      const lines = buckets.map((count, i) => {
        total += count
        return `${PREFIX}${name}_bucket{${key},le="${BUCKETS[i] ?? '+Inf'}"} ${total}`
      })
      return [...lines, `${PREFIX}${name}_sum{${key}} ${sum}`, `${PREFIX}${name}_count{${key}} ${total}`]
    })
  }
}

const written = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '_')}"`)
    .join(',')

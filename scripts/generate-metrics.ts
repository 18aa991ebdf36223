/** docs/metrics.md: what servers and workers tell Prometheus. */
import { BUCKETS, METRICS, type Metric } from '../src/jobs/metric-table.js'
import { PREFIX } from '../src/jobs/metrics.js'

export function metricsMarkdown(): string {
  const rows = Object.entries(METRICS as Record<string, Metric>).map(([name, { type, labels, on, help }]) => {
    const of = labels ? `{${labels.join(', ')}}` : ''
    return `| \`${PREFIX}${name}${of}\` | ${type} | ${on ?? 'both'} | ${help} |`
  })
  return `<!-- Generated from src/jobs/metric-table.ts by \`npm run generate\`. Do not edit. -->

# Metrics

\`sider serve\` answers \`GET /metrics\` at its own address, for the right \`Host\` as all of it. \`--metrics [HOST:]PORT\`, of \`sider serve\`
and of \`sider worker\`, tells them at a port of their own over plain HTTP, on 127.0.0.1 unless a host is named. They are counts and times
and say nothing of any one job or person. At that port there are also

- \`/healthz\`: 200 while the process and its queue answer, else 503 with the reason: for readiness.
- \`/livez\`: 200 while the process answers: for liveness. A process that waits for its queue goes on by itself, and killing it helps nobody.

| metric | type | on | what |
| --- | --- | --- | --- |
${rows.join('\n')}

Metrics of the queue are the same on all machines, since each reads them from the queue: take \`max\` of them. Counters and histograms are
each process's own: add them up. What workers finish they count; what is cancelled while it waits the server counts. Without a shared queue
\`sider_queue_stalled\` and \`sider_queue_dead_letter\` are always 0: a lost process is noticed at once, and its job has failed after three.

Buckets of the histogram, seconds: ${BUCKETS.join(', ')}.

[deploy/grafana/sider.json](../deploy/grafana/sider.json) is a dashboard of them; [scaling.md](scaling.md) says what to watch.
`
}

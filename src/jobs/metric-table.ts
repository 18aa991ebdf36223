/** Every metric that servers and workers tell Prometheus, by its name without `sider_`. docs/metrics.md follows from it. */

export interface Metric {
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  labels?: readonly string[]
  /** Who has it; without it both. */
  on?: 'server' | 'worker'
}

export const METRICS = {
  queue_waiting: { type: 'gauge', help: 'jobs that wait for a worker' },
  queue_active: { type: 'gauge', help: 'jobs that workers are at' },
  queue_stalled: { type: 'gauge', help: 'jobs whose worker is gone, and which nobody has taken over yet' },
  queue_dead_letter: {
    type: 'gauge',
    help: 'jobs that were set aside because they ended their workers again and again',
  },
  queue_oldest_seconds: { type: 'gauge', help: 'how long the job that has waited longest has waited' },
  jobs: { type: 'gauge', labels: ['state'], help: 'jobs that are kept, by their state' },
  jobs_created_total: { type: 'counter', on: 'server', help: 'jobs that were accepted' },
  jobs_ended_total: {
    type: 'counter',
    labels: ['outcome', 'code'],
    help: 'jobs that have ended: completed, failed (with the code of the error) or cancelled',
  },
  stage_seconds: { type: 'histogram', labels: ['stage'], help: 'seconds of each stage of completed jobs' },
  job_seconds_total: { type: 'counter', help: 'seconds that completed jobs ran, all stages together' },
  previews_total: { type: 'counter', help: 'previews that were made' },
  preview_seconds_total: { type: 'counter', help: 'seconds that previews of completed jobs took' },
  workers_lost_total: { type: 'counter', help: 'processes of jobs that ended without a last word' },
  jobs_stalled_total: { type: 'counter', on: 'worker', help: 'jobs that were found without their worker' },
  worker_places: { type: 'gauge', on: 'worker', help: 'jobs that this worker takes at once' },
  worker_busy: { type: 'gauge', on: 'worker', help: 'jobs that this worker is at' },
  faults_total: { type: 'counter', help: 'faults of the program itself' },
  connections: { type: 'gauge', on: 'server', help: 'connections that are open' },
  connections_total: { type: 'counter', on: 'server', help: 'connections that were taken' },
  connections_refused_total: { type: 'counter', on: 'server', help: 'connections that were refused' },
  messages_received_total: { type: 'counter', on: 'server', help: 'messages of clients' },
  messages_coalesced_total: {
    type: 'counter',
    on: 'server',
    help: 'messages to slow clients that newer ones replaced',
  },
  request_errors_total: { type: 'counter', on: 'server', help: 'requests that were answered with an error' },
  memory_bytes: { type: 'gauge', help: 'memory of the process (resident), without the processes of jobs' },
  event_loop_delay_p99_seconds: { type: 'gauge', help: 'how late the process answers, 99th percentile' },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS

/** Upper ends of the histogram's buckets, seconds: from a photo's decoding to the published method's hour. */
export const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]

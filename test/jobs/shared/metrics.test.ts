/** What servers and workers of a shared queue tell Prometheus, and what the dashboard asks for. */
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { METRICS } from '../../../src/jobs/metric-table.js'
import { startMetricsServer } from '../../../src/rpc/metrics-server.js'
import { Machines, MISSING } from './machines.js'

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

const ask = async (url: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(url)
  return { status: response.status, text: await response.text() }
}

const value = (text: string, sample: string): number => {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1))
}

test('servers and workers tell how the queue is, what became of jobs, and all that the dashboard asks for', async () => {
  const server = await machines.server({ metrics: { host: '127.0.0.1', port: 0 } })
  const peer = await machines.peer(server)
  const ids = [
    await peer.create({ steps: 1, resultBytes: 10 }),
    await peer.create({ fail: 'NO_FACE' }),
    await peer.create({ steps: 1, resultBytes: 10 }),
  ]
  await new Promise((resolve) => setTimeout(resolve, 300))
  const before = (await ask(server.metricsUrl!)).text
  expect(value(before, 'sider_queue_waiting')).toBe(3)
  expect(value(before, 'sider_queue_oldest_seconds')).toBeGreaterThan(0.3)
  expect(value(before, 'sider_queue_oldest_seconds')).toBeLessThan(60)
  await peer.ok('job/cancel', { job: ids[2] })

  const { worker } = await machines.worker()
  for (const [i, state] of ['completed', 'failed'].entries()) {
    await peer.ok('job/subscribe', { job: ids[i] })
    await peer.state(ids[i], state)
  }
  const [ofServer, ofWorker] = [(await ask(server.metricsUrl!)).text, await worker.metricsText()]
  for (const text of [ofServer, ofWorker]) {
    expect(value(text, 'sider_queue_waiting')).toBe(0)
    expect(value(text, 'sider_queue_oldest_seconds')).toBe(0)
    expect(value(text, 'sider_jobs{state="completed"}')).toBe(1)
  }
  expect(value(ofServer, 'sider_jobs_created_total')).toBe(3)
  expect(value(ofServer, 'sider_jobs_ended_total{outcome="cancelled",code=""}')).toBe(1)
  expect(value(ofWorker, 'sider_jobs_ended_total{outcome="completed",code=""}')).toBe(1)
  expect(value(ofWorker, 'sider_jobs_ended_total{outcome="failed",code="NO_FACE"}')).toBe(1)
  expect(value(ofWorker, 'sider_stage_seconds_bucket{stage="detail",le="0.5"}')).toBe(0)
  expect(value(ofWorker, 'sider_stage_seconds_bucket{stage="detail",le="1"}')).toBe(1)
  expect(value(ofWorker, 'sider_stage_seconds_count{stage="detail"}')).toBe(1)
  expect(value(ofWorker, 'sider_worker_places')).toBe(1)

  const told = new Set([...`${ofServer}\n${ofWorker}`.matchAll(/^(sider_\w+)[ {]/gm)].map(([, name]) => name))
  const dashboard = readFileSync(new URL('../../../deploy/grafana/sider.json', import.meta.url), 'utf8')
  const asked = [...new Set(dashboard.match(/\bsider_\w+/g))]
  expect(asked.length).toBeGreaterThan(15)
  expect(asked.filter((name) => !told.has(name))).toEqual([])
  const known = Object.entries(METRICS).flatMap(([name, { type }]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => `sider_${name}${part}`) : [`sider_${name}`],
  )
  expect([...told].sort()).toEqual(known.sort())
})

test('a job whose worker is gone is stalled until another has it', async () => {
  const peer = await machines.peer(await machines.server())
  const child = await machines.workerProcess({ lockMs: 1000, stalledMs: 3000 })
  const job = await peer.create({ steps: 500, stepMs: 20 })
  await peer.ok('job/subscribe', { job })
  await peer.state(job, 'running')
  const { worker } = await machines.worker({ lockMs: 1000, stalledMs: 3000 })
  expect(value(await worker.metricsText(), 'sider_queue_active')).toBe(1)
  expect(value(await worker.metricsText(), 'sider_queue_stalled')).toBe(0)
  child.kill('SIGKILL')
  let text = ''
  const until = async (sample: string, wanted: number) => {
    for (const end = performance.now() + 30_000; performance.now() < end && value(text, sample) !== wanted; ) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      text = await worker.metricsText()
    }
    expect(value(text, sample), sample).toBe(wanted)
  }
  await until('sider_queue_stalled', 1)
  await until('sider_jobs_stalled_total', 1)
  await until('sider_queue_stalled', 0)
  await peer.ok('job/cancel', { job })
})

test('a process that waits for its queue is alive, and not ready', async () => {
  const server = await machines.server({ metrics: { host: '127.0.0.1', port: 0 } })
  const at = (page: string): string => server.metricsUrl!.replace('metrics', page)
  expect((await ask(at('healthz'))).status).toBe(200)
  await machines.redis.kill()
  expect((await ask(at('healthz'))).status).toBe(503)
  expect((await ask(at('livez'))).status).toBe(200)
  expect((await ask(at('token'))).status).toBe(404)
  const port = Number(new URL(server.metricsUrl!).port)
  await expect(startMetricsServer({ host: '127.0.0.1', port }, async () => '')).rejects.toMatchObject({ code: 'USAGE' })
})

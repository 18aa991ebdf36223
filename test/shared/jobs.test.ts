/** Jobs over a queue that several machines share: any server answers for them, any worker works on them. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Peer } from '../service-peer.js'
import { Machines, MISSING } from './machines.js'

let machines: Machines
beforeEach(async ({ skip }) => {
  if (MISSING) skip(MISSING)
  machines = await Machines.start()
})
afterEach(() => machines?.end())

/** What a scripted run of so many steps makes. */
function digest(steps: number): string {
  let text = ''
  for (let step = 1; step <= steps; step++) text = createHash('sha256').update(`${text} ${step}`).digest('hex')
  return text
}

async function report(peer: Peer, job: string): Promise<{ step: number; digest: string; face: number }> {
  const { base64 } = await peer.ok('artifact/get', { job, artifact: 'final/report.json', delivery: 'base64' })
  return JSON.parse(Buffer.from(base64, 'base64').toString())
}

describe('a job', () => {
  test('made by one server is watched, paused, resumed and read by another', async () => {
    const [one, two] = [await machines.server(), await machines.server()]
    const { worker } = await machines.worker()
    const [a, b] = [await machines.peer(one), await machines.peer(two)]
    const job = await a.create({ steps: 60, stepMs: 20 })
    await b.ok('job/subscribe', { job })
    await b.until(() => b.notifications('job/progress', job).length > 2, 'progress')
    await b.until(() => b.notifications('job/artifact', job).length > 1, 'previews')
    const asked = performance.now()
    await b.ok('job/pause', { job })
    await b.state(job, 'paused')
    expect(performance.now() - asked).toBeLessThan(2000)
    await a.ok('job/resume', { job })
    await b.state(job, 'completed')
    expect(await report(b, job)).toMatchObject({ step: 60, digest: digest(60) })
    expect((await b.ok('job/list')).jobs).toEqual((await a.ok('job/list')).jobs)
    expect((await a.ok('job/result', { job })).files.length).toBe(2)
    const seqs = b.messages.flatMap(({ method, params }) => (method === 'job/state' ? [params.seq] : []))
    expect(seqs).toEqual([...seqs].sort((x, y) => x - y))
    await worker.stop()
  })
})

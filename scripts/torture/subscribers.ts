/** Many clients that watch one job, of which some never read: the others and a bystander get their answers in time. */
import { bystander } from './bystander.js'
import { freshFolder, launch, memoryOf, Peer } from './peer.js'
import { below, percentile, type Row } from './table.js'

/** @param clients that watch everything; @param deaf of them never read; @param steps of the job, each with a preview */
export async function subscribers({ clients = 200, deaf = 50, steps = 300 } = {}): Promise<Row[]> {
  const server = await launch(freshFolder())
  const peers = await Promise.all(Array.from({ length: clients }, () => Peer.open(server)))
  const { job } = await peers[0].create({ steps, stepMs: 20, previewBytes: 1_000_000 })
  for (const peer of peers) await peer.ok('job/subscribe', { job })
  for (const peer of peers.slice(clients - deaf)) peer.socket.pause()
  const before = memoryOf(server)
  let most = before
  const watching = await bystander(server)
  const times: number[] = []
  for (let i = 0; peers[0].told.get(job!) !== 'completed'; i++) {
    const asked = performance.now()
    await peers[i % (clients - deaf)].ok('ping')
    times.push(performance.now() - asked)
    if (i % 20 === 0) most = Math.max(most, memoryOf(server))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const others = await watching.end()
  for (const peer of peers) peer.close()
  await server.kill('SIGTERM')
  const name = `${clients} clients of which ${deaf} never read`
  return [
    below(`${name}: p99 of ${times.length} pings of those who read`, percentile(times, 0.99), 100),
    below(`${name}: p99 of ${others.length} pings of a bystander`, percentile(others, 0.99), 100),
    below(`${name}: memory more than at first`, most - before, 300, 'MiB'),
  ]
}

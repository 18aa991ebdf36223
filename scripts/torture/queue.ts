/** A long queue: it is listed, lengthened and taken up again as quickly as a short one. */
import { allJobs, freshFolder, launch, Peer } from './peer.js'
import { below, none, percentile, type Row, row } from './table.js'

/** @param count jobs that wait */
export async function longQueue({ count = 10_000 } = {}): Promise<Row[]> {
  const dataFolder = freshFolder()
  const options = { maxQueued: 2 * count, maxRunning: 1, requestsPerSecond: 1_000_000, keepBytes: 2 ** 50 }
  let server = await launch(dataFolder, options)
  let peer = await Peer.open(server)
  const busy = { steps: 1_000_000, stepMs: 1000 } // it keeps the others waiting
  await peer.create(busy)
  const ids: string[] = []
  const creating: number[] = []
  for (let i = 0; i < count; i++) {
    const asked = performance.now()
    ids.push((await peer.create({ steps: 1, name: i })).job!)
    creating.push(performance.now() - asked)
  }
  const listing: number[] = []
  for (let i = 0; i < 50; i++) {
    const asked = performance.now()
    await peer.ok('job/list', { limit: 100 })
    listing.push(performance.now() - asked)
  }
  const positions = (await peer.ok('job/list', { limit: 1000 })).jobs.map((job: { position: number }) => job.position)
  const inOrder = positions.slice(0, Math.min(count, 1000)).every((place: number, i: number) => place === count - 1 - i)
  peer.close()
  await server.kill()
  const stopped = performance.now()
  server = await launch(dataFolder, options)
  const restart = performance.now() - stopped
  peer = await Peer.open(server)
  const found = await allJobs(peer)
  const lost = ids.filter((id) => !found.has(id))
  peer.close()
  await server.kill('SIGKILL')
  const late = creating.slice(-Math.min(count, 500))
  return [
    row('jobs that wait', String(count), String(count), ids.every(Boolean)),
    below('making one more of them, p50', percentile(late, 0.5), 10),
    below('a list of 100, p50', percentile(listing, 0.5), 20),
    below('a list of 100, p99', percentile(listing, 0.99), 100),
    row('places in the queue', inOrder ? 'in order' : 'wrong', 'in order', inOrder),
    below('starting again after a kill', restart / 1000, 10, 's'),
    none('jobs lost', lost),
  ]
}

/** Photos that are begun and never finished: they take disk space and little memory, up to a limit, and for a time. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PART_BYTES, partCount } from '../../src/rpc/frames.js'
import { freshFolder, launch, memoryOf, Peer, until } from './peer.js'
import { below, type Row, row } from './table.js'

const MIB = 2 ** 20

/** @param clients that each begin the largest photo; @param photoBytes its size; @param uploadMs time for it */
export async function unfinishedUploads({
  clients = 10,
  photoBytes = 64 * MIB,
  uploadMs = 15_000,
} = {}): Promise<Row[]> {
  const dataFolder = freshFolder()
  const uploadBytes = photoBytes * (clients - 2) + MIB
  const server = await launch(dataFolder, { photoBytes, uploadBytes, uploadMs })
  const before = memoryOf(server)
  let most = before
  const answers: string[] = []
  const peers = await Promise.all(Array.from({ length: clients }, () => Peer.open(server)))
  const parts = partCount(photoBytes)
  await Promise.all(
    peers.map(async (peer) => {
      const { result, error } = await peer.call('upload/begin', { bytes: photoBytes })
      answers.push(error ? error.data.name : 'begun')
      if (!result) return
      for (let part = 0; part + 1 < parts; part++) {
        await peer.part(result.upload, part, parts, new Uint8Array(PART_BYTES))
        most = Math.max(most, memoryOf(server))
      }
      await peer.ok('ping')
    }),
  )
  most = Math.max(most, memoryOf(server))
  const folder = join(dataFolder, 'tmp')
  const onDisk = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  const refused = answers.filter((answer) => answer === 'RATE').length
  const cleared = await until(() => readdirSync(folder).length === 0, uploadMs + 5000)
  const again = await peers[0].call('upload/begin', { bytes: photoBytes })
  for (const peer of peers.slice(1)) peer.close()
  peers[0].close()
  const gone = await until(() => readdirSync(folder).length === 0, 5000)
  await server.kill('SIGTERM')
  return [
    row('unfinished uploads', `${Math.round(onDisk / MIB)} MiB on disk`, 'on disk', onDisk > photoBytes),
    below('memory more than at first', most - before, 200, 'MiB'),
    row('uploads above the limit of all clients', `${refused} refused`, '2 refused', refused === 2),
    row('after their time', cleared ? 'deleted' : 'still there', 'deleted', cleared && !again.error),
    row('when their clients are gone', gone ? 'deleted' : 'still there', 'deleted', gone),
  ]
}

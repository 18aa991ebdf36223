/** The short form of `npm run torture`: the same, less of it. */
import { afterAll, expect, test } from 'vitest'
import { fullDisk, readOnlyDisk } from '../../scripts/torture/disks.js'
import { frames } from '../../scripts/torture/frames.js'
import { kills } from '../../scripts/torture/kills.js'
import { removeFolders } from '../../scripts/torture/peer.js'
import { longQueue } from '../../scripts/torture/queue.js'
import { subscribers } from '../../scripts/torture/subscribers.js'
import { format, type Row } from '../../scripts/torture/table.js'
import { unfinishedUploads } from '../../scripts/torture/uploads.js'

afterAll(removeFolders)

const MIB = 2 ** 20

const PARTS: [string, () => Promise<Row[]>][] = [
  ['servers and workers killed, bytes damaged in between', () => kills({ rounds: 6 })],
  ['a full disk', fullDisk],
  ['a disk that becomes read-only', readOnlyDisk],
  ['frames that nobody should send', () => frames({ count: 1000 })],
  ['a long queue', () => longQueue({ count: 1500 })],
  ['unfinished uploads', () => unfinishedUploads({ clients: 6, photoBytes: 16 * MIB, uploadMs: 4000 })],
  ['clients that never read', () => subscribers({ clients: 60, deaf: 20, steps: 100 })],
]

for (const [name, part] of PARTS) {
  test(name, { timeout: 240_000 }, async () => {
    const rows = await part()
    console.log(format(rows))
    expect(rows.filter(({ good }) => !good)).toEqual([])
  })
}

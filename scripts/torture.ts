/** `npm run torture`: everything that should not happen to a server. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { commandLine, refuse } from './command-line.js'
import { fullDisk, readOnlyDisk } from './torture/disks.js'
import { frames } from './torture/frames.js'
import { kills } from './torture/kills.js'
import { removeFolders } from './torture/peer.js'
import { longQueue } from './torture/queue.js'
import { subscribers } from './torture/subscribers.js'
import { format, type Row, row } from './torture/table.js'
import { unfinishedUploads } from './torture/uploads.js'

const PARTS: Record<string, () => Promise<Row[]>> = {
  kills,
  fullDisk,
  readOnlyDisk,
  frames,
  longQueue,
  unfinishedUploads,
  subscribers,
}

const HELP = `Everything that should not happen to a server, done to one: killed at random moments with bytes damaged in between, on full and
read-only disks, sent what nobody should send, with ten thousand jobs that wait, photos that nobody finishes sending, and clients that
never read. On fresh data folders and loopback alone.

Usage: npm run torture -- [part]...

Parts: ${Object.keys(PARTS).join(', ')}; default all of them, which takes some minutes.

Prints a table. Exit status: 0 all holds, 1 something was lost, 2 wrong arguments.

Example: npm run torture -- kills frames
`

const { positionals: asked } = commandLine(HELP, {}, ['[part]...'])
for (const name of asked) if (!Object.hasOwn(PARTS, name)) refuse(HELP, `There is no part '${name}'.`)
becomeRootOfANamespace()

const rows: Row[] = []
for (const [name, part] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const started = performance.now()
  console.log(`\n${name}`)
  const found = await part().catch((error: Error) => [row(name, error.message, 'to its end', false)])
  rows.push(...found)
  console.log(`${format(found)}\n(${((performance.now() - started) / 1000).toFixed(0)} s)`)
}
const bad = rows.filter(({ good }) => !good)
console.log(`\n${rows.length - bad.length} of ${rows.length} hold`)
if (bad.length > 0) console.log('The data folders are kept: sider-torture-* in the folder of temporary files.')
else removeFolders()
process.exit(bad.length > 0 ? 1 : 0)

/** Who is not root may still mount small disks in a namespace of their own, where the system allows that. */
function becomeRootOfANamespace(): void {
  const unshare = ['--user', '--map-root-user', '--mount']
  if (process.getuid?.() === 0 || spawnSync('unshare', [...unshare, 'true']).status !== 0) return
  const self = [process.execPath, '--import', 'tsx', fileURLToPath(import.meta.url), ...asked]
  const { status } = spawnSync('unshare', [...unshare, ...self], { stdio: 'inherit' })
  process.exit(status ?? 1)
}

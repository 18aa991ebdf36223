/** Jobs of a server that is killed at random moments. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SiderClient } from '../../src/rpc/client/index.js'
import { commandLine, numberOf } from '../command-line.js'

const HELP = `Kills a server with the real engine again and again at random moments, and compares what its jobs made with an undisturbed run.

Usage: npx tsx scripts/dev/kill-loop.ts <photo> [kills] [jobs]

  kills   (default 20)
  jobs    (default 3)

Example: npm run build && npx tsx scripts/dev/kill-loop.ts photo.jpg 20 3
`

const { positionals } = commandLine(HELP, {}, ['<photo>', '[kills]', '[jobs]'])
const [photo, ...counts] = positionals
const [kills, count] = ['20', '3'].map((usual, i) =>
  numberOf(HELP, ['kills', 'jobs'][i], counts[i] ?? usual, { whole: true, least: 1 }),
)
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const SETTINGS = {
  'photo.cropSize': 64,
  'photo.face': 0,
  'relief.steps': 150,
  'output.sdfGrid': 32,
  'output.checkpointEvery': 1,
}
/** Files that hold the result's content; the others hold timings, or pictures of the way there. */
const CONTENT = ['face.glb', 'sdf.npz', 'maps/depth.npy', 'maps/normals.npy', 'camera.json']

async function launch(data: string): Promise<{ child: ChildProcess; client: SiderClient }> {
  const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--data', data, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  const { url, tokenFile } = JSON.parse(line.toString()) as { url: string; tokenFile: string }
  const token = readFileSync(tokenFile, 'utf8').trim()
  return { child, client: await SiderClient.connect(url, { token, retrySeconds: 0 }) }
}

async function digests(client: SiderClient, job: string): Promise<string[]> {
  const result = await client.watch(job).result()
  return Promise.all(
    CONTENT.map(async (name) =>
      createHash('sha256')
        .update(await result.file(name))
        .digest('hex')
        .slice(0, 12),
    ),
  )
}

const bytes = readFileSync(photo)
const options = { preset: 'preview', settings: SETTINGS }
const calm = await launch(mkdtempSync(join(tmpdir(), 'sider-calm-')))
const started = performance.now()
const expected = await digests(calm.client, (await calm.client.reconstruct(bytes, options).created).id)
const alone = (performance.now() - started) / 1000
console.log(`undisturbed: ${alone.toFixed(1)} s`, expected)
calm.child.kill('SIGKILL')

const data = mkdtempSync(join(tmpdir(), 'sider-kill-'))
let jobs: string[] = []
for (let kill = 0; kill < kills; kill++) {
  const { child, client } = await launch(data)
  if (kill === 0) {
    for (let i = 0; i < count; i++)
      jobs = [
        ...jobs,
        (
          await client.call('job/create', {
            image: { base64: bytes.toString('base64') },
            ...options,
          })
        ).id,
      ]
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 0.7 * alone * 1000))
  const { jobs: list } = await client.call('job/list', {})
  console.log(`kill ${kill + 1}:`, list.map(({ state, progress }) => `${state} ${progress.toFixed(2)}`).join(', '))
  child.kill('SIGKILL')
  await once(child, 'exit')
}
const { child, client } = await launch(data)
let same = 0
for (const job of jobs) {
  const made = await digests(client, job)
  if (made.join() === expected.join()) same++
  else console.log('differs:', job, made)
}
console.log(`${jobs.length} accepted jobs completed after ${kills} kills, ${same} of them byte for byte as undisturbed`)
client.close()
child.kill('SIGKILL')

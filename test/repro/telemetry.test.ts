/** Nothing of a photo, and no word about its user, leaves the machine; nothing is written but where results are asked for. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CLI, cannotTrace, internetCalls, type Traced, traced, writesOutside } from './strace.js'

const PHOTO = fileURLToPath(new URL('../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
const SMALL = {
  'photo.cropSize': 64,
  'photo.face': 0,
  'relief.steps': 3,
  'output.sdfGrid': 32,
  'surface.textureSize': 256,
  backend: 'ort-cpu', // drivers of GPUs keep caches of their own
}
const SETTINGS = ['-p', 'preview', ...Object.entries(SMALL).flatMap(([key, value]) => ['--set', `${key}=${value}`])]

let folder: string
let home: string
let runs = 0
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sider-leak-')))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(() => {
  home = join(folder, `home-${runs++}`)
  mkdirSync(join(home, 'tmp'), { recursive: true })
})

const start = (args: string[]): Traced => traced(args, { file: join(folder, `trace-${runs++}`), home, cwd: folder })

/** Its status when it has ended, and what it said. */
async function ended({ child }: Traced): Promise<{ status: number | null; output: string }> {
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text))
  const [status] = await once(child, 'close')
  return { status, output }
}

const reason = cannotTrace()
if (reason !== undefined) console.warn(`test/repro/telemetry.test.ts is skipped: ${reason}`)

describe.skipIf(reason !== undefined)('under strace', () => {
  test('a socket and a file elsewhere are seen', async () => {
    const script = `
      require('node:fs').writeFileSync(${JSON.stringify(join(home, 'device-id'))}, '')
      require('node:dgram').createSocket('udp4').send('x', 9, '192.0.2.1', () => process.exit())`
    const run = start(['-e', script])
    await ended(run)
    expect(writesOutside(run, [join(folder, 'out')])).toEqual([join(home, 'device-id')])
    expect(internetCalls(run, { loopback: true }).join('\n')).toContain('192.0.2.1')
  })

  test('a reconstruction opens no internet socket and writes into its output folder alone', async () => {
    const out = join(folder, 'out')
    const run = start([CLI, 'reconstruct', PHOTO, '-o', out, ...SETTINGS])
    const { status, output } = await ended(run)
    expect(status, output).toBe(0)
    expect(internetCalls(run, { loopback: false })).toEqual([])
    expect(writesOutside(run, [out])).toEqual([])
    expect(readdirSync(home, { recursive: true })).toEqual(['tmp'])
  })

  test('nor does a look at every backend', async () => {
    const run = start([CLI, 'doctor'])
    const { status, output } = await ended(run)
    expect(status, output).toBe(0)
    expect(internetCalls(run, { loopback: false })).toEqual([])
    expect(writesOutside(run, [])).toEqual([])
  })

  test('nor do the worker processes of a batch', async () => {
    const [photos, out] = [join(folder, 'photos'), join(folder, 'batch')]
    mkdirSync(photos)
    copyFileSync(PHOTO, join(photos, 'a.jpg'))
    const run = start([CLI, 'batch', photos, '-o', out, ...SETTINGS])
    const { status, output } = await ended(run)
    expect(status, output).toBe(0)
    expect(existsSync(join(out, 'a', 'face.glb'))).toBe(true)
    expect(internetCalls(run, { loopback: false })).toEqual([])
    expect(writesOutside(run, [out])).toEqual([])
    expect(readdirSync(home, { recursive: true })).toEqual(['tmp'])
  })

  test('a server and its client speak to each other on this machine alone', async () => {
    const [data, out] = [join(folder, 'data'), join(folder, 'from-server')]
    const server = start([CLI, 'serve', '--port', '0', '--data', data, '--json'])
    const [line] = await once(server.child.stdout!, 'data')
    const { url, tokenFile } = JSON.parse(String(line))
    const gone = ended(server)
    try {
      const args = ['reconstruct', PHOTO, '-o', out, '--server', url, '--token-file', tokenFile, ...SETTINGS]
      const client = start([CLI, ...args])
      const { status, output } = await ended(client)
      expect(status, output).toBe(0)
      expect(internetCalls(client, { loopback: true })).toEqual([])
      expect(writesOutside(client, [out])).toEqual([])
    } finally {
      process.kill(JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')).pid, 'SIGTERM')
    }
    const { status, output } = await gone
    expect(status, output).toBe(0)
    expect(internetCalls(server, { loopback: true })).toEqual([])
    expect(writesOutside(server, [data])).toEqual([])
    expect(readdirSync(home, { recursive: true })).toEqual(['tmp'])
  })
})

describe('in a worker thread', () => {
  /** Imports the library in a worker thread of a process of its own; answers what came of it. */
  const inWorker = (before: string, environment: NodeJS.ProcessEnv = {}): string => {
    const { ORT_DISABLE_TELEMETRY, ...env } = process.env
    const library = JSON.stringify(pathToFileURL(join(CLI, '../engine/compute/onnxruntime.js')))
    const worker = `import(${library}).then(() => console.log('loaded'), (error) => console.log(error.code, error.hint))`
    const script = `${before.replace('LIBRARY', library)}
      const { Worker } = await import('node:worker_threads')
      new Worker(${JSON.stringify(worker)}, { eval: true })`
    const args = ['--input-type=module', '-e', script]
    return spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...env, ...environment } }).stdout
  }

  test('where its telemetry cannot be switched off, ONNX Runtime is not loaded', () => {
    expect(inWorker('')).toMatch(/^USAGE .*ORT_DISABLE_TELEMETRY=1/)
    expect(inWorker('', { ORT_DISABLE_TELEMETRY: '1' })).toBe('loaded\n')
    expect(inWorker('await import(LIBRARY)')).toBe('loaded\n')
  })
})

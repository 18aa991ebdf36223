/** The client library, the Python example and `sider reconstruct --server` against real servers; one run of the real engine. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import validator from 'gltf-validator'
import { describe, expect, test } from 'vitest'
import { ConnectionLost, type JobUpdate, RemoteError, SiderClient } from '../../src/rpc/client/index.js'
import { closeAfterEach, endLater, start } from './servers.js'
import { Peer, type TestServer } from './service-peer.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const CLI = path('../../dist/cli.js')
const PHOTO = path('../../node_modules/@vladmandic/face-api/demo/sample3.jpg')

closeAfterEach()

async function connect(server: TestServer, options = {}): Promise<SiderClient> {
  const client = await SiderClient.connect(server.url, { token: server.token, ...options })
  endLater(() => client.close())
  return client
}

const script = (steps: object) => new TextEncoder().encode(JSON.stringify(steps))

describe('the client library', () => {
  test('progress and previews while it works, files when it is done', async () => {
    for (const delivery of ['binary', 'base64']) {
      const client = await connect(await start(), { delivery })
      const job = client.reconstruct(script({ steps: 20, stepMs: 5 }), { name: 'x.jpg' })
      const updates: JobUpdate[] = []
      for await (const update of job) updates.push(update)
      const types = new Set(updates.map(({ type }) => type))
      expect([...types].sort()).toEqual(['log', 'preview', 'progress', 'state'])
      for (const update of updates) {
        if (update.type === 'preview') expect(update.bytes.length).toBe(update.artifact.bytes)
      }
      const result = await job.result()
      expect(JSON.parse(new TextDecoder().decode(await result.file('report.json')))).toMatchObject({ step: 20 })
      expect((await result.file('face.glb')).length).toBe(2_500_000)
    }
  })

  test('an abort cancels the job', async () => {
    const client = await connect(await start())
    const stop = new AbortController()
    const job = client.reconstruct(script({ steps: 10_000 }), { signal: stop.signal })
    for await (const update of job) if (update.type === 'progress') stop.abort()
    await expect(job.result()).rejects.toMatchObject({ name: 'AbortError' })
    expect((await client.call('job/get', { job: (await job.created).id })).state).toBe('cancelled')
  })

  test('a failed job says why', async () => {
    const client = await connect(await start())
    const error = await client
      .reconstruct(script({ fail: true }))
      .result()
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RemoteError)
    expect(error).toMatchObject({ code: 1102, data: { name: 'NO_FACE' } })
  })

  test('a wrong token is refused, and no server is said so', async () => {
    const server = await start()
    await expect(SiderClient.connect(server.url, { token: 'wrong' })).rejects.toMatchObject({ code: -32001 })
    await expect(SiderClient.connect('ws://127.0.0.1:1/', { token: 'x' })).rejects.toBeInstanceOf(ConnectionLost)
  })

  test('a server that is killed and comes back: the job goes on, and so does watching it', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const launch = async (port: number) => {
      const child = spawn(process.execPath, [path('./scripted-server.mjs'), dataFolder, String(port)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      endLater(() => void child.kill('SIGKILL'))
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      return { child, url: (JSON.parse(line.toString()) as { url: string }).url }
    }
    const first = await launch(0)
    const token = readFileSync(join(dataFolder, 'token'), 'utf8').trim()
    const client = await SiderClient.connect(first.url, { token })
    endLater(() => client.close())
    const job = client.reconstruct(script({ steps: 400, stepMs: 10 }))
    let killed = false
    const after: JobUpdate[] = []
    for await (const update of job) {
      if (update.type === 'progress' && update.fraction > 0.05 && !killed) {
        killed = true
        first.child.kill('SIGKILL')
        await once(first.child, 'exit')
        await launch(Number(new URL(first.url).port))
      } else if (killed) after.push(update)
    }
    expect(after.some(({ type }) => type === 'progress')).toBe(true)
    const result = await job.result()
    expect(JSON.parse(new TextDecoder().decode(await result.file('report.json')))).toMatchObject({ step: 400 })
  })
})

describe('from the outside', () => {
  const python = spawnSync('python3', ['-c', 'import websocket; websocket.create_connection']).status === 0

  test.skipIf(!python)('the Python example (needs python3 with websocket-client)', async () => {
    const server = await start()
    const out = mkdtempSync(join(tmpdir(), 'sider-python-'))
    writeFileSync(join(out, 'photo'), script({ steps: 30, stepMs: 10 }))
    const example = path('../../examples/reconstruct.py')
    const child = spawn('python3', [example, join(out, 'photo'), join(out, 'result'), server.url, server.tokenFile])
    let text = ''
    child.stdout.on('data', (data) => {
      text += data
    })
    child.stderr.on('data', (data) => {
      text += data
    })
    const [code] = await once(child, 'close')
    expect(code, text).toBe(0)
    expect(text).toMatch(/preview mesh \d+ bytes/)
    expect(text).toMatch(/completed/)
    expect(readFileSync(join(out, 'result', 'face.glb')).length).toBe(2_500_000)
    expect(readFileSync(example, 'utf8').split('\n').length).toBeLessThanOrEqual(60)
  })

  test.skipIf(!python)('the Python example says why a job failed, and asks for nothing of it', async () => {
    const server = await start()
    const out = mkdtempSync(join(tmpdir(), 'sider-python-'))
    writeFileSync(join(out, 'photo'), 'no photo at all')
    const example = path('../../examples/reconstruct.py')
    const child = spawn('python3', [example, join(out, 'photo'), join(out, 'result'), server.url, server.tokenFile])
    let text = ''
    child.stderr.on('data', (data) => {
      text += data
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(1)
    expect(text).toMatch(/^SyntaxError: .*no photo/)
    expect(text).not.toMatch(/job\/result|Traceback/)
  })

  test('a real photo on a real server: previews that update in place, grids, pictures, clean files; then the command line', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--data', dataFolder, '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    endLater(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { url, tokenFile } = JSON.parse(line.toString()) as { url: string; tokenFile: string }
    const token = readFileSync(tokenFile, 'utf8').trim()
    const client = await SiderClient.connect(url, { token })
    endLater(() => client.close())
    const settings = { 'photo.cropSize': 96, 'photo.face': 0, 'relief.steps': 120, 'output.sdfGrid': 32 }
    const job = client.reconstruct(readFileSync(PHOTO), { preset: 'preview', settings })
    const pings: number[] = []
    const pinging = setInterval(async () => {
      const asked = performance.now()
      await client.call('ping', {})
      pings.push(performance.now() - asked)
    }, 50)
    const previews: Extract<JobUpdate, { type: 'preview' }>[] = []
    for await (const update of job) if (update.type === 'preview') previews.push(update)
    clearInterval(pinging)
    const named = (name: string) => previews.filter(({ artifact }) => artifact.name === name)
    expect(named('head').length).toBe(1)
    expect(named('mesh').length).toBeGreaterThan(0)
    expect(new Set(named('mesh').map(({ artifact }) => artifact.topology)).size).toBe(1)
    for (const { bytes } of [named('head')[0], named('mesh')[0]]) {
      const { issues } = await validator.validateBytes(bytes)
      expect(issues.numErrors, JSON.stringify(issues.messages)).toBe(0)
    }
    const { artifact, bytes } = named('sdf')[0]
    const { dims } = artifact.sdf!
    expect(bytes.length).toBe(2 * dims[0] * dims[1] * dims[2])
    expect([...named('normals')[0].bytes.subarray(0, 2)]).toEqual([0xff, 0xd8])
    pings.sort((a, b) => a - b)
    expect(pings[Math.floor(pings.length * 0.95)]).toBeLessThan(100)
    const result = await job.result()
    const { issues } = await validator.validateBytes(await result.file('face.glb'))
    expect([issues.numErrors, issues.numWarnings]).toEqual([0, 0])

    const out = mkdtempSync(join(tmpdir(), 'sider-remote-'))
    const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const args = [PHOTO, '-o', out, '--server', url, '--token-file', tokenFile, '-p', 'preview', ...set]
    const cli = spawn(process.execPath, [CLI, 'reconstruct', ...args, '--json'])
    let text = ''
    cli.stdout.on('data', (data) => {
      text += data
    })
    const [code] = await once(cli, 'close')
    expect(code, text).toBe(0)
    expect(existsSync(join(out, 'maps', 'depth.npy'))).toBe(true)
    // the same photo and settings: the same face
    expect(readFileSync(join(out, 'sdf.npz')).equals(Buffer.from(await result.file('sdf.npz')))).toBe(true)
  }, 240_000)

  test('the server outlives a client that goes', async () => {
    const server = await start()
    const peer = await Peer.open(server)
    const job = await peer.create({ steps: 20 })
    peer.close()
    const again = await Peer.open(server)
    await again.ok('job/subscribe', { job })
    await again.state(job, 'completed')
    again.close()
  })
})

/** The protocol over a real socket: every method, notification and error against the schemas; limits; who may connect. */
import { once } from 'node:events'
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import metaSchema from '@open-rpc/meta-schema'
import { Ajv } from 'ajv'
import draft7 from 'ajv/dist/refs/json-schema-draft-07.json' with { type: 'json' }
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { PROTOCOL_VERSION } from '../../src/generated/protocol.js'
import { OPENRPC } from '../../src/jobs/document.js'
import { SiderClient } from '../../src/rpc/client/index.js'
import { PART_BYTES } from '../../src/rpc/frames.js'
import { sent } from './sent.js'
import { FACE_PROGRAM, Peer, type TestServer, testServer } from './service-peer.js'

/** A photo of four people. */
const PEOPLE = new URL('../../node_modules/@vladmandic/face-api/demo/sample6.jpg', import.meta.url)

let server: TestServer
let peer: Peer
beforeAll(async () => {
  server = await testServer({ faceProgram: FACE_PROGRAM })
  peer = await Peer.open(server)
})
afterAll(async () => {
  peer.close()
  await server.close()
})

const valid = (validate: ReturnType<typeof sent.result>, value: unknown): void => {
  const good = validate(value)
  expect(good, JSON.stringify([validate.errors, value])?.slice(0, 600)).toBe(true)
}

describe('the document', () => {
  test('is valid OpenRPC', async () => {
    const document = await peer.ok('rpc.discover')
    const ajv = new Ajv({ strict: false, validateFormats: false })
    // The official schema refers to JSON Schema's own by an address of its makers'.
    const theirs = /https:\/\/meta\.json-schema\.tools\/?(#\/definitions\/JSONSchemaObject(?=\/))?/g
    const own = draft7.$id.replace('#', '')
    const local = JSON.stringify(metaSchema).replaceAll(theirs, (_, inside) => (inside ? `${own}#` : own))
    const validate = ajv.compile({ ...JSON.parse(local), $schema: draft7.$schema })
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true)
    expect(document.methods.map(({ name }: { name: string }) => name)).toContain('job/create')
    expect(validate({ ...document, methods: [{ name: 'broken' }] })).toBe(false)
  })
})

describe('methods and notifications', () => {
  const checked = new Set<string>()
  const call = async (method: string, params: unknown, by = peer) => {
    const result = await by.ok(method, params)
    valid(sent.result(method), result)
    checked.add(method)
    return result
  }

  test('every method answers by its schema, and every notification follows its own', async () => {
    const other = await Peer.connect(server.url)
    await call('ping', {}, other)
    await call('initialize', { protocol: PROTOCOL_VERSION, token: server.token }, other)
    await call('rpc.discover', {})
    const image = { base64: readFileSync(PEOPLE).toString('base64') }
    const { photo, faces } = await call('face/find', { image })
    await call('face/fit', { photo, landmarks: faces[0].landmarks, corrections: {} })
    const script = Buffer.from(JSON.stringify({ steps: 40, stepMs: 10 }))
    const { upload, parts } = await call('upload/begin', { bytes: script.length })
    peer.upload(upload, 0, parts, script)
    const { id: job } = await call('job/create', { image: { upload }, name: 'a', preset: 'preview' })
    await call('job/subscribe', { job })
    await peer.until(() => peer.notifications('job/artifact', job).length > 0, 'a preview')
    await call('job/get', { job })
    await call('job/pause', { job })
    await peer.state(job, 'paused')
    await call('job/resume', { job })
    await peer.state(job, 'completed')
    const result = await call('job/result', { job })
    await call('artifact/get', { job, artifact: result.files[0].id })
    await call('job/unsubscribe', { job })
    const asking = await peer.create({ faces: 3 }, { severalFaces: 'ask' })
    await call('job/subscribe', { job: asking })
    await peer.state(asking, 'input_required')
    await call('job/input', { job: asking, face: 1 })
    await peer.state(asking, 'completed')
    const long = await peer.create({ steps: 1000 })
    await call('job/cancel', { job: long })
    await call('job/list', {})
    await call('job/delete', { job: long })
    expect([...checked].sort()).toEqual(OPENRPC.methods.map(({ name }) => name).sort())
    const late = await Peer.open(server)
    for (const message of peer.messages.filter(({ method }) => method !== undefined)) {
      valid(sent.notification(message.method!), message.params)
    }
    const seen = new Set(peer.messages.map(({ method }) => method))
    for (const name of ['job/state', 'job/progress', 'job/artifact', 'job/log']) expect(seen).toContain(name)
    late.close()
    other.close()
  })

  test('numbers and progress only rise', () => {
    for (const job of new Set(peer.notifications('job/state').map(({ params }) => params.job))) {
      const all = peer.messages.filter(({ method, params }) => method !== undefined && params.job === job)
      const fractions = all.filter(({ method }) => method === 'job/progress').map(({ params }) => params.fraction)
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
      // what may coalesce can be overtaken; what may not comes in order
      const states = all.filter(({ method }) => method === 'job/state').map(({ params }) => params.seq)
      expect(states).toEqual([...states].sort((a, b) => a - b))
    }
  })

  test('a preview comes with frames that make up what was announced', async () => {
    const job = await peer.create({ steps: 3, previewBytes: 2_500_000 })
    await peer.ok('job/subscribe', { job, kinds: ['mesh'] })
    await peer.state(job, 'completed')
    const event = peer.notifications('job/artifact', job).find(({ params }) => params.transfer !== undefined)!
    const frames = await peer.until(() => {
      const mine = peer.frames.filter(({ header }) => header.id === event.params.transfer)
      return mine.length === 3 && mine
    }, 'three parts')
    expect(frames.map(({ header }) => [header.part, header.parts])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ])
    expect(frames.map(({ payload }) => payload.length).reduce((a, b) => a + b)).toBe(event.params.artifact.bytes)
    expect(frames.every(({ payload }) => payload.length <= PART_BYTES)).toBe(true)
    expect(frames[2].header.sha256).toBe(event.params.artifact.sha256)
    expect(peer.notifications('job/progress', job)).toEqual([])
  })

  test('clients without binary get base64', async () => {
    const plain = await Peer.open(server, 'base64')
    const job = await plain.create({ steps: 3 })
    await plain.ok('job/subscribe', { job })
    await plain.state(job, 'completed')
    const preview = plain.notifications('job/artifact', job).find(({ params }) => params.artifact.role === 'preview')!
    expect(Buffer.from(preview.params.base64, 'base64').length).toBe(preview.params.artifact.bytes)
    const { base64 } = await plain.ok('artifact/get', { job, artifact: 'final/report.json' })
    expect(JSON.parse(Buffer.from(base64, 'base64').toString())).toMatchObject({ step: 3 })
    expect(plain.frames).toEqual([])
    plain.close()
  })
})

describe('errors', () => {
  const named = (error: { code: number; data: { name: string } }) => {
    valid(sent.schema('ErrorData'), error.data)
    return `${error.data.name} ${error.code}`
  }
  const image = { base64: Buffer.from('{}').toString('base64') }

  test('wrong params name the path and what to do', async () => {
    const error = await peer.fails('job/create', { image: { base64: '%%%%' }, presett: 'preview', severalFaces: 'all' })
    expect(named(error)).toBe('PARAMS -32602')
    const problems = Object.fromEntries(
      error.data.problems.map(({ path, message }: { path: string; message: string }) => [path, message]),
    )
    expect(problems['params.presett']).toMatch(/did you mean preset\?/)
    expect(problems['params.severalFaces']).toMatch(/choose one of largest, ask, fail/)
    expect(problems['params.image.base64']).toMatch(/pattern/)
    expect((await peer.fails('job/get', {})).data.problems).toEqual([
      { path: 'params.job', message: 'is missing: add it' },
    ])
    expect(named(await peer.fails('job/get', [1]))).toBe('PARAMS -32602')
  })

  test('settings are checked when the job is made', async () => {
    expect(named(await peer.fails('job/create', { image, preset: 'best' }))).toBe('USAGE 1402')
    const error = await peer.fails('job/create', { image, settings: { 'networks.detail.rays': -1 } })
    expect(error.message).toMatch(/networks.detail.rays is -1/)
    const path = await peer.fails('job/create', { image, settings: { head: { model: '/etc/passwd' } } })
    expect(named(path)).toBe('USAGE 1402')
  })

  test('text that is not JSON, not a request, or no method', async () => {
    const raw = await Peer.open(server)
    for (const [text, expected] of [
      ['{', 'PARSE -32700'],
      ['[]', 'REQUEST -32600'],
      ['1', 'REQUEST -32600'],
      ['{"jsonrpc":"1.0","id":1,"method":"ping"}', 'REQUEST -32600'],
      ['{"jsonrpc":"2.0","id":9,"method":"nope"}', 'METHOD -32601'],
      ['{"jsonrpc":"2.0","id":9,"method":"__proto__"}', 'METHOD -32601'],
      ['{"jsonrpc":"2.0","id":9,"method":"constructor"}', 'METHOD -32601'],
    ]) {
      const before = raw.messages.length
      raw.socket.send(text)
      const [answer] = await raw.until(() => raw.messages.length > before && raw.messages.slice(before), text)
      expect(named(answer.error), text).toBe(expected)
    }
    raw.socket.send('[{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","method":"ping"},7]')
    const batch = await raw.until(() => raw.messages.find((message) => Array.isArray(message)), 'a batch')
    expect(batch).toMatchObject([{ id: 'a', result: {} }, { error: { code: -32600 } }])
    raw.close()
  })

  test('a session begins with initialize, once, with the right token and version', async () => {
    const early = await Peer.connect(server.url)
    expect(named(await early.fails('job/list', {}))).toBe('NOT_INITIALISED -32002')
    const old = await early.fails('initialize', { protocol: 1, token: server.token })
    expect(named(old)).toBe('VERSION -32003')
    expect(old.message).toMatch(/server speaks version 2 .*, the client version 1: the client is too old/)
    expect(old.data.hints.blender).toMatch(/Install the add-on/)
    const closed = await early.until(() => early.closed, 'the end')
    expect(closed.code).toBe(1008)
    expect(named(await peer.fails('initialize', { protocol: PROTOCOL_VERSION, token: server.token }))).toBe(
      'NOT_INITIALISED -32002',
    )
    const wrong = await Peer.connect(server.url)
    expect(named(await wrong.fails('initialize', { protocol: PROTOCOL_VERSION, token: `${server.token}x` }))).toBe(
      'UNAUTHORISED -32001',
    )
    expect((await wrong.until(() => wrong.closed, 'the end')).code).toBe(1008)
  })

  test('jobs: unknown, in a wrong state, of a failed run', async () => {
    expect(named(await peer.fails('job/get', { job: 'none' }))).toBe('NO_SUCH_JOB 1001')
    const job = await peer.create({ fail: true })
    await peer.ok('job/subscribe', { job })
    const { params } = await peer.state(job, 'failed')
    expect(params.error).toMatchObject({ code: 1102, name: 'NO_FACE' })
    for (const method of ['job/cancel', 'job/pause', 'job/resume', 'job/result']) {
      expect(named(await peer.fails(method, { job })), method).toBe('WRONG_STATE 1002')
    }
    expect(named(await peer.fails('job/input', { job, face: 0 }))).toBe('WRONG_STATE 1002')
    expect(named(await peer.fails('artifact/get', { job, artifact: 'preview/1' }))).toBe('ARTIFACT_GONE 1003')
    expect(named(await peer.fails('artifact/get', { job, artifact: 'final/../job.json' }))).toBe('ARTIFACT_GONE 1003')
    const running = await peer.create({ steps: 1000 })
    expect(named(await peer.fails('job/delete', { job: running }))).toBe('WRONG_STATE 1002')
    await peer.ok('job/cancel', { job: running })
  })

  test('uploads: unknown, out of order, unfinished, of another digest', async () => {
    const create = (upload: string) => peer.fails('job/create', { image: { upload } })
    expect(named(await create('none'))).toBe('NO_SUCH_UPLOAD 1004')
    const unfinished = await peer.ok('upload/begin', { bytes: 3 * PART_BYTES })
    expect(unfinished.parts).toBe(3)
    peer.upload(unfinished.upload, 0, 3, new Uint8Array(PART_BYTES))
    expect((await create(unfinished.upload)).message).toMatch(/2 parts of the upload are missing/)
    peer.upload(unfinished.upload, 2, 3, new Uint8Array(PART_BYTES))
    const answer = await peer.until(
      () => peer.messages.find(({ id, error }) => id === null && error),
      'an answer to the part',
    )
    expect(named(answer.error)).toBe('NO_SUCH_UPLOAD 1004')
    const other = await peer.ok('upload/begin', { bytes: 3, sha256: '0'.repeat(64) })
    peer.upload(other.upload, 0, 1, new Uint8Array(3))
    expect((await create(other.upload)).message).toMatch(/sha256/)
  })

  test('the queue is full', async () => {
    const full = await testServer({ maxQueued: 1 })
    const one = await Peer.open(full)
    const running = await one.create({ steps: 1000 })
    await one.ok('job/subscribe', { job: running })
    await one.state(running, 'running')
    await one.create({})
    expect(named(await one.fails('job/create', { image }))).toBe('QUEUE_FULL -32004')
    one.close()
    await full.close()
  })

  test('too large, too many', async () => {
    const small = await testServer({ photoBytes: 1000, messageBytes: 100_000, requestsPerSecond: 5 })
    const one = await Peer.open(small)
    expect(named(await one.fails('upload/begin', { bytes: 1001 }))).toBe('TOO_LARGE -32005')
    const large = { base64: Buffer.alloc(1200).toString('base64') }
    expect(named(await one.fails('job/create', { image: large }))).toBe('TOO_LARGE -32005')
    const answers = await Promise.all(Array.from({ length: 20 }, () => one.call('ping', {})))
    const refused = answers.filter(({ error }) => error)
    expect(refused.length).toBeGreaterThan(5)
    expect(named(refused[0].error)).toBe('RATE -32006')
    one.socket.send('x'.repeat(100_001))
    expect((await one.until(() => one.closed, 'the end')).code).toBe(1009)
    await small.close()
  })

  test('binary frames that are none end the connection', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(40, 1), Buffer.from('SIDR')]) {
      const raw = await Peer.open(server)
      raw.socket.send(bytes)
      expect((await raw.until(() => raw.closed, 'the end')).code).toBe(1002)
    }
    const early = await Peer.connect(server.url)
    early.socket.send(Buffer.alloc(40))
    expect((await early.until(() => early.closed, 'the end')).code).toBe(1008)
  })
})

describe('who may connect', () => {
  const refusedWith = async (
    headers: Record<string, string>,
    protocols = ['sider.v1'],
  ): Promise<number | undefined> => {
    const socket = new WebSocket(server.url, protocols, { headers })
    socket.on('error', () => {})
    const [first, response] = (await Promise.race([
      once(socket, 'unexpected-response'),
      once(socket, 'open').then(() => [undefined, undefined]),
    ])) as [unknown, { statusCode: number } | undefined]
    expect(first === undefined).toBe(response === undefined)
    socket.terminate()
    return response?.statusCode
  }

  test('foreign origins and hosts are refused before anything else', async () => {
    const { port } = new URL(server.url)
    expect(await refusedWith({ origin: 'https://evil.example' })).toBe(403)
    expect(await refusedWith({ origin: 'null' })).toBe(403)
    expect(await refusedWith({ host: `evil.example:${port}` })).toBe(403)
    expect(await refusedWith({ host: '127.0.0.1:1' })).toBe(403)
    expect(await refusedWith({ host: `localhost:${port}` })).toBeUndefined()
    expect(await refusedWith({}, ['other'])).toBe(403)
  })

  test('an origin that is allowed, exactly', async () => {
    const open = await testServer({ origins: ['http://localhost:8080'] })
    const good = await Peer.connect(open.url, { origin: 'http://localhost:8080' })
    good.close()
    await expect(Peer.connect(open.url, { origin: 'http://localhost:8081' })).rejects.toThrow()
    await open.close()
  })

  test('beyond loopback only with TLS', async () => {
    await expect(testServer({ host: '0.0.0.0' })).rejects.toThrow(/no TLS/)
  })

  test('over TLS, to who trusts the certificate', async () => {
    const pem = (name: string): string => readFileSync(new URL(`../fixtures/tls-${name}.pem`, import.meta.url), 'utf8')
    const secure = await testServer({ tls: { cert: pem('cert'), key: pem('key') }, host: '0.0.0.0' })
    const port = Number(new URL(secure.url).port)
    class Trusting extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { ca: pem('cert') })
      }
    }
    const connectTo = (host: string, options: object): Promise<SiderClient> =>
      SiderClient.connect(`wss://${host}:${port}/`, { token: secure.token, retrySeconds: 0, ...options })
    expect(new URL(secure.url).protocol).toBe('wss:')
    const client = await connectTo('localhost', { WebSocket: Trusting })
    expect(await client.call('ping', {})).toHaveProperty('time')
    client.close()
    await expect(connectTo('localhost', { WebSocket })).rejects.toThrow()
    await secure.close()
  })

  test('the token file is its owner’s alone', async () => {
    expect(statSync(server.tokenFile).mode & 0o777).toBe(0o600)
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    writeFileSync(join(dataFolder, 'token'), `${'t'.repeat(40)}\n`)
    chmodSync(join(dataFolder, 'token'), 0o644)
    await expect(testServer({ dataFolder })).rejects.toThrow(/others may read/)
  })

  test('nothing of one token is visible to another', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sider-serve-'))
    writeFileSync(join(dataFolder, 'token'), `ann ${'a'.repeat(40)}\n`, { mode: 0o600 })
    appendFileSync(join(dataFolder, 'token'), `bob ${'b'.repeat(40)}\n`)
    const shared = await testServer({ dataFolder })
    const [ann, bob] = [await Peer.open(shared), await Peer.open(shared, 'binary', 'b'.repeat(40))]
    const job = await ann.create({ steps: 50 }, { idempotencyKey: 'k' })
    expect((await bob.ok('job/list')).jobs).toEqual([])
    for (const method of [
      'job/get',
      'job/cancel',
      'job/subscribe',
      'job/pause',
      'job/result',
      'job/delete',
      'job/unsubscribe',
    ]) {
      expect((await bob.fails(method, { job })).code, method).toBe(1001)
    }
    expect((await bob.fails('artifact/get', { job, artifact: 'final/face.glb' })).code).toBe(1001)
    expect(await bob.create({}, { idempotencyKey: 'k' })).not.toBe(job)
    ann.close()
    bob.close()
    await shared.close()
  })

  test('a client that does not initialize is let go', async () => {
    const strict = await testServer({ initializeMs: 100 })
    const idle = await Peer.connect(strict.url)
    expect((await idle.until(() => idle.closed, 'the end')).code).toBe(1008)
    await strict.close()
  })

  test('health and metrics, for the right Host', async () => {
    const { host } = new URL(server.url)
    const ask = (path: string, headers = {}) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        get(`http://${host}${path}`, { headers }, async (response) => {
          const chunks: Buffer[] = []
          for await (const chunk of response) chunks.push(chunk as Buffer)
          resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() })
        }).on('error', reject)
      })
    expect(JSON.parse((await ask('/healthz')).text)).toMatchObject({ status: 'ok' })
    const { text } = await ask('/metrics')
    expect(text).toMatch(/^sider_jobs_ended_total\{outcome="completed",code=""\} \d+$/m)
    expect(text).toMatch(/^sider_stage_seconds_bucket\{stage="detail",le="1"\} \d+$/m)
    expect(text).toMatch(/^sider_jobs\{state="completed"\} \d+$/m)
    expect((await ask('/metrics', { host: 'evil.example' })).status).toBe(403)
    expect((await ask('/../package.json')).status).toBe(404)
  })
})

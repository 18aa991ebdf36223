/** Fetching head models: from a server on this machine that does what servers and lines do at their worst. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../../src/cli.js'
import { SiderError } from '../../../src/engine/errors.js'
import { headPath, headsFolder } from '../../../src/engine/head/installed.js'
import { KNOWN_HEADS } from '../../../src/engine/head/known-models.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { addHead, listHeads, removeHead } from '../../../src/engine/head/store.js'
import { type DownloadFile, download, sha256Of } from '../../../src/engine/system/download.js'
import { recorder } from '../../cli/recorder.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/gnm/', import.meta.url))
const MODEL = readFileSync(join(FIXTURES, 'gnm_head.npz'))
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

type Answer = (request: IncomingMessage, response: ServerResponse) => void

let folder = ''
let server: Server
let url = ''
/** What the server answers next; the last one stays. */
let answers: Answer[] = []
let requests: IncomingMessage[] = []
const before = process.env['XDG_DATA_HOME']

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sider-store-'))
  process.env['XDG_DATA_HOME'] = folder
  requests = []
  answers = [whole]
  server = createServer((request, response) => {
    requests.push(request)
    const answer = answers.length > 1 ? answers.shift()! : answers[0]
    answer(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gnm_head.npz`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  if (before === undefined) delete process.env['XDG_DATA_HOME']
  else process.env['XDG_DATA_HOME'] = before
  rmSync(folder, { recursive: true, force: true })
})

/** Answers as a server that knows ranges. */
const whole: Answer = (request, response) => ranged(request, response, MODEL.length)

/** The same, but the connection ends after some bytes. */
const cutAfter =
  (bytes: number): Answer =>
  (request, response) =>
    ranged(request, response, bytes)

function ranged(request: IncomingMessage, response: ServerResponse, bytes: number): void {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = MODEL.subarray(first)
  response.writeHead(first > 0 ? 206 : 200, {
    'content-length': rest.length,
    ...(first > 0 && { 'content-range': `bytes ${first}-${MODEL.length - 1}/${MODEL.length}` }),
  })
  if (bytes >= rest.length) response.end(rest)
  // what is not read yet when a connection breaks is lost
  else response.write(rest.subarray(0, bytes), () => void setTimeout(() => response.destroy(), 250))
}

const status =
  (code: number): Answer =>
  (_, response) =>
    void response.writeHead(code).end('no')

const file = (changes: Partial<DownloadFile> = {}): DownloadFile => ({
  url,
  path: join(folder, 'a', 'model.npz'),
  sha256: hash(MODEL),
  bytes: MODEL.length,
  ...changes,
})

async function failure(work: Promise<unknown>): Promise<SiderError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(SiderError)
  return error as SiderError
}

describe('a download', () => {
  test('comes whole, with progress, and leaves nothing else behind', async () => {
    const seen: [number, number | undefined][] = []
    await download(file(), { onProgress: (...now) => void seen.push(now) })
    expect(readFileSync(file().path)).toEqual(MODEL)
    expect(readdirSync(join(folder, 'a'))).toEqual(['model.npz'])
    expect(seen.at(-1)).toEqual([MODEL.length, MODEL.length])
    expect(requests[0].headers['accept-encoding']).toBe('identity')
    expect(requests[0].headers.range).toBeUndefined()
  })

  test('goes on where the connection was cut, as often as something comes', async () => {
    answers = [cutAfter(60_000), cutAfter(40_000), cutAfter(10_000), cutAfter(20_000), cutAfter(5000), whole]
    await download(file())
    expect(readFileSync(file().path)).toEqual(MODEL)
    const starts = requests.map(({ headers }) => Number(/\d+/.exec(headers.range ?? '0')![0]))
    expect(starts).toHaveLength(6)
    expect(starts[0]).toBe(0)
    for (let i = 1; i < starts.length; i++) expect(starts[i]).toBeGreaterThan(starts[i - 1])
  })

  test('of a command that failed goes on with the next one', async () => {
    answers = [cutAfter(70_000), (_, response) => void response.destroy()]
    const error = await failure(download(file()))
    expect(error).toMatchObject({ code: 'HEAD_DOWNLOAD_FAILED', stage: 'head' })
    expect(error.message).toContain('the connection was cut')
    expect(error.hint).toContain('goes on from there')
    const part = statSync(`${file().path}.part`).size
    expect(part).toBe(70_000)
    expect(existsSync(file().path)).toBe(false)
    expect(requests).toHaveLength(4) // one that brought something, three that did not

    requests = []
    answers = [whole]
    await download(file())
    expect(requests[0].headers.range).toBe(`bytes=${part}-`)
    expect(readFileSync(file().path)).toEqual(MODEL)
  })

  test('from a server without ranges begins anew', async () => {
    const plain: Answer = (_, response) => void response.writeHead(200, { 'content-length': MODEL.length }).end(MODEL)
    answers = [cutAfter(50_000), plain]
    await download(file())
    expect(readFileSync(file().path)).toEqual(MODEL)
  })

  test('whose beginning is of another file begins anew', async () => {
    mkdirSync(join(folder, 'a'))
    writeFileSync(`${file().path}.part`, new Uint8Array(MODEL.length + 5))
    await download(file())
    expect(requests[0].headers.range).toBeUndefined()

    // the size is not known, and the server has less than what lies here
    writeFileSync(`${file().path}.part`, new Uint8Array(MODEL.length + 5))
    const beyond: Answer = (_, response) =>
      void response.writeHead(416, { 'content-range': `bytes */${MODEL.length}` }).end()
    answers = [beyond, whole]
    await download(file({ bytes: undefined }))
    expect(readFileSync(file().path)).toEqual(MODEL)
  })

  test('that was all there when it was stopped is not fetched again', async () => {
    mkdirSync(join(folder, 'a'))
    writeFileSync(`${file().path}.part`, MODEL)
    await download(file())
    expect(requests).toHaveLength(0)
    writeFileSync(`${file().path}.part`, MODEL)
    answers = [(_, response) => void response.writeHead(416, { 'content-range': `bytes */${MODEL.length}` }).end()]
    await download(file({ bytes: undefined }))
    expect(readFileSync(file().path)).toEqual(MODEL)
  })

  test('with another hash is thrown away, and both hashes are told', async () => {
    const error = await failure(download(file({ sha256: 'f'.repeat(64) })))
    expect(error).toMatchObject({
      code: 'HEAD_DOWNLOAD_FAILED',
      data: { found: hash(MODEL), expected: 'f'.repeat(64) },
    })
    expect(error.message).toContain(hash(MODEL))
    expect(error.hint).toContain('--sha256')
    expect(readdirSync(join(folder, 'a'))).toEqual([])
  })

  test('of another size is not read to its end', async () => {
    const error = await failure(download(file({ bytes: 1000 })))
    expect(error.message).toContain("the server's file has")
    const endless: Answer = (_, response) => {
      response.writeHead(200) // no length
      const more = (): void => void (response.destroyed || response.write(new Uint8Array(65_536), more))
      more()
    }
    answers = [endless]
    expect((await failure(download(file({ bytes: 1_000_000 })))).message).toContain('more came than')
    expect(statSync(`${file().path}.part`).size).toBeLessThan(1_100_000)
  })

  test.each([
    [404, /not found/, /--url/],
    [403, /answers 403/, /--head FILE/],
    [500, /answers 500/, /--head FILE/],
  ])('that the server refuses with %i', async (code, message, hint) => {
    answers = [status(code)]
    const error = await failure(download(file()))
    expect(error.code).toBe('HEAD_DOWNLOAD_FAILED')
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(hint)
  })

  test('without a network says so, and what to do', async () => {
    const nobody = await failure(download(file({ url: 'http://127.0.0.1:9/x' })))
    expect(nobody).toMatchObject({ code: 'HEAD_DOWNLOAD_FAILED' })
    expect(nobody.hint).toContain('download the file elsewhere and use it with --head FILE')
    const noName = await failure(download(file({ url: 'http://nowhere.invalid/x' })))
    expect(noName.message).toContain('the name of the server cannot be found')
  })

  test('that falls silent is taken up again', async () => {
    const silent: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': MODEL.length })
      response.write(MODEL.subarray(0, 30_000))
    }
    answers = [silent, whole]
    await download(file(), { silence: 200 })
    expect(readFileSync(file().path)).toEqual(MODEL)
    expect(requests[1].headers.range).toBe('bytes=30000-')
  })

  test.skipIf(!existsSync('/dev/full'))('on a full disk: DISK_FULL, and where to put it instead', async () => {
    mkdirSync(join(folder, 'a'))
    symlinkSync('/dev/full', `${file().path}.part`)
    const error = await failure(download(file()))
    expect(error).toMatchObject({ code: 'DISK_FULL', stage: 'head' })
    expect(error.hint).toContain('XDG_DATA_HOME')
  })

  test('into a folder that cannot be made: OUTPUT_UNWRITABLE', async () => {
    writeFileSync(join(folder, 'a'), 'a file')
    const error = await failure(download(file()))
    expect(error).toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(error.hint).toContain('XDG_DATA_HOME')
  })

  test('that is stopped keeps what has come', async () => {
    const stop = new AbortController()
    const slow: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': MODEL.length })
      response.write(MODEL.subarray(0, 30_000))
    }
    answers = [slow]
    const error = await failure(download(file(), { signal: stop.signal, onProgress: () => stop.abort() }))
    expect(error).toMatchObject({ code: 'CANCELLED' })
    expect(statSync(`${file().path}.part`).size).toBeGreaterThan(0)
  })
})

describe('the folder of head models', () => {
  const own = () => ({ url, sha256: hash(MODEL) })

  test('a model that was added is found by its name, until it is removed', async () => {
    expect(headsFolder()).toBe(join(folder, 'sider', 'heads'))
    expect(headsFolder({})).toMatch(/[\\/]\.local[\\/]share[\\/]sider[\\/]heads$/)
    const missing = await failure(headPath('gnm'))
    expect(missing).toMatchObject({ code: 'HEAD_UNKNOWN', hint: 'Fetch it with: sider head add gnm' })
    expect(await listHeads()).toMatchObject([{ name: 'gnm', path: undefined, licence: 'Apache-2.0' }])

    const path = await addHead('gnm', own())
    expect(path).toBe(join(folder, 'sider', 'heads', 'gnm', 'gnm_head.npz'))
    expect(await headPath('gnm')).toBe(path)
    expect((await loadHead('gnm')).name).toBe('GNM Head')
    expect(await listHeads()).toMatchObject([{ name: 'gnm', path }])
    if (process.platform !== 'win32') expect(statSync(join(folder, 'sider')).mode & 0o777).toBe(0o700)
    requests = []
    await addHead('gnm', own()) // it is there
    expect(requests).toHaveLength(0)

    writeFileSync(path, 'damaged')
    await addHead('gnm', own())
    expect(await sha256Of(path)).toBe(hash(MODEL))

    writeFileSync(join(path, '..', 'notes.txt'), 'mine')
    expect(await removeHead('gnm')).toEqual(['gnm_head.npz'])
    expect(readdirSync(join(path, '..'))).toEqual(['notes.txt'])
    expect(await removeHead('gnm')).toEqual([])
    expect(await failure(loadHead('gnm'))).toMatchObject({ code: 'HEAD_UNKNOWN' })
  })

  test('all other models are named by their place', async () => {
    for (const spec of ['built-in', 'model.pkl', './gnm', 'toString']) expect(await headPath(spec)).toBe(spec)
  })

  test('files beside a model are looked for beside its address, and checked as well', async () => {
    const error = await failure(addHead('gnm', { url }))
    // the fixture is not the file whose hash is known
    expect(error.code).toBe('HEAD_DOWNLOAD_FAILED')
    expect(requests[0].url).toBe('/gnm_head.npz')
    expect(readdirSync(join(headsFolder(), 'gnm'))).toEqual([])
  })

  test('a file that came whole and is no model is told at once', async () => {
    const text = Buffer.from('<html>sign in, please</html>')
    answers = [(_, response) => void response.end(text)]
    expect(await failure(addHead('gnm', { url, sha256: hash(text) }))).toMatchObject({ code: 'HEAD_INVALID' })
  })

  test('names that are not known', async () => {
    expect(await failure(addHead('gmn'))).toMatchObject({ code: 'USAGE', hint: 'Did you mean: gnm?' })
    expect((await failure(addHead('flame'))).hint).toContain('https://flame.is.tue.mpg.de')
    expect((await failure(removeHead('../..'))).code).toBe('USAGE')
  })

  test('the table: addresses that stay, with sizes and hashes', () => {
    for (const { files, licence } of Object.values(KNOWN_HEADS)) {
      expect(licence.length).toBeGreaterThan(3)
      for (const one of files) {
        expect(one.url).toMatch(/^https:\/\/.*[0-9a-f]{40}.*/) // of a revision, not of a branch
        expect(one.sha256).toMatch(/^[0-9a-f]{64}$/)
        expect(one.url.endsWith(one.name)).toBe(true)
        expect(one.bytes).toBeGreaterThan(0)
      }
    }
  })
})

describe('sider head', () => {
  async function sider(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const [stdout, stderr] = [recorder(), recorder()]
    const status = await main({
      stdout,
      stderr,
      argv: ['head', ...argv],
      program: ['sider'],
      engine: () => Promise.reject(new Error('the engine is not needed')),
      onInterrupt: () => () => {},
      exit: () => {},
    })
    return { status, stdout: stdout.text, stderr: stderr.text }
  }

  test('add shows the licence and the progress, list what is there, remove what is deleted', async () => {
    expect((await sider('list')).stdout).toContain('sider head add gnm')
    const added = await sider('add', 'gnm', '--url', url, '--sha256', hash(MODEL).toUpperCase())
    expect(added.status).toBe(0)
    expect(added.stdout).toContain('licence Apache-2.0')
    expect(added.stdout).toContain('--head gnm')
    expect(added.stderr).toMatch(/gnm_head\.npz: \d+ bytes of \d+ bytes\n$/)
    const listed = await sider('list')
    expect(listed.stdout).toContain('✓ gnm')
    expect(listed.stdout).toContain('FLAME: register at')
    expect((await sider('remove', 'gnm')).stdout).toBe('Deleted gnm_head.npz\n')
    expect((await sider('remove', 'gnm')).stdout).toBe('gnm was not there\n')
  })

  test('--json: progress, then the result', async () => {
    const { stdout } = await sider('add', 'gnm', '--url', url, '--sha256', hash(MODEL), '--json')
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ event: 'progress', file: 'gnm_head.npz', total: MODEL.length })
    expect(lines.at(-1)).toMatchObject({ event: 'result', name: 'gnm', path: await headPath('gnm') })
    const listed = JSON.parse((await sider('list', '--json')).stdout)
    expect(listed).toMatchObject({ event: 'result', heads: [{ name: 'gnm', path: await headPath('gnm') }] })
  })

  test.each([
    [['ad', 'gnm'], "unknown action 'ad'"],
    [['add'], '<name> is missing'],
    [['list', 'gnm'], 'one argument too many'],
    [['add', 'gnm', 'x'], "'x' is one argument too many"],
    [[], '<action> is missing'],
    [['add', 'gnm', '--sha256', 'abc'], '64 hexadecimal digits'],
    [['add', 'gnm', '--url', 'file:///etc/passwd'], 'begins with https:// or http://'],
    [['add', 'gnm', '--url', 'nonsense'], 'begins with https:// or http://'],
  ])('%j', async (argv, message) => {
    const { status, stderr } = await sider(...argv)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  test('a failure leaves with 5 and says what to do', async () => {
    answers = [status(404)]
    const { status: left, stderr } = await sider('add', 'gnm', '--url', url, '--quiet')
    expect(left).toBe(5)
    expect(stderr).toContain('[HEAD_DOWNLOAD_FAILED]')
  })
})

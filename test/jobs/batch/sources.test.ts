/** Where the photos of a batch come from, and what is not fetched. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PhotoFetcher } from '../../../src/cli/batch/fetch-photo.js'
import { isPrivateAddress } from '../../../src/cli/batch/private-address.js'
import { openSource, type Readers } from '../../../src/cli/batch/sources.js'
import { linesOf } from '../../../src/jobs/batch/lines.js'
import type { BatchPhoto } from '../../../src/jobs/batch/run.js'
import { CLI } from '../../repro/strace.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-sources-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const SIGNAL = new AbortController().signal
const readers: Readers = {
  file: async (path) => Buffer.from(`file ${path}`),
  address: async (url) => Buffer.from(`address ${url}`),
  key: async (key) => Buffer.from(`key ${key}`),
}

async function all(place: string): Promise<{ photos: BatchPhoto[]; total: number | undefined }> {
  const { photos, total } = await openSource(place, readers, ['.sider', 'sheets'])
  const found: BatchPhoto[] = []
  for await (const photo of photos) found.push(photo)
  return { photos: found, total }
}

const list = (...lines: string[]): string => {
  writeFileSync(join(folder, 'list.txt'), lines.join('\n'))
  return join(folder, 'list.txt')
}

describe('a source', () => {
  test('of a folder: its photos in order, none in another one’s folder', async () => {
    for (const name of ['b.jpg', 'a.png', 'a.jpg', '.sider.jpg', 'sheets.jpg', 'notes.txt'])
      writeFileSync(join(folder, name), name)
    const { photos, total } = await all(folder)
    expect(photos.map(({ name, folder: to }) => [name, to])).toEqual([
      ['.sider.jpg', '.sider.jpg'],
      ['a.jpg', 'a.jpg'],
      ['a.png', 'a.png'],
      ['b.jpg', 'b'],
      ['sheets.jpg', 'sheets.jpg'],
    ])
    expect(total).toBe(5)
  })

  test('a file that has changed is another photo', async () => {
    const path = join(folder, 'a.jpg')
    writeFileSync(path, 'one')
    const [before] = (await all(folder)).photos
    expect((await all(folder)).photos[0].identity).toBe(before.identity)
    writeFileSync(path, 'three')
    expect((await all(folder)).photos[0].identity).not.toBe(before.identity)
  })

  test('of a list: paths, addresses, keys, names; what is not a line is none', async () => {
    const signed = 'https://photos.example/a/face.jpg?signature=secret'
    const { photos, total } = await all(
      list(
        '# mine',
        '',
        'faces/one.jpg',
        signed,
        'storage:in/two.jpg\tsecond',
        `${signed}\tthird\r`,
        '../x\t../../etc',
      ),
    )
    expect(total).toBe(5)
    const texts = await Promise.all(photos.slice(0, 4).map(async ({ read }) => String(await read(SIGNAL))))
    expect(texts).toEqual([
      `file ${join(folder, 'faces/one.jpg')}`,
      `address ${signed}`,
      'key in/two.jpg',
      `address ${signed}`,
    ])
    expect(photos[0].folder).toMatch(/^one-[0-9a-f]{8}$/)
    expect(photos[1]).toMatchObject({
      name: 'https://photos.example/a/face.jpg',
      folder: expect.stringMatching(/^face-[0-9a-f]{8}$/),
    })
    expect(photos[2]).toMatchObject({ name: 'second', folder: 'second' })
    expect(photos[3]).toMatchObject({ name: 'third', identity: 'third' })
    await expect(photos[4].read(SIGNAL)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('../../etc'),
    })
  })

  test('that is a photo, or no list at all, is refused', async () => {
    writeFileSync(join(folder, 'face.jpg'), 'x')
    await expect(all(join(folder, 'face.jpg'))).rejects.toMatchObject({ code: 'USAGE' })
    writeFileSync(join(folder, 'film.mp4'), Buffer.alloc(200_000))
    await expect(all(join(folder, 'film.mp4'))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/is no list/),
    })
    await expect(all(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  test('lines are whole wherever the parts of a stream end', async () => {
    const parts = ['one\ntw', 'o', '\n', '\nfour\r\nfi', 've'].map((text) => Buffer.from(text))
    const found: [number, string, boolean][] = []
    for await (const { offset, text, whole } of linesOf(Readable.from(parts), 'x')) found.push([offset, text, whole])
    expect(found).toEqual([
      [0, 'one', true],
      [4, 'two', true],
      [8, '', true],
      [9, 'four', true],
      [15, 'five', false],
    ])
  })
})

describe('addresses of this machine and its network', () => {
  test.each([
    '127.0.0.1 10.1.2.3 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 198.18.0.1',
    ':: ::1 ::ffff:127.0.0.1 ::ffff:a00:1 fe80::1 fc00::1 fd12::1 ff02::1 2001:db8::1 2002:7f00:1:: 64:ff9b::7f00:1 2001::1',
    'localhost 127.1 ',
  ])('%s', (texts) => {
    for (const text of texts.split(' ')) expect(isPrivateAddress(text), text).toBe(true)
  })

  test('others are not', () => {
    for (const text of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '192.167.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])
      expect(isPrivateAddress(text), text).toBe(false)
  })
})

describe('fetching', () => {
  let server: Server
  let url: string
  let asked: string[]
  let answer: RequestListener
  beforeEach(async () => {
    asked = []
    server = createServer((request, response) => {
      asked.push(request.url!)
      answer(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://localhost:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  const fetched = async (address: string, more: Partial<ConstructorParameters<typeof PhotoFetcher>[0]> = {}) => {
    const fetcher = new PhotoFetcher({ bytes: 1000, seconds: 1, allowPrivate: true, ...more })
    try {
      return Buffer.from(await fetcher.fetch(address, SIGNAL)).toString()
    } finally {
      fetcher.close()
    }
  }

  test('follows redirects, and tries again what may be better later', async () => {
    answer = ({ url: path }, response) => {
      if (path === '/old') response.writeHead(302, { location: '/new' }).end()
      else if (asked.length < 3) response.writeHead(503).end()
      else response.end('photo')
    }
    expect(await fetched(`${url}/old`)).toBe('photo')
    expect(asked).toEqual(['/old', '/new', '/old', '/new'])
  })

  test.each([
    ['a name', (base: string) => base],
    ['an address', (base: string) => base.replace('localhost', '127.0.0.1')],
    ['an address as a number', (base: string) => base.replace('localhost', '2130706433')],
    ['an address of the sixth version', () => 'http://[::ffff:127.0.0.1]:80'],
    ['a cloud’s own service', () => 'http://169.254.169.254/latest/meta-data'],
  ])('what leads to this machine or its network by %s is not asked', async (_, of) => {
    answer = (_request, response) => void response.end('secret')
    const refusal = {
      code: 'IMAGE_FETCH_FAILED',
      message: expect.stringMatching(/an address of this machine or its network/),
    }
    await expect(fetched(of(url), { allowPrivate: false })).rejects.toMatchObject(refusal)
    expect(asked).toEqual([])
  })

  test('nor are other protocols, and redirects to them, or without end', async () => {
    answer = ({ url: path }, response) =>
      void response.writeHead(301, { location: path === '/f' ? 'file:///etc/passwd' : '/loop' }).end()
    for (const [address, why] of [
      ['ftp://photos.example/x.jpg', /ftp: is not fetched/],
      ['file:///etc/passwd', /file: is not fetched/],
      [`${url}/f`, /file: is not fetched/],
      [`${url}/loop`, /more than 5 redirects/],
      ['http://me:secret@photos.example/', /a user name or a password/],
      ['http://', /it is no address/],
    ] as const)
      await expect(fetched(address), address).rejects.toMatchObject({
        code: 'IMAGE_FETCH_FAILED',
        message: expect.stringMatching(why),
      })
  })

  test('what is too large, too slow, cut, packed or not there is a failure that tells no secrets', async () => {
    answer = ({ url: path }, response) => {
      if (path === '/large') response.end(Buffer.alloc(2000))
      else if (path === '/slow') response.write('x')
      else if (path === '/cut')
        response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy())
      else if (path === '/packed') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
      else response.writeHead(404).end()
    }
    const fails = (path: string, more = {}) => fetched(`${url}${path}`, more).catch((error) => error)
    expect(await fails('/large')).toMatchObject({ code: 'IMAGE_TOO_LARGE' })
    expect((await fails('/slow', { seconds: 0.1 })).message).toMatch(/more than 0.1 s/)
    expect((await fails('/cut')).code).toBe('IMAGE_FETCH_FAILED')
    expect((await fails('/packed')).message).toMatch(/packed \(gzip\)/)
    const missing = await fails('/x.jpg?signature=secret')
    expect(missing.message).toMatch(/localhost:\d+\/x\.jpg cannot be fetched: the server answers 404$/)
  }, 30_000)
})

describe('the command', () => {
  test('takes a list from standard input, says how far it is, and writes the table', async () => {
    const out = join(folder, 'out')
    mkdirSync(join(folder, 'empty'))
    const args = [CLI, 'batch', '-', '-o', out, '--json', '--parquet', '--set', 'photo.face=0']
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end('nowhere.jpg\nhttp://127.0.0.1:1/x.jpg\nstorage:x\tkey\nempty\nnowhere.jpg\n')
    let text = ''
    child.stdout.on('data', (part) => (text += part))
    const [status] = await once(child, 'close')
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(status).toBe(0)
    expect(lines.at(-1)).toEqual({
      event: 'result',
      folder: out,
      completed: 0,
      failed: 4,
      skipped: 0,
      duplicates: 1,
      failures: { IMAGE_NOT_FOUND: 2, IMAGE_FETCH_FAILED: 1, USAGE: 1 },
      sheets: 0,
    })
    const rows = readFileSync(join(out, 'summary.csv'), 'utf8').trim().split('\n')
    expect(rows.slice(1).map((row) => row.split(',')[0])).toEqual([
      'nowhere.jpg',
      'http://127.0.0.1:1/x.jpg',
      'key',
      'empty',
    ])
    expect(readdirSync(out).sort()).toEqual(['.sider', 'summary.csv', 'summary.parquet'])
  })
})

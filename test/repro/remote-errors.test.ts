/** A failure is the same here and on a server: code, stage, data and exit status. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { main } from '../../src/cli.js'
import { ERRORS, type ErrorCode } from '../../src/engine/errors.js'
import { recorder } from '../cli/recorder.js'
import { type TestServer, testServer } from '../rpc/service-peer.js'

let server: TestServer
let folder: string
beforeAll(async () => {
  server = await testServer()
  folder = mkdtempSync(join(tmpdir(), 'sider-remote-'))
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Exit status and lines of `sider reconstruct --server` with a photo that is a script of what the server's worker does. */
async function remotely(script: object, ...more: string[]) {
  const photo = join(folder, 'photo.jpg')
  writeFileSync(photo, JSON.stringify(script))
  const [stdout, stderr] = [recorder(), recorder()]
  const tokenFile = server.tokenFile
  const argv = [
    'reconstruct',
    photo,
    '-o',
    mkdtempSync(join(folder, 'out-')),
    '--json',
    '--server',
    server.url,
    '--token-file',
    tokenFile,
  ]
  const status = await main({
    stdout,
    stderr,
    program: ['sider'],
    argv: [...argv, ...more],
    engine: () => Promise.reject(new Error('not here')),
    onInterrupt: () => () => {},
    exit: () => {},
  })
  const lines = stdout.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { status, lines, last: lines.at(-1) }
}

test('what is done on a server is done when its files are here', async () => {
  const { status, lines } = await remotely({ steps: 3 })
  expect(status).toBe(0)
  const fractions = lines.filter(({ event }) => event === 'progress').map(({ fraction }) => fraction)
  expect(fractions).toEqual(fractions.toSorted((a: number, b: number) => a - b))
  expect(fractions.filter((one: number) => one === 1)).toHaveLength(1)
  expect(lines.at(-1)).toMatchObject({ event: 'result' })
})

/** Of every exit status one, and those that had another name on the wire. */
const CODES: ErrorCode[] = [
  'IMAGE_UNREADABLE',
  'IMAGE_TOO_SMALL',
  'IMAGE_TOO_LARGE',
  'NO_FACE',
  'FACE_CUT',
  'HEAD_FIT_FAILED',
  'OUT_OF_MEMORY',
  'DIVERGED',
  'WORKER_LOST',
  'INTERNAL',
]

test.each(CODES)('%s', async (code) => {
  const { status, last } = await remotely({ fail: code })
  expect(status).toBe(ERRORS[code].exit)
  expect(last).toMatchObject({ event: 'error', error: { code, message: 'no face', hint: ERRORS[code].hints.cli } })
})

test('a wrong token, and a server that is not there', async () => {
  const wrong = join(folder, 'token')
  writeFileSync(wrong, 'x'.repeat(40))
  expect(await remotely({}, '--token-file', wrong)).toMatchObject({
    status: 11,
    last: { error: { code: 'UNAUTHORISED' } },
  })
  const nobody = await remotely({}, '--server', 'ws://127.0.0.1:9/')
  expect(nobody).toMatchObject({ status: 11, last: { error: { code: 'REMOTE' } } })
})

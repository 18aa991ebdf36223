/** Ctrl-C, and too little memory, at whatever moment: the command line ends within a second, and its last line says what to do. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asMemoryError, assertAddressSpace } from '../../src/engine/system/memory.js'
import { CLI } from './strace.js'

const PHOTO = fileURLToPath(new URL('../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))
/** A second, and some for a machine that has other things to do. */
const AT_ONCE_MS = 1500

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-stop-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const reconstruct = (...more: string[]): string[] => {
  const settings = ['-p', 'preview', '--set', 'relief.steps=60', '--backend', 'ort-cpu', '--face', '0']
  return [CLI, 'reconstruct', PHOTO, '-o', join(folder, 'out'), ...settings, '--json', ...more]
}

type Line = Record<string, unknown> & { event: string; stage?: string; fraction?: number }

/** Runs a command, does something at the first line of a kind, and answers its lines, its status, and how long it took from then on. */
async function run(args: string[], at: (line: Line) => boolean, act: (child: ChildProcess) => void) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: Line[] = []
  let acted: number | undefined
  const read = createInterface(child.stdout!).on('line', (text) => {
    const line = JSON.parse(text) as Line
    lines.push(line)
    if (acted !== undefined || !at(line)) return
    acted = performance.now()
    act(child)
  })
  const [[status]] = await Promise.all([once(child, 'close'), once(read, 'close')])
  return { lines, last: lines.at(-1)!, status, milliseconds: performance.now() - (acted ?? Number.NaN) }
}

const interrupt = (child: ChildProcess) => void child.kill('SIGINT')
const stage = (name: string) => (line: Line) => line.stage === name

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  test.each([
    ['landmarks', stage('landmarks'), false],
    ['the head fit', stage('head'), false],
    ['the detail', (line: Line) => line.stage === 'detail' && Number(line['iteration']) > 5, true],
    ['the surface', stage('surface'), true],
    ['the writing of files', stage('output'), true],
  ])('in %s ends the run within a second, with the error line', async (_, at, resumable) => {
    const { last, status, milliseconds } = await run(reconstruct(), at, interrupt)
    expect(milliseconds).toBeLessThan(AT_ONCE_MS)
    expect(status).toBe(130)
    expect(last).toMatchObject({ event: 'error', error: { code: 'CANCELLED' } })
    const { hint, data } = last['error'] as { hint?: string; data: { resume?: string } }
    expect(existsSync(join(folder, 'out', 'checkpoint.safetensors'))).toBe(resumable)
    if (!resumable) return expect(data.resume).toBeUndefined()
    expect(data.resume).toMatch(/ --resume$/)
    expect(hint).toContain(data.resume)
  })

  test('what was stopped in the surface stage goes on from there', async () => {
    await run(reconstruct(), stage('surface'), interrupt)
    const { lines, last, status } = await run(reconstruct('--resume'), () => false, interrupt)
    expect(status).toBe(0)
    expect(last).toMatchObject({ event: 'result' })
    expect(lines.some((line) => line['iteration'] !== undefined)).toBe(false) // no step is done twice
    const report = JSON.parse(readFileSync(join(folder, 'out', 'report.json'), 'utf8'))
    expect(report.losses.count).toBe(60)
  })

  test('twice leaves at once, with the error line', async () => {
    const twice = (child: ChildProcess) => {
      interrupt(child)
      setTimeout(() => interrupt(child), 100)
    }
    const { last, status, milliseconds } = await run(reconstruct(), stage('head'), twice)
    expect(milliseconds).toBeLessThan(AT_ONCE_MS)
    expect(status).toBe(130)
    expect(last).toMatchObject({ event: 'error', error: { code: 'CANCELLED' } })
  })

  test('while a server says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const environment = { ...process.env, SIDER_TOKEN: 'a-token-for-nobody' }
    const child = spawn(process.execPath, reconstruct('--server', url), { env: environment })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    const ended = once(child, 'close')
    const [socket] = await once(silent, 'connection')
    const asked = performance.now()
    interrupt(child)
    expect(await ended).toEqual([130, null])
    expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS)
    expect(JSON.parse(output.trim().split('\n').at(-1)!)).toMatchObject({ error: { code: 'CANCELLED' } })
    socket.destroy()
    silent.close()
  })

  test('ends other commands too', async () => {
    const out = join(folder, 'truth')
    const generate = [CLI, 'generate', '-o', out, '--count', '3', '--size', '512', '--json']
    const made = await run(generate, ({ event }) => event === 'portrait', interrupt)
    expect(made.milliseconds).toBeLessThan(AT_ONCE_MS)
    expect(made).toMatchObject({ status: 130, last: { event: 'error', error: { code: 'CANCELLED' } } })
  })
})

describe.skipIf(process.platform !== 'linux')('the process that computes', () => {
  test('ends with the one that started it', async () => {
    let child = 0
    await run(reconstruct(), stage('landmarks'), (parent) => {
      child = childOf(parent.pid!)
      parent.kill('SIGKILL')
    })
    await expect.poll(() => existsSync(`/proc/${child}`), { timeout: 10_000 }).toBe(false)
  })

  test.each([
    ['SIGSEGV', 'COMPUTE_FAILED'],
    ['SIGKILL', 'OUT_OF_MEMORY'],
  ] as const)('taken down by %s leaves the line %s', async (signal, code) => {
    const { last, status } = await run(reconstruct(), stage('landmarks'), ({ pid }) =>
      process.kill(childOf(pid!), signal),
    )
    expect(status).toBe(6)
    expect(last).toMatchObject({ event: 'error', error: { code } })
  })

  const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
})

describe('too little memory', () => {
  test.skipIf(process.platform !== 'linux').each([1, 2, 4, 12])(
    '%i GiB of address space are refused, with what is needed',
    (gib) => {
      for (const args of [reconstruct(), [CLI, 'batch', join(PHOTO, '..'), '-o', join(folder, 'b'), '--json']]) {
        const command = `ulimit -v ${gib * 2 ** 20}; exec "$0" "$@"`
        const options = { encoding: 'utf8', timeout: 30_000, env: { ...process.env, NODE_OPTIONS: '' } } as const
        const { status, stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, ...args], options)
        expect({ status, stderr }).toEqual({ status: 6, stderr: '' })
        const { error } = JSON.parse(stdout.trim().split('\n').at(-1)!)
        expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', data: { neededGiB: 14, limitGiB: gib } })
        expect(error.hint).toContain('ulimit -v unlimited')
      }
    },
  )

  test('where Node is told to check bounds otherwise, less is needed', () => {
    const options = '--disable-wasm-trap-handler'
    expect(() => assertAddressSpace(10, '')).toThrow(/needs 14 GiB .* may take 10\.0 GiB/)
    expect(() => assertAddressSpace(10, options)).not.toThrow()
    expect(() => assertAddressSpace(7, options)).toThrow(/needs 8 GiB/)
    expect(() => assertAddressSpace(Number.POSITIVE_INFINITY, '')).not.toThrow()
  })

  test.each([
    'WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance',
    'Array buffer allocation failed',
    'Non-zero status code returned while running Conv node. Failed to allocate memory for requested buffer of size 4194304',
    'std::bad_alloc',
    'vips_tracked: out of memory -- size == 34MB',
  ])('libraries say it as: %s', (words) => {
    expect(asMemoryError(new RangeError(words))).toMatchObject({ code: 'OUT_OF_MEMORY', exitCode: 6 })
  })

  test('other errors are left as they are', () => {
    const error = new TypeError('x is not a function')
    expect(asMemoryError(error)).toBe(error)
  })
})

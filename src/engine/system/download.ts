/**
 * Downloads of large files: goes on where an earlier try ended (HTTP Range), takes no more bytes than it should, and puts nothing in
 * place that has not the right hash.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SiderError } from '../errors.js'
import { makeFolder, outputError } from './files.js'
import { GENERATOR, VERSION } from './version.js'

export interface DownloadFile {
  url: string
  /** Where to put it; beside it, `.part`, lies what has come so far. */
  path: string
  /** Hex. */
  sha256: string
  /** Its size, if known. */
  bytes: number | undefined
}

export interface DownloadOptions {
  signal?: AbortSignal | undefined
  /** @param total undefined where the server does not say */
  onProgress?: ((received: number, total: number | undefined) => void) | undefined
  /** Milliseconds without a byte after which a connection counts as cut. */
  silence?: number
}

/** The most that is taken of a file whose size is not known. */
const MOST = 2 ** 30
/** A connection is made anew so often in a row without one byte having come. */
const TRIES = 3
const SILENCE = 60_000

/**
 * Downloads a file.
 *
 * @throws SiderError HEAD_DOWNLOAD_FAILED (no connection, the server refuses, wrong size or hash), DISK_FULL, OUTPUT_UNWRITABLE, CANCELLED
 */
export async function download(file: DownloadFile, options: DownloadOptions = {}): Promise<void> {
  const part = `${file.path}.part`
  try {
    await makeFolder(dirname(file.path), 0o700) // a server's jobs will be in the data folder too
    await fetchWhole(file, part, options)
    const found = await sha256Of(part)
    if (found !== file.sha256) {
      await rm(part, { force: true })
      throw failed(file, `what came has the SHA-256 ${found}, not ${file.sha256}`, {
        hint: {
          cli: 'Try again. If it stays so, the file was changed at its source or on the way: do not use it, or give the hash you expect with --sha256.',
        },
        data: { found, expected: file.sha256 },
      })
    }
    await rename(part, file.path)
  } catch (cause) {
    throw writeError(cause, file.path)
  }
}

/** SHA-256 of a file, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

async function fetchWhole(file: DownloadFile, part: string, options: DownloadOptions): Promise<void> {
  for (let tries = TRIES; ; ) {
    const before = await sizeOf(part)
    const end = await fetchRest(file, part, before, options)
    if (end === undefined) return
    // A connection that brought something counts as none of the tries.
    tries = (await sizeOf(part)) > before ? TRIES : tries - 1
    if (tries === 0) {
      const received = await sizeOf(part)
      throw failed(file, received > 0 ? `${end} after ${mib(received)}` : end, {
        hint: { cli: `${OFFLINE}${received > 0 ? ' The same command goes on from there.' : ''}` },
        data: { received },
      })
    }
  }
}

const OFFLINE = 'Check the connection, or download the file elsewhere and use it with --head FILE.'

/** Appends what is missing. @returns undefined when the file is whole, else why the connection ended */
async function fetchRest(
  file: DownloadFile,
  part: string,
  have: number,
  { signal, onProgress, silence = SILENCE }: DownloadOptions,
): Promise<string | undefined> {
  if (file.bytes !== undefined && have >= file.bytes) {
    if (have === file.bytes) return undefined
    await rm(part, { force: true }) // of another file
    have = 0
  }
  const quiet = new AbortController()
  let timer = setTimeout(() => quiet.abort(), silence)
  try {
    const headers: Record<string, string> = {
      'user-agent': `${GENERATOR}/${VERSION}`,
      'accept-encoding': 'identity', // sizes and ranges are of the file itself
      ...(have > 0 && { range: `bytes=${have}-` }),
    }
    const response = await fetch(file.url, {
      headers,
      signal: signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal,
    })
    const begin = startOf(response, have)
    if (begin === undefined) {
      await response.body?.cancel()
      if (response.status !== 416 && response.status !== 206) throw refused(file, response.status)
      if (response.headers.get('content-range') === `bytes */${have}`) return undefined // it is all here
      await rm(part, { force: true }) // what lies here is no beginning of that file
      return 'the server has no more of it'
    }
    const length = Number(response.headers.get('content-length') || Number.NaN)
    const announced = Number.isNaN(length) ? undefined : begin + length
    const total = file.bytes ?? announced
    const most = total ?? MOST
    if (announced !== undefined && (announced !== total || announced > MOST)) {
      await response.body?.cancel()
      throw failed(file, `the server's file has ${mib(announced)}, not ${mib(Math.min(most, MOST))}`, {
        hint: OTHER_FILE,
      })
    }
    const handle = await open(part, begin > 0 ? 'a' : 'w')
    try {
      let received = begin
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer)
        timer = setTimeout(() => quiet.abort(), silence)
        received += chunk.length
        if (received > most) throw failed(file, `more came than ${mib(most)}`, { hint: OTHER_FILE })
        await writeAll(handle, chunk as Uint8Array)
        onProgress?.(received, total)
      }
      await handle.sync()
      return total !== undefined && received < total ? 'the connection was cut' : undefined
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (signal?.aborted)
      throw new SiderError('CANCELLED', `stopped after ${mib(await sizeOf(part))} of ${file.url}`, {
        hint: 'The same command goes on from there.',
        cause: error,
      })
    if (quiet.signal.aborted) return `nothing came for ${silence / 1000} s`
    if (error instanceof SiderError || isOfDisk(error)) throw error
    return reason(error)
  } finally {
    clearTimeout(timer)
  }
}

const OTHER_FILE = {
  cli: 'That is another file: look at its page for its present address, and give it with --url and --sha256.',
}

/** From which byte an answer is, undefined where it brings nothing of use. */
function startOf(response: Response, asked: number): number | undefined {
  if (response.status === 200) return 0
  if (response.status !== 206) return undefined
  const first = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1])
  return first === asked ? asked : undefined
}

/** A write may take only a part of what it is given. */
async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
}

function refused(file: DownloadFile, status: number): SiderError {
  const gone = status === 404 || status === 410
  return failed(file, `the server answers ${status}${gone ? ' (not found)' : ''}`, {
    hint: gone ? OTHER_FILE : { cli: 'Try again later, or download the file elsewhere and use it with --head FILE.' },
    data: { status },
  })
}

function failed(
  { url, path }: DownloadFile,
  what: string,
  { hint, data = {} }: { hint: { cli: string }; data?: Record<string, unknown> },
): SiderError {
  return new SiderError('HEAD_DOWNLOAD_FAILED', `${url} could not be downloaded: ${what}`, {
    stage: 'head',
    hint,
    data: { url, path, ...data },
  })
}

/** Why a fetch failed, in words; Node hides it in the cause. */
function reason(error: unknown): string {
  const { cause } = error as Error
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  const known: Record<string, string> = {
    ENOTFOUND: 'the name of the server cannot be found (no network?)',
    EAI_AGAIN: 'the name of the server cannot be found (no network?)',
    ECONNREFUSED: 'the server takes no connections',
    ENETUNREACH: 'there is no network',
    EHOSTUNREACH: 'the server cannot be reached',
    ETIMEDOUT: 'the server does not answer',
    UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
    ECONNRESET: 'the connection was cut',
    UND_ERR_SOCKET: 'the connection was cut',
  }
  return known[code] ?? (cause instanceof Error ? cause.message : (error as Error).message)
}

/** Errors of the file system name their call; those of a connection have one in their cause at most. */
function isOfDisk(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

function writeError(cause: unknown, path: string): unknown {
  if (!isOfDisk(cause)) return cause
  const { code, message, data } = outputError(cause, path)
  return new SiderError(code, message, {
    stage: 'head',
    hint:
      code === 'DISK_FULL'
        ? 'Free some space, or set XDG_DATA_HOME to a folder on another disk; the same command then goes on.'
        : 'Set XDG_DATA_HOME to a folder that you may write to.',
    data,
    cause,
  })
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (info) => info.size,
    () => 0,
  )
}

/** '50.9 MiB' */
export function mib(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

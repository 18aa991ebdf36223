/** `sider reconstruct --server URL`: the same command, worked on by a server. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromErrorInfo, SiderError } from '../engine/errors.js'
import { defaultDataFolder } from '../engine/system/data-folder.js'
import { prepareOutputFolder, writeFileAtomic } from '../engine/system/files.js'
import type { RemoteResult, SiderClient } from '../rpc/client/index.js'
import { parseTokens } from '../rpc/token-file.js'
import type { Invocation, ParsedOptions } from './command.js'
import { interruptible } from './interrupt.js'
import type { ProgressView } from './progress.js'

/** Share of the progress that the server's work is; the rest is fetching the files. */
const SERVERS_SHARE = 0.97

export interface RemoteRun {
  settings: Record<string, unknown>
  landmarks: unknown
  corrections: Record<string, [number, number]> | undefined
  folder: string
  view: ProgressView
}

/** @returns what the server said of the result, whose files are then in the folder. @throws SiderError */
export function reconstructRemotely(invocation: Invocation, run: RemoteRun): Promise<RemoteResult> {
  return interruptible(
    invocation.shell,
    (signal) => follow(invocation, run, signal),
    () => run.view.note('Cancelling the job on the server. Ctrl-C again leaves at once.'),
  )
}

async function follow(
  { positionals: [photo], options }: Invocation,
  { settings, landmarks, corrections, folder, view }: RemoteRun,
  signal: AbortSignal,
): Promise<RemoteResult> {
  const { ConnectionLost, RemoteError, SiderClient } = await import('../rpc/client/index.js')
  const url = options.text('server')!
  let client: SiderClient | undefined
  try {
    const bytes = await readFile(photo).catch((cause: Error) => {
      throw new SiderError('IMAGE_NOT_FOUND', `cannot read ${photo}: ${cause.message}`, { stage: 'photo', cause })
    })
    await prepareOutputFolder(folder, { force: options.has('force') })
    client = await SiderClient.connect(url, { token: await readToken(options), client: { name: 'sider reconstruct' } })
    const job = client.reconstruct(bytes, {
      name: photo.slice(-200),
      preset: options.text('preset'),
      settings,
      ...(landmarks !== undefined && { landmarks: landmarks as Record<string, unknown> }),
      ...(corrections && { corrections }),
      signal,
    })
    for await (const update of job) {
      if (update.type === 'progress') view.show({ ...update, fraction: SERVERS_SHARE * update.fraction })
      else if (update.type === 'log') view.note(update.message)
    }
    const result = await job.result()
    for (const [i, { name }] of result.files.entries()) {
      await writeFileAtomic(join(folder, name), await result.file(name))
      const share = (i + 1) / result.files.length
      view.show({ stage: 'output', fraction: SERVERS_SHARE + (1 - SERVERS_SHARE) * share })
    }
    return result
  } catch (error) {
    if (error instanceof RemoteError) throw fromErrorInfo({ ...error.data, message: error.message })
    if (error instanceof ConnectionLost) {
      throw new SiderError('REMOTE', error.message, {
        hint: `Is a server running at ${url}? Start one with: sider serve`,
      })
    }
    if ((error as Error).name === 'AbortError') throw new SiderError('CANCELLED', 'the job was cancelled')
    throw error
  } finally {
    client?.close()
  }
}

/** The token: of --token-file, of SIDER_TOKEN, or of a server of this user on this machine. */
async function readToken(options: ParsedOptions): Promise<string> {
  const file = options.text('token-file') ?? join(defaultDataFolder(), 'token')
  const fromEnvironment = process.env['SIDER_TOKEN']
  if (fromEnvironment && !options.has('token-file')) return fromEnvironment
  const hint = 'Give --token-file FILE, or put the token into SIDER_TOKEN.'
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new SiderError('USAGE', `cannot read the token file ${file}`, { hint, cause })
  })
  const [first] = parseTokens(text)
  if (!first) throw new SiderError('USAGE', `the token file ${file} holds no token`, { hint })
  return first[1]
}

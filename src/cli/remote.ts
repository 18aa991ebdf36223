/** `sider reconstruct --server URL`: the same command, worked on by a server. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultDataFolder } from '../engine/data-folder.js'
import { SiderError } from '../engine/errors.js'
import { prepareOutputFolder, writeFileAtomic } from '../engine/files.js'
import type { RemoteResult, SiderClient } from '../rpc/client/index.js'
import type { Invocation, ParsedOptions } from './command.js'
import type { ProgressView } from './progress.js'

export interface RemoteRun {
  settings: Record<string, unknown>
  landmarks: unknown
  corrections: Record<string, [number, number]> | undefined
  folder: string
  view: ProgressView
}

/** @returns what the server said of the result, whose files are then in the folder. @throws SiderError */
export async function reconstructRemotely(
  { positionals: [photo], options, shell }: Invocation,
  { settings, landmarks, corrections, folder, view }: RemoteRun,
): Promise<RemoteResult> {
  const { ConnectionLost, RemoteError, SiderClient } = await import('../rpc/client/index.js')
  const url = options.text('server')!
  const stop = new AbortController()
  const ignoreInterrupts = shell.onInterrupt(() => {
    if (stop.signal.aborted) return
    view.note('Cancelling the job on the server. Ctrl-C again leaves at once.')
    stop.abort()
  })
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
      signal: stop.signal,
    })
    for await (const update of job) {
      if (update.type === 'progress') view.show(update)
      else if (update.type === 'log') view.note(update.message)
    }
    const result = await job.result()
    for (const { name } of result.files) await writeFileAtomic(join(folder, name), await result.file(name))
    return result
  } catch (error) {
    if (error instanceof RemoteError) {
      const { name = 'INTERNAL', stage, hint } = error.data
      throw new SiderError('REMOTE', `${error.message} (${name})`, { ...(stage && { stage }), ...(hint && { hint }) })
    }
    if (error instanceof ConnectionLost) {
      throw new SiderError('REMOTE', error.message, {
        hint: `Is a server running at ${url}? Start one with: sider serve`,
      })
    }
    if ((error as Error).name === 'AbortError') throw new SiderError('CANCELLED', 'the job was cancelled')
    throw error
  } finally {
    client?.close()
    ignoreInterrupts()
  }
}

/** The token: of --token-file, of SIDER_TOKEN, or of a server of this user on this machine. */
async function readToken(options: ParsedOptions): Promise<string> {
  const file = options.text('token-file') ?? join(defaultDataFolder(), 'token')
  const fromEnvironment = process.env['SIDER_TOKEN']
  if (fromEnvironment && !options.has('token-file')) return fromEnvironment
  try {
    return (await readFile(file, 'utf8')).split('\n')[0].trim().split(/\s+/).at(-1)!
  } catch (cause) {
    throw new SiderError('USAGE', `cannot read the token file ${file}`, {
      hint: 'Give --token-file FILE, or put the token into SIDER_TOKEN.',
      cause,
    })
  }
}

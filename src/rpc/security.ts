/** Who may connect: tokens in a file that only its owner reads, and the exact Host and Origin of the upgrade request. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, open, readFile, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { makeFolder, outputError, SiderError } from '../engine/index.js'
import { parseTokens } from './token-file.js'

/** Tokens by the names of their owners: a job is visible to its owner's token alone. */
export type Tokens = Map<string, string>

/**
 * Reads the token file, or makes one with a new token. A line is 'name token'; a line of a token alone has the name 'default'.
 * @throws SiderError OUTPUT_UNWRITABLE if others may read the file, or it holds no usable token
 */
export async function readTokens(file: string): Promise<Tokens> {
  await makeTokens(file)
  const text = await readFile(file, 'utf8').catch((error) => {
    throw refuse(file, (error as Error).message, 'Name another file by --token-file.')
  })
  const { mode } = await stat(file)
  if (process.platform !== 'win32' && mode & 0o077) throw refuse(file, 'others may read it', `Run: chmod 600 ${file}`)
  return checkTokens(text, (why) => refuse(file, why, 'Delete the file: a new one is made.'))
}

/** Tokens that the environment holds, as the file has them. @throws SiderError USAGE */
export function tokensOf(text: string): Tokens {
  return checkTokens(text, (why) => new SiderError('USAGE', `the tokens in the environment cannot be used: ${why}`))
}

function checkTokens(text: string, fault: (why: string) => Error): Tokens {
  const tokens: Tokens = new Map()
  for (const [name, token] of parseTokens(text)) {
    if (token.length < 16) throw fault('a token is shorter than 16 characters')
    tokens.set(name, token)
  }
  if (tokens.size === 0) throw fault('there is no token')
  return tokens
}

/** Makes the file unless there is one. */
async function makeTokens(file: string): Promise<void> {
  try {
    await makeFolder(dirname(file), 0o700)
    const handle = await open(file, 'wx', 0o600)
    try {
      await handle.writeFile(`${randomBytes(32).toString('base64url')}\n`)
      await handle.sync()
    } catch (error) {
      await rm(file, { force: true }) // half a token would be one
      throw error
    } finally {
      await handle.close()
    }
    await chmod(file, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(file)) return
    const { code, message, data } = outputError(error, file)
    const hint = 'Choose another data folder by --data, or free some space and see that it may be written.'
    throw new SiderError(code, message, { stage: 'setup', hint: { cli: hint }, data, cause: error })
  }
}

function refuse(file: string, why: string, hint: string): SiderError {
  return new SiderError('OUTPUT_UNWRITABLE', `cannot use the token file ${file}: ${why}`, {
    stage: 'setup',
    hint: { cli: hint },
  })
}

/** The owner of a token, found in a time that says nothing about the tokens. */
export function ownerOf(tokens: Tokens, given: string): string | undefined {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const asked = digest(given)
  let owner: string | undefined
  for (const [name, token] of tokens) if (timingSafeEqual(digest(token), asked)) owner = name
  return owner
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Why a request is refused before anything else is done with it; undefined if it may go on. */
export function refusal(
  { headers }: IncomingMessage,
  { port, origins, hosts }: { port: number; origins: string[]; hosts: string[] },
): string | undefined {
  const allowed = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, ...hosts]
  if (!allowed.includes(headers.host ?? '')) return 'this Host is not allowed'
  // The server's own page, and some libraries (Python's websocket-client), send the server's own origin.
  const own = [`http://${headers.host}`, `https://${headers.host}`]
  if (headers.origin === undefined || own.includes(headers.origin) || origins.includes(headers.origin)) return undefined
  return 'this Origin is not allowed'
}

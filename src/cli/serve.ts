/** `sider serve`: the engine as a service, over JSON-RPC 2.0 on a WebSocket. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../engine/errors.js'
import type { ServerOptions } from '../rpc/options.js'
import { parseTokens } from '../rpc/token-file.js'
import type { Command, ParsedOptions, Shell } from './command.js'
import { METRICS_OPTION, metricsAddress, SHARED_OPTIONS, sharedAddresses } from './shared-options.js'

/** Name in the environment of the clients' secrets, for containers: lines as the token file has them. */
const TOKENS = 'SIDER_TOKENS'

export const serve: Command = {
  name: 'serve',
  summary: 'offer the engine to plugins and scripts over a WebSocket',
  usage: '[options]',
  works: () => 'in workers',
  positionals: [],
  options: {
    port: { value: 'N', description: 'port to listen on (default 7437; 0 takes a free one)' },
    host: { value: 'ADDRESS', description: 'interface to listen on (default 127.0.0.1; beyond loopback it needs TLS)' },
    data: { value: 'DIR', description: 'folder of jobs, results and token (default ~/.local/share/sider)' },
    'token-file': {
      value: 'FILE',
      description: 'the secrets of clients; made if need be (default SIDER_TOKENS of the environment, else DIR/token)',
    },
    'allow-origin': { value: 'URL', multiple: true, description: 'a web page that may connect; repeatable' },
    'allow-host': { value: 'NAME:PORT', multiple: true, description: 'a further name of this server; repeatable' },
    'tls-cert': { value: 'FILE', description: 'certificate, PEM' },
    'tls-key': { value: 'FILE', description: 'its private key, PEM' },
    jobs: { value: 'N', description: 'jobs that run at once (default 1)' },
    'max-queued': { value: 'N', description: 'jobs that may wait (default 1000)' },
    'max-photo': { value: 'MIB', description: 'largest photo (default 64)' },
    'keep-days': { value: 'N', description: 'ended jobs are deleted after so many days (default 7)' },
    'keep-size': { value: 'MIB', description: 'ended jobs take at most so much room (default 10240)' },
    ...METRICS_OPTION,
    ...SHARED_OPTIONS,
  },
  examples: [
    ['sider serve', 'for plugins and scripts of this machine'],
    ['sider serve --allow-origin http://localhost:8080', 'for a web page too'],
    [
      'sider serve --host 0.0.0.0 --tls-cert c.pem --tls-key k.pem --allow-host render.example:7437',
      'for other machines',
    ],
    ['sider serve --queue redis://localhost:6379 --storage s3://faces/jobs', 'jobs worked on by `sider worker`'],
  ],
  async run({ options, shell }) {
    const asked = new Promise<void>((resolve) => shell.onInterrupt(resolve))
    const { startServer } = await import('../rpc/server.js')
    const server = await startServer(await serverOptions(options))
    const text = options.has('json')
      ? JSON.stringify({ event: 'listening', url: server.url, tokenFile: server.tokenFile, metrics: server.metricsUrl })
      : `Listening on ${server.url}\nPage: ${await page(server, shell)}\nToken: ${existsSync(server.tokenFile) ? server.tokenFile : `in ${TOKENS}`}\nCtrl-C saves checkpoints and stops.`
    shell.stdout.write(`${text}\n`)
    await asked
    await server.close()
    shell.exit(0)
  },
}

/**
 * Address of the server's page. A person at a terminal gets the token with it, in the fragment, which browsers send to nobody;
 * logs and pipes do not.
 */
async function page({ url, tokenFile }: { url: string; tokenFile: string }, { stdout }: Shell): Promise<string> {
  const address = url.replace(/^ws/, 'http')
  if (!stdout.isTTY || !existsSync(tokenFile)) return address
  const [[, token]] = parseTokens(await readFile(tokenFile, 'utf8'))
  return `${address}#token=${token}`
}

async function serverOptions(options: ParsedOptions): Promise<Partial<ServerOptions>> {
  const dataFolder = options.text('data')
  const tokenFile = options.text('token-file') ?? (dataFolder === undefined ? undefined : join(dataFolder, 'token'))
  const [cert, key] = [options.text('tls-cert'), options.text('tls-key')]
  if ((cert === undefined) !== (key === undefined)) {
    throw new SiderError('USAGE', 'a certificate needs its key', { hint: 'Give both --tls-cert and --tls-key.' })
  }
  const mib = (name: string) => scaled(number(options, name), 1024 * 1024)
  const given: Partial<ServerOptions> = {
    host: options.text('host'),
    port: number(options, 'port', 0, 65535),
    dataFolder,
    tokenFile,
    tokens: options.has('token-file') ? undefined : process.env[TOKENS],
    origins: options.list('allow-origin').map(origin),
    hosts: options.list('allow-host'),
    tls: cert && key ? { cert: await pem('tls-cert', cert), key: await pem('tls-key', key) } : undefined,
    maxRunning: number(options, 'jobs'),
    maxQueued: number(options, 'max-queued'),
    photoBytes: mib('max-photo'),
    keepDays: number(options, 'keep-days', 0),
    keepBytes: mib('keep-size'),
    metrics: metricsAddress(options),
    shared: sharedAddresses(options),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

const scaled = (value: number | undefined, factor: number) => (value === undefined ? undefined : value * factor)

/** The whole number that an option gives. */
export function number(options: ParsedOptions, name: string, low = 1, high = 1_000_000_000): number | undefined {
  const text = options.text(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new SiderError('USAGE', `--${name} is '${text}', but must be a whole number from ${low} to ${high}`)
}

/** An origin as browsers write it: scheme, host and port, nothing behind them. @throws SiderError USAGE */
function origin(text: string): string {
  if (text === 'null' || /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/.test(text)) return text // of files, and of extensions
  const own = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
  if (own === text) return text
  throw new SiderError('USAGE', `--allow-origin is '${text}', but must be the origin of a web page`, {
    hint: { cli: `For example: --allow-origin ${own ?? 'http://localhost:8080'}` },
  })
}

async function pem(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `there is no file ${file}` : `cannot read ${file}: ${message}`
    throw new SiderError('USAGE', `--${option}: ${why}`, {
      hint: { cli: `Give the path of a PEM file with --${option}.` },
      cause,
    })
  }
}

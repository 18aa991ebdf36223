/**
 * The connection to the queue: Redis or Valkey through ioredis, and BullMQ on it. Both are loaded here alone, and only when asked
 * for. Secrets come from the environment, never from the address, which others see in lists of processes.
 */
import type * as bullmq from 'bullmq'
import type { Redis, RedisOptions } from 'ioredis'
import { SiderError } from '../../engine/index.js'
import type { Log } from '../log.js'

/** All keys, BullMQ's included, hang together in one slot of a cluster. */
export const PREFIX = '{sider}'
/** Name of the queue in BullMQ. */
export const QUEUE = 'faces'
/** Names in the environment of what must not be in the address. */
const [USERNAME, PASSWORD] = ['SIDER_QUEUE_USERNAME', 'SIDER_QUEUE_PASSWORD']
/** Time for the first answer; later for any of them, milliseconds. */
const [CONNECT_MS, COMMAND_MS] = [5000, 10_000]
/** Time between attempts to connect again, milliseconds, at most. */
const RETRY_MS = 500
/** Attempts before a command is given up. */
const RETRIES = 3
/** How often the clock of Redis is looked at, milliseconds. */
const CLOCK_MS = 60_000

export interface QueueAddress {
  /** redis:// or rediss:// (TLS), with host, port and number of the database. */
  queue: string
  /** Take a Redis that may forget what was accepted when it ends. */
  withoutAof?: boolean
}

export class QueueConnection {
  private readonly others: Redis[] = []
  private offset = 0
  private readonly clock: NodeJS.Timeout

  private constructor(
    /** For commands; one that finds no connection fails within about two seconds. */
    readonly redis: Redis,
    /** For messages. */
    readonly subscriber: Redis,
    readonly bull: typeof bullmq,
    private readonly again: () => Redis,
  ) {
    this.clock = setInterval(() => void this.readClock().catch(() => {}), CLOCK_MS).unref()
  }

  /** @throws SiderError USAGE (address; packages that are not installed), QUEUE_UNAVAILABLE */
  static async open(address: QueueAddress, log: Log): Promise<QueueConnection> {
    const { url, secrets } = readAddress(address.queue)
    const [{ Redis }, bull] = await loadPackages()
    const connect = (more: RedisOptions): Redis => {
      const made = new Redis(url, {
        ...secrets,
        maxRetriesPerRequest: RETRIES,
        retryStrategy: (times) => Math.min(RETRY_MS, 50 * times),
        lazyConnect: true,
        ...more,
      })
      made.on('error', (error) => log.warning('queue', { error: error.message }))
      return made
    }
    const first = connect({ retryStrategy: () => null, connectTimeout: CONNECT_MS })
    let why: Error | undefined // what is thrown says only that there is no connection
    first.once('error', (error) => {
      why = error
    })
    try {
      await first.connect()
      await assertDurable(first, address)
    } catch (error) {
      throw queueError(error instanceof SiderError ? error : (why ?? error))
    } finally {
      first.disconnect()
    }
    const commands = connect({ commandTimeout: COMMAND_MS })
    const subscriber = connect({ maxRetriesPerRequest: null })
    const connection = new QueueConnection(commands, subscriber, bull, () => connect({ maxRetriesPerRequest: null }))
    await connection.readClock()
    return connection
  }

  /** A further connection, whose commands wait until there is Redis. */
  another(): Redis {
    const made = this.again()
    this.others.push(made)
    return made
  }

  /** Milliseconds since 1970 by the clock of Redis, the one clock of all machines. */
  now(): number {
    return Math.round(Date.now() + this.offset)
  }

  async close(): Promise<void> {
    clearInterval(this.clock)
    for (const one of [this.redis, this.subscriber, ...this.others]) one.disconnect()
  }

  private async readClock(): Promise<void> {
    const before = Date.now()
    const [seconds, micros] = (await ask(this.redis.time())) as unknown as [string | number, string | number]
    const theirs = Number(seconds) * 1000 + Number(micros) / 1000
    this.offset = theirs - (before + Date.now()) / 2
  }
}

/** The answer of Redis. @throws SiderError QUEUE_UNAVAILABLE */
export async function ask<T>(command: Promise<T>): Promise<T> {
  try {
    return await command
  } catch (error) {
    throw queueError(error)
  }
}

export function queueError(cause: unknown): SiderError {
  if (cause instanceof SiderError) return cause
  const { message, code } = cause as { message?: string; code?: string }
  const why = /NOAUTH|WRONGPASS/.test(message ?? '')
    ? `it refuses the password: set ${PASSWORD}`
    : (message?.split('\n')[0] ?? String(cause))
  return new SiderError('QUEUE_UNAVAILABLE', `the queue cannot be used: ${why}`, {
    ...(code !== undefined && { data: { errno: code } }),
    cause,
  })
}

/** @throws SiderError USAGE */
function readAddress(text: string): { url: string; secrets: RedisOptions } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.password !== '' || url.username !== '')) {
    throw new SiderError(
      'USAGE',
      'the address of the queue holds a secret, which other users of the machine could see',
      {
        hint: { cli: `Leave it out, and set ${PASSWORD} (and ${USERNAME}) in the environment.` },
      },
    )
  }
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new SiderError('USAGE', 'the address of the queue must be one such as redis://localhost:6379')
  }
  const [username, password] = [process.env[USERNAME], process.env[PASSWORD]]
  return { url: text, secrets: { ...(username && { username }), ...(password && { password }) } }
}

async function loadPackages() {
  try {
    return await Promise.all([import('ioredis'), import('bullmq')])
  } catch (cause) {
    throw new SiderError('USAGE', 'several machines need the packages bullmq and ioredis, which are not installed', {
      hint: { cli: 'Install them beside this program: npm install bullmq ioredis' },
      cause,
    })
  }
}

/** Accepted means kept: a Redis that forgets what it was told when it ends is refused. */
async function assertDurable(redis: Redis, { withoutAof = false }: QueueAddress): Promise<void> {
  const facts = `${await redis.info('persistence')}\n${await redis.info('memory')}`
  const fact = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(facts)?.[1]
  const faults: string[] = []
  if (fact('aof_enabled') !== '1') faults.push('it keeps no append-only file (appendonly yes)')
  const policy = fact('maxmemory_policy') ?? 'noeviction'
  if (policy !== 'noeviction') faults.push(`it drops keys when memory is short (maxmemory-policy ${policy})`)
  if (faults.length === 0 || withoutAof) return
  throw new SiderError('QUEUE_UNAVAILABLE', `the queue could lose accepted jobs: ${faults.join(', and ')}`, {
    hint: {
      cli: 'Set appendonly yes and maxmemory-policy noeviction in Redis, or add --without-aof if losing jobs is acceptable.',
    },
  })
}

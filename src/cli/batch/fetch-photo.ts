/**
 * Fetches photos from addresses that somebody else may have written into a list: http and https alone, of limited size and time, and
 * never from this machine or its network, wherever a name or a redirect leads, unless that is allowed. The address that was looked
 * up and found good is the one that is connected to.
 */
import { lookup } from 'node:dns'
import { Agent as HttpAgent, type IncomingMessage, request as overHttp } from 'node:http'
import { Agent as HttpsAgent, request as overHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SiderError } from '../../engine/errors.js'
import { VERSION } from '../../engine/system/version.js'
import { isPrivateAddress } from './private-address.js'

const REDIRECTS = 5
/** Tries of what may be better later, and the time before the next one, seconds. */
const TRIES = 3
const [WAIT_S, LONGEST_WAIT_S] = [1, 30]

export interface FetchLimits {
  /** Largest photo. */
  bytes: number
  /** For one try, from the connection to the last byte. */
  seconds: number
  /** Addresses of this machine and of its network too. */
  allowPrivate: boolean
}

export class PhotoFetcher {
  private readonly agents: { http: HttpAgent; https: HttpsAgent }

  constructor(private readonly limits: FetchLimits) {
    const options = { keepAlive: true, maxSockets: 16, lookup: this.lookup }
    this.agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  }

  /** @throws SiderError IMAGE_FETCH_FAILED, IMAGE_TOO_LARGE, CANCELLED */
  async fetch(address: string, signal: AbortSignal): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const timeout = AbortSignal.timeout(1000 * this.limits.seconds)
      try {
        return await this.follow(address, AbortSignal.any([signal, timeout]))
      } catch (error) {
        if (signal.aborted) throw new SiderError('CANCELLED', 'the batch was stopped')
        const known = error instanceof SiderError ? error : this.failure(address, error, timeout.aborted)
        const { again, after = WAIT_S * 4 ** (tries - 1) } = known.data as { again?: boolean; after?: number }
        if (!again || tries >= TRIES) throw known
        await sleep(1000 * Math.min(after, LONGEST_WAIT_S), undefined, { signal }).catch(() => {})
      }
    }
  }

  close(): void {
    this.agents.http.destroy()
    this.agents.https.destroy()
  }

  private async follow(address: string, signal: AbortSignal): Promise<Uint8Array> {
    let url = this.checked(address, address)
    for (let hops = 0; hops <= REDIRECTS; hops++) {
      const response = await this.ask(url, signal)
      const { statusCode: status = 0, headers } = response
      if (status >= 300 && status < 400 && headers.location !== undefined) {
        response.destroy()
        url = this.checked(headers.location, address, url)
      } else if (status === 200) return this.read(address, response)
      else {
        response.destroy()
        const after = Number(headers['retry-after'])
        const again = status === 429 || status >= 500
        throw refused(address, `the server answers ${status}`, { status, again, ...(after > 0 && { after }) })
      }
    }
    throw refused(address, `there are more than ${REDIRECTS} redirects`)
  }

  /** @throws SiderError IMAGE_FETCH_FAILED */
  private checked(text: string, address: string, base?: URL): URL {
    if (!URL.canParse(text, base)) throw refused(address, 'it is no address')
    const url = new URL(text, base)
    if (!['http:', 'https:'].includes(url.protocol)) throw refused(address, `${url.protocol} is not fetched`)
    if (url.username !== '' || url.password !== '') throw refused(address, 'it holds a user name or a password')
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0) this.assertAllowed(host, [host])
    return url
  }

  private ask(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': `sider/${VERSION}` }
    const secure = url.protocol === 'https:'
    const agent = secure ? this.agents.https : this.agents.http
    return new Promise((resolve, reject) => {
      const request = (secure ? overHttps : overHttp)(url, { headers, agent, signal }, resolve)
      request.on('error', reject)
      request.end()
    })
  }

  private async read(address: string, response: IncomingMessage): Promise<Uint8Array> {
    const { bytes: most } = this.limits
    const encoding = response.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      response.destroy()
      throw refused(address, `it comes packed (${encoding})`)
    }
    const parts: Buffer[] = []
    let size = 0
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length
      // Leaving the loop ends the connection.
      if (size > most) throw new SiderError('IMAGE_TOO_LARGE', `${shown(address)} has more than ${most / 2 ** 20} MiB`)
      parts.push(part)
    }
    const told = Number(response.headers['content-length'] ?? size)
    if (!response.complete || told !== size) throw refused(address, 'the connection was cut', { again: true })
    return Buffer.concat(parts)
  }

  private readonly lookup: LookupFunction = (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '')
      try {
        this.assertAllowed(
          host,
          found.map(({ address }) => address),
        )
      } catch (refusal) {
        return callback(refusal as Error, '')
      }
      if (options.all) callback(null, found)
      else callback(null, found[0].address, found[0].family)
    })
  }

  private assertAllowed(host: string, addresses: string[]): void {
    if (this.limits.allowPrivate) return
    const bad = addresses.find(isPrivateAddress)
    if (bad === undefined) return
    throw new SiderError('IMAGE_FETCH_FAILED', `${host} leads to ${bad}, an address of this machine or its network`, {
      hint: { cli: 'Add --allow-private if the list is yours and such addresses are meant.' },
    })
  }

  private failure(address: string, cause: unknown, late: boolean): SiderError {
    const { code, message } = cause as NodeJS.ErrnoException
    if (late) {
      return refused(address, `it took more than ${this.limits.seconds} s`, { again: true }, cause)
    }
    return refused(address, message || String(code), { again: code !== 'ENOTFOUND', errno: code }, cause)
  }
}

/** Without what may be a secret. */
export const shown = (address: string): string => address.replace(/[?#].*$/s, '').slice(0, 300)

function refused(address: string, why: string, data: Record<string, unknown> = {}, cause?: unknown): SiderError {
  return new SiderError('IMAGE_FETCH_FAILED', `${shown(address)} cannot be fetched: ${why}`, { data, cause })
}

/** The options of what several machines share. */
import { SiderError } from '../engine/errors.js'
import type { Option, ParsedOptions } from './command.js'

export const SHARED_OPTIONS: Record<string, Option> = {
  queue: {
    value: 'URL',
    description: 'the queue of several machines: redis:// or rediss://; secrets in the environment',
  },
  storage: { value: 'URL', description: 'their photos and results: s3://bucket/prefix or file:///folder' },
  'without-aof': { description: 'take a Redis that may forget accepted jobs when it ends' },
}

/** Metrics at a port of their own. */
export const METRICS_OPTION: Record<string, Option> = {
  metrics: {
    value: '[HOST:]PORT',
    description: 'tell Prometheus metrics and health there over plain HTTP (on 127.0.0.1 without a host)',
  },
}

/** @throws SiderError USAGE */
export function metricsAddress(options: ParsedOptions): { host: string; port: number } | undefined {
  const text = options.text('metrics')
  if (text === undefined) return undefined
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65535) {
    throw new SiderError('USAGE', `--metrics is '${text}', but must be a port, or a host and a port`, {
      hint: 'For example: --metrics 9464, or --metrics 0.0.0.0:9464',
    })
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

/** @returns undefined where neither is given. @throws SiderError USAGE */
export function sharedAddresses(
  options: ParsedOptions,
): { queue: string; storage: string; withoutAof: boolean } | undefined {
  const [queue, storage] = [options.text('queue'), options.text('storage')]
  if (queue === undefined && storage === undefined && !options.has('without-aof')) return undefined
  if (queue === undefined || storage === undefined) {
    throw new SiderError('USAGE', 'a queue needs a storage, and a storage a queue', {
      hint: { cli: 'Give both --queue and --storage, or neither.' },
    })
  }
  return { queue, storage, withoutAof: options.has('without-aof') }
}

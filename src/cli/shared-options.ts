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

/** @returns undefined where neither is given. @throws SiderError USAGE */
export function sharedAddresses(
  options: ParsedOptions,
): { queue: string; storage: string; withoutAof: boolean } | undefined {
  const [queue, storage] = [options.text('queue'), options.text('storage')]
  if (queue === undefined && storage === undefined) return undefined
  if (queue === undefined || storage === undefined) {
    throw new SiderError('USAGE', 'a queue needs a storage, and a storage a queue', {
      hint: { cli: 'Give both --queue and --storage, or neither.' },
    })
  }
  return { queue, storage, withoutAof: options.has('without-aof') }
}

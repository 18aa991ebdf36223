/** What went wrong on a disk, in the words of a batch: the job engine speaks of servers, which wait for room where a batch ends. */
import { dirname } from 'node:path'
import { SiderError } from '../../engine/errors.js'
import { outputError } from '../../engine/system/files.js'

/** @param dataFolder of the batch, below the folder of its results. @returns the error itself if it is about something else */
export function inBatchWords(error: unknown, dataFolder: string): unknown {
  if (!(error instanceof SiderError)) return error
  const { code, data, cause, stage } = error
  const out = dirname(dataFolder)
  if (code === 'DISK_FULL')
    return new SiderError('DISK_FULL', `no space left to write ${out}`, {
      ...(stage && { stage }),
      hint: { cli: 'Free some space, and call the batch again: it goes on where it was.' },
      data,
      cause: error,
    })
  if (code !== 'OUTPUT_UNWRITABLE' || data['path'] !== dataFolder) return error
  if (data['pid'] === undefined) return cause === undefined ? error : outputError(cause, dataFolder)
  return new SiderError('OUTPUT_UNWRITABLE', `another batch, process ${data['pid']}, is at work in ${out}`, {
    ...(stage && { stage }),
    hint: { cli: 'Wait until it has ended, or choose another folder with -o.' },
    data,
    cause: error,
  })
}

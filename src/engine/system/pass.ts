/** Where long work lets other work have its turn, and can be stopped. */
import { setImmediate } from 'node:timers/promises'
import { SiderError, type StageName } from '../errors.js'

/** Gives signals, timers and messages their turn, then goes on. @throws the signal's reason if it was aborted */
export async function pass(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  signal?.throwIfAborted()
}

/** What was thrown because the user has stopped the work, as CANCELLED; any other error as it is. */
export function asCancelled(error: unknown, signal: AbortSignal | undefined, stage: StageName): unknown {
  if (!signal?.aborted || error instanceof SiderError) return error
  return new SiderError('CANCELLED', 'the run was stopped', { stage, cause: error })
}

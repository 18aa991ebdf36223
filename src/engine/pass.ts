/** Where long work lets other work have its turn, and can be stopped. */
import { setImmediate } from 'node:timers/promises'

/** Gives signals, timers and messages their turn, then goes on. @throws the signal's reason if it was aborted */
export async function pass(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  signal?.throwIfAborted()
}

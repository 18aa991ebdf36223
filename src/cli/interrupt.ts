/** The one place where Ctrl-C becomes an aborted signal. */
import type { Shell } from './command.js'

/**
 * Does work that the first Ctrl-C, or request to end, aborts; what a second one does is the command line's matter.
 * @param told what is to be said when that comes
 */
export async function interruptible<T>(
  shell: Pick<Shell, 'onInterrupt'>,
  work: (signal: AbortSignal) => Promise<T>,
  told: () => void = () => {},
): Promise<T> {
  const stop = new AbortController()
  const ignore = shell.onInterrupt(() => {
    if (stop.signal.aborted) return
    told()
    stop.abort()
  })
  try {
    return await work(stop.signal)
  } finally {
    ignore()
  }
}

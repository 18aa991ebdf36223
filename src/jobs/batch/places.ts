/** Lets so many work at a time, in the order in which they ask. */
export function places(free: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

/** Timing of asynchronous work. */

/** The middle of the values (the upper one of two). */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]

/** Seconds of each of several runs, one after another. */
export async function timed(repeats: number, run: () => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = []
  for (let i = 0; i < repeats; i++) {
    const start = performance.now()
    await run()
    seconds.push((performance.now() - start) / 1000)
  }
  return seconds
}

/** What a piece of work throws. */
import { expect } from 'vitest'
import { SiderError } from '../../src/engine/errors.js'

/** The error of `work`; it is a failure of the test if there is none, or another kind. */
export function thrown(work: () => unknown): SiderError {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(SiderError)
    return error as SiderError
  }
  throw new Error('nothing was thrown')
}

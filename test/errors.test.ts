import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES, type ErrorCode, SiderError } from '../src/engine/errors.js'

/** Rows of the table in docs/errors.md: code, exit status, what happened, what to do. */
const ROWS = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))

describe('docs/errors.md', () => {
  test('lists every code once, in order', () => {
    expect(ROWS.map((row) => row[1])).toEqual(Object.keys(ERROR_CODES))
  })

  test.each(ROWS.map((row) => [row[1], row] as const))(
    '%s: exit status and meaning as in the code, and advice',
    (code, row) => {
      const { exit, what } = ERROR_CODES[code as ErrorCode]
      expect(row[2]).toBe(String(exit))
      expect(row[3]).toBe(what)
      expect(row[4].length).toBeGreaterThan(20)
    },
  )
})

test('an error carries what machines and people need', () => {
  const cause = new Error('inner')
  const error = new SiderError('NO_FACE', 'no face', {
    stage: 'landmarks',
    hint: 'another photo',
    data: { width: 3 },
    cause,
  })
  expect(error.exitCode).toBe(4)
  expect(error.cause).toBe(cause)
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    code: 'NO_FACE',
    stage: 'landmarks',
    message: 'no face',
    hint: 'another photo',
    data: { width: 3 },
  })
})

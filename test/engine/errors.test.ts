import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERRORS, type ErrorCode, fromErrorInfo, SiderError } from '../../src/engine/errors.js'
import { toErrorInfo } from '../../src/jobs/errors.js'

const CODES = Object.keys(ERRORS) as ErrorCode[]

const SOURCES = readdirSync(join(import.meta.dirname, '../../src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('generated'))
  .map((name) => ({ name, text: readFileSync(join(import.meta.dirname, '../../src', name), 'utf8') }))

/** Options of the command line, and its commands. */
const COMMAND_LINE = /(^|[\s`(])(--?[a-z][\w-]*\b|sider [a-z]+)/

describe('the table of errors', () => {
  test('every code is thrown somewhere, and the number on the wire is its own', () => {
    const all = SOURCES.map(({ text }) => text).join('\n')
    const thrown = (code: string) => new RegExp(`new SiderError\\(\\s*'${code}'`).test(all)
    expect(CODES.filter((code) => !thrown(code))).toEqual([])
    expect(new Set(CODES.map((code) => ERRORS[code].wire)).size).toBe(CODES.length)
  })

  test.each(CODES)('%s: what to do, for a page and for Blender without the command line', (code) => {
    const { hints, what } = ERRORS[code]
    expect(what.length).toBeGreaterThan(8)
    for (const hint of Object.values(hints)) expect(hint).toMatch(/^.{12,}[.?]$/s)
    expect(hints.page).not.toMatch(COMMAND_LINE)
    expect(hints.blender.replace('`sider doctor`', '')).not.toMatch(COMMAND_LINE)
  })

  test('what is thrown with a hint for every front end does not speak of the command line', () => {
    const places = SOURCES.filter(({ name }) => /^(engine|jobs|rpc)/.test(name)).flatMap(({ name, text }) =>
      [...text.matchAll(/\bhint: *((['"`])(?:\\.|(?!\2).)*\2)/g)].map(([, words]) => ({ name, words })),
    )
    expect(places.length).toBeGreaterThan(30) // the scan sees them
    expect(places.filter(({ words }) => COMMAND_LINE.test(words.slice(1, -1)))).toEqual([])
  })
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

test('told to another process it is the same error there; one that only a newer server knows is REMOTE', () => {
  const error = new SiderError('FACE_CUT', 'cut off', { stage: 'landmarks', hint: { cli: 'x' }, data: { missing: [] } })
  const again = fromErrorInfo(JSON.parse(JSON.stringify(toErrorInfo(error))))
  expect(again).toEqual(error)
  expect([again.code, again.stage, again.hints, again.data]).toEqual([error.code, error.stage, error.hints, error.data])
  const newer = fromErrorInfo({ name: 'TOO_NEW', message: 'something new' })
  expect([newer.code, newer.message, newer.exitCode]).toEqual(['REMOTE', 'something new (TOO_NEW)', 11])
})

test('a hint for one front end leaves the others the table’s', () => {
  const { hints } = new SiderError('DIVERGED', 'x', { hint: { cli: '--set relief.learningRate=0.005' } })
  expect(hints).toEqual({ ...ERRORS.DIVERGED.hints, cli: '--set relief.learningRate=0.005' })
})

describe('on the wire', () => {
  test('every code keeps its name, stage, data and advice; paths stay here', () => {
    for (const code of CODES) {
      const error = new SiderError(code, 'words', { stage: 'output', data: { path: '/srv/x', n: 1 } })
      const { wire, retry, hints } = ERRORS[code]
      expect(toErrorInfo(error)).toEqual({
        code: wire,
        name: code,
        message: 'words',
        stage: 'output',
        retry,
        hints,
        detail: { n: 1 },
      })
    }
  })

  test('a fault keeps its text to the log', () => {
    expect(toErrorInfo(new TypeError('secret'))).toMatchObject({ name: 'INTERNAL', message: ERRORS.INTERNAL.what })
  })
})

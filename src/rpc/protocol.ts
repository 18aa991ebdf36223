/** What clients may send, by the protocol's document, with messages that say where a mistake is and what to do. */
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { nearestName, SiderError } from '../engine/index.js'
import type { FrameHeader, Methods } from '../generated/protocol.js'
import { compileAll, compileFirst, OPENRPC, type Schema } from '../jobs/document.js'

export const SUBPROTOCOL = 'sider.v1'

interface Validator {
  /** Its errors are the first that were found: it takes a time that the value's size bounds. */
  first: ValidateFunction
  all: ValidateFunction
}

const compile = (schema: Schema): Validator => ({ first: compileFirst(schema), all: compileAll(schema) })

const PARAMS = new Map(
  OPENRPC.methods.map(({ name, params }) => {
    const properties = Object.fromEntries(params.map((one) => [one.name, one.schema]))
    const required = params.filter((one) => one.required).map((one) => one.name)
    return [name, compile({ type: 'object', additionalProperties: false, required, properties })]
  }),
)
const FRAME_HEADER = compile(OPENRPC['x-binary'].header)

export type MethodName = keyof Methods

export const isMethod = (name: string): name is MethodName => PARAMS.has(name)

/** @throws SiderError PARAMS with every problem, or of params larger than any method has, with the first */
export function checkParams<M extends MethodName>(method: M, params: unknown): Methods[M]['params'] {
  const given = params ?? {}
  const known = (): string[] => OPENRPC.methods.find((one) => one.name === method)!.params.map((one) => one.name)
  check(PARAMS.get(method)!, given, known)
  return given as Methods[M]['params']
}

/** @throws SiderError PARAMS */
export function checkFrameHeader(header: unknown): FrameHeader {
  check(FRAME_HEADER, header, () => [])
  return header as FrameHeader
}

/** Values that are looked through for every problem: more than any call of a client at work has, landmarks aside. */
const EXPLAINED_VALUES = 100

function check({ first, all }: Validator, given: unknown, known: () => string[]): void {
  if (first(given)) return
  if (countValues(given, EXPLAINED_VALUES) > EXPLAINED_VALUES) throw wrongParams(first.errors!, given, known())
  all(given)
  throw wrongParams(all.errors!, given, known())
}

/** How many values something holds, itself included; counts little further than `most`. */
function countValues(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const key in value) {
    count += countValues((value as Record<string, unknown>)[key], most - count)
    if (count > most) break
  }
  return count
}

function wrongParams(errors: ErrorObject[], given: unknown, known: string[]): SiderError {
  // A oneOf fails with the errors of every branch: of each path one is enough, and what is said of a known field says most.
  const rank = ({ keyword }: ErrorObject): number => ['oneOf', 'additionalProperties', 'required'].indexOf(keyword)
  const problems = new Map<string, { path: string; message: string }>()
  for (const error of errors.toSorted((a, b) => rank(a) - rank(b))) {
    const forms = formsAt(error.instancePath, errors)
    if (forms.length > 1 && error.keyword === 'additionalProperties') continue // neither is unknown
    if (forms.length > 1 && error.keyword === 'oneOf') {
      const path = `params${error.instancePath.replaceAll('/', '.')}`
      problems.set(path, { path, message: `has ${forms.join(' and ')}: give one of them` })
      continue
    }
    const one = problem(error, given, known)
    if (!problems.has(one.path)) problems.set(one.path, one)
  }
  const list = [...problems.values()].slice(0, 20)
  const message = list.map(({ path, message: text }) => `${path} ${text}`).join('; ')
  return new SiderError('PARAMS', message, { data: { problems: list } })
}

/** Fields that belong to different forms of what lies at a place; fewer than two where one form was meant. */
function formsAt(path: string, errors: ErrorObject[]): string[] {
  const here = errors.filter(({ instancePath }) => instancePath === path)
  if (!here.some(({ keyword }) => keyword === 'oneOf') || here.some(({ keyword }) => keyword === 'required')) return []
  const names = here.flatMap(({ params }) => (params as { additionalProperty?: string }).additionalProperty ?? [])
  return [...new Set(names)].map((name) => name.slice(0, 100)).sort()
}

function problem(error: ErrorObject, given: unknown, known: string[]): { path: string; message: string } {
  const path = `params${error.instancePath.replaceAll('/', '.')}`
  const { params } = error as { params: Record<string, unknown> }
  switch (error.keyword) {
    case 'required':
      return { path: `${path}.${params['missingProperty']}`, message: 'is missing: add it' }
    case 'additionalProperties': {
      const name = String(params['additionalProperty']).slice(0, 100)
      const nearest = error.instancePath === '' ? nearestName(name, known) : undefined
      return {
        path: `${path}.${name}`,
        message: nearest ? `is unknown: did you mean ${nearest}?` : 'is unknown: leave it out',
      }
    }
    case 'enum':
      return {
        path,
        message: `is ${show(valueAt(given, error.instancePath))}: choose one of ${(params['allowedValues'] as unknown[]).join(', ')}`,
      }
    case 'type':
      return { path, message: `is ${show(valueAt(given, error.instancePath))}: give ${article(params['type'])}` }
    default:
      return { path, message: `${error.message}: it is ${show(valueAt(given, error.instancePath))}` }
  }
}

const article = (type: unknown): string =>
  (Array.isArray(type) ? type : [type]).map((one) => `${/^[aeiou]/.test(String(one)) ? 'an' : 'a'} ${one}`).join(' or ')

function valueAt(given: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], given)
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 60) : value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** How deep JSON may be nested, and how many values it may hold: far more than any message needs. */
const [DEPTH_LIMIT, VALUE_LIMIT] = [100, 20_000]

/**
 * Why a text is not even parsed; undefined if it may be. Needs no parsing, so nothing can overflow, and what a message costs
 * after that is bounded.
 */
export function excess(text: string): string | undefined {
  let [depth, values] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i)
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > DEPTH_LIMIT) return 'nested too deeply'
    } else if (code === 0x5d || code === 0x7d) depth--
    else if (code === 0x2c && ++values > VALUE_LIMIT) return 'too many values'
  }
  return undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Index of the quote that ends the string that begins at `start`; the text's end if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}

/** The protocol's document (schemas/rpc.openrpc.json), and validation by it with messages that say where and what to do. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { nearestName } from '../engine/index.js'
import { RpcError } from './errors.js'
import type { FrameHeader, Methods } from './generated/protocol.js'

type Schema = Record<string, unknown>

interface OpenRpcDocument {
  openrpc: string
  info: Schema
  methods: {
    name: string
    params: { name: string; required?: boolean; schema: Schema }[]
    result: { schema: Schema }
  }[]
  'x-notifications': { name: string; params: Schema }[]
  'x-binary': { header: Schema }
  components: Schema
}

export const PROTOCOL_VERSION = 1
export const SUBPROTOCOL = 'sider.v1'

/** What `rpc.discover` answers. */
export const OPENRPC = JSON.parse(
  readFileSync(new URL('../../schemas/rpc.openrpc.json', import.meta.url), 'utf8'),
) as OpenRpcDocument

const ajv = new Ajv2020({ allErrors: true, strict: false })
const compile = (schema: Schema): ValidateFunction => ajv.compile({ ...schema, components: OPENRPC.components })

const PARAMS = new Map(
  OPENRPC.methods.map(({ name, params }) => {
    const properties = Object.fromEntries(params.map((one) => [one.name, one.schema]))
    const required = params.filter((one) => one.required).map((one) => one.name)
    return [name, compile({ type: 'object', additionalProperties: false, required, properties })]
  }),
)
const validFrameHeader = compile(OPENRPC['x-binary'].header)

export type MethodName = keyof Methods

export const isMethod = (name: string): name is MethodName => PARAMS.has(name)

/** @throws RpcError PARAMS with every problem */
export function checkParams<M extends MethodName>(method: M, params: unknown): Methods[M]['params'] {
  const validate = PARAMS.get(method)!
  const given = params ?? {}
  if (validate(given)) return given as Methods[M]['params']
  const known = OPENRPC.methods.find((one) => one.name === method)!.params.map((one) => one.name)
  throw wrongParams(validate.errors!, given, known)
}

/** @throws RpcError PARAMS */
export function checkFrameHeader(header: unknown): FrameHeader {
  if (validFrameHeader(header)) return header as FrameHeader
  throw wrongParams(validFrameHeader.errors!, header, [])
}

function wrongParams(errors: ErrorObject[], given: unknown, known: string[]): RpcError {
  const all = errors.map((error) => problem(error, given, known))
  // A oneOf fails with the errors of every branch: of each path one is enough, and what is said of a known field says most.
  const rank = ({ keyword }: ErrorObject): number => ['oneOf', 'additionalProperties', 'required'].indexOf(keyword)
  const problems = all
    .map((one, i) => ({ one, rank: rank(errors[i]) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ one }) => one)
    .filter((one, i, sorted) => sorted.findIndex((other) => other.path === one.path) === i)
    .slice(0, 20)
  const message = problems.map(({ path, message: text }) => `${path} ${text}`).join('; ')
  return new RpcError('PARAMS', message, { problems })
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
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** How deep JSON may be nested: far more than any message needs, far less than what overflows a stack. */
const DEPTH_LIMIT = 100

/** Whether a text nests arrays and objects deeper than the limit. Needs no parsing, so nothing can overflow. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > DEPTH_LIMIT) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}

/** What is told of jobs, as schemas/rpc.openrpc.json has it. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { JobEvent } from './events.js'

export type Schema = Record<string, unknown>

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

/** What `rpc.discover` answers. */
export const OPENRPC = JSON.parse(
  readFileSync(new URL('../../schemas/rpc.openrpc.json', import.meta.url), 'utf8'),
) as OpenRpcDocument

/** Validators: one stops at the first error, the other tells all of them. */
const [FIRST, ALL] = [false, true].map((allErrors) => new Ajv2020({ allErrors, strict: false }))

const whole = (schema: Schema): Schema => ({ ...schema, components: OPENRPC.components })

/** Checks by a schema of the document; it ends with the first error, so it takes a time that the value's size bounds. */
export const compileFirst = (schema: Schema): ValidateFunction => FIRST.compile(whole(schema))

/** The same, but its errors are all there are. */
export const compileAll = (schema: Schema): ValidateFunction => ALL.compile(whole(schema))

const NOTIFICATIONS = new Map(OPENRPC['x-notifications'].map(({ name, params }) => [name, compileFirst(params)]))

/** Whether something is an event as jobs keep them. */
export function isEvent(value: unknown): value is JobEvent {
  const { method, kind, params } = (value ?? {}) as Partial<JobEvent>
  return (
    typeof kind === 'string' &&
    NOTIFICATIONS.get(method ?? '')?.(params) === true &&
    Number.isSafeInteger((params as { seq: number }).seq)
  )
}

/** Validators, by the protocol's document, of what the server sends. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { OPENRPC } from '../../src/jobs/document.js'

const ajv = new Ajv2020({ allErrors: true, strict: false })
const compile = (schema: Record<string, unknown>): ValidateFunction =>
  ajv.compile({ ...schema, components: OPENRPC.components })

export const sent = {
  result: (method: string): ValidateFunction =>
    compile(OPENRPC.methods.find((one) => one.name === method)!.result.schema),
  notification: (name: string): ValidateFunction =>
    compile(OPENRPC['x-notifications'].find((one) => one.name === name)!.params),
  schema: (name: string): ValidateFunction => compile({ $ref: `#/components/schemas/${name}` }),
}

/** What follows from schemas/rpc.openrpc.json: the protocol's TypeScript types and its page in the docs. */
import { readFile } from 'node:fs/promises'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { statesMarkdown } from './generate-tables.js'

interface Descriptor {
  name: string
  description?: string
  required?: boolean
  schema: JSONSchema
}
interface OpenRpc {
  info: { description: string; version: string }
  methods: {
    name: string
    summary: string
    params: Descriptor[]
    result: Descriptor
    errors?: { $ref: string }[]
  }[]
  'x-notifications': { name: string; summary: string; params: JSONSchema }[]
  'x-binary': { description: string; header: JSONSchema }
  components: {
    schemas: Record<string, JSONSchema>
    errors: Record<string, { code: number; message: string; data: { retry: boolean; hints: Record<string, string> } }>
  }
}

const read = async (): Promise<OpenRpc> =>
  JSON.parse(await readFile(new URL('../schemas/rpc.openrpc.json', import.meta.url), 'utf8'))

/** 'job/create' → 'JobCreate' */
const typeName = (name: string): string =>
  name
    .split(/[/.]/)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join('')

/** The types of methods, notifications and schemas. */
export async function protocolTypes(): Promise<string> {
  const document = await read()
  const definitions: Record<string, JSONSchema> = { ...document.components.schemas }
  for (const { name, params, result } of document.methods) {
    definitions[`${typeName(name)}Params`] = paramsSchema(`${typeName(name)}Params`, params)
    definitions[`${typeName(name)}Result`] = { ...result.schema, ...(result.schema.$ref ? {} : { title: undefined }) }
  }
  const properties = (entries: [string, JSONSchema][]): JSONSchema => ({
    type: 'object',
    additionalProperties: false,
    required: entries.map(([name]) => name),
    properties: Object.fromEntries(entries),
  })
  const ref = (name: string): JSONSchema => ({ $ref: `#/components/schemas/${name}` })
  const methods = document.methods.map(({ name, summary }): [string, JSONSchema] => [
    name,
    {
      ...properties([
        ['params', ref(`${typeName(name)}Params`)],
        ['result', ref(`${typeName(name)}Result`)],
      ]),
      description: summary,
    },
  ])
  const notifications = document['x-notifications'].map(({ name, summary, params }): [string, JSONSchema] => {
    definitions[params.title!] = { ...params, description: summary }
    return [name, ref(params.title!)]
  })
  definitions['FrameHeader'] = document['x-binary'].header
  definitions['Methods'] = { title: 'Methods', ...properties(methods) }
  definitions['Notifications'] = { title: 'Notifications', ...properties(notifications) }
  const root = {
    title: 'Protocol',
    ...properties(
      ['Methods', 'Notifications', 'FrameHeader', 'ErrorData'].map((name): [string, JSONSchema] => [name, ref(name)]),
    ),
    components: { schemas: definitions },
  }
  const types = await compile(root as JSONSchema, 'Protocol', {
    bannerComment: '/* Generated from schemas/rpc.openrpc.json by `npm run generate`. Do not edit. */',
    style: { semi: false, singleQuote: true, printWidth: 120 },
    unreachableDefinitions: false,
  })
  return `${types}\n/** Rises with every change that a client must know of. */\nexport const PROTOCOL_VERSION = ${document.info.version}\n`
}

function paramsSchema(title: string, params: Descriptor[]): JSONSchema {
  return {
    title,
    type: 'object',
    additionalProperties: false,
    required: params.filter((one) => one.required).map((one) => one.name),
    properties: Object.fromEntries(params.map((one) => [one.name, one.schema])),
  }
}

/** The page docs/protocol.md: docs/protocol-guide.md, which is written by hand, then the reference. */
export async function protocolMarkdown(): Promise<string> {
  const document = await read()
  const guide = await readFile(new URL('../schemas/protocol-guide.md', import.meta.url), 'utf8')
  const lines = [
    guide
      .trimEnd()
      .replace('{{states}}', await statesMarkdown())
      .replace('{{version}}', document.info.version),
    '',
    '## Methods',
  ]
  for (const { name, summary, params, result, errors = [] } of document.methods) {
    lines.push('', `### \`${name}\``, '', summary, '')
    if (params.length > 0) {
      lines.push('| param | type | what |', '| --- | --- | --- |')
      for (const one of params)
        lines.push(row(one.name, { description: one.description, ...one.schema } as JSONSchema, one.required === true))
      lines.push('')
    }
    lines.push(`Answers ${typeText(result.schema)}.`)
    if (errors.length > 0)
      lines.push('', `Errors: ${errors.map(({ $ref }) => `\`${$ref.split('/').at(-1)}\``).join(', ')}.`)
    if (result.schema.properties && name !== 'rpc.discover') lines.push('', ...table(result.schema))
  }
  lines.push('', '## Notifications')
  for (const { name, summary, params } of document['x-notifications']) {
    lines.push('', `### \`${name}\``, '', summary, '', ...table(params))
  }
  lines.push('', '## Binary frames', '', document['x-binary'].description, '', ...table(document['x-binary'].header))
  lines.push('', '## Types')
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    lines.push('', `### ${name}`, '')
    if (schema.description) lines.push(schema.description, '')
    lines.push(...(schema.properties ? table(schema) : [`${typeText(schema)}`]))
  }
  lines.push(
    '',
    '## Errors',
    '',
    '`data` of every error is an ErrorData; here are its name and what to do ([all of them](errors.md)).',
    '',
  )
  lines.push('| code | name | what | again? | what to do |', '| --- | --- | --- | --- | --- |')
  for (const [name, { code, message, data }] of Object.entries(document.components.errors)) {
    lines.push(
      `| ${code} | \`${name}\` | ${message} | ${data.retry ? 'yes' : 'no'} | ${data.hints['page'].replaceAll('|', '\\|')} |`,
    )
  }
  return `${lines.join('\n')}\n`
}

function table(schema: JSONSchema): string[] {
  const required = Array.isArray(schema.required) ? schema.required : []
  return [
    '| field | type | what |',
    '| --- | --- | --- |',
    ...Object.entries(schema.properties ?? {}).map(([name, one]) => row(name, one, required.includes(name))),
  ]
}

function row(name: string, schema: JSONSchema, required: boolean): string {
  const standard = schema.default === undefined ? '' : ` Default: ${JSON.stringify(schema.default)}.`
  const text = `${schema.description ?? ''}${standard}`.trim().replaceAll('|', '\\|')
  return `| \`${name}\`${required ? '' : ' (optional)'} | ${typeText(schema)} | ${text} |`
}

function typeText(schema: JSONSchema): string {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1)!
    return `[${name}](#${name.toLowerCase()})`
  }
  if (schema.enum) return schema.enum.map((one) => `\`${String(one)}\``).join(', ')
  if (schema.oneOf) return schema.oneOf.map((one) => `{${Object.keys(one.properties ?? {}).join(', ')}}`).join(' or ')
  if (schema.type === 'array' && schema.items) return `list of ${typeText(schema.items as JSONSchema)}`
  const range =
    schema.minimum === undefined
      ? ''
      : ` ${schema.maximum === undefined ? `from ${schema.minimum}` : `${schema.minimum} to ${schema.maximum}`}`
  return `${Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any')}${range}`
}

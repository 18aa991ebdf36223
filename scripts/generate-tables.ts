/**
 * What follows from the two tables schemas/errors.json and schemas/job-states.json: constants in TypeScript and Python, their
 * places in the protocol's document, and tables of the docs.
 */
import { readFile } from 'node:fs/promises'
import type { JSONSchema } from 'json-schema-to-typescript'

interface ErrorRow {
  exit: number
  wire: number
  retry: boolean
  what: string
  hints: Record<string, string>
}

interface JobStates {
  states: Record<string, { what: string; end?: boolean }>
  actions: Record<string, string>
  table: Record<string, Record<string, string>>
}

const readJson = async (path: string) => JSON.parse(await readFile(new URL(`../${path}`, import.meta.url), 'utf8'))
const readErrors = (): Promise<Record<string, ErrorRow>> => readJson('schemas/errors.json')
const readStates = (): Promise<JobStates> => readJson('schemas/job-states.json')

const banner = (of: string): string => `Generated from schemas/${of} by \`npm run generate\`. Do not edit.`

/** src/generated/errors.ts */
export async function errorsTypeScript(): Promise<string> {
  const rows = Object.entries(await readErrors()).map(([code, row]) => `  ${code}: ${JSON.stringify(row)},`)
  return `/* ${banner('errors.json')} */

/** Every failure: exit status of the command line, number on the wire, whether the same may succeed later, and what to do. */
export const ERRORS = {
${rows.join('\n')}
} as const

export type ErrorCode = keyof typeof ERRORS

/** In whose words a hint is. */
export type FrontEnd = keyof (typeof ERRORS)[ErrorCode]['hints']
`
}

/** src/generated/job-states.ts */
export async function statesTypeScript(): Promise<string> {
  const { states, actions, table } = await readStates()
  const union = (names: string[]): string => names.map((name) => `'${name}'`).join(' | ')
  const rows = Object.entries(table).map(([state, row]) => `  ${state}: ${JSON.stringify(row)},`)
  return `/* ${banner('job-states.json')} */

export type JobState = ${union(Object.keys(states))}

export type JobAction = ${union(Object.keys(actions))}

/** Every state that a job can be in. */
export const JOB_STATES: readonly JobState[] = ${JSON.stringify(Object.keys(states))}

/** Those that it does not leave. */
export const END_STATES: readonly JobState[] = ${JSON.stringify(endStates(states))}

/** Where an action leads from a state; what is not here is not allowed. */
export const TRANSITIONS: Readonly<Record<JobState, Partial<Record<JobAction, JobState>>>> = {
${rows.join('\n')}
}
`
}

/** plugins/blender-bridge/sider/core/generated.py */
export async function tablesPython(): Promise<string> {
  const { states } = await readStates()
  const { info } = await readJson('schemas/rpc.openrpc.json')
  const { output } = (await readJson('schemas/settings.schema.json')).properties
  const profiles: string[] = output.properties.profile?.enum ?? []
  const hints = Object.entries(await readErrors()).map(
    ([code, { hints: words }]) => `    "${code}": ${JSON.stringify(words['blender'])},`,
  )
  return `# SPDX-License-Identifier: GPL-3.0-or-later
"""${banner('')}"""

PROTOCOL_VERSION = ${info.version}

END_STATES = (${endStates(states)
    .map((state) => `"${state}"`)
    .join(', ')})

PROFILES = (${profiles.map((name) => `"${name}", `).join('')})
"""Programs that heads are made for, the first by default."""

HINTS = {
${hints.join('\n')}
}
`
}

const endStates = (states: JobStates['states']): string[] =>
  Object.entries(states)
    .filter(([, { end }]) => end)
    .map(([state]) => state)

/** schemas/rpc.openrpc.json, with the errors and the states that the tables say. */
export async function protocolDocument(): Promise<string> {
  const [document, errors, { states }] = [
    await readJson('schemas/rpc.openrpc.json'),
    await readErrors(),
    await readStates(),
  ]
  const jobState: JSONSchema = document.components.schemas.JobState
  jobState.enum = Object.keys(states)
  jobState.description = `${endStates(states).join(', ')} are end states.`
  document.components.errors = Object.fromEntries(
    Object.entries(errors).map(([name, { wire, what, retry, hints }]) => [
      name,
      { code: wire, message: what, data: { name, retry, hints } },
    ]),
  )
  return `${shortLists(JSON.stringify(document, null, 2))}\n`
}

/** JSON with lists of plain values on one line each, where they fit, as the formatter wants it. */
function shortLists(json: string): string {
  return json.replace(/^(.*)\[\n([^[\]{}]*?)\n *\](,?)$/gm, (all, before: string, items: string, after: string) => {
    const line = `${before}[${items
      .split('\n')
      .map((item) => item.trim())
      .join(' ')}]${after}`
    return line.length <= 120 ? line : all
  })
}

/** docs/errors.md: its own words, then the table. */
export async function errorsMarkdown(): Promise<string> {
  const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
  const link = (text: string): string =>
    text.replaceAll('|', '\\|').replaceAll(/docs\/([\w-]+\.md)/g, (_, file) => `[${file}](${file})`)
  const rows = Object.entries(await readErrors()).map(
    ([code, { exit, wire, retry, what, hints }]) =>
      `| \`${code}\` | ${exit} | ${wire} | ${retry ? 'yes' : 'no'} | ${what} | ${link(hints['cli'])} |`,
  )
  return `${[
    page.slice(0, page.indexOf('| code |')).trimEnd(),
    '',
    '| code | exit | on the wire | again? | what happened | what to do |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`
}

/** The table of states and actions, for the page of the protocol. */
export async function statesMarkdown(): Promise<string> {
  const { states, actions, table } = await readStates()
  const names = Object.keys(actions)
  const lines = [
    '| state | what it is |',
    '| --- | --- |',
    ...Object.entries(states).map(([state, { what, end }]) => `| \`${state}\` | ${what}${end ? '; an end' : ''} |`),
    '',
    'What leads from a state to which:',
    '',
    `| | ${names.map((name) => actions[name]).join(' | ')} |`,
    `| --- |${' --- |'.repeat(names.length)}`,
    ...Object.entries(table)
      .filter(([, row]) => Object.keys(row).length > 0)
      .map(([state, row]) => `| \`${state}\` | ${names.map((name) => row[name] ?? '').join(' | ')} |`),
  ]
  return lines.join('\n')
}

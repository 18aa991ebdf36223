/** The command lines of the project's own scripts: help, options, and plain words about what is wrong with them. */
import { parseArgs } from 'node:util'
import { nearestName } from '../src/engine/nearest-name.js'

/** An option. What repeats (`multiple`) is a list; what is neither boolean, required nor has a default may be undefined. */
export type Option = { short?: string } & (
  | { type: 'boolean' }
  | Valued<'string', string, { choices?: readonly string[] }>
  | Valued<'number', number, NumberLimits>
)
type Valued<Type extends string, One, Limits> = Limits & { type: Type; required?: true } & (
    | { multiple?: never; default?: One }
    | { multiple: true; default?: readonly One[] }
  )

export interface NumberLimits {
  /** No parts of one. */
  whole?: true
  /** The least that is allowed. */
  least?: number
}

type One<O extends Option> = O extends { type: 'number' }
  ? number
  : O extends { choices: readonly (infer Choice)[] }
    ? Choice
    : string
type Given<O extends Option> = O extends { multiple: true } ? One<O>[] : One<O>
type Value<O extends Option> = O extends { type: 'boolean' }
  ? boolean
  : O extends { required: true } | { default: unknown }
    ? Given<O>
    : Given<O> | undefined

/**
 * The program's command line. With `--help` or `-h` it prints the help and leaves with status 0; where something is wrong it
 * refuses.
 *
 * @param help the whole text; one of its lines begins with 'Usage: ' and the command
 * @param positionals as the usage writes them: '<must be there>', '[may be there]', '<one or more>...', '[any number]...'
 */
export function commandLine<const Options extends Record<string, Option>>(
  help: string,
  options: Options,
  positionals: readonly string[] = [],
): { values: { [Name in keyof Options]: Value<Options[Name]> }; positionals: string[] } {
  const given = parsed(help, options)
  if (given.values['help']) {
    console.log(help.trim())
    process.exit(0)
  }
  const least = positionals.filter((name) => name.startsWith('<')).length
  const most = positionals.at(-1)?.endsWith('...') ? Infinity : positionals.length
  const { length } = given.positionals
  if (length < least) refuse(help, `${positionals[length].replace('...', '')} is missing.`)
  if (length > most) refuse(help, `'${given.positionals[most]}' is one argument too many.`)
  const values = Object.entries(options).map(([name, option]) => [
    name,
    checked(help, name, option, given.values[name]),
  ])
  return { values: Object.fromEntries(values), positionals: given.positionals }
}

/** A number that was given as text. */
export function numberOf(help: string, name: string, text: string, { whole, least = -Infinity }: NumberLimits): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= least && (!whole || Number.isInteger(value)))
    return value
  const limit = least > -Infinity ? ` of at least ${least}` : ''
  refuse(help, `${name} is '${text}', but must be a ${whole ? 'whole ' : ''}number${limit}.`)
}

/** Leaves with status 2: says what is wrong and how to get the help. */
export function refuse(help: string, problem: string): never {
  const command = /^Usage: (npm test|npm run \S+|npx tsx \S+)/m.exec(help)?.[1]
  console.error(`${problem} See: ${command}${command?.startsWith('npm') ? ' --' : ''} --help`)
  process.exit(2)
}

function parsed(help: string, options: Record<string, Option>) {
  const table = { ...options, help: { type: 'boolean', short: 'h' } as const }
  const config = Object.entries(table).map(([name, option]) => {
    const type = option.type === 'boolean' ? ('boolean' as const) : ('string' as const)
    const { short } = option
    return [
      name,
      { type, multiple: 'multiple' in option && option.multiple === true, ...(short && { short }) },
    ] as const
  })
  try {
    return parseArgs({ options: Object.fromEntries(config), allowPositionals: true })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
      refuse(help, `${message.split('\n')[0].replace(/ argument (missing|is ambiguous).*/, ' needs a value')}.`)
    const option = /'(-[^']*)'/.exec(message)![1]
    const nearest = nearestName(option.replace(/^-+/, ''), Object.keys(table))
    refuse(help, `There is no option ${option}.${nearest ? ` Did you mean --${nearest}?` : ''}`)
  }
}

function checked(help: string, name: string, option: Option, given: unknown): unknown {
  if (option.type === 'boolean') return given ?? false
  if (given === undefined && option.required) refuse(help, `--${name} is missing.`)
  if (given === undefined) return option.default
  const one = (text: string): string | number => {
    if (option.type === 'number') return numberOf(help, `--${name}`, text, option)
    if (option.choices && !option.choices.includes(text))
      refuse(help, `--${name} is '${text}', but must be one of ${option.choices.join(', ')}.`)
    return text
  }
  return Array.isArray(given) ? given.map(one) : one(given as string)
}

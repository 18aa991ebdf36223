/** Command line → options, by a command's table. */
import { parseArgs } from 'node:util'
import { SiderError } from '../engine/errors.js'
import { nearestName } from '../engine/nearest-name.js'
import type { Command, Option, ParsedOptions } from './command.js'
import { SHORT_OPTIONS } from './run-options.js'

/** Options of every command. */
export const COMMON_OPTIONS: Record<string, Option> = {
  json: { description: 'machine-readable output: JSON lines on standard output, the last one the result or the error' },
  help: { short: 'h', description: 'this text' },
}

/**
 * Parses what follows the command's name.
 *
 * @throws SiderError USAGE: unknown option (names the nearest), missing value, wrong number of arguments
 */
export function parseArguments(command: Command, args: string[]): { positionals: string[]; options: ParsedOptions } {
  const table = { ...command.options, ...COMMON_OPTIONS }
  const prepared = joinNegative(args, table).map((arg) => {
    const option = arg.startsWith('--') ? table[arg.slice(2)] : undefined
    return option?.valueOptional ? `${arg}=` : arg
  })
  const config = Object.fromEntries(
    Object.entries(table).map(([name, option]) => {
      const { short, multiple = false } = option
      return [
        name,
        { type: option.value ? ('string' as const) : ('boolean' as const), multiple, ...(short && { short }) },
      ]
    }),
  )
  let parsed: ReturnType<typeof parseArgs>
  try {
    parsed = parseArgs({ args: prepared, options: config, allowPositionals: true })
  } catch (cause) {
    throw wrongOption(command, Object.keys(table), cause as NodeJS.ErrnoException)
  }
  const { values, positionals } = parsed
  const has = (name: string) => values[name] !== undefined
  const least = command.positionals.length
  const most = least + (command.optional?.length ?? 0)
  if (!has('help') && (positionals.length < least || positionals.length > most))
    throw wrongCount(command, positionals, most)
  return {
    positionals,
    options: {
      has,
      text: (name) => values[name] as string | undefined,
      list: (name) => (values[name] as string[] | undefined) ?? [],
    },
  }
}

/** Numbers below zero are values, which whoever reads them may refuse: '--face', '-2' becomes '--face=-2'. */
function joinNegative(args: string[], table: Record<string, Option>): string[] {
  const takesValue = new Map<string, string>()
  for (const [name, { value, valueOptional, short }] of Object.entries(table)) {
    if (value === undefined || valueOptional) continue
    takesValue.set(`--${name}`, '=')
    if (short) takesValue.set(`-${short}`, '')
  }
  const joined: string[] = []
  for (const arg of args) {
    const link = takesValue.get(joined.at(-1) ?? '')
    if (link !== undefined && /^-\.?\d/.test(arg)) joined.push(`${joined.pop()}${link}${arg}`)
    else joined.push(arg)
  }
  return joined
}

function wrongOption(command: Command, names: string[], cause: NodeJS.ErrnoException): SiderError {
  if (cause.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    // Node's own words say which option lacks or has a value; the rest of its text is about its API.
    const message = cause.message.split('\n')[0].replace(/ argument (missing|is ambiguous).*/, ' needs a value')
    const begun = /use '(--?[^']+-.*)'\.?$/.exec(cause.message)?.[1]
    const hint = begun ? `One that begins with a dash is given like this: ${begun}` : seeHelp(command)
    return new SiderError('USAGE', message, { hint: { cli: hint }, cause })
  }
  const option = /'(-[^']*)'/.exec(cause.message)?.[1] ?? ''
  const name = option.replace(/^-+/, '')
  const nearest = nearestName(name, names)
  const short = names.includes('set') && Object.hasOwn(SHORT_OPTIONS, name)
  const setting = short ? SHORT_OPTIONS[name as keyof typeof SHORT_OPTIONS].path : undefined
  const meant = nearest ? `Did you mean --${nearest}?` : seeHelp(command)
  return new SiderError('USAGE', `unknown option ${option}`, {
    hint: { cli: setting ? `Here it is a setting: --set ${setting}=...` : meant },
    data: { option, nearest },
    cause,
  })
}

function wrongCount(command: Command, positionals: string[], most: number): SiderError {
  const missing = command.positionals[positionals.length]
  const message = missing
    ? `${command.name}: <${missing}> is missing`
    : `${command.name}: '${positionals[most]}' is one argument too many`
  return new SiderError('USAGE', message, { hint: seeHelp(command) })
}

function seeHelp(command: Command): string {
  return `See: sider ${command.name} --help`
}

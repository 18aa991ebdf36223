/** Help texts, made from the commands' tables. */
import { PRESETS } from '../engine/config.js'
import { VERSION } from '../engine/system/version.js'
import { COMMON_OPTIONS } from './arguments.js'
import type { Command, Option } from './command.js'

/** The text of `sider help`. */
export function overview(commands: Command[]): string {
  return [
    `sider ${VERSION}: one photo of a face in, a detailed 3D face out`,
    '',
    'Usage: sider <command> [options]',
    '',
    'Commands:',
    ...columns(commands.map((command) => [command.name, command.summary])),
    '',
    'Presets:',
    ...columns(Object.entries(PRESETS).map(([name, preset]) => [name, preset.description])),
    '',
    'Help on a command: sider <command> --help',
    'For example:       sider reconstruct photo.jpg -o out',
    '',
  ].join('\n')
}

/** The text of `sider <command> --help`. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS })
  return [
    `${command.summary[0].toUpperCase()}${command.summary.slice(1)}.`,
    '',
    `Usage: sider ${command.name} ${command.usage}`.trimEnd(),
    '',
    'Options:',
    ...columns(options.map(([name, option]) => [signature(name, option), option.description])),
    '',
    'Examples:',
    ...command.examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]),
    '',
  ].join('\n')
}

function signature(name: string, option: Option): string {
  const value = option.valueOptional ? `[=${option.value}]` : option.value ? ` ${option.value}` : ''
  return `${option.short ? `-${option.short}, ` : '    '}--${name}${value}`
}

/** Two aligned columns; the second is wrapped. */
export function columns(rows: [string, string][], width = 100): string[] {
  const indent = Math.max(...rows.map(([left]) => left.length)) + 4
  return rows.flatMap(([left, right]) =>
    wrap(right, width - indent).map((line, i) => `${(i === 0 ? `  ${left}` : '').padEnd(indent)}${line}`),
  )
}

/** Breaks a text into lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

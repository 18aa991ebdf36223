/** Options that several commands have, and how they are read. */
import { DEFAULT_PRESET, PRESETS, parseAssignment } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import type { Option, ParsedOptions } from './command.js'

/** The preset and any settings. */
export const SETTINGS_OPTIONS = {
  preset: {
    short: 'p',
    value: 'NAME',
    description: `${Object.keys(PRESETS).join(', ')} (default ${DEFAULT_PRESET})`,
  },
  set: {
    short: 's',
    value: 'KEY=VALUE',
    multiple: true,
    description: 'any setting (see: sider settings); repeatable',
  },
} satisfies Record<string, Option>

/** What `--set` changes, later ones over earlier. @throws SiderError USAGE */
export const readAssignments = (texts: string[]): Record<string, unknown> =>
  Object.assign({}, ...texts.map(parseAssignment))

/** The value of an option that must be there. @throws SiderError USAGE @param example how it is given */
export function needed(options: ParsedOptions, name: string, what: string, example: string): string {
  const given = options.text(name)
  if (given) return given
  throw new SiderError('USAGE', `${what} is missing`, { hint: `For example: ${example}` })
}

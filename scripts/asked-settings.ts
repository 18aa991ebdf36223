/** Settings that a script's `--preset` and `--set` ask for. */
import { parseAssignment, resolveSettings, type Settings } from '../src/engine/config.js'
import { SiderError } from '../src/engine/errors.js'
import { refuse } from './command-line.js'

/**
 * @param help of the script, which refuses what is no preset or no setting
 * @param set `key=value` each
 * @param under settings that `set` goes over
 */
export function askedSettings(
  help: string,
  preset: string,
  set: readonly string[] = [],
  under: Record<string, unknown> = {},
): Settings {
  try {
    return resolveSettings({ preset, overrides: Object.assign({}, under, ...set.map(parseAssignment)) })
  } catch (error) {
    if (error instanceof SiderError) refuse(help, `${error.message}.`)
    throw error
  }
}

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

/** Options that are short for a setting. */
export const SHORT_OPTIONS = {
  backend: { path: 'backend', value: 'NAME', description: 'compute backend (default auto; see: sider doctor)' },
  head: {
    path: 'head.model',
    value: 'MODEL',
    description: "head model: 'built-in', a name of 'sider head list', or a file or folder of one",
  },
  face: {
    path: 'photo.face',
    value: 'N|list',
    description: 'which face, counted from 0 (default: the largest); list shows them',
  },
  size: { path: 'photo.cropSize', value: 'N', description: 'pixels along a side of the face crop (default 256)' },
  mesh: { path: 'surface.mesh', value: 'NAME', description: 'head, surface or both (default head)' },
  profile: {
    path: 'output.profile',
    value: 'NAME',
    description: 'for what program: arkit, vrm, unreal, metahuman, headshot or faceit (default arkit)',
  },
  ipd: {
    path: 'head.ipdMm',
    value: 'MM',
    description: "distance between the pupils, 40 to 90 mm (default 63; 0: the head model's)",
  },
  seed: { path: 'seed', value: 'N', description: 'seed of all random numbers (default 0)' },
} as const

export const NEUTRALIZE_OPTION: Option = {
  description: "bring the head to a neutral expression; the photo's becomes a shape key",
}

/** What `--set` changes, later ones over earlier. @throws SiderError USAGE */
export const readAssignments = (texts: string[]): Record<string, unknown> =>
  Object.assign({}, ...texts.map(parseAssignment))

/** What `--set` and the options that are short for a setting change about the preset. @throws SiderError USAGE */
export function readOverrides(options: ParsedOptions): Record<string, unknown> {
  const assignments = Object.entries(SHORT_OPTIONS).flatMap(([name, { path }]) => {
    const value = options.text(name)
    return value === undefined ? [] : [`${path}=${value}`]
  })
  return {
    ...readAssignments([...assignments, ...options.list('set')]),
    ...(options.has('neutralize') && { 'surface.neutralize': true }),
  }
}

/** The value of an option that must be there. @throws SiderError USAGE @param example how it is given */
export function needed(options: ParsedOptions, name: string, what: string, example: string): string {
  const given = options.text(name)
  if (given) return given
  throw new SiderError('USAGE', `${what} is missing`, { hint: `For example: ${example}` })
}

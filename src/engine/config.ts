/**
 * Settings: defaults from schemas/settings.schema.json, then a preset's changes, then the user's. Adding a setting is one entry
 * in the schema (and `npm run generate`); validation, command line, docs and types follow from it.
 */
import { readFileSync } from 'node:fs'
import { SiderError } from './errors.js'
import type { Settings } from './generated/settings.js'
import { nearestName } from './nearest-name.js'
import { DEFAULT_PRESET, PRESETS, PROFILES, type Preset } from './presets.js'

export type * from './generated/settings.js'
export { DEFAULT_PRESET, PRESETS } from './presets.js'

/** The parts of JSON Schema that the settings use, and two keywords of ours. */
interface SchemaNode {
  title: string
  description: string
  type: 'object' | 'string' | 'boolean' | 'integer' | 'number'
  properties?: Record<string, SchemaNode>
  default?: unknown
  enum?: string[]
  minLength?: number
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  /** What lies between zero, which has a meaning of its own, and the least of the others. */
  not?: { exclusiveMinimum: 0; exclusiveMaximum: number }
  /** Ours: unit of the value, in words. */
  unit?: string
  /** Ours: may differ between a checkpoint and the run that goes on from it. */
  resumable?: boolean
}

/** One setting, for help texts, docs and menus. */
export interface SettingInfo {
  /** Dotted path, e.g. 'networks.detail.epochs'. */
  path: string
  title: string
  description: string
  type: 'string' | 'boolean' | 'integer' | 'number'
  unit: string | undefined
  /** The allowed values in words, e.g. 'an integer from 1 to 16'. */
  allowed: string
  default: unknown
  /** Whether a run may go on from a checkpoint that was made with another value. */
  resumable: boolean
}

/** A group of settings ('' holds those outside groups). */
export interface SettingGroup {
  name: string
  description: string
  settings: SettingInfo[]
}

export interface ResolveOptions {
  /** Name of a preset; the default one if absent. */
  preset?: string
  /** Changes on top, nested ({relief: {steps: 99}}) or with dotted keys ({'relief.steps': 99}), or both for different settings. */
  overrides?: Record<string, unknown>
}

/** The JSON Schema of the settings, as shipped. */
export const SETTINGS_SCHEMA = JSON.parse(
  readFileSync(new URL('../../schemas/settings.schema.json', import.meta.url), 'utf8'),
) as SchemaNode & { properties: Record<string, SchemaNode> }

/** All settings in the schema's order. */
export const SETTING_GROUPS: SettingGroup[] = readGroups()

const SETTINGS_BY_PATH = new Map(SETTING_GROUPS.flatMap((group) => group.settings).map((info) => [info.path, info]))

/**
 * Defaults, then the preset, then what the profile changes, then the overrides, validated.
 *
 * @throws SiderError USAGE: unknown preset or setting (names the nearest), or a value of a wrong type or out of range (names the
 *   path, the value and what is allowed; `data.problems` lists them all), or one that the profile cannot do with.
 */
export function resolveSettings({ preset = DEFAULT_PRESET, overrides = {} }: ResolveOptions = {}): Settings {
  const values = new Map<string, unknown>()
  for (const { path, default: value } of SETTINGS_BY_PATH.values()) values.set(path, value)
  assign(values, findPreset(preset).settings)
  const given = new Map<string, unknown>()
  assign(given, overrides)
  const profile = PROFILES[(given.get('output.profile') ?? values.get('output.profile')) as keyof typeof PROFILES]
  // one that does not exist is told of below
  if (profile) assign(values, profile.settings)
  for (const [path, value] of given) values.set(path, value)
  const wrong = [...values].filter(([path, value]) => !isAllowed(schemaOf(path), value))
  if (wrong.length > 0) throw invalid(wrong)
  checkProfile(values)
  return nest(values) as unknown as Settings
}

/** @throws SiderError USAGE if the settings make something that is no use to the program that the profile is for */
function checkProfile(values: Map<string, unknown>): void {
  const name = values.get('output.profile') as Settings['output']['profile']
  for (const [path, allowed] of PROFILES[name].needs ?? []) {
    const value = values.get(path)
    if (allowed.includes(value)) continue
    const message = `${path} is ${show(value)}, but the profile ${name} needs ${allowed.map(show).join(' or ')}`
    throw new SiderError('USAGE', message, {
      hint: `Leave ${path} to the profile, or take the profile arkit.`,
      data: { path, value, allowed },
    })
  }
}

/**
 * Reads one `key=value` of the command line. The setting's type decides how the value is read: numbers and booleans as in JSON,
 * strings as they stand; a group takes a JSON object.
 *
 * @throws SiderError USAGE: no '=', unknown setting, or unreadable value.
 */
export function parseAssignment(text: string): Record<string, unknown> {
  const at = text.indexOf('=')
  if (at < 1) {
    throw new SiderError('USAGE', `'${text}' is not of the form key=value`, { hint: 'For example: relief.steps=200' })
  }
  const path = text.slice(0, at).trim()
  const value = text.slice(at + 1).trim()
  const info = SETTINGS_BY_PATH.get(path)
  if (info?.type === 'string') return { [path]: value }
  if (!info && !isGroup(path)) throw unknownSetting(path)
  try {
    return { [path]: JSON.parse(value) as unknown }
  } catch {
    const number = Number(value)
    // '.5' and '+1' are numbers to people, but not to JSON.
    if (value !== '' && Number.isFinite(number)) return { [path]: number }
    return { [path]: value }
  }
}

/** The value of a setting by its dotted path. */
export function settingAt(settings: Settings, path: string): unknown {
  return path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], settings)
}

/** The settings whose values differ, by path: [path, a's value, b's value]. */
export function settingDifferences(a: Settings, b: Settings): [SettingInfo, unknown, unknown][] {
  return [...SETTINGS_BY_PATH.values()]
    .map((info): [SettingInfo, unknown, unknown] => [info, settingAt(a, info.path), settingAt(b, info.path)])
    .filter(([, left, right]) => left !== right)
}

const schemaOf = (path: string): SchemaNode =>
  path.split('.').reduce<SchemaNode>((node, key) => node.properties![key], SETTINGS_SCHEMA)

function findPreset(name: string): Preset {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as keyof typeof PRESETS]
  throw new SiderError('USAGE', `unknown preset '${name}'`, {
    hint: `Presets: ${Object.keys(PRESETS).join(', ')}.`,
    data: { preset: name, presets: Object.keys(PRESETS) },
  })
}

/** Writes sparse settings, nested or dotted, into the flat map. @throws SiderError USAGE: an unknown one, or one with two values */
function assign(values: Map<string, unknown>, sparse: object, prefix = '', given = new Map<string, unknown>()): void {
  for (const [key, value] of Object.entries(sparse)) {
    if (value === undefined) continue
    const path = prefix + key
    if (SETTINGS_BY_PATH.has(path)) {
      if (given.has(path) && given.get(path) !== value) throw givenTwice(path, given.get(path), value)
      given.set(path, value)
      values.set(path, value)
    } else if (!isGroup(path)) throw unknownSetting(path)
    else if (value !== null && typeof value === 'object' && !Array.isArray(value))
      assign(values, value, `${path}.`, given)
    else {
      throw new SiderError('USAGE', `${path} is a group of settings, not a value`, {
        hint: `For example: ${groupOf(path)!.settings[0].path}=${groupOf(path)!.settings[0].default}`,
        data: { path, value },
      })
    }
  }
}

/** {'a.b.c': 1} → {a: {b: {c: 1}}} */
function nest(values: Map<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [path, value] of values) {
    const keys = path.split('.')
    let node = result
    for (const group of keys.slice(0, -1)) {
      node[group] ??= {}
      node = node[group] as Record<string, unknown>
    }
    node[keys.at(-1)!] = value
  }
  return result
}

function groupOf(name: string): SettingGroup | undefined {
  return SETTING_GROUPS.find((group) => group.name === name || group.name.startsWith(`${name}.`))
}

function isGroup(path: string): boolean {
  return path !== '' && groupOf(path) !== undefined
}

/** Whether the schema of a leaf allows a value. By hand: loading and compiling a validator takes longer than all else at the start. */
function isAllowed(
  { type, enum: names, minLength, minimum, exclusiveMinimum, maximum, not }: SchemaNode,
  value: unknown,
): boolean {
  if (names) return names.includes(value as string)
  if (type === 'string') return typeof value === 'string' && value.length >= (minLength ?? 0)
  if (type === 'boolean') return typeof value === 'boolean'
  if (typeof value !== 'number' || !Number.isFinite(value) || (type === 'integer' && !Number.isInteger(value)))
    return false
  if (not && value > not.exclusiveMinimum && value < not.exclusiveMaximum) return false
  return !(value < minimum! || value <= exclusiveMinimum! || value > maximum!)
}

function invalid(wrong: [path: string, value: unknown][]): SiderError {
  const problems = wrong.map(([path, value]) => ({ path, value, allowed: SETTINGS_BY_PATH.get(path)!.allowed }))
  const message = problems.map((p) => `${p.path} is ${show(p.value)}, but must be ${p.allowed}`).join('; ')
  return new SiderError('USAGE', message, {
    hint: { cli: '`sider settings` explains every setting.' },
    data: { ...problems[0], problems },
  })
}

/** JSON has no NaN and no Infinity, and would show them as null. */
function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

function givenTwice(path: string, one: unknown, other: unknown): SiderError {
  return new SiderError('USAGE', `${path} is given twice, as ${show(one)} and as ${show(other)}`, {
    hint: 'Give it once, with a dotted name or in its group.',
    data: { path, values: [one, other] },
  })
}

function unknownSetting(path: string): SiderError {
  const nearest = nearestName(path, SETTINGS_BY_PATH.keys())
  return new SiderError('USAGE', `unknown setting '${path}'`, {
    hint: nearest ? `Did you mean '${nearest}'?` : { cli: '`sider settings` lists them all.' },
    data: { path, nearest },
  })
}

/** The groups of a node, itself first: `networks.detail` is a group in a group. Those without settings of their own are left out. */
function readGroups(node: SchemaNode = SETTINGS_SCHEMA, name = ''): SettingGroup[] {
  const prefix = name && `${name}.`
  const entries = Object.entries(node.properties!)
  const settings = entries.filter(([, one]) => !one.properties).map(([key, one]) => settingInfo(prefix + key, one))
  const groups = entries.flatMap(([key, one]) => (one.properties ? readGroups(one, prefix + key) : []))
  return [...(settings.length > 0 ? [{ name, description: node.description, settings }] : []), ...groups]
}

function settingInfo(path: string, node: SchemaNode): SettingInfo {
  return {
    path,
    title: node.title,
    description: node.description,
    type: node.type as SettingInfo['type'],
    unit: node.unit,
    allowed: allowedValues(node),
    default: node.default,
    resumable: node.resumable === true,
  }
}

function allowedValues(node: SchemaNode): string {
  if (node.enum) return `one of ${node.enum.join(', ')}`
  if (node.type === 'boolean') return 'true or false'
  if (node.type === 'string') return 'a text that is not empty'
  const what = node.type === 'integer' ? 'an integer' : 'a number'
  if (node.not) return `0, or ${what} from ${node.not.exclusiveMaximum} to ${node.maximum}`
  const from = node.exclusiveMinimum === undefined ? `from ${node.minimum}` : `above ${node.exclusiveMinimum}`
  return `${what} ${from} ${node.exclusiveMinimum === undefined ? 'to' : 'and at most'} ${node.maximum}`
}

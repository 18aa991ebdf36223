/** One setting: a switch that says whether to change what the preset has, and the value. */
import { h } from '../core/dom.js'
import type { Control, Kit } from './kit.js'

export interface Chosen {
  preset: string
  /** By dotted names; what is not here is as the preset has it. */
  settings: Record<string, unknown>
}

/** A setting in the schema that the server sends. */
export interface SettingSchema {
  title?: string
  description?: string
  type?: string
  unit?: string
  minimum?: number
  maximum?: number
  default?: unknown
  enum?: unknown[]
}

export interface SettingField {
  name: string
  dom: HTMLElement
  /** Whether it is no longer as the preset has it. */
  readonly changed: boolean
  /** Whether all of these words, in small letters, are about it. */
  matches(words: string[]): boolean
  /** Shows what the preset has, unless it was changed. */
  showPreset(settings: Record<string, unknown> | undefined): void
}

/**
 * @param setting with a title of its own: settings of several groups have the same one in the schema
 * @param told after it was changed, or is as the preset has it again
 */
export function settingField(
  kit: Kit,
  setting: { name: string; title: string; schema: SettingSchema },
  chosen: Chosen,
  told: () => void,
): SettingField {
  const { name, title, schema } = setting
  const control = controlOf(kit, schema, () => {
    own.set(true)
    chosen.settings[name] = control.get()
    told()
  })
  let inPreset = schema.default
  const own = kit.check((on) => {
    if (on) chosen.settings[name] = control.get()
    else {
      delete chosen.settings[name]
      control.set(inPreset)
    }
    told()
  })
  control.dom.setAttribute('aria-label', title)
  own.dom.setAttribute('aria-label', `Change ${title}`)
  const unit = h('span', { class: 'sd-unit', text: schema.unit ?? '' })
  const about = [name, title, schema.description, schema.enum?.join(' ')].join(' ').toLowerCase()
  return {
    name,
    dom: kit.row(
      title,
      h('span', { class: 'sd-field' }, own.dom, control.dom, unit),
      `${schema.description} (${name})`,
    ),
    get changed() {
      return own.get()
    },
    matches: (words) => words.every((word) => about.includes(word)),
    showPreset(settings) {
      inPreset = at(settings, name) ?? schema.default
      if (!own.get()) control.set(inPreset)
    },
  }
}

function controlOf(kit: Kit, schema: SettingSchema, changed: () => void): Control<unknown> {
  if (schema.type === 'boolean') {
    // a check box beside the one that says whether to change it could be taken for either
    const { dom, get, set } = kit.select({ true: 'on', false: 'off' }, changed)
    return { dom, get: () => get() === 'true', set: (value) => set(String(value)) }
  }
  if (schema.enum) {
    const options = Object.fromEntries(schema.enum.map((value) => [String(value), String(value)]))
    return kit.select(options, changed) as Control<unknown>
  }
  const step = schema.type === 'integer' ? 1 : 0.01
  const { minimum = -1e9, maximum = 1e9 } = schema
  return kit.number({ min: minimum, max: maximum, step }, changed) as Control<unknown>
}

/** What lies at a dotted name. */
function at(tree: unknown, name: string): unknown {
  return name.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], tree)
}

/** All settings of a schema by their dotted names. */
export function settingsOf(tree: unknown, prefix = ''): [string, SettingSchema][] {
  const { properties = {} } = (tree ?? {}) as { properties?: Record<string, unknown> }
  return Object.entries(properties).flatMap(([key, below]): [string, SettingSchema][] => {
    const inside = settingsOf(below, `${prefix}${key}.`)
    return inside.length > 0 ? inside : [[prefix + key, below as SettingSchema]]
  })
}

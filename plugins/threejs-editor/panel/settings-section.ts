/** Preset and the few settings that matter, built from the schema that the server sends. */
import { h } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Task } from '../core/task.js'
import type { Kit } from './kit.js'

export interface Chosen {
  preset: string
  /** By dotted names; what is not here is as the preset has it. */
  settings: Record<string, unknown>
}

/** Key of the preset that the user chose last. */
const LAST = 'sider.preset'
const SHOWN = ['photo.cropSize', 'head.focalPx', 'relief.steps', 'seed']

interface Schema {
  title?: string
  description?: string
  type?: string
  unit?: string
  minimum?: number
  maximum?: number
  default?: unknown
}

export function settingsSection(kit: Kit, link: ServerLink, task: Task, chosen: Chosen): HTMLElement {
  const section = kit.section('Settings')
  const body = h('div')
  section.append(body)
  let built = ''
  let of: string | undefined
  let fields: Field[] = []
  let setPreset = (_name: string): void => {}
  const show = (): void => {
    section.hidden = !link.client
    for (const field of body.querySelectorAll<HTMLInputElement>('input, select')) field.disabled = task.busy
    const session = link.client?.session
    if (task.job !== of) {
      of = task.job
      if (task.preset !== undefined) setPreset(task.preset) // an earlier job shows its own
    }
    if (!session || built === session.server.version) return
    built = session.server.version ?? 'any'
    const about = h('p', { class: 'sd-note' })
    const options = Object.fromEntries(session.presets.map(({ name }) => [name, name]))
    const preset = kit.select(options, (name) => {
      localStorage.setItem(LAST, name)
      setPreset(name)
    })
    preset.dom.setAttribute('aria-label', 'Preset')
    setPreset = (name) => {
      if (!(name in options)) return
      preset.set(name)
      chosen.preset = name
      const info = session.presets.find((one) => one.name === name)
      about.textContent = info?.description ?? ''
      for (const field of fields) field.showPreset(info?.settings)
    }
    fields = SHOWN.flatMap((name) => {
      const schema = at(session.settings, name, 'properties') as Schema | undefined
      return schema ? [settingField(kit, name, schema, chosen)] : []
    })
    setPreset(session.defaultPreset)
    for (const name of [localStorage.getItem(LAST), task.preset]) if (name) setPreset(name)
    const summary = h('summary', { text: 'More settings' })
    const more = h('details', { class: 'sd-more' }, summary, ...fields.map(({ dom }) => dom))
    body.replaceChildren(kit.row('Preset', preset.dom), about, more)
  }
  link.changes.listen(show)
  task.changes.listen(show)
  show()
  return section
}

interface Field {
  dom: HTMLElement
  /** Shows the number that the preset has, unless it was changed. */
  showPreset(settings: Record<string, unknown> | undefined): void
}

/** A switch that says whether to change what the preset has, and the number. */
function settingField(kit: Kit, name: string, schema: Schema, chosen: Chosen): Field {
  const step = schema.type === 'integer' ? 1 : 0.01
  const number = kit.number({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e9, step }, (value) => {
    own.set(true)
    chosen.settings[name] = value
  })
  let inPreset = Number(schema.default ?? 0)
  const own = kit.check((on) => {
    if (on) chosen.settings[name] = number.get()
    else {
      delete chosen.settings[name]
      number.set(inPreset)
    }
  })
  const title = schema.title ?? name
  number.dom.setAttribute('aria-label', title)
  own.dom.setAttribute('aria-label', `Change ${title}`)
  const unit = h('span', { class: 'sd-unit', text: schema.unit ?? '' })
  return {
    dom: kit.row(title, h('span', { class: 'sd-field' }, own.dom, number.dom, unit), schema.description),
    showPreset(settings) {
      inPreset = Number(at(settings, name) ?? schema.default ?? 0)
      if (!own.get()) number.set(inPreset)
    },
  }
}

/** What lies at a dotted name. @param through the key between two levels, if there is one */
function at(tree: unknown, name: string, through?: string): unknown {
  const keys = name.split('.').flatMap((key) => (through ? [through, key] : [key]))
  return keys.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], tree)
}

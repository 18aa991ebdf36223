/** Preset and settings, built from the schema that the server sends: a few that matter, and all others by looking for them. */
import { h } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Task } from '../core/task.js'
import type { Kit } from './kit.js'
import { type Chosen, type SettingField, settingField, settingsOf } from './setting-field.js'

/** Key of the preset that the user chose last. */
const LAST = 'sider.preset'
/** Shown before anything is looked for. */
const FIRST = ['photo.cropSize', 'head.ipdMm', 'surface.neutralize', 'head.focalPx', 'relief.steps', 'seed']
/** Asked for elsewhere, or the server's own affair. */
const HIDDEN = ['photo.face', 'photo.maxPixels', 'head.model', 'output.dump']
/** Settings are of these types; others cannot be entered here. */
const TYPES = ['integer', 'number', 'boolean', 'string']

export function settingsSection(kit: Kit, link: ServerLink, task: Task, chosen: Chosen): HTMLElement {
  const section = kit.section('Settings')
  const body = h('div')
  section.append(body)
  let built = ''
  let of: string | undefined
  let fields: SettingField[] = []
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
    const { dom: more, sought } = moreSettings(() => fields)
    fields = settingsOf(session.settings)
      .filter(([name, { type = '', enum: values }]) => {
        return !HIDDEN.includes(name) && TYPES.includes(type) && (type !== 'string' || values !== undefined)
      })
      .map(([name, schema]) => settingField(kit, { name, title: titleOf(name, schema.title), schema }, chosen, sought))
      .sort((a, b) => rank(a) - rank(b))
    more.append(...fields.map(({ dom }) => dom))
    sought()
    setPreset(session.defaultPreset)
    for (const name of [localStorage.getItem(LAST), task.preset]) if (name) setPreset(name)
    body.replaceChildren(kit.row('Preset', preset.dom), about, more)
  }
  link.changes.listen(show)
  task.changes.listen(show)
  show()
  return section
}

/** Groups have settings of equal titles: all but those shown first are told with their group. */
function titleOf(name: string, title = name): string {
  const group = FIRST.includes(name) ? '' : (name.split('.').at(-2) ?? '')
  return group ? `${group[0].toUpperCase()}${group.slice(1)}: ${lower(title)}` : title
}

/** Those shown first come first, the others in the order of the schema. */
function rank({ name }: SettingField): number {
  const at = FIRST.indexOf(name)
  return at < 0 ? FIRST.length : at
}

/** Settings behind a search: what was changed, and what is looked for, else the first few. */
function moreSettings(fields: () => SettingField[]): { dom: HTMLElement; sought(): void } {
  const search = h('input', { type: 'search', class: 'sd-search', placeholder: 'Search all settings' })
  search.setAttribute('aria-label', 'Search all settings')
  const none = h('p', { class: 'sd-note', role: 'status' })
  const summary = h('summary')
  const sought = (): void => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    let [found, changed] = [0, 0]
    for (const field of fields()) {
      const fits = words.length > 0 ? field.matches(words) : FIRST.includes(field.name)
      field.dom.hidden = !fits && !field.changed
      found += Number(fits)
      changed += Number(field.changed)
    }
    none.textContent = found > 0 ? '' : 'No setting is about that.'
    none.hidden = found > 0
    summary.textContent = changed > 0 ? `More settings (${changed} changed)` : 'More settings'
  }
  search.addEventListener('input', sought)
  return { dom: h('details', { class: 'sd-more' }, summary, search, none), sought }
}

/** In the middle of a line; abbreviations keep their letters. */
const lower = (title: string): string => (/^[A-Z][a-z]/.test(title) ? title[0].toLowerCase() + title.slice(1) : title)

/** The panel: server, photo, settings, run, maps; the same beside the page's viewer and in the three.js editor. */
import { h } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Task } from '../core/task.js'
import { filesSection } from './files-section.js'
import { jobsSection } from './jobs-section.js'
import type { Kit } from './kit.js'
import { photoSection } from './photo-section.js'
import { runSection } from './run-section.js'
import { serverSection } from './server-section.js'
import type { Chosen } from './setting-field.js'
import { settingsSection } from './settings-section.js'

/** @param extra further sections, after the files; @param target where photos may be dropped beside the panel itself */
export function panel(kit: Kit, link: ServerLink, task: Task, extra: HTMLElement[], target?: HTMLElement): HTMLElement {
  const chosen: Chosen = { preset: '', settings: {} }
  const root = h('div', { class: 'sd-panel' })
  root.append(
    serverSection(kit, link),
    photoSection(kit, task, chosen, root, target ?? root),
    settingsSection(kit, link, task, chosen),
    runSection(kit, link, task, chosen),
    filesSection(kit, task),
    ...extra,
    jobsSection(kit, link, task),
  )
  // keys typed here are not shortcuts of the editor around
  root.addEventListener('keydown', (event) => event.stopPropagation())
  link.changes.listen(() => {
    if (link.state === 'connected') void task.reattach()
  })
  return root
}

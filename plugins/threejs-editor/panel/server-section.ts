/** Whether there is a server, and the token for it. */
import { h } from '../core/dom.js'
import type { ServerLink } from '../core/server-link.js'
import type { Kit } from './kit.js'

export function serverSection(kit: Kit, link: ServerLink): HTMLElement {
  const section = kit.section('Server')
  const status = h('p', { class: 'sd-status', role: 'status' })
  const token = kit.secret(() => connect())
  token.dom.setAttribute('placeholder', 'token')
  const remember = kit.check(() => {})
  remember.set(link.remembered)
  const connect = (): void => {
    if (token.get() === '') return
    link.setToken(token.get(), remember.get())
    token.set('')
  }
  const form = h(
    'div',
    { class: 'sd-token' },
    kit.row('Token', token.dom),
    kit.row('Remember', remember.dom, 'Keep the token in this browser; else it is forgotten with the tab.'),
    h('div', { class: 'sd-actions' }, kit.button('Connect', connect, true)),
  )
  section.append(status, form)
  const show = (): void => {
    status.textContent = link.words
    status.dataset['state'] = link.state
    form.hidden = !(link.state === 'no-token' || link.state === 'refused')
  }
  link.changes.listen(show)
  show()
  return section
}

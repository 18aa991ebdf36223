/** A tab of the editor's sidebar. The sidebar's object cannot be reached from outside, so the tab is added to its elements. */
import { h } from '../core/dom.js'

export function addTab(title: string, content: HTMLElement): void {
  const sidebar = document.querySelector('#sidebar')!
  const tabs = sidebar.querySelector(':scope > .Tabs')!
  const panels = sidebar.querySelector<HTMLElement>(':scope > .Panels')!
  const tab = h('span', { class: 'Tab', role: 'tab', tabindex: '0', text: title, id: 'sider-tab' })
  const panel = h('div', { id: 'sider-panel', role: 'tabpanel', 'aria-labelledby': 'sider-tab' }, content)
  panel.style.display = 'none'
  /** The editor's own tab that was selected: it believes that it still is. */
  let theirs: Element | undefined
  const open = (): void => {
    if (panel.style.display === '') return
    theirs = tabs.querySelector('.Tab.selected') ?? undefined
    theirs?.classList.remove('selected')
    for (const other of panels.children) if (other instanceof HTMLElement) other.style.display = 'none'
    panel.style.display = ''
    tab.classList.add('selected')
  }
  tab.addEventListener('click', open)
  tab.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    event.stopPropagation()
    open()
  })
  tabs.addEventListener('click', (event) => {
    const target = event.target as Element
    if (target === tab || !target.classList.contains('Tab')) return
    panel.style.display = 'none' // the editor shows its own panel itself
    tab.classList.remove('selected')
  })
  tabs.append(tab)
  panels.append(panel)
}

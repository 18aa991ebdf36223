/** A picture enlarged over the page, its neighbours by the arrow keys. */
import { h } from '../core/dom.js'

export interface Picture {
  name: string
  url: string
}

/** @param host where the dialog is put, for its styles; @param pictures may change while it is open */
export function lightbox(host: HTMLElement, pictures: () => Picture[]): (name: string) => void {
  const image = h('img')
  const title = h('strong')
  const save = h('a', { class: 'sd-link', text: 'Save' })
  const step = (by: number, text: string, label: string): HTMLElement =>
    h('button', { type: 'button', class: 'sd-step', text, 'aria-label': label, onclick: () => turn(by) })
  const close = h('button', { type: 'button', class: 'sd-step', text: '×', 'aria-label': 'Close' })
  const dialog = h(
    'dialog',
    { class: 'sd-lightbox', 'aria-label': 'Picture' },
    h('header', {}, title, save, close),
    h('div', {}, step(-1, '‹', 'Previous picture'), image, step(1, '›', 'Next picture')),
  )
  let shown = ''
  const show = (name: string): void => {
    const picture = pictures().find((one) => one.name === name)
    if (!picture) return
    shown = name
    image.src = save.href = picture.url
    image.alt = title.textContent = name
    save.download = name.replaceAll('/', '-')
    if (!dialog.isConnected) host.append(dialog)
    if (!dialog.open) dialog.showModal()
  }
  const turn = (by: number): void => {
    const all = pictures()
    const at = all.findIndex(({ name }) => name === shown)
    if (all.length > 0) show(all[(at + by + all.length) % all.length].name)
  }
  close.onclick = () => dialog.close()
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close() // beside the picture
  })
  dialog.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by !== undefined) turn(by)
  })
  dialog.addEventListener('close', () => dialog.remove())
  return show
}

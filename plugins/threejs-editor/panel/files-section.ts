/** Thumbnails of what the engine sees while it works and of the pictures it made; the files to download. */
import { download, h, size } from '../core/dom.js'
import type { Task } from '../core/task.js'
import type { Kit } from './kit.js'
import { lightbox } from './lightbox.js'

export function filesSection(kit: Kit, task: Task): HTMLElement {
  const section = kit.section('Maps and files')
  const thumbs = h('div', { class: 'sd-thumbs' })
  const glb = h('div', { class: 'sd-actions' })
  const list = h('ul', { class: 'sd-files' })
  const files = h('details', { class: 'sd-more' }, h('summary', { text: 'All files' }), list)
  section.append(glb, thumbs, files)
  /** Object URLs by the names of the pictures that are shown. */
  const shown = new Map<string, { url: string; figure: HTMLElement }>()
  const enlarge = lightbox(section, () => [...shown].map(([name, { url }]) => ({ name, url })))

  const put = (name: string, bytes: Uint8Array, type: string): void => {
    const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }))
    const before = shown.get(name)
    const image = h('img', { src: url, alt: '' })
    const button = h('button', {
      type: 'button',
      title: `Enlarge ${name}`,
      'aria-label': `Enlarge ${name}`,
      onclick: () => enlarge(name),
    })
    button.append(image)
    const short = name.replace(/^.*\//, '').replace(/\.\w+$/, '')
    const figure = h('figure', {}, button, h('figcaption', { text: short }))
    if (before) {
      URL.revokeObjectURL(before.url)
      before.figure.replaceWith(figure)
    } else thumbs.append(figure)
    shown.set(name, { url, figure })
  }
  const clear = (): void => {
    for (const { url } of shown.values()) URL.revokeObjectURL(url)
    shown.clear()
    thumbs.replaceChildren()
    glb.replaceChildren()
    list.replaceChildren()
  }

  let of: unknown
  const seen = new Map<string, unknown>()
  const preview = (): void => {
    for (const [name, one] of task.previews) {
      if (one.artifact.kind !== 'image' || seen.get(name) === one) continue
      seen.set(name, one)
      put(name, one.bytes, one.artifact.mediaType)
    }
    section.hidden = shown.size === 0 && !task.result
  }
  const show = (): void => {
    const { result } = task
    files.hidden = glb.hidden = !result
    const key = result ?? task.job
    if (key !== of && (result || task.previews.size === 0)) {
      clear()
      seen.clear()
      if (result) void finals(result)
    }
    of = key
    section.hidden = shown.size === 0 && !result
  }
  const finals = async (result: NonNullable<Task['result']>): Promise<void> => {
    const save = async (name: string, type: string): Promise<void> => download(name, await result.file(name), type)
    for (const { name, mediaType, bytes } of result.files) {
      if (name === 'face.glb') glb.append(kit.button('Download GLB', () => void save(name, mediaType), true))
      const button = h('button', {
        type: 'button',
        class: 'sd-link',
        text: name,
        onclick: () => void save(name, mediaType),
      })
      list.append(h('li', {}, button, h('span', { text: size(bytes) })))
    }
    for (const { kind, name, mediaType } of result.files) {
      if (kind !== 'image') continue
      const bytes = await result.file(name).catch(() => undefined) // a lost connection costs a thumbnail
      if (task.result !== result) return
      if (bytes) put(name, bytes, mediaType)
    }
  }
  task.previewed.listen(preview)
  task.changes.listen(show)
  show()
  return section
}

/** The photo: dropped, pasted, chosen or taken; and which of its faces, if there are several. */
import { h } from '../core/dom.js'
import { readPhoto, takePhoto } from '../core/photo.js'
import type { Task } from '../core/task.js'
import { faceBoxes } from './face-boxes.js'
import type { Kit } from './kit.js'

/** @param host the panel, for pasting and dialogs; @param target where photos may be dropped */
export function photoSection(kit: Kit, task: Task, host: HTMLElement, target: HTMLElement): HTMLElement {
  const section = kit.section('Photo')
  const input = h('input', {
    type: 'file',
    accept: 'image/*',
    class: 'sd-file',
    'aria-label': 'Photo file',
    tabindex: '-1',
  })
  const image = h('img', { alt: '', hidden: true })
  const invitation = h(
    'span',
    { class: 'sd-invitation' },
    h('strong', { text: 'Drop a photo of a face' }),
    h('span', { text: 'or click to choose a file, or paste one' }),
  )
  const frame = h('div', { class: 'sd-frame' }, image, faceBoxes(task, true))
  const zone = h(
    'div',
    { class: 'sd-drop', role: 'button', tabindex: '0', 'aria-label': 'Choose a photo' },
    invitation,
    frame,
  )
  const problem = h('p', { class: 'sd-error', role: 'alert', hidden: true })
  const question = h('p', { class: 'sd-question', role: 'status', hidden: true })
  const camera = kit.button('Camera', () => void run(() => takePhoto(host)))
  const again = kit.button('Start over', () => task.reset())
  section.append(zone, question, problem, h('div', { class: 'sd-actions' }, camera, again), input)

  const run = async (read: () => Promise<Parameters<Task['setPhoto']>[0] | undefined>): Promise<void> => {
    problem.hidden = true
    try {
      const photo = await read()
      if (photo) task.setPhoto(photo)
    } catch (error) {
      problem.textContent = (error as Error).message
      problem.hidden = false
    }
  }
  const take = (file: File | null | undefined): void => {
    if (file && !task.busy) void run(() => readPhoto(file, file.name || 'pasted.png'))
  }
  zone.addEventListener('click', () => {
    if (!task.busy) input.click()
  })
  zone.addEventListener('keydown', (event) => {
    if (event.target !== zone || (event.key !== 'Enter' && event.key !== ' ') || task.busy) return
    event.preventDefault()
    input.click()
  })
  input.addEventListener('change', () => {
    take(input.files?.[0])
    input.value = ''
  })
  target.addEventListener('dragover', (event) => {
    event.preventDefault()
    zone.classList.add('sd-over')
  })
  target.addEventListener('dragleave', () => zone.classList.remove('sd-over'))
  target.addEventListener('drop', (event) => {
    event.preventDefault()
    event.stopPropagation() // the editor would import it as a texture
    zone.classList.remove('sd-over')
    take(event.dataTransfer?.files[0])
  })
  document.addEventListener('paste', (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
    if (file && host.offsetParent !== null) take(file)
  })

  const show = (): void => {
    const { photo } = task
    invitation.hidden = photo !== undefined
    frame.hidden = image.hidden = photo === undefined
    if (photo && image.src !== photo.thumbnail) image.src = photo.thumbnail
    image.alt = photo ? `The photo ${photo.name}` : ''
    zone.classList.toggle('sd-busy', task.busy)
    zone.setAttribute('aria-label', photo ? `Photo ${photo.name}; choose another` : 'Choose a photo')
    again.hidden = photo === undefined || task.busy
    camera.hidden = task.busy
    const asked = task.state === 'input_required' ? task.question : undefined
    question.hidden = !asked
    question.textContent = asked ? `${asked.faces.length} faces: choose one in the photo.` : ''
  }
  task.changes.listen(show)
  show()
  return section
}

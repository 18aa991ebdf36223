/** The photo: dropped, pasted, chosen or taken; and which of its faces, if there are several. */
import { h } from '../core/dom.js'
import { readPhoto, takePhoto } from '../core/photo.js'
import type { Task } from '../core/task.js'
import { faceBoxes } from './face-boxes.js'
import type { Kit } from './kit.js'
import { openLandmarkEditor } from './landmark-editor.js'
import type { Chosen } from './setting-field.js'

/** @param host the panel, for pasting and dialogs; @param target where photos may be dropped */
export function photoSection(
  kit: Kit,
  task: Task,
  chosen: Chosen,
  host: HTMLElement,
  target: HTMLElement,
): HTMLElement {
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
  let editor: { dialog: HTMLDialogElement; photo: unknown } | undefined
  const landmarks = kit.button('Landmarks', () => {
    const edit = task.editLandmarks()
    if (!edit) return
    editor = { dialog: openLandmarkEditor(host, edit, task.photo!), photo: task.photo }
    void edit.open(chosen.preset, chosen.settings)
  })
  landmarks.title = 'Look at the landmarks and the head fitted to them, and put right what is wrong'
  const corrected = h('p', { class: 'sd-note', hidden: true })
  section.append(zone, question, problem, corrected, h('div', { class: 'sd-actions' }, landmarks, camera, again), input)

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
    landmarks.hidden = !photo?.file || task.busy
    landmarks.disabled = task.link.state !== 'connected'
    if (editor && editor.photo !== photo) editor.dialog.close() // another one was dropped or pasted
    const count = task.landmarks?.corrections.size ?? 0
    corrected.hidden = count === 0
    corrected.textContent = count === 1 ? 'One landmark is corrected.' : `${count} landmarks are corrected.`
    const asked = task.state === 'input_required' ? task.question : undefined
    question.hidden = !asked
    question.textContent = asked ? `${asked.faces.length} faces: choose one in the photo.` : ''
  }
  task.changes.listen(show)
  task.link.changes.listen(show)
  show()
  return section
}

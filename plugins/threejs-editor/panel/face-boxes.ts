/** Buttons over a photo, one at each face that may be meant. */
import { h } from '../core/dom.js'
import type { Task } from '../core/task.js'

/** @param named whether keyboards and screen readers are offered these; of two sets over the same photo only one should be */
export function faceBoxes(task: Task, named: boolean): HTMLElement {
  const faces = h('div', { class: 'sd-faces' })
  let shown: unknown
  const show = (): void => {
    const asked = task.state === 'input_required' ? task.question : undefined
    if (asked === shown || !task.photo) return
    shown = asked
    const { width: w, height: t } = task.photo
    faces.replaceChildren(
      ...(asked?.faces ?? []).map(({ face, x, y, width, height }) => {
        const box = h('button', {
          type: 'button',
          class: 'sd-face',
          text: String(face),
          ...(named ? { 'aria-label': `Face ${face}` } : { 'aria-hidden': 'true', tabindex: '-1' }),
          onclick: (event: Event) => {
            event.stopPropagation()
            void task.chooseFace(face)
          },
        })
        box.style.left = `${(100 * x) / w}%`
        box.style.top = `${(100 * y) / t}%`
        box.style.width = `${(100 * width) / w}%`
        box.style.height = `${(100 * height) / t}%`
        return box
      }),
    )
    if (named) faces.querySelector('button')?.focus()
  }
  task.changes.listen(show)
  return faces
}

/** What the stage shows while there is no face yet: a few words, then the photo. */
import { h } from '../core/dom.js'
import type { Task } from '../core/task.js'
import { faceBoxes } from '../panel/face-boxes.js'

export function stagePlaceholder(task: Task): { dom: HTMLElement; show(wanted: boolean): void } {
  const hello = h(
    'div',
    { class: 'hello' },
    h('h2', { text: 'One photo in, a face with its wrinkles out' }),
    h(
      'ol',
      {},
      h('li', { text: 'Drop a photo of a face: sharp, from the front, in even light.' }),
      h('li', { text: 'Press Reconstruct face and watch it appear. Preset preview takes about ten seconds.' }),
      h('li', { text: 'Turn it, drag the light, compare it with the photo, and download it as GLB.' }),
    ),
    h('p', { text: 'The photo goes to this server and nowhere else.' }),
  )
  const image = h('img', { alt: '' })
  const photo = h('div', { class: 'waiting' }, h('div', { class: 'sd-frame' }, image, faceBoxes(task, false)))
  const dom = h('div', { class: 'placeholder' }, hello, photo)
  return {
    dom,
    show(wanted) {
      const given = task.photo
      dom.hidden = !wanted
      hello.hidden = given !== undefined
      photo.hidden = given === undefined
      photo.classList.toggle('scanned', task.busy && task.state !== 'input_required' && task.state !== 'paused')
      if (given && image.src !== given.thumbnail) image.src = given.thumbnail
      document.body.dataset['stage'] = wanted ? (given ? 'photo' : 'hello') : 'face'
    },
  }
}

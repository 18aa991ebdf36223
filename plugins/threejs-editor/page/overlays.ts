/** What lies over the viewer: looks, the photo, the divider between coarse and detailed, and the light. */
import { h } from '../core/dom.js'
import type { Look, PhotoCamera, Viewer } from './viewer.js'

export interface Overlays {
  /** The photo's camera and its crop; undefined has none. */
  setPhoto(camera: PhotoCamera | undefined, crop: Blob | undefined): void
  /** @param something whether there is a face; @param both whether there are a coarse and a detailed one */
  show(something: boolean, both: boolean): void
}

const LOOKS: Record<Look, string> = { textured: 'Textured', clay: 'Clay', normals: 'Normals', wireframe: 'Wireframe' }

export function overlays(viewer: Viewer, stage: HTMLElement): Overlays {
  let camera: PhotoCamera | undefined
  const image = h('img', { class: 'photo', alt: 'The photo, from its camera', hidden: true })
  const toggle = (text: string, act: (on: boolean) => void): HTMLButtonElement => {
    const button = h('button', { type: 'button', class: 'tool', text, 'aria-pressed': 'false' })
    button.addEventListener('click', () => {
      const on = button.getAttribute('aria-pressed') !== 'true'
      button.setAttribute('aria-pressed', String(on))
      act(on)
    })
    return button
  }
  const looks = h('div', { class: 'tools', role: 'group', 'aria-label': 'Look' })
  for (const [look, text] of Object.entries(LOOKS) as [Look, string][]) {
    const button = h('button', { type: 'button', class: 'tool', text, 'aria-pressed': String(look === 'textured') })
    button.addEventListener('click', () => {
      for (const other of looks.children) other.setAttribute('aria-pressed', String(other === button))
      viewer.setLook(look)
    })
    looks.append(button)
  }

  const fade = h('input', {
    type: 'range',
    min: '0',
    max: '1',
    step: '0.01',
    value: '0.5',
    'aria-label': 'Opacity of the photo',
  })
  fade.addEventListener('input', () => (image.style.opacity = fade.value))
  const place = (): void => {
    const { left, top, size } = viewer.frame()
    Object.assign(image.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${size}px`,
      height: `${size}px`,
      opacity: fade.value,
    })
  }
  const photo = toggle('Photo', (on) => {
    if (on && camera) viewer.enterPhoto(camera)
    else viewer.home()
    image.hidden = fade.hidden = !on
    place()
  })
  viewer.left = () => {
    photo.setAttribute('aria-pressed', 'false')
    image.hidden = fade.hidden = true
  }
  fade.hidden = true

  const divider = h(
    'div',
    {
      class: 'divider',
      role: 'slider',
      tabindex: '0',
      'aria-label': 'Coarse to the left, detailed to the right',
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      hidden: true,
    },
    h('span', { class: 'side-name left', text: 'Coarse' }),
    h('span', { class: 'side-name right', text: 'Detailed' }),
  )
  const split = (share: number | undefined): void => {
    viewer.split = share === undefined ? undefined : Math.min(0.98, Math.max(0.02, share))
    divider.hidden = viewer.split === undefined
    divider.style.left = `${100 * (viewer.split ?? 0.5)}%`
    divider.setAttribute('aria-valuenow', String(Math.round(100 * (viewer.split ?? 0.5))))
    viewer.redraw()
  }
  const compare = toggle('Compare', (on) => split(on ? 0.5 : undefined))
  drag(divider, (event) => {
    const { left, width } = stage.getBoundingClientRect()
    split((event.clientX - left) / width)
  })
  divider.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key]
    if (by !== undefined) split((viewer.split ?? 0.5) + by)
  })

  const lamp = h('button', {
    type: 'button',
    class: 'lamp',
    'aria-label': 'Light: drag it, or use the arrow keys',
    title: 'Drag the light',
  })
  const at = { x: -0.6, y: 0.64 }
  const light = (x: number, y: number): void => {
    const length = Math.max(1, Math.hypot(x, y) / 0.97)
    at.x = x / length
    at.y = y / length
    lamp.style.left = `${50 + 44 * at.x}%`
    lamp.style.top = `${50 - 44 * at.y}%`
    viewer.setLight(at.x, at.y)
  }
  drag(lamp, (event) => {
    const { left, top, width, height } = stage.getBoundingClientRect()
    light(((event.clientX - left) / width - 0.5) / 0.44, (0.5 - (event.clientY - top) / height) / 0.44)
  })
  lamp.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: [-0.08, 0], ArrowRight: [0.08, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] }[event.key]
    if (!by) return
    event.preventDefault()
    light(at.x + by[0], at.y + by[1])
  })
  light(at.x, at.y)

  const home = h('button', {
    type: 'button',
    class: 'tool',
    text: 'Front',
    title: 'Look from the front',
    onclick: () => viewer.home(),
  })
  const more = h('div', { class: 'tools', role: 'group', 'aria-label': 'View' }, home, compare, photo, fade)
  const bar = h('div', { class: 'toolbar' }, looks, more)
  stage.append(image, divider, lamp, bar)
  const settle = new ResizeObserver(() => {
    viewer.covered = bar.hidden ? 0 : bar.offsetHeight + 20
    viewer.resize()
    place()
  })
  settle.observe(stage)
  settle.observe(bar)

  return {
    setPhoto(given, crop) {
      camera = given
      if (image.src) URL.revokeObjectURL(image.src)
      if (crop) image.src = URL.createObjectURL(crop)
      else image.removeAttribute('src')
      photo.hidden = !given
      if (!given) viewer.left()
    },
    show(something, both) {
      bar.hidden = lamp.hidden = !something
      compare.hidden = !both
      if (!both && viewer.split !== undefined) {
        compare.setAttribute('aria-pressed', 'false')
        split(undefined)
      }
    },
  }
}

/** Calls back while the pointer moves with the element held. */
function drag(element: HTMLElement, move: (event: PointerEvent) => void): void {
  element.addEventListener('pointerdown', (event) => {
    event.preventDefault()
    element.focus()
    element.setPointerCapture(event.pointerId)
  })
  element.addEventListener('pointermove', (event) => {
    if (element.hasPointerCapture(event.pointerId)) move(event)
  })
}

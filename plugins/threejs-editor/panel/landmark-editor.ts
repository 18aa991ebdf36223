/** The photo large with the fitted head's contours and the landmarks over it: a landmark that is dragged is believed, and the head follows. */
import { h } from '../core/dom.js'
import type { LandmarkEdit } from '../core/landmark-edit.js'
import type { Photo } from '../core/task.js'
import { PanZoom, type Point } from './pan-zoom.js'

/** What landmarks are of, by their last number. */
const FEATURES: [last: number, words: string][] = [
  [16, 'outline'],
  [21, 'right brow'],
  [26, 'left brow'],
  [35, 'nose'],
  [41, 'right eye'],
  [47, 'left eye'],
  [59, 'outer lips'],
  [67, 'inner lips'],
]
/** Reach of a press on a landmark, screen pixels. */
const REACH = { mouse: 12, touch: 26 }
const RADIUS = 4
/** Room around the face, as a share of its box. */
const ROOM = 0.15

/** @param host where the dialog is put, for its styles */
export function openLandmarkEditor(host: HTMLElement, edit: LandmarkEdit, photo: Photo): HTMLDialogElement {
  const url = URL.createObjectURL(photo.file!)
  const { width, height } = photo
  const image = h('img', { src: url, alt: `The photo ${photo.name}`, draggable: 'false' })
  const [svg, lines, points] = [make('svg', { viewBox: `0 0 ${width} ${height}` }), make('g'), make('g')]
  svg.append(lines, points)
  const world = h('div', { class: 'sd-world' }, image)
  world.append(svg)
  for (const element of [image, svg]) Object.assign(element.style, { width: `${width}px`, height: `${height}px` })
  const frame = h('div', { class: 'sd-photo-frame' }, world)
  const status = h('p', { class: 'sd-status-line', role: 'status' })
  const faces = h('select', { 'aria-label': 'Face', hidden: true })
  const tool = (text: string, label: string, act: () => void): HTMLButtonElement =>
    h('button', { type: 'button', class: 'sd-step', text, 'aria-label': label, title: label, onclick: act })
  const action = (text: string, act: () => void, primary = false): HTMLButtonElement =>
    h('button', { type: 'button', class: primary ? 'sd-button sd-primary' : 'sd-button', text, onclick: act })
  const reset = action('Reset', () => void edit.reset())
  const dialog = h(
    'dialog',
    { class: 'sd-landmarks', 'aria-label': 'Landmarks' },
    h(
      'header',
      {},
      h('strong', { text: 'Landmarks' }),
      faces,
      tool('−', 'Smaller', () => view.zoom(1 / 1.4)),
      tool('+', 'Larger', () => view.zoom(1.4)),
      action('Whole face', () => showFace()),
    ),
    frame,
    status,
    h(
      'footer',
      {},
      h('p', {
        class: 'sd-note',
        text: 'Drag a point to its place; the head follows. Arrow keys move the chosen one (Shift: farther), Page Up and Page Down choose another, Delete takes a correction back.',
      }),
      reset,
      action('Done', () => dialog.close(), true),
    ),
  )

  let chosen: string | undefined
  const handles = new Map<string, SVGGElement>()
  const choose = (name: string): void => {
    chosen = name
    for (const [one, handle] of handles) handle.setAttribute('tabindex', one === name ? '0' : '-1')
    handles.get(name)!.focus({ preventScroll: true })
    show()
  }
  const nearest = (event: PointerEvent): string | undefined => {
    if (!edit.fit) return undefined
    const at = view.inPhoto(event)
    const reach = (event.pointerType === 'mouse' ? REACH.mouse : REACH.touch) / view.scale
    const away = (name: string): number => distance(point(edit.place(name)!), at)
    const [best] = [...handles.keys()].sort((a, b) => away(a) - away(b))
    return best !== undefined && away(best) < reach ? best : undefined
  }
  const view = new PanZoom(
    frame,
    world,
    (event) => {
      const name = nearest(event)
      if (name === undefined) return undefined
      choose(name)
      event.preventDefault() // the press would take the focus away again
      const [start, from] = [view.inPhoto(event), point(edit.place(name)!)]
      return (moved) => {
        const { x, y } = view.inPhoto(moved)
        void edit.move(name, [from.x + x - start.x, from.y + y - start.y])
      }
    },
    () => show(),
  )
  const showFace = (): void => {
    const box = edit.chosen ?? { x: 0, y: 0, width, height }
    const [dx, dy] = [ROOM * box.width, ROOM * box.height]
    view.show({ x: box.x - dx, y: box.y - dy, width: box.width + 2 * dx, height: box.height + 2 * dy })
  }

  points.addEventListener('keydown', (event) => {
    const { key, shiftKey } = event as KeyboardEvent
    if (chosen === undefined || !edit.fit) return
    const step = (shiftKey ? 10 : 1) / Math.min(view.scale, 4)
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key]
    const names = [...handles.keys()]
    const turn = { PageUp: -1, PageDown: 1 }[key]
    if (by) {
      const [x, y] = edit.place(chosen)!
      void edit.move(chosen, [x + by[0], y + by[1]])
    } else if (turn) choose(names[(names.indexOf(chosen) + turn + names.length) % names.length])
    else if (key === 'Delete' || key === 'Backspace') void edit.reset(chosen)
    else return
    event.preventDefault()
    view.reveal(point(edit.place(chosen)!))
  })
  points.addEventListener('focusin', (event) => {
    const name = (event.target as Element).getAttribute('data-name')
    if (name !== null && name !== chosen) choose(name)
  })
  frame.addEventListener('keydown', (event) => {
    const by = { '+': 1.4, '=': 1.4, '-': 1 / 1.4 }[event.key]
    if (by) view.zoom(by)
  })
  faces.addEventListener('change', () => {
    void edit.chooseFace(Number(faces.value))
    showFace()
  })

  let [drawn, faceShown]: [unknown, unknown] = [undefined, undefined]
  const show = (): void => {
    if (edit.chosen !== faceShown) {
      faceShown = edit.chosen
      const count = edit.found?.faces.length ?? 0
      faces.hidden = count < 2
      faces.replaceChildren(
        ...Array.from({ length: count }, (_, i) => h('option', { value: String(i), text: `Face ${i}` })),
      )
      faces.value = String(edit.face)
      showFace()
      return // it has called again
    }
    if (edit.fit !== drawn) {
      drawn = edit.fit
      lines.replaceChildren(...(edit.fit?.lines ?? []).map(drawLine))
      for (const { name } of edit.fit?.landmarks ?? []) {
        if (handles.has(name)) continue
        const handle = drawHandle(name)
        handles.set(name, handle)
        points.append(handle)
      }
      if (chosen === undefined) handles.get('0')?.setAttribute('tabindex', '0')
    }
    points.toggleAttribute('hidden', !edit.fit)
    for (const [name, handle] of handles) {
      const place = edit.place(name)
      if (!place) continue
      handle.setAttribute('transform', `translate(${place[0]} ${place[1]}) scale(${1 / view.scale})`)
      handle.classList.toggle('sd-corrected', edit.corrections.has(name))
      handle.classList.toggle('sd-chosen', name === chosen)
    }
    dialog.classList.toggle('sd-working', edit.busy)
    status.textContent = words(edit, chosen)
    status.classList.toggle('sd-error', edit.error !== '')
    reset.disabled = edit.corrections.size === 0
  }
  const stop = edit.changes.listen(show)
  let shownWidth = 0
  const resized = new ResizeObserver(() => {
    // A longer line of words takes some of its height: what is being dragged must not jump.
    if (frame.clientWidth !== shownWidth) showFace()
    shownWidth = frame.clientWidth
  })
  dialog.addEventListener('close', () => {
    stop()
    resized.disconnect()
    URL.revokeObjectURL(url)
    dialog.remove()
  })
  host.append(dialog)
  dialog.showModal()
  resized.observe(frame)
  show()
  return dialog
}

function words(edit: LandmarkEdit, chosen: string | undefined): string {
  if (edit.error) return edit.error
  if (!edit.found) return 'Looking for the face ...'
  if (!edit.fit) return 'Fitting the head ...'
  const { landmarkRmsRelative, warnings } = edit.fit
  const count = edit.corrections.size
  return [
    chosen === undefined ? '' : `Landmark ${title(chosen)}.`,
    count === 0 ? 'Nothing is corrected.' : `${count} corrected.`,
    `The head misses the landmarks by ${(100 * landmarkRmsRelative).toFixed(1)} % of the distance of the eyes.`,
    ...warnings,
  ]
    .filter(Boolean)
    .join(' ')
}

function title(name: string): string {
  if (name.startsWith('478:')) return `${name}, ${name === '478:468' ? 'right' : 'left'} iris`
  return `${name}, ${FEATURES.find(([last]) => Number(name) <= last)![1]}`
}

function drawLine({ feature, closed, points }: NonNullable<LandmarkEdit['fit']>['lines'][number]): SVGElement {
  const at = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(' ')
  return make(closed ? 'polygon' : 'polyline', { points: at, class: 'sd-contour', 'data-feature': feature })
}

function drawHandle(name: string): SVGGElement {
  const text = title(name)
  const label = { role: 'button', 'aria-label': `Landmark ${text}`, 'data-name': name, tabindex: '-1' }
  const handle = make('g', { class: 'sd-landmark', ...label })
  const number = make('text', { x: String(RADIUS + 3), y: String(-RADIUS) })
  number.textContent = name.split(':').at(-1)!
  handle.append(make('circle', { r: String(RADIUS) }), number)
  return handle
}

const point = ([x, y]: readonly [number, number]): Point => ({ x, y })
const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y)

function make<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

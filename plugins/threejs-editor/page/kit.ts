/** The page's own widgets. */
import { h } from '../core/dom.js'
import type { Kit } from '../panel/kit.js'

export const pageKit: Kit = {
  section: (title) => h('section', { class: 'card', 'aria-label': title }, h('h2', { text: title })),
  row: (label, control, hint) =>
    h('label', { class: 'row', title: hint }, h('span', { class: 'label', text: label }), control),
  button: (text, act, primary) =>
    h('button', { type: 'button', class: primary ? 'sd-button sd-primary' : 'sd-button', text, onclick: act }),
  select(options, change) {
    const dom = h('select', {}, ...Object.entries(options).map(([value, text]) => h('option', { value, text })))
    dom.addEventListener('change', () => change(dom.value))
    return { dom, get: () => dom.value, set: (value) => (dom.value = value) }
  },
  number({ min, max, step }, change) {
    const dom = h('input', { type: 'number', min: String(min), max: String(max), step: String(step) })
    dom.addEventListener('change', () => {
      if (dom.validity.valid && dom.value !== '') change(Number(dom.value))
    })
    return { dom, get: () => Number(dom.value), set: (value) => (dom.value = String(value)) }
  },
  check(change) {
    const dom = h('input', { type: 'checkbox' })
    dom.addEventListener('change', () => change(dom.checked))
    return { dom, get: () => dom.checked, set: (value) => (dom.checked = value) }
  },
  secret(change) {
    const dom = h('input', { type: 'password', autocomplete: 'off' })
    dom.addEventListener('change', () => change(dom.value))
    return { dom, get: () => dom.value, set: (value) => (dom.value = value) }
  },
}

/** Sliders for the face's morph targets. */
import type { Object3D } from 'three'
import { h } from '../core/dom.js'
import type { Kit } from '../panel/kit.js'
import { morphs } from '../three/face.js'

export interface Expressions {
  section: HTMLElement
  /** Sliders for this face; for none the section is hidden. */
  show(face: Object3D | undefined): void
}

/** @param redraw is called after the face has changed */
export function expressions(kit: Kit, redraw: () => void): Expressions {
  const section = kit.section('Expressions')
  const list = h('div', { class: 'sliders' })
  const title = h('summary')
  const sliders: { dom: HTMLInputElement; set(value: number): void }[] = []
  const neutral = kit.button('All to zero', () => {
    for (const { dom, set } of sliders) {
      dom.value = '0'
      set(0)
    }
    redraw()
  })
  section.append(h('details', { class: 'sd-more' }, title, list, h('div', { class: 'sd-actions' }, neutral)))
  section.hidden = true
  return {
    section,
    show(face) {
      sliders.length = 0
      list.replaceChildren()
      for (const [name, targets] of face ? morphs(face) : []) {
        const words = name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)
        const dom = h('input', { type: 'range', min: '0', max: '1', step: '0.01', value: '0', 'aria-label': words })
        const set = (value: number): void => {
          for (const { mesh, index } of targets) mesh.morphTargetInfluences![index] = value
        }
        dom.addEventListener('input', () => {
          set(Number(dom.value))
          redraw()
        })
        sliders.push({ dom, set })
        list.append(kit.row(words, dom))
      }
      title.textContent = `${sliders.length} sliders`
      section.hidden = sliders.length === 0
    },
  }
}

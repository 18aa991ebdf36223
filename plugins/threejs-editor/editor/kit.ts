/** The panel's widgets, of the editor's own UI classes. */
import type { Kit } from '../panel/kit.js'
import type { Host } from './host.js'

export function editorKit(ui: Host['ui']): Kit {
  return {
    section(title) {
      const panel = new ui.UIPanel().add(new ui.UIRow().add(new ui.UIText(title.toUpperCase())))
      panel.dom.setAttribute('role', 'group')
      panel.dom.setAttribute('aria-label', title)
      return panel.dom
    },
    row(label, control, hint) {
      const row = new ui.UIRow().add(new ui.UIText(label).setClass('Label'))
      row.dom.title = hint ?? ''
      if (!control.hasAttribute('aria-label')) control.setAttribute('aria-label', label)
      row.dom.append(control)
      return row.dom
    },
    button(text, act, primary) {
      const button = new ui.UIButton(text).onClick(act).dom as HTMLButtonElement
      button.type = 'button'
      if (primary) button.classList.add('sd-primary')
      return button
    },
    select(options, change) {
      const select = new ui.UISelect().setOptions(options)
      select.onChange(() => change(String(select.getValue())))
      return { dom: select.dom, get: () => String(select.getValue()), set: (value) => void select.setValue(value) }
    },
    number({ min, max, step }, change) {
      const number = step === 1 ? new ui.UIInteger(0) : new ui.UINumber(0).setPrecision(2)
      number.setRange(min, max).onChange(() => change(Number(number.getValue())))
      return { dom: number.dom, get: () => Number(number.getValue()), set: (value) => void number.setValue(value) }
    },
    check(change) {
      const check = new ui.UICheckbox(false)
      check.onChange(() => change(Boolean(check.getValue())))
      return { dom: check.dom, get: () => Boolean(check.getValue()), set: (value) => void check.setValue(value) }
    },
    secret(change) {
      const input = new ui.UIInput('')
      ;(input.dom as HTMLInputElement).type = 'password'
      input.onChange(() => change(String(input.getValue())))
      return { dom: input.dom, get: () => String(input.getValue()), set: (value) => void input.setValue(value) }
    },
  }
}

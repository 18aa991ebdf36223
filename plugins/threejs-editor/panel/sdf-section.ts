/** The streamed distance grid: its surface at a level, or a plane through it, that the user slides. */
import { type BufferGeometry, DoubleSide, FrontSide, type Group, Mesh, MeshStandardMaterial } from 'three'
import { h } from '../core/dom.js'
import type { Task } from '../core/task.js'
import { dispose } from '../three/face.js'
import { type Axis, slice, sliceRange } from '../three/sdf-slice.js'
import { type Grid, isoSurface, readGrid } from '../three/sdf-surface.js'
import type { Kit } from './kit.js'

const VIEWS = {
  none: 'nothing',
  surface: 'iso-surface',
  side: 'slice, from the side',
  above: 'slice, from above',
  front: 'slice, from the front',
}
type View = keyof typeof VIEWS
const AXES: Partial<Record<View, Axis>> = { side: 0, above: 1, front: 2 }

/** @param group where it is shown; @param redraw is called after it changed */
export function sdfSection(kit: Kit, task: Task, group: Group, redraw: () => void): HTMLElement {
  const section = kit.section('Distance field')
  let grid: Grid | undefined
  let mesh: Mesh | undefined
  /** What is chosen, and for each view the slider's place, millimetres. */
  let view: View = 'none'
  const places = new Map<View, number>()
  const slider = h('input', { type: 'range', step: '0.25' })
  const value = h('output', { class: 'sd-unit' })
  const select = kit.select(VIEWS, (chosen) => {
    view = chosen as View
    show()
  })
  select.dom.setAttribute('aria-label', 'Show of the distance field')
  const place = kit.row('Level', h('span', { class: 'sd-field' }, slider, value))
  section.append(kit.row('Show', select.dom, 'The coarse grid that is streamed while the job works'), place)

  const range = (): [number, number] => {
    const axis = AXES[view]
    if (!grid || axis === undefined) return [-0.01, 0.01]
    return sliceRange(grid, axis)
  }
  const make = (of: Grid, at: number): Mesh => {
    const axis = AXES[view]
    return axis === undefined ? surface(of, at) : slice(of, axis, at)
  }
  const show = (): void => {
    section.hidden = !grid
    place.hidden = view === 'none'
    if (mesh) dispose(mesh)
    mesh?.removeFromParent()
    mesh = undefined
    if (grid && view !== 'none') {
      const [low, high] = range().map((metres) => 1000 * metres)
      const at = Math.min(high, Math.max(low, places.get(view) ?? 0))
      slider.min = String(Math.ceil(low))
      slider.max = String(Math.floor(high))
      slider.value = String(at)
      slider.setAttribute('aria-label', AXES[view] === undefined ? 'Level, millimetres' : 'Place, millimetres')
      mesh = make(grid, Number(slider.value) / 1000)
      const empty = mesh.geometry.getAttribute('position').count === 0
      value.textContent = `${Number(slider.value)} mm${empty ? ': none' : ''}`
      mesh.name = 'SIDER distance field'
      group.add(mesh)
    }
    redraw()
  }
  slider.addEventListener('input', () => {
    places.set(view, Number(slider.value))
    show()
  })
  let seen: unknown
  task.previewed.listen(() => {
    const preview = task.previews.get('sdf')
    if (!preview || preview === seen) return
    seen = preview
    grid = readGrid(preview.artifact, preview.bytes)
    show()
  })
  task.changes.listen(() => {
    if (task.previews.size > 0 || task.result || !grid) return
    grid = undefined
    show()
  })
  show()
  return section
}

/** @param level metres; a surface inside the face is drawn over it, else nobody would see it */
function surface(grid: Grid, level: number): Mesh<BufferGeometry, MeshStandardMaterial> {
  const inside = level < 0
  const side = inside ? FrontSide : DoubleSide
  const look = { color: 0x4aa3ff, roughness: 0.5, transparent: true, opacity: 0.6, side, depthTest: !inside }
  return new Mesh(isoSurface(grid, level), new MeshStandardMaterial(look))
}

/** The streamed distance grid, shown as a surface at a level that the user slides. */
import { type BufferGeometry, DoubleSide, type Group, Mesh, MeshStandardMaterial } from 'three'
import { h } from '../core/dom.js'
import type { Task } from '../core/task.js'
import { type Grid, isoSurface, readGrid } from '../three/sdf-surface.js'
import type { Kit } from './kit.js'

/** @param group where the surface is shown; @param redraw is called after it changed */
export function sdfSection(kit: Kit, task: Task, group: Group, redraw: () => void): HTMLElement {
  const section = kit.section('Distance field')
  let grid: Grid | undefined
  let mesh: Mesh<BufferGeometry, MeshStandardMaterial> | undefined
  const level = h('input', {
    type: 'range',
    min: '-10',
    max: '10',
    step: '0.25',
    value: '0',
    'aria-label': 'Level, millimetres',
  })
  const value = h('output', { class: 'sd-unit', text: '0 mm' })
  const shown = kit.check(() => show())
  shown.dom.setAttribute('aria-label', 'Show the iso-surface')
  section.append(
    kit.row('Iso-surface', shown.dom, 'The coarse grid that is streamed while the job works'),
    kit.row('Level', h('span', { class: 'sd-field' }, level, value)),
  )
  const remove = (): void => {
    mesh?.geometry.dispose()
    mesh?.material.dispose()
    mesh?.removeFromParent()
    mesh = undefined
  }
  const show = (): void => {
    value.textContent = `${Number(level.value)} mm`
    section.hidden = !grid
    if (!grid || !shown.get()) remove()
    else {
      const geometry = isoSurface(grid, Number(level.value) / 1000)
      if (mesh) {
        mesh.geometry.dispose()
        mesh.geometry = geometry
      } else {
        const look = { color: 0x4aa3ff, roughness: 0.5, transparent: true, opacity: 0.55, side: DoubleSide }
        mesh = new Mesh(geometry, new MeshStandardMaterial(look))
        mesh.name = 'SIDER distance field'
        group.add(mesh)
      }
    }
    redraw()
  }
  level.addEventListener('input', show)
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
  section.hidden = true
  return section
}

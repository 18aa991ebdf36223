/**
 * The module that adds 'Face' to the sidebar of the official three.js editor. Previews are drawn through `sceneHelpers`, which is
 * neither saved nor undone; the finished face comes by one AddObjectCommand. Loaded twice it does nothing the second time.
 */
import { DoubleSide, Group, MeshStandardMaterial } from 'three'
import { ServerLink } from '../core/server-link.js'
import { Task } from '../core/task.js'
import landmarks from '../panel/landmarks.css?inline'
import css from '../panel/panel.css?inline'
import { panel } from '../panel/panel.js'
import results from '../panel/results.css?inline'
import { sdfSection } from '../panel/sdf-section.js'
import { parseFace } from '../three/face.js'
import { PreviewMesh } from '../three/preview-mesh.js'
import { findHost, type Host } from './host.js'
import { editorKit } from './kit.js'
import { addTab } from './tab.js'

const EDITOR_CSS = `
.sd-panel [role=group] > .Row:first-child { margin-bottom: 4px; font-size: 12px; }
.sd-panel .Row input:not([type=checkbox]), .sd-panel .Row select { max-width: 150px; }
.sd-panel .sd-primary { background: #08f; color: #fff; }
.sd-panel button:disabled { opacity: .5; }
.sd-panel { color: #888; }
`

function add({ editor, ui, AddObjectCommand }: Host): void {
  const link = new ServerLink(`${new URL(import.meta.url).origin.replace(/^http/, 'ws')}/`)
  const task = new Task(link)
  const kit = editorKit(ui)
  const redraw = (): void => editor.signals.cameraChanged.dispatch(editor.camera)
  const group = new Group()
  group.name = 'SIDER'
  editor.sceneHelpers.add(group)
  const preview = new PreviewMesh(new MeshStandardMaterial({ color: 0xc9b7a6, roughness: 0.6, side: DoubleSide }))
  group.add(preview.mesh)

  const style = new CSSStyleSheet()
  style.replaceSync(css + results + landmarks + EDITOR_CSS)
  document.adoptedStyleSheets.push(style)
  addTab('Face', panel(kit, link, task, [sdfSection(kit, task, group, redraw)]))

  let shown: unknown
  task.previewed.listen(() => {
    const mesh = task.previews.get('mesh') ?? task.previews.get('head')
    if (!mesh || mesh === shown || task.result) return
    const first = !preview.mesh.visible
    shown = mesh
    preview.update(mesh.bytes, mesh.artifact.topology)
    if (first) editor.focus?.(preview.mesh)
    redraw()
  })

  let added: unknown
  task.changes.listen(() => {
    const { result, job } = task
    if (preview.mesh.visible && !task.busy && !result) hide()
    if (!result || added === result) return
    added = result
    void finish(result, job!)
  })
  const hide = (): void => {
    preview.hide()
    redraw()
  }
  /** Adds the face unless the scene, which may have been saved and loaded, has it already. */
  const finish = async (result: NonNullable<Task['result']>, job: string): Promise<void> => {
    try {
      let there = false
      editor.scene.traverse((one) => {
        there ||= one.userData['siderJob'] === job
      })
      if (!there && (task.reopened || localStorage.getItem(ADDED) !== job)) {
        const face = await parseFace(await result.file('face.glb'), `Face of ${task.photo?.name ?? 'a photo'}`)
        face.userData['siderJob'] = job
        editor.execute(new AddObjectCommand(editor, face))
        localStorage.setItem(ADDED, job) // one that was undone or deleted does not come back by reloading the page
        editor.focus?.(face)
      }
    } catch (error) {
      task.cannot(result, 'The face cannot be added', error)
    }
    if (task.result === result) hide() // else the preview is the next job's
  }
  void link.connect()
  Object.assign(window, { sider: { link, task, preview, group } }) // for the console and the tests
}

const ADDED = 'sider.added'

const page = window as unknown as { siderPanel?: true }
if (!page.siderPanel) {
  page.siderPanel = true
  findHost().then(add, (error: Error) => {
    page.siderPanel = undefined
    alert(error.message)
  })
}

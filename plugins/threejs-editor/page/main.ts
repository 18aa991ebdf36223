/** The stand-alone page: the panel beside a viewer. */
import '../panel/landmarks.css'
import '../panel/panel.css'
import '../panel/results.css'
import './page.css'
import './stage.css'
import './phone.css'
import { MeshStandardMaterial } from 'three'
import { h } from '../core/dom.js'
import { ServerLink } from '../core/server-link.js'
import { Task } from '../core/task.js'
import { panel } from '../panel/panel.js'
import { sdfSection } from '../panel/sdf-section.js'
import { parseFace } from '../three/face.js'
import { PreviewMesh } from '../three/preview-mesh.js'
import { expressions } from './expressions.js'
import { pageKit } from './kit.js'
import { overlays } from './overlays.js'
import { stagePlaceholder } from './placeholder.js'
import { type PhotoCamera, Viewer } from './viewer.js'

const link = new ServerLink(`${location.origin.replace(/^http/, 'ws')}/`)
const task = new Task(link)
const stage = h('main', { class: 'stage', 'aria-label': 'Viewer' })
const state = h('span', { class: 'badge', role: 'status' })
const bar = h(
  'header',
  { class: 'top' },
  h('img', {
    src: document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href,
    alt: '',
    width: '22',
    height: '22',
  }),
  h('h1', { text: 'SIDER' }),
  h('span', { class: 'motto', text: 'a detailed 3D face from one photo' }),
  state,
)
const viewer = new Viewer(stage)
const tools = overlays(viewer, stage)
const preview = new PreviewMesh(new MeshStandardMaterial())
const head = new PreviewMesh(new MeshStandardMaterial())
const sliders = expressions(pageKit, () => viewer.redraw())
const field = sdfSection(pageKit, task, viewer.extras, () => viewer.redraw())
const side = h(
  'aside',
  { class: 'side', 'aria-label': 'Reconstruct face' },
  panel(pageKit, link, task, [sliders.section, field], document.body),
)
document.body.append(bar, stage, side)

const placeholder = stagePlaceholder(task)
stage.append(placeholder.dom)

let shownMesh: unknown
let shownHead: unknown
task.previewed.listen(() => {
  const mesh = task.previews.get('mesh')
  const fitted = task.previews.get('head')
  if (task.result) return
  if (fitted && fitted !== shownHead) {
    shownHead = fitted
    head.update(fitted.bytes, fitted.artifact.topology)
    viewer.show(viewer.coarse, head.mesh)
    if (viewer.detailed.children.length === 0) viewer.home()
  }
  if (mesh && mesh !== shownMesh) {
    shownMesh = mesh
    preview.update(mesh.bytes, mesh.artifact.topology)
    if (viewer.detailed.children[0] !== preview.mesh) {
      viewer.show(viewer.detailed, preview.mesh)
      viewer.home()
    }
    viewer.redraw()
  }
  show()
})

let shownResult: unknown
async function finish(): Promise<void> {
  const { result } = task
  if (!result || result === shownResult) return
  shownResult = result
  const has = (name: string): boolean => result.files.some((file) => file.name === name)
  const file = async (name: string): Promise<Uint8Array | undefined> => (has(name) ? result.file(name) : undefined)
  try {
    const face = await parseFace(await result.file('face.glb'), 'face')
    const coarse = await file('coarse.glb')
    const coarseFace = coarse && (await parseFace(coarse, 'coarse'))
    const [camera, crop] = [await file('camera.json'), await file('input.png')]
    if (task.result !== result) return
    viewer.show(viewer.detailed, face)
    viewer.show(viewer.coarse, coarseFace)
    if (camera && crop) {
      const photo = new Blob([crop as Uint8Array<ArrayBuffer>], { type: 'image/png' })
      tools.setPhoto(JSON.parse(new TextDecoder().decode(camera)) as PhotoCamera, photo)
    }
    sliders.show(face)
    viewer.home()
  } catch (error) {
    task.cannot(result, 'The result cannot be shown', error)
  }
  show()
}

function show(): void {
  if (task.state === 'empty' || task.state === 'ready' || task.state === 'sending') {
    shownMesh = shownHead = shownResult = undefined
    viewer.show(viewer.detailed, undefined)
    viewer.show(viewer.coarse, undefined)
    tools.setPhoto(undefined, undefined)
    sliders.show(undefined)
  }
  const something = viewer.detailed.children.length + viewer.coarse.children.length > 0
  placeholder.show(!something)
  document.body.dataset['busy'] = String(task.busy)
  document.body.dataset['state'] = task.state
  tools.show(something, viewer.detailed.children.length > 0 && viewer.coarse.children.length > 0)
}
task.changes.listen(() => {
  show()
  void finish()
})
link.changes.listen(() => {
  state.dataset['state'] = link.state
  state.textContent = {
    connected: 'connected',
    connecting: 'connecting',
    lost: 'server lost',
    away: 'no server',
    refused: 'refused',
    'no-token': 'token needed',
  }[link.state]
})
show()
void link.connect()
/** For the browser's console and the tests. */
Object.assign(window, { sider: { link, task, viewer, preview } })

/** The stand-alone page: the panel beside a viewer. */
import '../panel/panel.css'
import './page.css'
import { MeshStandardMaterial } from 'three'
import { h } from '../core/dom.js'
import { ServerLink } from '../core/server-link.js'
import { Task } from '../core/task.js'
import { panel } from '../panel/panel.js'
import { sdfSection } from '../panel/sdf-section.js'
import { morphs, parseFace } from '../three/face.js'
import { PreviewMesh } from '../three/preview-mesh.js'
import { pageKit } from './kit.js'
import { overlays } from './overlays.js'
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
const expressions = pageKit.section('Expressions')
expressions.hidden = true
const field = sdfSection(pageKit, task, viewer.extras, () => viewer.redraw())
const side = h(
  'aside',
  { class: 'side', 'aria-label': 'Reconstruct face' },
  panel(pageKit, link, task, [field, expressions]),
)
document.body.append(bar, stage, side)

const hello = h(
  'div',
  { class: 'hello' },
  h('h2', { text: 'One photo in, a face with its wrinkles out' }),
  h(
    'ol',
    {},
    h('li', { text: 'Drop a photo of a face into the panel: sharp, from the front, in even light.' }),
    h('li', { text: 'Press Reconstruct face and watch it appear. Preset preview takes about half a minute.' }),
    h('li', { text: 'Turn it, drag the light, compare it with the photo, and download it as GLB.' }),
  ),
  h('p', { text: 'The photo goes to this server and nowhere else.' }),
)
stage.append(hello)

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
  const text = async (name: string): Promise<unknown> => JSON.parse(new TextDecoder().decode(await result.file(name)))
  try {
    const face = await parseFace(await result.file('face.glb'), 'face')
    const coarse = has('coarse.glb') ? await parseFace(await result.file('coarse.glb'), 'coarse') : undefined
    if (task.result !== result) return
    viewer.show(viewer.detailed, face)
    viewer.show(viewer.coarse, coarse)
    if (has('camera.json') && has('input.png')) {
      const crop = new Blob([(await result.file('input.png')) as Uint8Array<ArrayBuffer>], { type: 'image/png' })
      tools.setPhoto((await text('camera.json')) as PhotoCamera, crop)
    }
    const sliders = [...morphs(face)].map(([name, targets]) => {
      const slider = h('input', { type: 'range', min: '0', max: '1', step: '0.01', value: '0', 'aria-label': name })
      slider.addEventListener('input', () => {
        for (const { mesh, index } of targets) mesh.morphTargetInfluences![index] = Number(slider.value)
        viewer.redraw()
      })
      return pageKit.row(name, slider)
    })
    expressions.replaceChildren(expressions.firstChild!, ...sliders)
    expressions.hidden = sliders.length === 0
    viewer.home()
  } catch (error) {
    task.error = {
      message: `The result cannot be shown: ${(error as Error).message}`,
      hint: 'Reload the page to try again.',
    }
    task.changes.tell()
  }
  show()
}

function show(): void {
  if (task.state === 'empty' || task.state === 'sending') {
    shownMesh = shownHead = shownResult = undefined
    viewer.show(viewer.detailed, undefined)
    viewer.show(viewer.coarse, undefined)
    tools.setPhoto(undefined, undefined)
    expressions.hidden = true
  }
  const something = viewer.detailed.children.length + viewer.coarse.children.length > 0
  hello.hidden = something || task.busy
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

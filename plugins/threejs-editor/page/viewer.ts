/**
 * The page's viewer: orbit, looks, coarse against detailed, the photo's own camera, a light to drag. Drawn when something changed.
 * World frame: the head frame (metres, +Y up, face towards +Z).
 */
import {
  Box3,
  DirectionalLight,
  DoubleSide,
  Group,
  HemisphereLight,
  type Material,
  Matrix4,
  Mesh,
  MeshBasicMaterial,
  MeshNormalMaterial,
  MeshStandardMaterial,
  type Object3D,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from 'three'
import { OrbitControls } from 'three/addons/controls/OrbitControls.js'
import { dispose } from '../three/face.js'

export type Look = 'textured' | 'clay' | 'normals' | 'wireframe'

/** As in camera.json. */
export interface PhotoCamera {
  fx: number
  fy: number
  cx: number
  cy: number
  crop: { x: number; y: number; width: number; height: number }
  headToCamera: number[][]
}

export class Viewer {
  readonly scene = new Scene()
  readonly camera = new PerspectiveCamera(30, 1, 0.01, 20)
  readonly renderer: WebGLRenderer
  readonly controls: OrbitControls
  /** What the detailed side shows: the preview, then the final face. */
  readonly detailed = new Group()
  readonly coarse = new Group()
  readonly extras = new Group()
  /** Share of the width left of the divider; undefined does not compare. */
  split: number | undefined
  /** Height at the bottom that controls cover, CSS pixels: faces are centred above it. */
  covered = 0
  /** Whether the view is as home() made it. */
  private atHome = false
  private look: Look = 'textured'
  private photo: PhotoCamera | undefined
  private readonly light = new DirectionalLight(0xffffff)
  private readonly sky = new HemisphereLight(0xeaf0ff, 0x6b6058)
  private readonly clay = new MeshStandardMaterial({ color: 0xc9b7a6, roughness: 0.62, side: DoubleSide })
  private readonly normals = new MeshNormalMaterial({ side: DoubleSide })
  private readonly wires = new MeshBasicMaterial({ color: 0x5aa0ff, wireframe: true })
  private readonly own = new WeakMap<Mesh, Material | Material[]>()
  private queued = false

  /** @throws Error if the browser has no WebGL */
  constructor(readonly host: HTMLElement) {
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: false })
    this.renderer.setPixelRatio(Math.min(2, devicePixelRatio))
    host.append(this.renderer.domElement)
    this.controls = new OrbitControls(this.camera, this.renderer.domElement)
    this.controls.addEventListener('change', () => this.redraw())
    this.controls.addEventListener('start', () => {
      this.atHome = false
      this.leavePhoto()
    })
    this.scene.add(this.detailed, this.coarse, this.extras, this.light, this.sky)
    this.home()
    new ResizeObserver(() => this.resize()).observe(host)
    this.renderer.domElement.tabIndex = 0
    this.renderer.domElement.setAttribute('role', 'img')
    this.renderer.domElement.setAttribute('aria-label', '3D view of the face; arrow keys turn it, plus and minus zoom')
    this.renderer.domElement.addEventListener('keydown', (event) => this.key(event))
  }

  /** Left of the photo's subject or right (-1..1), below or above (-1..1): where the light comes from. */
  setLight(x: number, y: number): void {
    this.light.position.set(x, y, Math.sqrt(Math.max(0.05, 1 - x * x - y * y)))
    this.redraw()
  }

  setLook(look: Look): void {
    this.look = look
    this.dress()
  }

  /** Gives all meshes the materials of the look; call it after changing what is shown. */
  dress(): void {
    // albedo is darker than clay, and its marks should not drown in shadow
    const textured = this.look === 'textured' && this.detailed.children.some(({ name }) => name !== 'SIDER preview')
    this.light.intensity = textured ? 3.4 : 2.4
    this.sky.intensity = textured ? 2.6 : 0.9
    const replaced = { clay: this.clay, normals: this.normals, wireframe: this.wires }
    for (const group of [this.detailed, this.coarse]) {
      group.traverse((object) => {
        if (!(object instanceof Mesh)) return
        if (!this.own.has(object)) this.own.set(object, object.material)
        const plain = group === this.coarse || object.name === 'SIDER preview'
        // what is seen through (corneas, hairs on cards) would hide what is behind it
        const own = this.own.get(object)!
        if (!Array.isArray(own) && own.transparent)
          object.visible = this.look === 'textured' || this.look === 'wireframe'
        object.material = this.look !== 'textured' ? replaced[this.look] : plain ? this.clay : own
      })
    }
    this.redraw()
  }

  show(group: Group, object: Object3D | undefined): void {
    for (const child of [...group.children]) {
      if (child === object) continue
      child.traverse((one) => {
        const material = one instanceof Mesh && this.own.get(one)
        if (material) (one as Mesh).material = material
      })
      child.removeFromParent()
      if (child.name !== 'SIDER preview') dispose(child)
    }
    if (object) group.add(object)
    this.dress()
  }

  /** Looks at the face from the front, as near as shows all of it beside what is covered. */
  home(): void {
    this.leavePhoto()
    const box = new Box3()
    for (const group of [this.detailed, this.coarse]) {
      if (box.isEmpty()) box.setFromObject(group, true) // as it is, not as expressions could make it
    }
    if (box.isEmpty()) box.set(new Vector3(-0.1, -0.12, -0.05), new Vector3(0.1, 0.12, 0.1))
    const centre = box.getCenter(new Vector3())
    const { x, y, z } = box.getSize(new Vector3())
    const { clientHeight: t } = this.host
    const free = t > 2 * this.covered ? (t - this.covered) / t : 1
    const slope = Math.tan((this.camera.fov * Math.PI) / 360)
    const away = 0.3 * z + (1.08 * Math.max(y / free, (x + 0.3 * z) / (this.camera.aspect || 1))) / (2 * slope)
    this.controls.target.copy(centre)
    this.camera.position.copy(new Vector3(0.17, 0.03, 1).setLength(away).add(centre))
    this.controls.update()
    this.atHome = true
    this.redraw()
  }

  /** Looks from the photo's camera. */
  enterPhoto(photo: PhotoCamera): void {
    const [a, b, c] = photo.headToCamera
    const position = new Vector3(...[0, 1, 2].map((k) => -(a[k] * a[3] + b[k] * b[3] + c[k] * c[3])))
    const depth = c[3]
    this.camera.position.copy(position)
    this.controls.target.copy(position).add(new Vector3(c[0], c[1], c[2]).multiplyScalar(depth))
    this.photo = photo
    this.atHome = false
    this.redraw()
  }

  leavePhoto(): void {
    if (!this.photo) return
    this.photo = undefined
    this.camera.matrixAutoUpdate = true
    this.camera.updateProjectionMatrix()
    const target = this.controls.target
    // the photo's camera is far away with a long lens: come as near as shows the face in this one
    const away = this.camera.position.clone().sub(target).setLength(0.6)
    this.camera.position.copy(target).add(away)
    this.controls.update()
    this.left()
    this.redraw()
  }

  /** Is called when the photo's camera was left. */
  left: () => void = () => {}

  /** The square where the crop lies in the view, CSS pixels. */
  frame(): { left: number; top: number; size: number } {
    const { clientWidth: w, clientHeight: t } = this.host
    const free = t - this.covered
    const size = Math.min(w, free) * 0.94
    return { left: (w - size) / 2, top: (free - size) / 2, size }
  }

  redraw(): void {
    if (this.queued) return
    this.queued = true
    requestAnimationFrame(() => {
      this.queued = false
      this.draw()
    })
  }

  private draw(): void {
    const { clientWidth: w, clientHeight: t } = this.host
    if (w === 0 || t === 0) return
    if (this.photo) this.applyPhoto(this.photo, w, t)
    const { renderer } = this
    renderer.setScissorTest(this.split !== undefined)
    const sides = this.split === undefined ? [undefined] : [false, true]
    for (const detailed of sides) {
      const at = Math.round(w * (this.split ?? 0))
      if (detailed !== undefined) renderer.setScissor(detailed ? at : 0, 0, detailed ? w - at : at, t)
      this.coarse.visible = detailed === undefined ? this.detailed.children.length === 0 : !detailed
      this.detailed.visible = detailed ?? true
      renderer.render(this.scene, this.camera)
    }
    renderer.setScissorTest(false)
  }

  /** Projection by the intrinsics (pixels, y down) for the view in which the crop fills the frame. */
  private applyPhoto({ fx, fy, cx, cy, crop, headToCamera }: PhotoCamera, w: number, t: number): void {
    const { left, top, size } = this.frame()
    const s = size / crop.width
    const [u, v] = [(cx - crop.x) * s + left, (cy - crop.y) * s + top]
    const [near, far] = [0.05, 20]
    this.camera.matrixAutoUpdate = false
    // OpenCV's camera looks along +z with y down, three's along -z with y up
    const view = new Matrix4().set(...(headToCamera.flat() as Parameters<Matrix4['set']>))
    this.camera.matrix.copy(new Matrix4().makeScale(1, -1, -1).multiply(view).invert())
    this.camera.matrixWorld.copy(this.camera.matrix)
    const z = [(far + near) / (near - far), (2 * far * near) / (near - far)]
    this.camera.projectionMatrix.set(
      (2 * fx * s) / w, 0, 1 - (2 * u) / w, 0,
      0, (2 * fy * s) / t, (2 * v) / t - 1, 0,
      0, 0, z[0], z[1],
      0, 0, -1, 0,
    ) // biome-ignore format: a matrix
    this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert()
  }

  /** Takes the size of its host and what is covered of it. */
  resize(): void {
    const { clientWidth: w, clientHeight: t } = this.host
    if (w === 0 || t === 0) return
    this.renderer.setSize(w, t)
    this.camera.aspect = w / t
    this.camera.setViewOffset(w, t, 0, this.covered / 2, w, t) // also updates the projection
    if (this.atHome) this.home()
    this.draw()
  }

  private key(event: KeyboardEvent): void {
    const turns: Record<string, [number, number]> = {
      ArrowLeft: [-0.12, 0],
      ArrowRight: [0.12, 0],
      ArrowUp: [0, -0.12],
      ArrowDown: [0, 0.12],
    }
    const zoom = { '+': 0.9, '=': 0.9, '-': 1.1 }[event.key]
    const turn = turns[event.key]
    if (!turn && zoom === undefined) return
    event.preventDefault()
    this.atHome = false
    this.leavePhoto()
    const arm = this.camera.position.clone().sub(this.controls.target)
    if (turn) {
      arm.applyAxisAngle(new Vector3(0, 1, 0), turn[0])
      arm.applyAxisAngle(new Vector3(0, 1, 0).cross(arm).normalize(), turn[1])
    } else arm.multiplyScalar(zoom!)
    this.camera.position.copy(this.controls.target).add(arm)
    this.controls.update()
  }
}

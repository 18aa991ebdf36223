/** Shots drawn by three.js in headless Chromium, with the loader and the light of the project's page. */
import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { EYES } from '../../src/engine/formats/vrm.js'
import { decodePicture, type Picture } from '../../src/engine/image/picture.js'
import type { Shot } from './shots.js'

const THREE = join(import.meta.dirname, '../../node_modules/three')
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const ORIGIN = 'http://close-ups.example'
/** @param load JavaScript that makes `head`, an object of three.js, and `pose(keys)`, which sets the keys to 1 and all others to 0 */
const pageOf = (load: string): string => `<!doctype html><script type="importmap">
{"imports": {"three": "/three/build/three.module.js", "three/addons/": "/three/examples/jsm/", "three-vrm": "/vrm.js"}}
</script><canvas></canvas><script type="module">
import * as THREE from 'three'
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js'
const canvas = document.querySelector('canvas')
const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true })
const scene = new THREE.Scene()
scene.background = new THREE.Color(0x2b2e33)
const lamp = new THREE.DirectionalLight(0xffffff, 3.4)
lamp.position.set(-0.6, 0.64, 0.5)
scene.add(lamp, new THREE.HemisphereLight(0xeaf0ff, 0x6b6058, 2.6))
${load}
scene.add(head)
window.draw = ({ keys, center, radius, yaw, pitch }, size, away) => {
  pose(keys)
  renderer.setSize(size, size, false)
  const camera = new THREE.PerspectiveCamera((360 / Math.PI) * Math.atan(radius / away), 1, 0.05, 5)
  const [a, b] = [yaw, pitch].map(THREE.MathUtils.degToRad)
  const from = new THREE.Vector3(Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b))
  const target = new THREE.Vector3(...center)
  camera.position.copy(target).addScaledVector(from, away)
  camera.lookAt(target)
  renderer.render(scene, camera)
  return canvas.toDataURL('image/png')
}
window.ready = true
</script>`

const GLB = `const { scene: head } = await new GLTFLoader().loadAsync('/face.glb')
const pose = (keys) => head.traverse(({ morphTargetDictionary: names, morphTargetInfluences: values }) => {
  if (names) for (const [name, i] of Object.entries(names)) values[i] = keys.includes(name) ? 1 : 0
})`
/** An avatar, its eyes' middle brought to the origin, and its expressions. */
const AVATAR = `const { VRMLoaderPlugin } = await import('three-vrm')
const loader = new GLTFLoader()
loader.register((parser) => new VRMLoaderPlugin(parser))
const { vrm } = (await loader.loadAsync('/face.glb')).userData
const head = new THREE.Group().add(vrm.scene)
vrm.scene.position.y = -${EYES}
const pose = (keys) => {
  for (const { expressionName: name } of vrm.expressionManager.expressions)
    vrm.expressionManager.setValue(name, keys.includes(name) ? 1 : 0)
  vrm.update(0)
}`

/** @param away metres from the camera to what it looks at; @throws Error without Chromium */
export function threeShots(glb: Uint8Array, shots: readonly Shot[], size: number, away: number): Promise<Picture[]> {
  return drawn(pageOf(GLB), { '/face.glb': glb }, shots, size, away)
}

/** The same of a VRM, whose expressions are the shots' keys. @param library path of three-vrm's module */
export function vrmShots(
  vrm: Uint8Array,
  library: string,
  shots: readonly Shot[],
  size: number,
  away: number,
): Promise<Picture[]> {
  return drawn(pageOf(AVATAR), { '/face.glb': vrm, '/vrm.js': readFileSync(library) }, shots, size, away)
}

async function drawn(
  html: string,
  files: Record<string, Uint8Array>,
  shots: readonly Shot[],
  size: number,
  away: number,
): Promise<Picture[]> {
  if (!CHROMIUM) throw new Error('three.js is drawn in Chromium, which is not there (apt install chromium)')
  const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader']
  const browser = await chromium.launch({ executablePath: CHROMIUM, args, chromiumSandbox: false })
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(120_000)
    const wrong: string[] = []
    page.on('pageerror', ({ message }) => wrong.push(message))
    await page.route(`${ORIGIN}/**`, (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: html })
      const contentType = pathname.endsWith('.js') ? 'text/javascript' : 'model/gltf-binary'
      if (files[pathname]) return route.fulfill({ contentType, body: Buffer.from(files[pathname]) })
      const file = join(THREE, pathname.replace(/^\/three\//, ''))
      if (extname(file) !== '.js' || !existsSync(file)) return route.fulfill({ status: 404 })
      return route.fulfill({ contentType: 'text/javascript', body: readFileSync(file) })
    })
    await page.goto(`${ORIGIN}/`)
    await page.waitForFunction('window.ready').catch((error: Error) => {
      throw new Error(`three.js cannot show the head: ${wrong.join('; ') || error.message}`)
    })
    const pictures: Picture[] = []
    for (const shot of shots) {
      const url = (await page.evaluate(`window.draw(${JSON.stringify(shot)}, ${size}, ${away})`)) as string
      pictures.push(await decodePicture(Buffer.from(url.split(',')[1], 'base64')))
    }
    return pictures
  } finally {
    await browser.close()
  }
}

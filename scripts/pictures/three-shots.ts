/** Shots drawn by three.js in headless Chromium, with the loader and the light of the project's page. */
import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { decodePicture, type Picture } from '../../src/engine/image/picture.js'
import type { Shot } from './shots.js'

const THREE = join(import.meta.dirname, '../../node_modules/three')
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const ORIGIN = 'http://close-ups.example'
const PAGE = `<!doctype html><script type="importmap">
{"imports": {"three": "/three/build/three.module.js", "three/addons/": "/three/examples/jsm/"}}
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
const { scene: head } = await new GLTFLoader().loadAsync('/face.glb')
scene.add(head)
window.draw = ({ keys, center, radius, yaw, pitch }, size, away) => {
  head.traverse(({ morphTargetDictionary: names, morphTargetInfluences: values }) => {
    if (names) for (const [name, i] of Object.entries(names)) values[i] = keys.includes(name) ? 1 : 0
  })
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

/** @param away metres from the camera to what it looks at; @throws Error without Chromium */
export async function threeShots(glb: Uint8Array, shots: Shot[], size: number, away: number): Promise<Picture[]> {
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
      if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: PAGE })
      if (pathname === '/face.glb') return route.fulfill({ body: Buffer.from(glb) })
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

/** Pictures of every state of the page. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import sharp from 'sharp'
import { helpIfAsked } from '../../scripts/setup.mjs'

helpIfAsked(`Pictures of every state of the page, at a desk's size and a phone's, dark and light, of a running server.

Usage: node plugins/threejs-editor/screenshots.mjs <url> <token> <photo> <folder> [preset] [photo of several faces]

Example: node plugins/threejs-editor/screenshots.mjs http://127.0.0.1:7437/ "$(cat token)" photo.jpg out/page preview group.jpg
`)
const [url, token, photo, out, preset = 'preview', group] = process.argv.slice(2)
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } }
mkdirSync(out, { recursive: true })
const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader']
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args, chromiumSandbox: false })
const page = await (await browser.newContext()).newPage()
page.setDefaultTimeout(120_000) // software rendering, and other jobs of the server
page.on('pageerror', (error) => console.error('page:', error.message))
const button = (name) => page.getByRole('button', { name, exact: true })

async function shot(name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['dark', 'light']) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await page.waitForTimeout(500)
      await page.screenshot({ path: join(out, `${name}-${size}-${colorScheme}.jpg`), quality: 88, type: 'jpeg' })
    }
  }
  await page.setViewportSize(SIZES.desk)
}

await page.goto(url)
await shot('token')
await page.addInitScript(() => {
  const { WebSocket } = window
  if (location.search === '?away')
    window.WebSocket = class extends WebSocket {
      constructor(_url, protocols) {
        super(`ws://${location.hostname}:9/`, protocols) // where nobody listens
      }
    }
})
await page.goto(`${url}?away#token=${token}`)
await page.getByText('No server answers').waitFor()
await shot('away')
await page.goto(`${url}#token=${token}`)
await page.getByText('Connected to').waitFor()
await shot('empty')

const plain = await sharp({ create: { width: 800, height: 600, channels: 3, background: '#688' } })
  .png()
  .toBuffer()
await page.setInputFiles('.sd-file', { name: 'wall.png', mimeType: 'image/png', buffer: plain })
await button('Reconstruct face').click()
await page.locator('.sd-error:visible').waitFor()
await shot('failed')

if (group) {
  await page.setInputFiles('.sd-file', group)
  await button('Reconstruct face').click()
  await button('Face 1').waitFor()
  await shot('faces')
  await button('Cancel').click()
  await page.getByText('Cancelled.').waitFor()
}
await page.setInputFiles('.sd-file', photo)
await page.getByLabel('Preset', { exact: true }).selectOption(preset)
await shot('ready')
await button('Landmarks').click()
await page.getByText('The head misses').waitFor()
await shot('landmarks')
await button('Done').click()
await button('Reconstruct face').click()
await shot('begun')
const working = page.getByText('Detail from shading, step')
await button('Face 1').or(working).first().waitFor({ timeout: 120_000 })
if (await button('Face 1').isVisible()) await button('Face 1').click()
await page.waitForFunction(() => window.sider.task.losses.length > 40, undefined, { timeout: 300_000 })
await shot('running')
await page.getByLabel('Show of the distance field').selectOption('side')
await page.locator('.stage > canvas').focus()
for (let turn = 0; turn < 8; turn++) await page.keyboard.press('ArrowLeft')
await shot('slice')
await page.getByLabel('Show of the distance field').selectOption('none')
await page.getByText('Done in').waitFor({ timeout: 1200_000 })
await page.waitForFunction(() => document.querySelectorAll('.sd-thumbs img').length > 8)
await page.evaluate(() => document.querySelector('.side').scrollTo(0, 0))
for (const name of ['Textured', 'Clay', 'Normals', 'Wireframe']) {
  await button(name).click()
  await shot(name.toLowerCase())
}
await button('Clay').click()
await button('Compare').click()
await shot('compare')
await button('Compare').click()
await button('Textured').click()
await button('Photo').click()
await shot('photo')
await button('Front').click()
await button('Enlarge normals.png').click()
await shot('enlarged')
await browser.close()

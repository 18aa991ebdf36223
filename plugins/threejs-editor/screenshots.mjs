/**
 * Pictures of every state of the page, at a desk's size and a phone's, of a running server:
 *   node plugins/threejs-editor/screenshots.mjs URL TOKEN PHOTO OUT_FOLDER
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const [url, token, photo, out, group] = process.argv.slice(2)
mkdirSync(out, { recursive: true })
const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader']
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args, chromiumSandbox: false })
for (const [size, viewport] of Object.entries({
  desk: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
})) {
  const context = await browser.newContext({ viewport, colorScheme: size === 'desk' ? 'dark' : 'light' })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error('page:', error.message))
  page.on('console', (message) => message.type() === 'error' && console.error('console:', message.text()))
  const shot = async (name) => {
    await page.waitForTimeout(400)
    await page.screenshot({ path: join(out, `${size}-${name}.png`), fullPage: size === 'phone' })
  }
  await page.goto(url)
  await shot('token')
  await page.goto('about:blank')
  await page.goto(`${url}#token=${token}`)
  await page.getByText('Connected to').waitFor()
  await shot('empty')
  if (group && size === 'desk') {
    await page.setInputFiles('input[type=file]', group)
    await page.getByRole('button', { name: 'Reconstruct face' }).click()
    await page.getByRole('button', { name: 'Face 1' }).waitFor()
    await shot('faces')
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Start over' }).click()
  }
  await page.setInputFiles('input[type=file]', photo)
  await page.getByLabel('Preset', { exact: true }).selectOption('preview')
  await shot('ready')
  await page.getByRole('button', { name: 'Reconstruct face' }).click()
  const asked = page.getByRole('button', { name: 'Face 1' })
  const working = page.getByText('Detail from shading, step')
  await asked.or(working).first().waitFor({ timeout: 120_000 })
  if (await asked.isVisible()) await asked.click()
  await page.waitForFunction(() => window.sider.task.losses.length > 40, undefined, { timeout: 120_000 })
  await shot('running')
  await page.getByText('Done in').waitFor({ timeout: 120_000 })
  await page.waitForFunction(() => document.querySelectorAll('.sd-thumbs img').length > 8)
  for (const name of ['Textured', 'Clay', 'Normals', 'Wireframe']) {
    await page.getByRole('button', { name, exact: true }).click()
    await shot(name.toLowerCase())
  }
  await page.getByRole('button', { name: 'Clay' }).click()
  await page.getByRole('button', { name: 'Compare' }).click()
  await shot('compare')
  await page.getByRole('button', { name: 'Compare' }).click()
  await page.getByRole('button', { name: 'Photo', exact: true }).click()
  await shot('photo')
  if (size === 'desk') {
    await page.emulateMedia({ colorScheme: 'light' })
    await page.getByRole('button', { name: 'Textured' }).click()
    await page.getByRole('button', { name: 'Front' }).click()
    await shot('light')
  }
  await context.close()
}
await browser.close()

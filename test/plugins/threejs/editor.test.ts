/** The panel in copies of the official three.js editor: live previews, history and autosave, the finished face, reloading. */
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  CHROMIUM,
  EDITOR_COPIES,
  endAll,
  ends,
  launch,
  open,
  press,
  realServer,
  serveFolder,
  web,
  withoutNetwork,
} from './browser.js'

const GROUP = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))

/** What the editor and the panel leave on their page. */
declare const window: {
  editor: {
    scene: { children: { name: string; userData: Record<string, unknown> }[] }
    sceneHelpers: { getObjectByName(name: string): PreviewObject | undefined }
    history: { undos: { type: string }[] }
    signals: { savingStarted: { add(act: () => void): void } }
    undo(): void
    redo(): void
    toJSON(): object
    clear(): void
    fromJSON(json: object): Promise<void>
  }
  sider: { task: { state: string } }
  saved: number
}
interface PreviewObject {
  visible: boolean
  geometry: { attributes: { position?: { array: Float32Array } } }
}

let browser: Browser
beforeAll(async () => {
  if (CHROMIUM && EDITOR_COPIES.length > 0) browser = await launch()
})
afterEach(endAll)
afterAll(() => browser?.close())

const look = (page: Page, name: string): Promise<unknown> | undefined => {
  const folder = process.env['SIDER_SHOTS']
  return folder ? page.screenshot({ path: join(folder, `${name}.png`) }) : undefined
}

/** Adds the panel to the editor's page, as its users do, and opens its tab. */
async function addPanel(page: Page, url: string): Promise<void> {
  await page.addScriptTag({ type: 'module', url: `${web(url)}editor.js` })
  await page.locator('#sider-tab').click()
}

/** The preview in `sceneHelpers`: every 50th coordinate while it is shown. */
const preview = (page: Page): Promise<number[] | undefined> =>
  page.evaluate(() => {
    const mesh = window.editor.sceneHelpers.getObjectByName('SIDER preview')
    if (!mesh?.visible) return undefined
    return Array.from(mesh.geometry.attributes.position!.array.filter((_, i) => i % 50 === 0))
  })
const undos = (page: Page): Promise<string[]> =>
  page.evaluate(() => window.editor.history.undos.map(({ type }) => type))
const facesIn = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    window.editor.scene.children.filter(({ userData }) => userData['siderJob']).map(({ name }) => name),
  )

async function begin(page: Page): Promise<void> {
  await press(page, 'Reconstruct face')
  await page.getByRole('button', { name: 'Face 1' }).click()
  await expect.poll(() => preview(page), { timeout: 90_000 }).toBeTruthy()
}

const copies = CHROMIUM && EDITOR_COPIES.length > 0 ? EDITOR_COPIES : ['none']
test.skipIf(copies[0] === 'none').for(copies)(
  'the panel in the three.js editor (needs chromium and a copy, named by SIDER_THREE_EDITOR: %s)',
  { timeout: 600_000 },
  async (copy) => {
    const { origin, close } = await serveFolder(copy)
    ends.push(close)
    const { url, token } = await realServer('--allow-origin', origin)
    const page = await open(browser, 'about:blank')
    await withoutNetwork(page)
    await page.goto(`${origin}/editor/index.html`)
    await addPanel(page, url)
    await page.getByLabel('Token').fill(token)
    await press(page, 'Connect')
    await page.getByText('Connected to').waitFor()
    await page.setInputFiles('.sd-file', GROUP)
    await page.getByLabel('Preset', { exact: true }).selectOption('balanced')

    // previews change the helper's mesh; nothing is saved by them, nothing is in the history
    // all but the view, which turns to the preview
    const scene = () => page.evaluate(() => JSON.stringify({ ...window.editor.toJSON(), camera: 0, controls: 0 }))
    await page.waitForTimeout(2000) // the editor saves its new scene once, a second after its start
    await page.evaluate(() => {
      window.saved = 0
      window.editor.signals.savingStarted.add(() => window.saved++)
    })
    const untouched = await scene()
    await begin(page)
    for (let snapshot = 0; snapshot < 2; snapshot++) {
      const before = await preview(page)
      await expect.poll(() => preview(page), { timeout: 90_000 }).not.toEqual(before)
    }
    await look(page, `${basename(copy)}-running`)
    await page.waitForTimeout(1500) // longer than the editor waits before it saves a change
    expect(await undos(page)).toEqual([])
    expect(await page.evaluate(() => window.saved)).toBe(0)
    expect(await scene()).toBe(untouched)

    await press(page, 'Cancel')
    await page.getByText('Cancelled.').waitFor()
    expect(await preview(page)).toBeUndefined()
    expect(await undos(page)).toEqual([])
    expect(await page.evaluate(() => window.saved)).toBe(0)

    // again, with the page loaded anew in the middle: the panel goes on with the job and adds its face
    await begin(page)
    await page.reload()
    await addPanel(page, url)
    await expect.poll(() => preview(page), { timeout: 90_000 }).toBeTruthy()
    const finish = page.getByRole('button', { name: 'Finish now' })
    await finish.or(page.getByText('Done in')).first().waitFor()
    if (await finish.isVisible()) await finish.click()
    await expect.poll(() => facesIn(page), { timeout: 120_000 }).toEqual(['Face of sample3.jpg'])
    expect(await preview(page)).toBeUndefined()
    expect(await undos(page)).toEqual(['AddObjectCommand'])
    await look(page, `${basename(copy)}-done`)
    await page.evaluate(() => window.editor.undo())
    expect(await facesIn(page)).toEqual([])
    await page.evaluate(() => window.editor.redo())
    expect(await facesIn(page)).toEqual(['Face of sample3.jpg'])

    // saved as the editor's autosave does, cleared, and loaded again: the face is there once
    await page.evaluate(async () => {
      const json = JSON.parse(JSON.stringify(window.editor.toJSON())) as object
      window.editor.clear()
      await window.editor.fromJSON(json)
    })
    expect(await facesIn(page)).toEqual(['Face of sample3.jpg'])
    expect(await page.evaluate(() => window.sider.task.state)).toBe('completed')

    // taken away and opened again from the list of earlier faces
    await page.evaluate(() => window.editor.clear())
    await page.locator('.sd-job').first().click()
    await expect.poll(() => facesIn(page), { timeout: 60_000 }).toEqual(['Face of sample3.jpg'])
    await look(page, `${basename(copy)}-again`)

    // the sidebar's own tabs still work, and the panel's by the keyboard
    await page.locator('#sidebar > .Tabs > .Tab').first().click()
    expect(await page.locator('#sider-panel').isVisible()).toBe(false)
    await page.locator('#sider-tab').press('Enter')
    expect(await page.locator('#sider-panel').isVisible()).toBe(true)
  },
)

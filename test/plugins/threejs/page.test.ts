/** The web page in headless Chromium, against servers with scripted and with real workers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { resolveSettings, writeGlb } from '../../../src/engine/index.js'
import { testServer } from '../../rpc/service-peer.js'
import { GROUP_FACES } from '../../support/group.js'
import {
  CHROMIUM,
  endAll,
  ends,
  launch,
  newFolder,
  open,
  press,
  realServer,
  spawnServer,
  tokenIn,
  web,
} from './browser.js'
import { pictureShift } from './picture-shift.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const GROUP = path('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg')

let browser: Browser
afterEach(endAll)

interface Colour {
  set(red: number, green: number, blue: number): void
}

/** What the page leaves for its tests. */
interface Sider {
  link: { state: string }
  task: {
    state: string
    job: string
    losses: unknown[]
    setPhoto(photo: object): void
    previews: Map<string, object>
    previewed: { tell(): void; count: number }
    changes: { count: number }
  }
  viewer: {
    renderer: { info: { memory: { geometries: number; textures: number } } }
    detailed: {
      children: { name: string; geometry: { attributes: { position: { array: Float32Array } } } }[]
      getObjectByName(name: string): { visible: boolean } | undefined
      traverse(visit: (object: { name: string; isMesh?: boolean; visible: boolean }) => void): void
    }
    light: { intensity: number }
    sky: { color: Colour; groundColor: Colour }
    setLook(look: string): void
    redraw(): void
  }
  preview: { mesh: { visible: boolean; geometry: { attributes: { position?: { array: Float32Array } } } } }
}
declare const window: { sider: Sider }
declare const requestAnimationFrame: (callback: (time: number) => void) => number
declare const localStorage: { getItem(key: string): string | null }

/** A photo whose bytes are a script for the scripted worker; the browser could not decode it, so it is handed over. */
async function scriptedPhoto(page: Page, script: object): Promise<void> {
  await page.evaluate((text) => {
    const file = new Blob([text])
    const thumbnail = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='
    window.sider.task.setPhoto({ name: 'scripted.jpg', file, thumbnail, width: 100, height: 100 })
  }, JSON.stringify(script))
}

describe.skipIf(!CHROMIUM)('in Chromium (needs Debian package chromium)', () => {
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('the page has strict headers, and only listed files are served', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const answer = await fetch(web(server.url))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/)
    expect((await fetch(`${web(server.url)}..%2fcli.js`)).status).toBe(404)
    expect((await fetch(`${web(server.url)}editor.js`, { headers: { origin: 'http://evil.example' } })).status).toBe(
      403,
    )
  })

  test('token: asked for, wrong one refused in words, right one by the fragment and out of the address', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, web(server.url))
    await page.getByText('Enter the token').waitFor()
    await page.getByLabel('Token').fill('certainly-wrong-token')
    await press(page, 'Connect')
    await page.getByText('The server refused').waitFor()
    await page.getByLabel('Token').fill(server.token)
    await press(page, 'Connect')
    await page.getByText('Connected to').waitFor()
    const other = await open(browser, `${web(server.url)}#token=${server.token}`)
    await other.getByText('Connected to').waitFor()
    expect(other.url()).toBe(web(server.url))
    await other.reload()
    await other.getByText('Connected to').waitFor() // the tab remembers
    expect(await other.evaluate((key) => localStorage.getItem(key), `sider.token ${server.url}`)).toBeNull()
  })

  test('pause, go on, cancel; several faces; a failure in words', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    await page.getByText('Connected to').waitFor()
    await scriptedPhoto(page, { steps: 5000, stepMs: 20, previewBytes: 0 })
    await press(page, 'Reconstruct face')
    await page.getByText(/step \d+ of 5000/).waitFor()
    await press(page, 'Pause')
    await page.getByText('Paused.').waitFor()
    await press(page, 'Go on')
    await page.getByText(/step \d+ of 5000/).waitFor()
    await press(page, 'Cancel')
    await page.getByText('Cancelled.').waitFor()
    await scriptedPhoto(page, { steps: 5, faces: GROUP_FACES, previewBytes: 0 })
    await press(page, 'Reconstruct face')
    await page.getByText('3 faces: choose one').waitFor()
    for (const [number, { x, y }] of GROUP_FACES.entries()) {
      const box = page.getByRole('button', { name: `Face ${number}`, exact: true })
      expect(await box.textContent()).toBe(String(number))
      expect(await box.getAttribute('style')).toMatch(`left: ${x}%; top: ${y}%;`)
    }
    await page.getByRole('button', { name: 'Face 2' }).press('Enter')
    await page.getByText('Done in').waitFor()
    const job = await page.evaluate(() => window.sider.task.job)
    expect(JSON.parse(readFileSync(join(server.dataFolder, 'jobs', job, 'job.json'), 'utf8')).settings.photo.face).toBe(
      2,
    )
    await scriptedPhoto(page, { fail: true })
    await press(page, 'Reconstruct face')
    await page.getByText('No face.').waitFor()
  })

  test('settings show the numbers of the preset, until they are changed', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    await page.getByText('More settings').click()
    const steps = page.getByLabel('Steps', { exact: true })
    for (const preset of ['preview', 'balanced', 'paper']) {
      await page.getByLabel('Preset').selectOption(preset)
      expect(await steps.inputValue(), preset).toBe(String(resolveSettings({ preset }).relief.steps))
    }
    await steps.fill('77')
    await steps.blur()
    await page.getByLabel('Preset').selectOption('preview')
    expect(await steps.inputValue()).toBe('77')
    await page.getByLabel('Change Steps').uncheck()
    expect(await steps.inputValue()).toBe('100')
  })

  test('every setting can be looked for; what is changed is sent, counted, and stays in sight', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    await page.getByText('More settings').click()
    const search = page.getByRole('searchbox', { name: 'Search all settings' })
    const ply = page.getByRole('combobox', { name: 'Output: write PLY', exact: true })
    expect(await ply.isVisible()).toBe(false)
    await search.fill('stanford ply')
    expect(await ply.isVisible()).toBe(false)
    await page.getByText('No setting is about that.').waitFor()
    await search.fill('PLY write')
    await ply.selectOption('on')
    await search.fill('pupils')
    await page.getByLabel('Interpupillary distance', { exact: true }).fill('61.5')
    await search.fill('compression')
    await page.getByLabel('Output: GLB compression', { exact: true }).selectOption('quantize')
    await search.fill('')
    await page.getByText('More settings (3 changed)').waitFor()
    expect(await ply.isVisible()).toBe(true)
    await page.getByLabel('Change Output: GLB compression').uncheck()
    await page.getByText('More settings (2 changed)').waitFor()
    await scriptedPhoto(page, { steps: 2, previewBytes: 0 })
    await press(page, 'Reconstruct face')
    await page.getByText('Done in').waitFor()
    const job = await page.evaluate(() => window.sider.task.job)
    const { settings } = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', job, 'job.json'), 'utf8'))
    expect(settings).toMatchObject({ head: { ipdMm: 61.5 }, output: { ply: true, compression: 'none' } })
  })

  test('the server is killed and started again: said in words, and the job goes on', async () => {
    const folder = newFolder()
    const program = [path('../../rpc/scripted-server.mjs'), folder]
    const { child, url } = await spawnServer([...program, '0'])
    const token = tokenIn(folder)
    const page = await open(browser, `${web(url)}#token=${token}`)
    await page.getByText('Connected to').waitFor()
    await scriptedPhoto(page, { steps: 400, stepMs: 10, previewBytes: 0 })
    await press(page, 'Reconstruct face')
    await page.getByText(/step \d+ of 400/).waitFor()
    child.kill('SIGKILL')
    await page.getByText('The server has gone away').waitFor()
    await spawnServer([...program, new URL(url).port])
    await page.getByText('Connected to').waitFor({ timeout: 20_000 })
    await page.getByText('Done in').waitFor({ timeout: 30_000 })
  })

  test('50 previews change the mesh in place and leave counts of geometries, textures and listeners as they were', async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    const glb = async (z: number) => {
      const positions = Float32Array.of(0, 0, z, 0.1, 0, z, 0, 0.1, z)
      return [...(await writeGlb([{ name: 'mesh', mesh: { positions, indices: Uint32Array.of(0, 1, 2) } }]))]
    }
    const update = (bytes: number[]) =>
      page.evaluate(async (given) => {
        const { task, viewer, preview } = window.sider
        const artifact = { kind: 'mesh', name: 'mesh', topology: 'same' }
        task.previews.set('mesh', { artifact, bytes: new Uint8Array(given) })
        task.state = 'running'
        task.previewed.tell()
        for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve))
        const { geometries, textures } = viewer.renderer.info.memory
        const listeners = task.previewed.count + task.changes.count
        return { counts: [geometries, textures, listeners], z: preview.mesh.geometry.attributes.position!.array[2] }
      }, bytes)
    const first = await update(await glb(0.01))
    expect(first.counts[0]).toBeGreaterThan(0)
    for (let i = 0; i < 50; i++) {
      const { counts, z } = await update(await glb(i / 1000))
      expect(z).toBeCloseTo(i / 1000)
      expect(counts).toEqual(first.counts)
    }
  })

  test('a real photo: faces to choose, previews that change the mesh, reload and reattach, final face', async () => {
    const { url, token } = await realServer()
    const page = await open(browser, `${web(url)}#token=${token}`)
    await page.getByText('Connected to').waitFor()
    const photo = readFileSync(GROUP).toString('base64')
    const dropped = await page.evaluateHandle((base64) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'group.jpg'))
      return transfer
    }, photo)
    await page.dispatchEvent('.stage', 'drop', { dataTransfer: dropped })
    await page.getByAltText('The photo group.jpg').waitFor()
    await page.getByLabel('Preset', { exact: true }).selectOption('preview')
    await page.getByText('More settings').click()
    const steps = page.getByRole('spinbutton', { name: 'Steps', exact: true })
    await steps.fill('3000') // long enough that previews follow each other on any machine; it is ended early below
    await steps.press('Tab')
    await press(page, 'Reconstruct face')
    await page.getByRole('button', { name: 'Face 1' }).click({ timeout: 60_000 })
    const z = () =>
      page.evaluate(() =>
        Array.from(window.sider.preview.mesh.geometry.attributes.position?.array.slice(0, 3000) ?? []),
      )
    await page.waitForFunction(() => window.sider.preview.mesh.visible, undefined, { timeout: 60_000 })
    const before = await z()
    await expect.poll(z, { timeout: 120_000 }).not.toEqual(before)
    await page.reload()
    await page.getByText(/Detail from shading|Done in/).waitFor({ timeout: 20_000 })
    await press(page, 'Finish now')
    await page.getByText('Done in').waitFor({ timeout: 120_000 })
    await page.waitForFunction(() => window.sider.viewer.detailed.children.some(({ name }) => name === 'face'))
    expect(await page.getByLabel('Preset', { exact: true }).inputValue()).toBe('preview') // the job's, not the server's
    // what is clear would hide what is behind it in clay
    const seen = (look: string) =>
      page.evaluate((look) => {
        const { viewer } = window.sider
        viewer.setLook(look)
        return ['eyeLeft', 'corneaLeft', 'lashesLeft'].map((name) => viewer.detailed.getObjectByName(name)?.visible)
      }, look)
    expect(await seen('clay')).toEqual([true, false, false])
    expect(await seen('textured')).toEqual([true, true, true])
    // the photo's camera: the skin that is drawn lies on the photo's. In even light and without eyes, lashes and teeth: shades of the
    // page's lamp are not the photo's, and what the photo does not colour lies where the fit puts it
    await press(page, 'Photo')
    await page.evaluate(() => {
      const { viewer } = window.sider
      viewer.light.intensity = 0
      viewer.sky.color.set(1, 1, 1)
      viewer.sky.groundColor.set(1, 1, 1)
      viewer.detailed.traverse((object) => {
        if (object.isMesh && object.name !== 'face') object.visible = false
      })
      viewer.redraw()
    })
    const { x, y, width, height } = (await page.locator('.photo').boundingBox())!
    const clip = { x: x + width / 4, y: y + 0.3 * height, width: width / 2, height: height / 2 }
    const faded = async (opacity: string) => {
      await page.getByLabel('Opacity of the photo').fill(opacity)
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
      return page.screenshot({ clip })
    }
    const shift = await pictureShift(await faded('0'), await faded('1'))
    expect(shift.score).toBeGreaterThan(0.3)
    expect(Math.hypot(shift.x, shift.y)).toBeLessThanOrEqual(2)
    const saved = page.waitForEvent('download')
    await press(page, 'Download GLB')
    expect((await saved).suggestedFilename()).toBe('face.glb')
  }, 300_000)
})

/** Where the page's photos come from (clipboard, webcam), and earlier results opened again, meshopt-packed ones too. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXTMeshoptCompression } from '@gltf-transform/extensions'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterEach, describe, expect, test } from 'vitest'
import { writeGlb } from '../../../src/engine/index.js'
import { SiderClient } from '../../../src/rpc/client/index.js'
import { type TestServer, testServer } from '../../rpc/service-peer.js'
import { CHROMIUM, endAll, ends, launch, newFolder, open, press, web } from './browser.js'
import { pictureShift } from './picture-shift.js'

const PORTRAIT = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample1.jpg', import.meta.url))

declare const window: {
  sider: {
    task: { state: string; photo?: { name: string; width: number; height: number; thumbnail: string } }
    viewer: { detailed: { children: { name: string; traverse(act: (one: Drawn) => void): void }[] } }
  }
}
interface Drawn {
  geometry?: {
    attributes: { position: { count: number } }
    computeBoundingBox(): void
    boundingBox: { max: { x: number } }
  }
  matrixWorld: { elements: number[] }
}
declare const navigator: { clipboard: { write(items: object[]): Promise<void> } }
declare const ClipboardItem: new (items: Record<string, Blob>) => object

async function connected(switches: string[], permissions: string[]): Promise<{ page: Page; server: TestServer }> {
  const server = await testServer()
  ends.push(() => server.close())
  const browser = await launch(switches)
  ends.push(() => browser.close())
  const page = await open(browser, `${web(server.url)}#token=${server.token}`, permissions)
  await page.getByText('Connected to').waitFor()
  return { page, server }
}

/** The picture that the panel shows of its photo. */
async function shown(page: Page): Promise<Buffer> {
  const url = await page.evaluate(() => window.sider.task.photo!.thumbnail)
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
}

describe.skipIf(!CHROMIUM)('in Chromium (needs Debian package chromium)', () => {
  afterEach(endAll)

  test('a picture in the clipboard is pasted', async () => {
    const { page } = await connected([], ['clipboard-read', 'clipboard-write'])
    const picture = await sharp(PORTRAIT).resize(500).png().toBuffer()
    await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) })])
    }, picture.toString('base64'))
    await page.keyboard.press('Control+V')
    await page.getByAltText(/^The photo /).waitFor()
    const { width, height } = await sharp(picture).metadata()
    expect(await page.evaluate(() => window.sider.task.photo)).toMatchObject({ width, height })
    const { x, y, score } = await pictureShift(picture, await shown(page), 3)
    expect([x, y]).toEqual([0, 0])
    expect(score).toBeGreaterThan(0.9)
  })

  test('a photo is taken with the webcam', async () => {
    const frame = await sharp(PORTRAIT).resize(640, 480, { fit: 'cover' }).jpeg({ quality: 95 }).toBuffer()
    const film = join(newFolder(), 'camera.mjpeg') // pictures one after the other
    writeFileSync(film, Buffer.concat([frame, frame, frame, frame]))
    const camera = ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`]
    const { page } = await connected(camera, ['camera'])
    await press(page, 'Camera')
    await press(page, 'Take photo')
    await page.getByAltText('The photo camera.jpg').waitFor()
    expect(await page.locator('dialog').count()).toBe(0)
    expect(await page.evaluate(() => window.sider.task.photo)).toMatchObject({ width: 640, height: 480 })
    const { x, y, score } = await pictureShift(frame, await shown(page), 3)
    expect([x, y]).toEqual([0, 0])
    expect(score).toBeGreaterThan(0.8)
  })

  test('a browser without a camera says so in words', async () => {
    const { page } = await connected([], [])
    await press(page, 'Camera')
    await page.getByText('The camera cannot be used').waitFor()
  })

  test('earlier results are listed, opened again though packed, and deleted', async () => {
    const { page, server } = await connected([], [])
    const resultFolder = newFolder()
    const positions = Float32Array.of(0, 0, 0, 0.1, 0, 0, 0, 0.1, 0, 0.1, 0.1, 0.02)
    const mesh = { positions, indices: Uint32Array.of(0, 1, 2, 1, 3, 2) }
    const packed = await writeGlb([{ name: 'head', mesh }], { compression: 'meshopt' })
    expect(Buffer.from(packed).includes(EXTMeshoptCompression.EXTENSION_NAME)).toBe(true)
    mkdirSync(resultFolder, { recursive: true })
    writeFileSync(join(resultFolder, 'face.glb'), packed)
    writeFileSync(join(resultFolder, 'input.png'), await sharp(PORTRAIT).resize(64, 64).png().toBuffer())
    const client = await SiderClient.connect(server.url, { token: server.token })
    ends.push(() => client.close())
    const script = (name: string) =>
      client.reconstruct(Buffer.from(JSON.stringify({ steps: 2, resultFolder })), { name, preset: 'paper' }).result()
    await script('first.jpg')
    await script('second.jpg')
    await page.reload()
    await page.locator('.sd-job').nth(1).waitFor()
    expect(await page.locator('.sd-job strong').allTextContents()).toEqual(['second.jpg', 'first.jpg'])
    await page.locator('.sd-job', { hasText: 'first.jpg' }).click()
    await page.getByText('Done in').waitFor()
    await page.waitForFunction(() => window.sider.viewer.detailed.children[0]?.name === 'face')
    const face = await page.evaluate(() => {
      const found: { count: number; right: number }[] = []
      window.sider.viewer.detailed.children[0].traverse(({ geometry, matrixWorld }) => {
        if (!geometry) return
        geometry.computeBoundingBox()
        const [scale, shift] = [matrixWorld.elements[0], matrixWorld.elements[12]]
        found.push({ count: geometry.attributes.position.count, right: scale * geometry.boundingBox.max.x + shift })
      })
      return found
    })
    expect(face).toEqual([{ count: 4, right: expect.closeTo(0.1, 4) }])
    expect(await page.getByLabel('Preset', { exact: true }).inputValue()).toBe('paper')
    // a map is enlarged, and put away
    await press(page, 'Enlarge input.png')
    await page.getByRole('dialog').getByAltText('input.png').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.getByRole('dialog').count()).toBe(0)
    page.on('dialog', (dialog) => void dialog.accept())
    await press(page, 'Delete second.jpg')
    await expect
      .poll(async () => (await client.call('job/list', {})).jobs.map(({ name }) => name))
      .toEqual(['first.jpg'])
    await page.reload() // the job that was opened is there again
    await page.waitForFunction(() => window.sider.viewer.detailed.children[0]?.name === 'face')
  })
})

/** The page's landmarks in headless Chromium, fitted by a real process for faces. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FACE_PROGRAM, type TestServer, testServer } from '../../rpc/service-peer.js'
import { CHROMIUM, endAll, ends, launch, open, press, web } from './browser.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const GROUP = path('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg')

interface Sider {
  task: {
    state: string
    job: string
    landmarks: {
      busy: boolean
      corrections: Map<string, [number, number]>
      fit: { lines: { feature: string; points: [number, number][] }[] }
      place(name: string): [number, number]
    }
  }
}
declare const window: { sider: Sider }

let browser: Browser
afterEach(endAll)

/** The page with the landmarks of a photo of several people. */
async function opened(): Promise<{ page: Page; server: TestServer }> {
  const server = await testServer({ faceProgram: FACE_PROGRAM })
  ends.push(() => server.close())
  const page = await open(browser, `${web(server.url)}#token=${server.token}`)
  await page.getByText('Connected to').waitFor()
  await page.setInputFiles('.sd-file', GROUP)
  await press(page, 'Landmarks')
  await page.getByText('The head misses the landmarks by').waitFor()
  return { page, server }
}

const settled = (page: Page) => page.waitForFunction(() => !window.sider.task.landmarks.busy)
const place = (page: Page, name: string) => page.evaluate((one) => window.sider.task.landmarks.place(one), name)
const corrected = (page: Page) => page.evaluate(() => Object.fromEntries(window.sider.task.landmarks.corrections))
/** Lowest point of the fitted head's lips, photo pixels. */
const lowestLip = (page: Page) =>
  page.evaluate(() => {
    const { lines } = window.sider.task.landmarks.fit
    return Math.max(
      ...lines.filter((one) => one.feature === 'outer lips').flatMap((one) => one.points.map((p) => p[1])),
    )
  })
/** Middle of a landmark's point on the screen. */
async function onScreen(page: Page, name: string): Promise<{ x: number; y: number }> {
  const { x, y, width, height } = (await page.locator(`[data-name="${name}"] circle`).boundingBox())!
  return { x: x + width / 2, y: y + height / 2 }
}

describe.skipIf(!CHROMIUM)('in Chromium (needs Debian package chromium)', () => {
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test('a point is dragged and the head follows; another is moved by keys; reset; the job gets the corrections', async () => {
    const { page, server } = await opened()
    const before = await place(page, '57')
    const lip = await lowestLip(page)
    const at = await onScreen(page, '57')
    await page.mouse.move(at.x, at.y)
    await page.mouse.down()
    await page.mouse.move(at.x, at.y + 40, { steps: 5 })
    await page.mouse.up()
    await settled(page)
    const after = await place(page, '57')
    expect(after[0]).toBeCloseTo(before[0], 0)
    const fall = after[1] - before[1]
    expect(fall).toBeGreaterThan(3)
    expect((await lowestLip(page)) - lip).toBeGreaterThan(0.6 * fall)
    expect((await onScreen(page, '57')).y).toBeCloseTo(at.y + 40, 0) // where it was let go
    await page.getByText('1 corrected').waitFor()

    await page.keyboard.press('PageDown')
    await page.getByText('Landmark 58, outer lips').waitFor()
    const still = await place(page, '58')
    await page.keyboard.press('Shift+ArrowLeft')
    await page.keyboard.press('ArrowUp')
    await settled(page)
    const moved = await place(page, '58')
    expect(moved[0]).toBeLessThan(still[0])
    expect(moved[1]).toBeLessThan(still[1])
    expect(Object.keys(await corrected(page))).toEqual(['57', '58'])
    await page.keyboard.press('Delete')
    await settled(page)
    expect(Object.keys(await corrected(page))).toEqual(['57'])

    await press(page, 'Done')
    await page.getByText('One landmark is corrected.').waitFor()
    await press(page, 'Landmarks') // they are kept, and found at once
    await page.getByText('1 corrected').waitFor()
    await press(page, 'Reset')
    await settled(page)
    expect(await corrected(page)).toEqual({})
    expect(Math.abs((await lowestLip(page)) - lip)).toBeLessThan(0.01)

    await page.getByLabel('Face', { exact: true }).selectOption('1')
    await settled(page)
    const mouth = await onScreen(page, '48')
    await page.mouse.move(mouth.x, mouth.y)
    await page.mouse.down()
    await page.mouse.move(mouth.x - 15, mouth.y)
    await page.mouse.up()
    await settled(page)
    await press(page, 'Done')
    const corrections = await corrected(page)
    await press(page, 'Reconstruct face')
    await page.waitForFunction(() => window.sider.task.job !== undefined)
    const job = await page.evaluate(() => window.sider.task.job)
    const record = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', job, 'job.json'), 'utf8'))
    expect(Object.keys(corrections)).toEqual(['48'])
    expect(record.corrections).toEqual(corrections)
    expect(record.settings.photo.face).toBe(1)
  }, 120_000)

  test('touch: one finger drags a point or the photo, two enlarge; at a phone’s width all is in reach', async () => {
    const { page } = await opened()
    await page.setViewportSize({ width: 390, height: 844 })
    const touch = await touches(page)
    await press(page, 'Whole face')
    const at = await onScreen(page, '8')
    await touch('touchStart', [{ x: at.x + 8, y: at.y + 6 }]) // near is enough for a finger
    await touch('touchMove', [{ x: at.x + 8, y: at.y + 36 }])
    await touch('touchEnd', [])
    await settled(page)
    expect(Object.keys(await corrected(page))).toEqual(['8'])
    const chin = await onScreen(page, '8')
    expect(chin.y - at.y).toBeCloseTo(30, 0)
    expect(chin.x).toBeCloseTo(at.x, 0)

    await touch('touchStart', [{ x: 40, y: 90 }]) // beside the face
    await touch('touchMove', [{ x: 60, y: 120 }])
    await touch('touchEnd', [])
    const shifted = await onScreen(page, '8')
    expect([shifted.x - chin.x, shifted.y - chin.y]).toEqual([expect.closeTo(20, 0), expect.closeTo(30, 0)])
    const eyes = async () => (await onScreen(page, '45')).x - (await onScreen(page, '36')).x
    const apart = await eyes()
    await touch('touchStart', [{ x: 20, y: 90 }])
    await touch('touchStart', [
      { x: 20, y: 90 },
      { x: 120, y: 90 },
    ])
    await touch('touchMove', [
      { x: 20, y: 90 },
      { x: 220, y: 90 },
    ])
    await touch('touchEnd', [])
    expect((await eyes()) / apart).toBeCloseTo(2, 1)
    expect(Object.keys(await corrected(page))).toEqual(['8'])
    for (const name of ['Reset', 'Done', 'Larger', 'Smaller', 'Whole face']) {
      const box = (await page.getByRole('button', { name, exact: true }).boundingBox())!
      expect(box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 844, name).toBe(true)
      expect(box.height).toBeGreaterThanOrEqual(36)
    }
  }, 120_000)

  test('a photo without a face: said in the editor, with what to do', async () => {
    const server = await testServer({ faceProgram: FACE_PROGRAM })
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    await page.getByText('Connected to').waitFor()
    const sharp = (await import('sharp')).default
    const wall = sharp({ create: { width: 400, height: 300, channels: 3, background: '#688' } })
    await page.setInputFiles('.sd-file', {
      name: 'wall.png',
      mimeType: 'image/png',
      buffer: await wall.png().toBuffer(),
    })
    await press(page, 'Landmarks')
    await page.getByText('No face was found in the photo.').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.locator('.sd-landmarks').count()).toBe(0)
  })
})

/** Sends touches as a screen does: the points that are held, each time all of them. */
async function touches(page: Page) {
  const session: CDPSession = await page.context().newCDPSession(page)
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 2 })
  return (type: 'touchStart' | 'touchMove' | 'touchEnd', points: { x: number; y: number }[]) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map((point, id) => ({ ...point, id })) })
}

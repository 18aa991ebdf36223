/** Files of a result that come late, or cannot be read, when the page is at the next job already: nothing of them is said or shown. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM, endAll, ends, launch, open, press, web } from '../plugins/threejs/browser.js'
import { testServer } from '../rpc/service-peer.js'

let browser: Browser
afterEach(endAll)

interface Client {
  fetch(...args: unknown[]): Promise<unknown>
}
declare const window: {
  sider: { link: { client: Client }; task: { setPhoto(photo: object): void } }
  letGo: () => Promise<void>
}

/** A photo whose bytes are a script for the scripted worker. */
function scriptedPhoto(page: Page, script: object): Promise<void> {
  return page.evaluate((text) => {
    const thumbnail = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='
    window.sider.task.setPhoto({ name: 'scripted', file: new Blob([text]), thumbnail, width: 100, height: 100 })
  }, JSON.stringify(script))
}

/** Holds the files back that the page asks for, until `window.letGo()`, which resolves when all have come. */
function holdFiles(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { client } = window.sider.link
    const fetch = client.fetch.bind(client)
    const coming: Promise<unknown>[] = []
    let go: () => void
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    client.fetch = (...args) => {
      const one = gate.then(() => fetch(...args))
      coming.push(one)
      return one
    }
    window.letGo = async () => {
      go()
      await Promise.allSettled(coming)
    }
  })
}

describe.skipIf(!CHROMIUM)('in Chromium (needs Debian package chromium)', () => {
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser.close())

  test("an earlier result's broken file does not take the place of the next job's error", async () => {
    const server = await testServer()
    ends.push(() => server.close())
    const page = await open(browser, `${web(server.url)}#token=${server.token}`)
    await page.getByText('Connected to').waitFor()
    await holdFiles(page)
    await scriptedPhoto(page, { steps: 2, previewBytes: 0 }) // whose face.glb is none
    await press(page, 'Reconstruct face')
    await page.getByText('Done in').waitFor()
    await scriptedPhoto(page, { fail: true })
    await press(page, 'Reconstruct face')
    await page.getByText('No face.').waitFor()
    await page.evaluate(() => window.letGo())
    await page.waitForTimeout(300)
    expect(await page.getByText('No face.').isVisible()).toBe(true)
    expect(await page.getByText('cannot be shown').count()).toBe(0)
  })
})

/** Headless Chromium for tests of the web page and the panel, and copies of the three.js editor. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, extname, join, normalize } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

export function launch(): Promise<Browser> {
  const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader']
  return chromium.launch({ executablePath: CHROMIUM, args, chromiumSandbox: false })
}

/** Folders of three.js that hold `editor`, `build` and `examples`; SIDER_THREE_EDITOR names them, separated as in PATH. */
export const EDITOR_COPIES = (process.env['SIDER_THREE_EDITOR'] ?? '').split(delimiter).filter((name) => name !== '')

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
}

/** Serves a folder on a free port. */
export async function serveFolder(folder: string): Promise<{ origin: string; close(): void }> {
  const server = createServer((request, response) => {
    const file = join(folder, normalize(new URL(request.url!, 'http://x').pathname))
    if (!existsSync(file) || extname(file) === '') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
    response.end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() }
}

/** The editor loads three libraries from afar, which these tests do without. */
export async function withoutNetwork(page: Page): Promise<void> {
  await page.route(/jsdelivr/, (route) => {
    const body = 'export class WebGLPathTracer {}; export const MeshBVH = 0, acceleratedRaycast = 0'
    const plain = !route.request().url().endsWith('.module.js')
    const headers = { 'access-control-allow-origin': '*' }
    return route.fulfill({ contentType: 'text/javascript', headers, body: plain ? '' : body })
  })
}

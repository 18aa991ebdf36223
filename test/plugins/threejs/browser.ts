/** Headless Chromium for tests of the web page and the panel, servers to open there, and copies of the three.js editor. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** @param more switches for this browser */
export function launch(more: string[] = []): Promise<Browser> {
  const args = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader', ...more]
  return chromium.launch({ executablePath: CHROMIUM, args, chromiumSandbox: false })
}

/** What is to be ended after a test; the last begun is ended first. */
export const ends: (() => Promise<void> | void)[] = []
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end()
}

/** A page in a profile of its own. Errors that nobody caught in it fail the test. */
export async function open(browser: Browser, address: string, permissions: string[] = []): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    permissions,
    serviceWorkers: 'block', // an older editor's would load past withoutNetwork()
  })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000) // software rendering on a busy machine
  ends.push(() => context.close())
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  ends.push(() => expect(errors).toEqual([]))
  await page.goto(address)
  return page
}

export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click()
export const web = (url: string): string => url.replace(/^ws/, 'http')
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'sider-serve-'))
export const tokenIn = (folder: string): string => readFileSync(join(folder, 'token'), 'utf8').trim()

/** A server as a process of its own, by a program that prints its address as JSON. */
export async function spawnServer(program: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'ignore'] })
  ends.push(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, url: (JSON.parse(line.toString()) as { url: string }).url }
}

/** The built program as it is used, with real workers. @param options further ones of `sider serve` */
export async function realServer(...options: string[]): Promise<{ url: string; token: string }> {
  const folder = newFolder()
  const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
  const { url } = await spawnServer([cli, 'serve', '--port', '0', '--data', folder, '--json', ...options])
  return { url, token: tokenIn(folder) }
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

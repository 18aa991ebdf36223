/** The web page and the editor's panel, as built into dist/web: which files there are, and the headers they are served with. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export interface Page {
  body: Buffer
  headers: Record<string, string>
}

/** The same folder from src/rpc and from dist/rpc. */
const FOLDER = fileURLToPath(new URL('../../dist/web/', import.meta.url))

/** Files by the path of their URL; the list is made once, so no request can name another file. */
export class Pages {
  private readonly files = new Map<string, string>()

  constructor(folder = FOLDER) {
    if (!existsSync(folder)) return
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (!entry.isFile() || !(extname(path) in TYPES)) continue
      const url = path.slice(folder.length).replaceAll('\\', '/')
      this.files.set(url === 'index.html' ? '/' : `/${url}`, path)
    }
  }

  /**
   * @param url path of the request, with or without a query
   * @param host its Host header, which has been checked
   * @param origin its Origin header if it has one, which has been checked: other sites' pages may load the editor's panel
   */
  find(url: string, host: string, origin: string | undefined): Page | undefined {
    const path = url.split('?', 1)[0]
    const file = this.files.get(path)
    if (file === undefined) return undefined
    const headers: Record<string, string> = {
      'content-type': TYPES[extname(file)],
      'cache-control': path.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': origin === undefined ? 'same-origin' : 'cross-origin',
      vary: 'Origin',
    }
    if (origin !== undefined) headers['access-control-allow-origin'] = origin
    if (path === '/') {
      headers['content-security-policy'] = [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'", // the decoder of meshopt-packed results is WebAssembly
        "style-src 'self'",
        "img-src 'self' blob: data:", // the photo and its thumbnails
        `connect-src 'self' blob: ws://${host} wss://${host}`, // blob: textures inside a GLB
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join('; ')
      headers['cross-origin-opener-policy'] = 'same-origin'
      headers['permissions-policy'] = 'camera=(self), microphone=(), geolocation=()'
    }
    return { body: readFileSync(file), headers }
  }
}

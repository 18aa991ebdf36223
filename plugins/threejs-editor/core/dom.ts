/** Small helpers for elements, numbers and words. */

type Props = Partial<{ class: string; text: string; title: string; hidden: boolean }> & Record<string, unknown>

/** An element with attributes; `class`, `text` and `on...` listeners are special. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue
    if (key === 'class') element.className = String(value)
    else if (key === 'text') element.textContent = String(value)
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value as EventListener)
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(...children)
  return element
}

/** '1 min 20 s' */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`
}

export function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** Words of a program as a sentence. What begins with a name (an address, a path, a quotation) keeps its letters. */
export function sentence(words: string): string {
  if (words === '') return ''
  const first = /^[a-z]+[,;:]?(?=\s|$)/.test(words) ? words[0].toUpperCase() : words[0]
  return first + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.')
}

/** Saves bytes as a file of the browser's user. */
export function download(name: string, bytes: Uint8Array, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }))
  h('a', { href: url, download: name.replaceAll('/', '-') }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Listeners without arguments: 'something of this has changed'. */
export class Changes {
  private readonly listeners = new Set<() => void>()
  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  tell(): void {
    for (const listener of this.listeners) listener()
  }
  get count(): number {
    return this.listeners.size
  }
}

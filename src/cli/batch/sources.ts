/** The photos of a batch, as they come: of a folder, or of a list in a file or on standard input. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, parse, posix, resolve } from 'node:path'
import { SiderError } from '../../engine/errors.js'
import type { BatchPhoto } from '../../jobs/batch/run.js'
import { shown } from './fetch-photo.js'

const PHOTO = /\.(jpe?g|png|webp|avif|heif|tiff?)$/i
/** A line that names something of the storage, and one that names something of the network. */
const [KEY, ADDRESS] = [/^storage:(.+)$/s, /^[a-z][a-z0-9+.-]*:\/\//i]
/** A name in a list: it becomes that of a folder. */
const NAME = /^\w[\w.-]{0,149}$/

/** Reads the bytes of what a line names. */
export interface Readers {
  file(path: string, signal: AbortSignal): Promise<Uint8Array>
  address(url: string, signal: AbortSignal): Promise<Uint8Array>
  /** Something of the storage. */
  key(key: string, signal: AbortSignal): Promise<Uint8Array>
}

export interface Source {
  photos: AsyncIterable<BatchPhoto>
  /** How many there are; undefined where that is known at the end alone. */
  total?: number
}

/**
 * Opens what the command line names.
 * @param taken names in the output folder that are not for photos
 * @throws SiderError IMAGE_NOT_FOUND, USAGE
 */
export async function openSource(place: string, readers: Readers, taken: string[]): Promise<Source> {
  if (place === '-') return { photos: ofList(process.stdin, 'standard input', '.', readers) }
  const info = await stat(place).catch((cause: Error) => {
    throw new SiderError('IMAGE_NOT_FOUND', `cannot read the folder ${place}: ${cause.message}`, { cause })
  })
  if (info.isDirectory()) return ofFolder(place, readers, taken)
  if (PHOTO.test(place)) {
    throw new SiderError('USAGE', `${place} is a photo; a batch is of a folder or a list`, {
      hint: `For one photo: sider reconstruct ${place} -o out`,
    })
  }
  const list = () => createReadStream(place)
  let total = 0
  for await (const _ of entries(list(), place)) total++
  return { photos: ofList(list(), place, dirname(place), readers), total }
}

/** Names of a folder, and no more, are in memory: so that they come in order, and a.jpg and a.png do not share a folder. */
async function ofFolder(folder: string, readers: Readers, taken: string[]): Promise<Source> {
  const names = (await readdir(folder)).filter((name) => PHOTO.test(name)).sort()
  if (names.length === 0) throw new SiderError('IMAGE_NOT_FOUND', `there are no photos in ${folder}`)
  const uses = new Map(taken.map((name) => [name, 1]))
  for (const name of names) uses.set(parse(name).name, (uses.get(parse(name).name) ?? 0) + 1)
  async function* photos(): AsyncGenerator<BatchPhoto> {
    for (const name of names) {
      const base = parse(name).name
      yield ofFile(join(folder, name), name, uses.get(base) === 1 ? base : name, readers)
    }
  }
  return { photos: photos(), total: names.length }
}

async function* ofList(
  parts: AsyncIterable<Uint8Array>,
  name: string,
  base: string,
  readers: Readers,
): AsyncGenerator<BatchPhoto> {
  for await (const { what, as } of entries(parts, name)) yield ofEntry(what, as, base, readers)
}

interface ListEntry {
  what: string
  /** Its name, if the list says one. */
  as?: string | undefined
}

/** Lines `what` or `what<tab>name`; empty ones and those that begin with # are none. */
async function* entries(parts: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<ListEntry> {
  const { linesOf } = await import('../../jobs/batch/lines.js')
  for await (const { text } of linesOf(parts, name)) {
    if (text.trim() === '' || text.startsWith('#')) continue
    const [what, as] = text.split('\t', 2)
    yield { what: what.trim(), as: as?.trim() }
  }
}

async function ofEntry(what: string, as: string | undefined, base: string, readers: Readers): Promise<BatchPhoto> {
  const key = KEY.exec(what)?.[1]
  const address = ADDRESS.test(what)
  const path = key ?? (address ? shown(what) : what)
  const folder = as ?? `${plain(posix.basename(path))}-${createHash('sha256').update(what).digest('hex').slice(0, 8)}`
  if (as !== undefined && !NAME.test(as)) {
    const error = new SiderError('USAGE', `the name '${as.slice(0, 200)}' cannot be that of a folder`, {
      hint: 'Letters, digits, dots, hyphens and underscores are taken, the first a letter or a digit.',
    })
    return { name: path, identity: what, folder: '', read: () => Promise.reject(error) }
  }
  if (key === undefined && !address) return ofFile(resolve(base, what), as ?? what, folder, readers)
  const read: BatchPhoto['read'] = (signal) =>
    key === undefined ? readers.address(what, signal) : readers.key(key, signal)
  // Addresses that are signed are others every time; the name that the list says stays.
  return { name: as ?? path, identity: as ?? what, folder, read }
}

/** A file is another when its size or the time of its last change is. */
async function ofFile(path: string, name: string, folder: string, readers: Readers): Promise<BatchPhoto> {
  const info = await stat(path).catch(() => undefined)
  const identity = `${name} ${info?.size} ${info?.mtimeMs}`
  return { name, identity, folder, read: (signal) => readers.file(path, signal) }
}

/** What of a name can be that of a folder anywhere. */
const plain = (name: string): string =>
  parse(basename(name))
    .name.replace(/[^\w.-]+/g, '_')
    .replace(/^[^\w]+/, '')
    .slice(0, 80) || 'photo'

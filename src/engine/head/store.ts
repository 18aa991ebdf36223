/** Fetches head models into the user's data folder (head/installed.ts), lists them, deletes them. */
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { nearestName } from '../nearest-name.js'
import { type DownloadOptions, download, sha256Of } from '../system/download.js'
import { outputError } from '../system/files.js'
import { headsFolder, isFile, modelFile } from './installed.js'
import { KNOWN_HEADS, type KnownHead, OTHER_HEADS } from './known-models.js'

export { headsFolder, KNOWN_HEADS, type KnownHead, OTHER_HEADS }

export interface ListedHead {
  name: string
  title: string
  licence: string
  /** The model's file, where it is there. */
  path: string | undefined
}

/** The models that can be added, and which of them are there. */
export async function listHeads(): Promise<ListedHead[]> {
  return Promise.all(
    Object.entries(KNOWN_HEADS).map(async ([name, { title, licence }]) => {
      const path = modelFile(name)
      return { name, title, licence, path: (await isFile(path)) ? path : undefined }
    }),
  )
}

export interface AddOptions extends Omit<DownloadOptions, 'onProgress'> {
  /** Another address of the model's file; the others are looked for beside it. */
  url?: string | undefined
  /** Another hash, of another version: its further files are not known then. */
  sha256?: string | undefined
  onProgress?: ((file: string, received: number, total: number | undefined) => void) | undefined
}

/**
 * Fetches a model's files, those that are not there whole, and looks whether the model can be read.
 *
 * @returns the model's file
 * @throws SiderError USAGE for names that are not known; what `download` and `loadHead` throw
 */
export async function addHead(name: string, { url, sha256, onProgress, ...options }: AddOptions = {}): Promise<string> {
  const known = knownHead(name)
  for (const [i, file] of known.files.entries()) {
    if (i > 0 && sha256) break
    const path = join(headsFolder(), name, file.name)
    const wanted = {
      path,
      url: url ? new URL(i === 0 ? '' : file.name, url).href : file.url,
      sha256: sha256?.toLowerCase() ?? file.sha256,
      bytes: sha256 ? undefined : file.bytes,
    }
    if ((await isFile(path)) && (await sha256Of(path)) === wanted.sha256) continue
    await download(wanted, { ...options, onProgress: (got, total) => onProgress?.(file.name, got, total) })
  }
  const { loadHead } = await import('./load.js')
  await loadHead(modelFile(name))
  return modelFile(name)
}

/**
 * Deletes a model's files, and its folder if nothing else is in it.
 *
 * @returns names of what was deleted; none where the model was not there
 * @throws SiderError USAGE for names that are not known, OUTPUT_UNWRITABLE
 */
export async function removeHead(name: string): Promise<string[]> {
  const folder = join(headsFolder(), name)
  const own = knownHead(name).files.flatMap((file) => [file.name, `${file.name}.part`])
  const there = (await readdir(folder).catch(() => [])).filter((one) => own.includes(one))
  try {
    for (const one of there) await rm(join(folder, one))
    await rmdir(folder).catch(() => {}) // others' files stay
  } catch (cause) {
    throw outputError(cause, folder)
  }
  return there
}

function knownHead(name: string): KnownHead {
  if (Object.hasOwn(KNOWN_HEADS, name)) return KNOWN_HEADS[name]
  const names = Object.keys(KNOWN_HEADS)
  const nearest = nearestName(name, names)
  throw new SiderError('USAGE', `no head model '${name}' can be fetched, only ${names.join(', ')}`, {
    hint: { cli: OTHER_HEADS[name] ?? (nearest ? `Did you mean: ${nearest}?` : 'See: sider head list') },
  })
}

/** The bytes of a photo file. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, sep } from 'node:path'
import { SiderError } from '../errors.js'

/** Size of the largest file that is read. */
export const MAX_BYTES = 512 * 1024 * 1024

/** What Node shows in place of bytes that are no UTF-8, as names on Linux may have. */
const NOT_UTF8 = '\ufffd'

/**
 * Reads a photo file. Names that are not UTF-8 are found by the form in which Node passes them on.
 * @param maxBytes size beyond which it is not read
 * @throws SiderError IMAGE_NOT_FOUND (no such file, a folder, a pipe or a device, not permitted), IMAGE_TOO_LARGE
 */
export async function readPhotoFile(path: string, maxBytes = MAX_BYTES): Promise<Uint8Array> {
  const data = { path }
  try {
    const file = await onDisk(path)
    const info = await stat(file)
    if (!info.isFile()) {
      throw new SiderError('IMAGE_NOT_FOUND', `'${path}' is ${info.isDirectory() ? 'a folder' : 'not a file'}`, {
        stage: 'photo',
        hint: 'Give the path of one photo file.',
        data,
      })
    }
    if (info.size > maxBytes) throw tooManyBytes(`'${path}'`, info.size, maxBytes, data)
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof SiderError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    const denied = code === 'EACCES' || code === 'EPERM'
    throw new SiderError(
      'IMAGE_NOT_FOUND',
      denied ? `'${path}' may not be read` : `there is no file '${path}'${code === 'ENOENT' ? '' : ` (${code})`}`,
      { stage: 'photo', hint: denied ? "Check the file's permissions." : 'Check the path of the photo.', data, cause },
    )
  }
}

/** The error for more bytes than the limit. */
export function tooManyBytes(name: string, size: number, limit: number, data: Record<string, unknown>): SiderError {
  const mega = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`
  return new SiderError('IMAGE_TOO_LARGE', `${name} has ${mega(size)}; the limit is ${mega(limit)}`, {
    stage: 'photo',
    hint: 'Save the photo as a JPEG or scale it down.',
    data: { ...data, bytes: size, maxBytes: limit },
  })
}

/** The path as the disk has it. */
async function onDisk(path: string): Promise<string | Buffer> {
  if (!path.includes(NOT_UTF8)) return path
  const [parent, name] = [dirname(path), basename(path)]
  const folder = await onDisk(parent)
  const names = await readdir(folder, { encoding: 'buffer' })
  const shown = names.filter((one) => one.toString() === name)
  if (shown.length > 1) {
    throw new SiderError('IMAGE_NOT_FOUND', `${shown.length} names in '${parent}' are shown as '${name}'`, {
      stage: 'photo',
      hint: 'Their names are not UTF-8. Rename the photo.',
      data: { path },
    })
  }
  return Buffer.concat([Buffer.from(folder), Buffer.from(sep), shown[0] ?? Buffer.from(name)])
}

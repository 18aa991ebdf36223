/**
 * Writing files so that a crash, a full disk or a second run never leaves half a file, and saying what went wrong in the
 * user's terms.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SiderError } from '../errors.js'
import { GENERATOR } from './version.js'

/** Names in an output folder by which it is known as one of ours. */
export const REPORT_FILE = 'report.json'
export const CHECKPOINT_FILE = 'checkpoint.safetensors'
export const EVALUATION_FILE = 'evaluation.json'
export const GENERATED_FILE = 'generated.json'
export const DUMP_FOLDER = 'dump'
/** Journal and jobs of a batch, among its results. */
export const BATCH_FOLDER = '.sider'

const PROBE = '.sider-probe'
/** What a killed run of ours may leave in a folder, nobody's files; and the number of the process that wrote it. */
const LEFT_OVER = /^\.(?:sider-probe|.+\.(\d+)-\d+\.tmp)$/

let temporaryFiles = 0

/**
 * Writes a file whole or not at all: a temporary file beside it is written, flushed to the disk and renamed. Makes the folder
 * if need be.
 *
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${temporaryFiles++}.tmp`)
  try {
    await makeFolder(dirname(path))
    const handle = await open(temporary, 'w')
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw outputError(cause, path)
  }
}

/**
 * Makes the output folder ready, and finds out before the work starts whether it can be written. A folder that holds files is
 * taken only if it is one of ours (a report, an evaluation, a checkpoint or a batch tells) or with `force`.
 *
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE
 */
export async function prepareOutputFolder(folder: string, { force = false } = {}): Promise<void> {
  await makeFolder(folder).catch((cause) => {
    throw outputError(cause, folder)
  })
  // one of a batch is its own, and may hold a million results: they are not looked through
  if (!existsSync(join(folder, BATCH_FOLDER))) await takeOver(folder, force)
  const probe = join(folder, PROBE)
  await writeFileAtomic(probe, 'probe')
  await rm(probe, { force: true })
}

async function takeOver(folder: string, force: boolean): Promise<void> {
  let names: string[]
  try {
    names = (await readdir(folder)).filter((name) => !LEFT_OVER.test(name))
  } catch (cause) {
    throw outputError(cause, folder)
  }
  const ours = names.length === 0 || (await isOurs(folder, names))
  if (!ours && !force) {
    throw new SiderError('OUTPUT_UNWRITABLE', `the folder ${folder} holds files of something else`, {
      stage: 'output',
      hint: { cli: 'Choose an empty or new folder with -o, or add --force to write into this one.' },
      data: { path: folder },
    })
  }
  if (ours) await clearLeftovers(folder)
}

/** Takes away what processes were writing when they were killed. */
async function clearLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const writer = Number(LEFT_OVER.exec(basename(name))?.[1])
    if (writer && !isAlive(writer)) await rm(join(folder, name), { force: true })
  }
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Makes a folder and those above it. Node's own recursive mkdir never returns where the system refuses a new name with ENOENT,
 * as /proc does, and calls a read-only file system a missing folder.
 *
 * @param mode of the folders that are made
 */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  try {
    await mkdir(folder, mode)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT') throw error
    if (!existsSync(dirname(folder))) await makeFolder(dirname(folder), mode)
    // Once more only; others may make the same folders at the same moment.
    await mkdir(folder, mode).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again
    })
  }
}

async function isOurs(folder: string, names: string[]): Promise<boolean> {
  if (names.includes(CHECKPOINT_FILE) || names.every((name) => name === DUMP_FOLDER)) return true
  for (const name of [REPORT_FILE, EVALUATION_FILE, GENERATED_FILE].filter((file) => names.includes(file))) {
    try {
      const report = JSON.parse(await readFile(join(folder, name), 'utf8')) as { generator?: unknown }
      if (report.generator === GENERATOR) return true
    } catch {
      // not a file of ours
    }
  }
  return false
}

/** What a failed write means to the user. Errors that already say so pass through. */
export function outputError(cause: unknown, path: string): SiderError {
  if (cause instanceof SiderError) return cause
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  const data = { path, errno: code }
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new SiderError('DISK_FULL', `no space left to write ${path}`, {
      stage: 'output',
      hint: { cli: 'Free some space or choose a folder on another disk with -o.' },
      data,
      cause,
    })
  }
  const why: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOTDIR: 'a part of the path is a file, not a folder',
    EEXIST: 'a file of that name is in the way',
    EISDIR: 'a folder of that name is in the way',
    ENAMETOOLONG: 'the name is too long',
  }
  return new SiderError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why[code] ?? (cause as Error).message}`, {
    stage: 'output',
    hint: { cli: 'Choose a folder that you may write to with -o.' },
    data,
    cause,
  })
}

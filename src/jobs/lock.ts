/** The lock of a data folder: which process works in it. */
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { isAlive, SiderError, writeFileAtomic } from '../engine/index.js'

export class FolderLock {
  private constructor(private readonly file: string) {}

  /**
   * Takes the lock. One whose process is gone, or whose number belongs to another program by now, counts for nothing.
   * @throws SiderError OUTPUT_UNWRITABLE if another process of this program holds it, or it cannot be written; DISK_FULL
   */
  static async take(file: string): Promise<FolderLock> {
    const holder = await holderOf(file)
    if (holder !== undefined) {
      throw new SiderError('OUTPUT_UNWRITABLE', `the data folder ${dirname(file)} is in use by process ${holder}`, {
        stage: 'setup',
        hint: 'Stop that server, or choose another data folder.',
        data: { path: dirname(file), pid: holder },
      })
    }
    await writeFileAtomic(file, `${process.pid} ${(await identity(process.pid))?.started ?? ''}`)
    return new FolderLock(file)
  }

  async release(): Promise<void> {
    await rm(this.file, { force: true }).catch(() => {}) // the next one sees that this process is gone
  }
}

/** Number of the process that holds a lock; undefined if none does. */
async function holderOf(file: string): Promise<number | undefined> {
  const [pidText, ...rest] = (await readFile(file, 'utf8').catch(() => '')).trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return undefined
  const found = await identity(pid)
  if (!found) return pid // this system does not tell: better refused than two in one folder
  const started = rest.join(' ')
  // A number alone is what earlier versions wrote.
  const same = started === '' ? /\b(serve|batch|scripted-server)\b/.test(found.command) : started === found.started
  return same ? pid : undefined
}

/** What tells a process from a later one of the same number; undefined where the system does not say. */
async function identity(pid: number): Promise<{ started: string; command: string } | undefined> {
  try {
    if (process.platform === 'linux') {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ') // the name before it may hold anything
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
      // A zombie holds nothing: it only waits for its parent to take notice.
      return { started: fields[0] === 'Z' ? 'never' : fields[19], command }
    }
    if (process.platform === 'win32') return undefined
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=,command=', '-p', String(pid)])
    return { started: stdout.trim().slice(0, 24), command: stdout }
  } catch {
    return undefined
  }
}

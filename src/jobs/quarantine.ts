/**
 * What was found in a data folder and is not understood: it is moved aside with the reason, never deleted. A folder of
 * `quarantine/` holds why.json and the thing itself.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Log } from './log.js'

const REASON = 'why.json'

export interface Quarantined {
  /** Where it is now. */
  path: string
  /** Path in the data folder where it was found. */
  from: string
  /** ISO 8601. */
  time: string
  why: string
}

export class Quarantine {
  private readonly folder: string

  constructor(
    private readonly dataFolder: string,
    private readonly log: Log,
  ) {
    this.folder = quarantineFolder(dataFolder)
  }

  /**
   * Moves a file or folder of the data folder aside.
   * @param from its path in the data folder, such as 'jobs/x'
   * @throws what the system says if that cannot be done (a full or read-only disk): it is then where it was
   */
  async put(from: string, why: string): Promise<void> {
    const time = new Date().toISOString()
    const place = join(this.folder, `${time.replaceAll(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`)
    await mkdir(place, { recursive: true, mode: 0o700 })
    // The reason may not fit on a full disk; what it is of is still to be kept.
    await writeFile(join(place, REASON), `${JSON.stringify({ from, time, why })}\n`).catch(() => {})
    await rename(join(this.dataFolder, from), join(place, basename(from)))
    this.log.warning('quarantined', { from, to: place, why })
  }
}

/** What is in quarantine, oldest first. */
export async function listQuarantine(dataFolder: string): Promise<Quarantined[]> {
  const folder = quarantineFolder(dataFolder)
  const places = (await readdir(folder).catch(() => [])).sort()
  return Promise.all(
    places.map(async (place) => {
      const names = await readdir(join(folder, place)).catch(() => [])
      const name = names.find((one) => one !== REASON)
      const reason = await readReason(join(folder, place, REASON))
      const path = name === undefined ? join(folder, place) : join(folder, place, name)
      return { from: name ?? place, time: '', why: 'the reason was not written', ...reason, path }
    }),
  )
}

const quarantineFolder = (dataFolder: string): string => join(dataFolder, 'quarantine')

async function readReason(file: string): Promise<Partial<Quarantined>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Quarantined>
  } catch {
    return {}
  }
}

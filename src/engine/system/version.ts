/** The program's name and version: for reports, checkpoints and `--version`. */
import { readFileSync } from 'node:fs'

const PACKAGE = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** `generator` of every report.json: by it a folder is known as one of ours. The program's name, whatever its package is called. */
export const GENERATOR = 'sider'

export const VERSION = PACKAGE.version

/** Name and version of the program, from package.json: for reports, checkpoints and `--version`. */
import { readFileSync } from 'node:fs'

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string
  version: string
}

/** `generator` of every report.json: by it a folder is known as one of ours. */
export const GENERATOR = PACKAGE.name

export const VERSION = PACKAGE.version

/** Batches with scripted runs. */
import { basename, join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readPhotoFile } from '../../src/engine/index.js'
import type { Row } from '../../src/jobs/batch/journal.js'
import { type BatchPlace, openBatch } from '../../src/jobs/batch/open.js'
import { type BatchOptions, type BatchPhoto, runBatch, type Tally } from '../../src/jobs/batch/run.js'

const SCRIPTED = fileURLToPath(new URL('../jobs/scripted-worker.mjs', import.meta.url))

export async function* photosOf(files: string[]): AsyncGenerator<BatchPhoto> {
  for (const file of files) {
    const name = basename(file)
    yield { name, identity: file, folder: parse(name).name, read: () => readPhotoFile(file) }
  }
}

/** Runs a batch to its end. @returns rows in the order of the photos */
export async function batchHere(
  photos: AsyncIterable<BatchPhoto>,
  out: string,
  options: Partial<BatchOptions> = {},
  place: Partial<BatchPlace> = {},
): Promise<{ rows: Row[]; tally: Tally }> {
  const opened = await openBatch({ dataFolder: join(out, '.sider'), maxRunning: 2, workerProgram: SCRIPTED, ...place })
  try {
    const { keys, tally } = await runBatch(photos, { ...opened, out, preset: 'preview', settings: {}, ...options })
    const rows = await Promise.all(keys.map((key) => opened.journal.read(key)))
    return { rows: rows.filter((row) => row !== undefined), tally }
  } finally {
    await opened.close()
  }
}

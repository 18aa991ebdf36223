/**
 * The file of a job's record, sealed by a digest and kept twice (job.json, job.copy.json): a damaged one is known as such, and
 * the other takes its place.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../engine/index.js'
import type { JobRecord } from './record.js'
import { isEnd, JOB_STATES } from './states.js'

const [RECORD, COPY] = ['job.json', 'job.copy.json']

/** A record as it was read. */
export interface ReadRecord {
  record: JobRecord
  /** What is wrong with one of the two files; the other made up for it. */
  damage?: string
}

/**
 * Replaces both files, each whole. The copy is first and is not flushed: what is flushed is told.
 * @param folder of the job
 */
export async function writeRecord(folder: string, record: JobRecord): Promise<void> {
  const text = JSON.stringify(record)
  const sealed = `${text.slice(0, -1)},"digest":"${digest(text)}"}`
  const copy = join(folder, COPY)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(`${copy}.tmp`, sealed)
  await rename(`${copy}.tmp`, copy)
  await writeFileAtomic(join(folder, RECORD), sealed)
}

/**
 * Reads a job's record.
 * @returns the reason if there is none that can be trusted
 * @throws what the system says of a file that is there and cannot be read
 */
export async function readRecord(folder: string, id: string): Promise<ReadRecord | string> {
  const [record, copy] = await Promise.all([readOne(join(folder, RECORD), id), readOne(join(folder, COPY), id)])
  if (typeof record !== 'string') return typeof copy === 'string' ? { record, damage: `${COPY} ${copy}` } : { record }
  if (typeof copy !== 'string') return { record: copy, damage: `${RECORD} ${record}` }
  return `${RECORD} ${record}, ${COPY} ${copy}`
}

/** @returns the record, or what is wrong with the file */
async function readOne(file: string, id: string): Promise<JobRecord | string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // it may be there, and good
    return 'is not there'
  }
  let sealed: { digest?: unknown } & JobRecord
  try {
    sealed = JSON.parse(text)
  } catch {
    return 'is damaged: it is not JSON'
  }
  if (typeof sealed !== 'object' || sealed === null) return 'is damaged: it is not a record'
  const { digest: seal, ...record } = sealed
  // Earlier versions wrote none.
  if (seal !== undefined && seal !== digest(JSON.stringify(record))) return 'is damaged: it does not match its digest'
  const present = modernised(record)
  if (!isRecord(present) || present.id !== id) return 'is not the record of this job'
  return present
}

/** A record of an earlier version as this one writes it: it had what a job was asked to do beside the state, and one hint. */
function modernised({ stopping, ...record }: JobRecord & { stopping?: unknown }): JobRecord {
  if (stopping === 'pause' && record.state === 'running') record.state = 'pausing'
  else if (stopping === 'finish' && !isEnd(record.state)) record.state = 'finishing'
  const { error } = record as { error?: { hint?: string } }
  if (error?.hint !== undefined) {
    const { hint, ...rest } = error
    record.error = { ...rest, hints: { cli: hint, page: hint, blender: hint } } as NonNullable<JobRecord['error']>
  }
  return record
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

function isRecord(value: Partial<JobRecord>): value is JobRecord {
  const { owner, state, settings, photo } = value
  const numbers = [value.created, value.updated, value.queued, value.seq, value.progress, value.crashes, photo?.bytes]
  return (
    typeof owner === 'string' &&
    (JOB_STATES as readonly unknown[]).includes(state) &&
    typeof settings?.photo === 'object' &&
    typeof photo?.sha256 === 'string' &&
    numbers.every(Number.isFinite) &&
    (state !== 'completed' || Array.isArray(value.result?.files))
  )
}

/**
 * What becomes of a job: its next record by the table of states, and what is told of it. Pure, the same wherever records are kept
 * and whoever works.
 */
import { SiderError } from '../engine/index.js'
import type { ErrorInfo, Notifications } from '../generated/protocol.js'
import { toErrorInfo } from './errors.js'
import type { JobEvent } from './events.js'
import { finalArtifact, type JobRecord } from './record.js'
import type { Outcome } from './runner.js'
import { type JobAction, next } from './states.js'

/** After so many attempts that a crash or a full disk has ended, a job has failed. */
const MOST_ATTEMPTS = 3
/** Errors of the disk: the job goes on when it can be written. */
export const OF_DISK = ['DISK_FULL', 'OUTPUT_UNWRITABLE']

/** An event to be, without job, seq and time. */
export interface News {
  method: keyof Notifications
  kind: JobEvent['kind']
  // biome-ignore lint/suspicious/noExplicitAny: the body belongs to the method, which types cannot say of a list of them
  body: any
}

/** What becomes of a record besides its state. */
export interface Change {
  fields?: Partial<JobRecord>
  /** Told before the state. */
  tell?: News[]
}

/** What is to be done with a job: an action of the table of states, and what changes with it. */
export type Plan = (record: JobRecord) => Change & { action: JobAction }

/**
 * The record after an action, a copy.
 * @param now milliseconds since 1970
 * @returns undefined if the state does not allow it; the record itself if nothing changes
 */
export function changed(
  record: JobRecord,
  { action, fields }: { action: JobAction; fields?: Partial<JobRecord> },
  now: number,
): JobRecord | undefined {
  const state = next(record.state, action)
  if (state === undefined) return undefined
  if (state === record.state && !fields) return record
  const made: JobRecord = { ...record, ...fields, state, updated: now }
  // What goes on after a crash or a restart keeps its place.
  if (state === 'queued' && action !== 'again') made.queued = now
  if (state !== 'input_required') delete made.question
  return made
}

/** What the end of an attempt means. @param folder of the result's files */
export function outcomePlan(outcome: Outcome, folder: string): Plan {
  switch (outcome.type) {
    case 'done': {
      const { files, previews: _, ...rest } = outcome.summary
      const result = { ...rest, folder, files: files.map(finalArtifact) }
      const artifacts = result.files.map((artifact) => ({
        method: 'job/artifact' as const,
        kind: artifact.kind,
        body: { artifact },
      }))
      const tell = [...rest.warnings.map(warning), ...artifacts]
      return () => ({ action: 'complete', fields: { result, progress: 1 }, tell })
    }
    case 'question':
      return () => ({ action: 'ask', fields: { question: outcome.question } })
    case 'stopped':
      return () => ({ action: 'again' })
    case 'failed':
      return () => ({ action: 'fail', fields: { error: outcome.error } })
    case 'lost': {
      const { code, signal } = outcome.why
      const text = `the job's process ended unexpectedly (${signal ?? `code ${code}`}); it goes on from its checkpoint`
      return planAgain(text, toErrorInfo(new SiderError('WORKER_LOST', undefined, { data: { code, signal } })))
    }
  }
}

/** Another attempt, unless there have been too many. */
export function planAgain(text: string, error: ErrorInfo): Plan {
  return (record) => {
    const crashes = record.crashes + 1
    if (crashes >= MOST_ATTEMPTS) return { action: 'fail', fields: { error, crashes } }
    return { action: 'again', fields: { crashes }, tell: [warning(text)] }
  }
}

export const warning = (message: string): News => ({
  method: 'job/log',
  kind: 'log',
  body: { level: 'warning', message },
})

/** The state that a job is in. */
export function stateNews({ state, question, error }: JobRecord): News {
  const body = {
    state,
    ...(state === 'input_required' && question && { question }),
    ...(state === 'failed' && error && { error }),
  }
  return { method: 'job/state', kind: 'state', body }
}

/** The answer to the question which face is meant. */
export function answered(face: number): (record: JobRecord) => Change {
  return ({ settings, question }) => {
    const count = question!.faces.length
    if (face >= count) {
      const message = `face ${face} is not in the question: choose one from 0 to ${count - 1}`
      throw new SiderError('FACE_NOT_LISTED', message, { data: { face, faces: count } })
    }
    return { fields: { settings: { ...settings, photo: { ...settings.photo, face } } } }
  }
}

/** @param action what was asked for, as the client calls it */
export function wrongState({ state }: JobRecord, action: string): SiderError {
  const method = action === 'keep' ? 'cancel' : action
  return new SiderError('WRONG_STATE', `a job in the state ${state} does not allow job/${method}`, { data: { state } })
}

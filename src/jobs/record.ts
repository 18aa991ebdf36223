/** A job as the server keeps it, and as clients see it. */
import { randomUUID } from 'node:crypto'
import type { Settings } from '../engine/index.js'
import type { Artifact, ErrorInfo, Job, JobResult, Question } from '../generated/protocol.js'
import type { Photo } from './photo.js'
import type { JobState } from './states.js'

/** Classes of priority, the first first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

export interface JobRecord {
  id: string
  /** Name of the token that created it. */
  owner: string
  name?: string
  state: JobState
  created: number
  updated: number
  /** When it last joined the queue. */
  queued: number
  /** The last sequence number that is on disk. */
  seq: number
  preset: string
  settings: Settings
  landmarks?: unknown
  corrections?: unknown
  severalFaces: 'largest' | 'ask' | 'fail'
  /** Those of a higher one go first, whoever has asked; without one it is 'normal'. */
  priority?: Priority
  idempotencyKey?: string
  photo: Pick<Photo, 'bytes' | 'sha256'>
  progress: number
  /** How often its worker ended unexpectedly. */
  crashes: number
  question?: Question
  error?: ErrorInfo
  /** Name of the folder of the result's files, and what they are. */
  result?: Omit<JobResult, 'job'> & { folder: string }
}

/** What is asked for. */
export interface NewJob {
  photo: Photo
  name?: string
  preset: string
  /** All of them, resolved. */
  settings: Settings
  landmarks?: unknown
  corrections?: unknown
  severalFaces?: JobRecord['severalFaces']
  priority?: JobRecord['priority']
  idempotencyKey?: string
}

/** The record of a job that has just been asked for. */
export function newRecord(owner: string, wanted: NewJob): JobRecord {
  const { photo, name, preset, settings, landmarks, corrections, severalFaces = 'largest' } = wanted
  const { priority, idempotencyKey } = wanted
  const now = Date.now()
  return {
    id: randomUUID(),
    owner,
    ...(name !== undefined && { name }),
    state: 'queued',
    created: now,
    updated: now,
    queued: now,
    seq: 0,
    preset,
    settings,
    ...(landmarks !== undefined && { landmarks }),
    ...(corrections !== undefined && { corrections }),
    severalFaces,
    ...(priority !== undefined && { priority }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    photo: { sha256: photo.sha256, bytes: photo.bytes },
    progress: 0,
    crashes: 0,
  }
}

/** What clients see. */
export function toJob(record: JobRecord, seq: number, position: number | undefined): Job {
  const { id, name, state, created, updated, preset, progress, question, error } = record
  return {
    id,
    ...(name !== undefined && { name }),
    state,
    created,
    updated,
    seq,
    preset,
    progress,
    ...(position !== undefined && { position }),
    ...(question && { question }),
    ...(error && { error }),
  }
}

/** Bytes that a job takes on disk, but for what is small. */
export function bytesOf({ photo, result }: JobRecord): number {
  return (result?.files ?? []).reduce((sum, { bytes }) => sum + bytes, photo.bytes)
}

const MEDIA_TYPES: Record<string, string> = {
  glb: 'model/gltf-binary',
  png: 'image/png',
  json: 'application/json',
}

/** A file of a result as an artifact. */
export function finalArtifact({ name, bytes, sha256 }: { name: string; bytes: number; sha256: string }): Artifact {
  const extension = name.slice(name.lastIndexOf('.') + 1)
  const kind = extension === 'glb' ? 'mesh' : /^sdf\.n/.test(name) ? 'sdf' : extension === 'png' ? 'image' : 'file'
  const mediaType = MEDIA_TYPES[extension] ?? 'application/octet-stream'
  return { id: `final/${name}`, role: 'final', kind, name, mediaType, bytes, sha256 }
}

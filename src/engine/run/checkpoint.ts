/**
 * Checkpoints: the state of a run in one file, from which it goes on. A tensor file whose metadata hold what the run was made
 * from (photo and settings), where it stands, and a digest, so that a damaged or foreign checkpoint is never used.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Settings, settingDifferences } from '../config.js'
import { SiderError, type StageName } from '../errors.js'
import { decodeTensors, encodeTensors, type NamedTensor } from '../formats/tensor-file.js'
import { writeFileAtomic } from '../system/files.js'

/** Rises when checkpoints of older versions cannot be gone on from. */
const FORMAT = 2

/** What a run is made from: a checkpoint fits only the same. */
export interface RunIdentity {
  photoSha256: string
  settings: Settings
  /** Of the landmarks and corrections that the user gave (`givenLandmarks`); absent where there are none. */
  landmarks?: string
}

/** Digest of the landmarks and corrections that a user gave, hex; undefined for none. */
export function givenLandmarks(landmarks: unknown, corrections: unknown): string | undefined {
  if (landmarks === undefined && corrections === undefined) return undefined
  return createHash('sha256')
    .update(JSON.stringify([landmarks, corrections]))
    .digest('hex')
}

export interface Checkpoint extends RunIdentity {
  /** The stage that was at work. */
  stage: StageName
  /** That stage's scalars: step, losses, generator state. Must survive JSON (no NaN). */
  state: Record<string, unknown>
  tensors: Record<string, NamedTensor>
}

/**
 * Writes a checkpoint, atomically.
 *
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE: the last checkpoint is then still there, whole
 */
export async function saveCheckpoint(file: string, { tensors, ...rest }: Checkpoint): Promise<void> {
  const checkpoint = JSON.stringify({ format: FORMAT, ...rest })
  await writeFileAtomic(file, encodeTensors({ tensors, metadata: { checkpoint, sha256: digest(checkpoint, tensors) } }))
}

/**
 * Reads a checkpoint and, given a run, checks that it is of the same photo, landmarks and settings (but for those marked `resumable` in
 * the schema).
 *
 * @throws SiderError CHECKPOINT_INVALID
 */
export async function loadCheckpoint(file: string, run?: RunIdentity): Promise<Checkpoint> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw refuse(file, missing ? 'there is none' : (cause as Error).message, 'Start without --resume.', cause)
  }
  const checkpoint = decode(file, bytes)
  if (run) assertSameRun(file, checkpoint, run)
  return checkpoint
}

function decode(file: string, bytes: Uint8Array): Checkpoint {
  const hint = 'The file is of no use any more: start without --resume.'
  let contents: ReturnType<typeof decodeTensors>
  try {
    contents = decodeTensors(bytes)
  } catch (cause) {
    throw refuse(file, `it is damaged: ${(cause as Error).message}`, hint, cause)
  }
  const { tensors, metadata } = contents
  if (!metadata['checkpoint']) throw refuse(file, 'it is not a checkpoint', 'Name the folder of the interrupted run.')
  if (metadata['sha256'] !== digest(metadata['checkpoint'], tensors)) {
    throw refuse(file, 'it is damaged: its contents do not match its digest', hint)
  }
  const { format, ...rest } = JSON.parse(metadata['checkpoint'])
  if (format !== FORMAT) throw refuse(file, `it is of format ${format}, not ${FORMAT}`, hint)
  return { ...rest, tensors }
}

function assertSameRun(file: string, checkpoint: Checkpoint, run: RunIdentity): void {
  if (checkpoint.photoSha256 !== run.photoSha256) {
    throw refuse(file, 'it is of another photo', 'Give the photo of the interrupted run, or start without --resume.')
  }
  if (checkpoint.landmarks !== run.landmarks) {
    const hint = 'Give the same --landmarks and --landmark as the interrupted run, or start without --resume.'
    throw refuse(file, 'it is of other landmarks', hint)
  }
  const differences = settingDifferences(checkpoint.settings, run.settings).filter(([info]) => !info.resumable)
  if (differences.length > 0) {
    const list = differences.map(([info, then, now]) => `${info.path} was ${then}, now ${now}`).join('; ')
    throw refuse(file, `it is of other settings: ${list}`, 'Give the same settings, or start without --resume.')
  }
}

/** SHA-256 over the description and every array with its name, type and shape, hex. */
function digest(description: string, tensors: Record<string, NamedTensor>): string {
  const hash = createHash('sha256').update(description)
  for (const name of Object.keys(tensors).sort()) {
    const { shape, data } = tensors[name]
    hash.update(JSON.stringify([name, data.constructor.name, shape]))
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}

function refuse(file: string, why: string, hint: string, cause?: unknown): SiderError {
  return new SiderError('CHECKPOINT_INVALID', `cannot go on from ${file}: ${why}`, {
    stage: 'setup',
    hint: { cli: hint },
    data: { path: file },
    cause,
  })
}

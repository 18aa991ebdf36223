/**
 * The process that works on one job. It is started by local-runner.ts, does what one 'start' message says and
 * ends. When the server goes away, it ends too.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  findFaces,
  Inspector,
  type Progress,
  type Reconstruction,
  reconstructInto,
  SiderError,
} from '../engine/index.js'
import { toErrorInfo } from './errors.js'
import { encodePreview, PreviewSchedule } from './previews.js'
import type { RunSummary, Work } from './runner.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

const stop = new AbortController()
const finish = new AbortController()

const tell = (message: FromWorker): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send!(message, undefined, undefined, (error) => (error ? reject(error) : resolve()))
  })

process.on('disconnect', () => process.exit(1))
process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group: the server decides what becomes of the job
process.on('SIGTERM', () => {})
process.on('message', (message: ToWorker) => {
  if (message.type === 'pause') stop.abort()
  else if (message.type === 'finish') finish.abort()
  else void run(message.job).then(end, end)
})

// What nobody caught ends the job as what its run throws does.
const fault = (reason: unknown): void => void end(reason instanceof Error ? reason : new Error(String(reason)))
process.on('uncaughtException', fault)
process.on('unhandledRejection', fault)

async function end(last: unknown): Promise<void> {
  if (last instanceof SiderError && last.code === 'CANCELLED')
    await tell({ type: 'stopped' }).catch(() => process.exit(1))
  else if (last instanceof Error) {
    if (!(last instanceof SiderError)) process.stderr.write(`${last.stack}\n`)
    await tell({ type: 'failed', error: toErrorInfo(last) }).catch(() => process.exit(1))
  } else await tell(last as FromWorker).catch(() => process.exit(1))
  process.exit(0)
}

/** @returns the last message */
async function run(job: Work): Promise<FromWorker> {
  const photo = await readFile(job.photo) // as bytes: no path of the server's gets into a message
  const question = await askForFace(job, photo)
  if (question) return question
  const schedule = new PreviewSchedule(() => performance.now() / 1000)
  const inspector = new Inspector()
  let sent = Promise.resolve()
  inspector.subscribe(
    (record) => {
      if (record.stage === 'detail') schedule.recorded(record.name)
      sent = sent.then(async () => {
        await setImmediate() // not within the snapshot that this record is of: its time is taken
        const start = performance.now()
        const preview = await encodePreview(record)
        // Pictures are encoded on other threads, and the wait is for the step that goes on meanwhile.
        if (record.value.kind === 'mesh') schedule.encoded((performance.now() - start) / 1000)
        if (preview) await tell({ type: 'preview', ...preview, sha256: sha256(preview.payload) })
      })
    },
    (name) => schedule.wants(name),
  )
  const result = await reconstructInto({
    photo,
    settings: job.settings,
    landmarks: job.landmarks,
    corrections: job.corrections,
    folder: job.results,
    checkpoint: job.checkpoint,
    resume: 'may',
    signal: stop.signal,
    finish: finish.signal,
    inspector,
    snapshotDue: (at) => schedule.due(at),
    onProgress: throttled((progress) => void tell({ type: 'progress', progress }).catch(() => {})),
    onNote: (message) => void tell({ type: 'log', level: 'warning', message }).catch(() => {}),
  })
  await sent
  return { type: 'done', summary: await summary(result, job.results, schedule) }
}

/** The question which face is meant, if the job wants to be asked and nothing has answered it. */
async function askForFace(
  { settings, landmarks, severalFaces }: Work,
  photo: Uint8Array,
): Promise<FromWorker | undefined> {
  if (severalFaces === 'largest' || landmarks !== undefined || settings.photo.face >= 0) return undefined
  const { faces } = await findFaces(photo, settings)
  if (faces.length < 2) return undefined
  if (severalFaces === 'fail') {
    throw new SiderError('SEVERAL_FACES', `the photo shows ${faces.length} faces`, { stage: 'landmarks' })
  }
  const list = faces.map(({ box, score }, face) => ({ face, ...box, score }))
  return { type: 'question', question: { kind: 'face', faces: list } }
}

/** At most ten a second, but every new stage. */
function throttled(listener: (progress: Progress) => void): typeof listener {
  let [at, stage] = [Number.NEGATIVE_INFINITY, '']
  return (progress) => {
    if (progress.stage === stage && progress.fraction < 1 && performance.now() - at < 100) return
    at = performance.now()
    stage = progress.stage
    listener(progress)
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function summary(result: Reconstruction, folder: string, schedule: PreviewSchedule): Promise<RunSummary> {
  const { backend, seconds, quality, warnings } = result
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name)
        const bytes = await readFile(path)
        const name = relative(folder, path).replaceAll('\\', '/')
        return { name, bytes: bytes.length, sha256: sha256(bytes) }
      }),
  )
  files.sort((a, b) => (a.name < b.name ? -1 : 1))
  const previews = { count: schedule.count, seconds: schedule.spent }
  return { backend, seconds: seconds as Record<string, number>, quality, warnings, files, previews }
}

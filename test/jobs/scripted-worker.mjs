/**
 * A worker for tests of the job queue: the photo is a JSON script of what to do. It steps, tells, saves checkpoints and goes on
 * from them as the real one does; its result says which steps it is made of. The script may name files whose bytes are the mesh
 * previews, one after the other (`meshes`), and a folder of files that the result has (`resultFolder`). `faces` is their number, or
 * their boxes.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ERRORS = JSON.parse(readFileSync(new URL('../../schemas/errors.json', import.meta.url), 'utf8'))

const tell = (message) => new Promise((resolve) => process.send(message, undefined, undefined, resolve))
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
let [stopped, finishing] = [false, false]
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => {})
process.on('message', (message) => {
  if (message.type === 'pause') stopped = true
  else if (message.type === 'finish') finishing = true
  else
    run(message.job)
      .catch(failure)
      .then(async (last) => {
        await tell(last)
        process.exit(0)
      })
})

/** The state that was saved; undefined if there is none, or it is damaged. */
function readCheckpoint(file) {
  if (!existsSync(file)) return undefined
  const [digest, ...rest] = readFileSync(file, 'utf8').split(' ')
  const text = rest.join(' ')
  return digest === sha256(text) ? JSON.parse(text) : undefined
}

/** Failures as the real worker tells them: of the disk, of a photo that is none, and faults. */
function failure(error) {
  const detail = { errno: error.code }
  if (['ENOSPC', 'EDQUOT'].includes(error.code)) return failed('DISK_FULL', error, detail)
  if (['EROFS', 'EACCES'].includes(error.code)) return failed('OUTPUT_UNWRITABLE', error, detail)
  if (error instanceof SyntaxError) return failed('IMAGE_UNREADABLE', error)
  process.stderr.write(error.stack)
  return failed('INTERNAL', error)
}

function failed(name, message, detail = {}) {
  const { wire, retry, hints } = ERRORS[name]
  return { type: 'failed', error: { code: wire, name, message: String(message), retry, hints, detail } }
}

async function run({ photo, settings, corrections, checkpoint, results, severalFaces }) {
  const {
    steps = 5,
    stepMs = 5,
    previewBytes = 2000,
    crashAt,
    crashes = Infinity,
    crashAtStart,
    fail,
    faces = 1,
    meshes = [],
    resultFolder,
    resultBytes = 2_500_000,
  } = JSON.parse(readFileSync(photo, 'utf8'))
  if (crashAtStart) process.abort()
  if (fail) return failed(fail === true ? 'NO_FACE' : fail, 'no face')
  const boxes = typeof faces === 'number' ? Array(faces).fill({ x: 0, y: 0, width: 10, height: 10 }) : faces
  if (boxes.length > 1 && severalFaces === 'ask' && settings.photo.face < 0) {
    const list = boxes.map((box, face) => ({ face, ...box, score: 1 }))
    return { type: 'question', question: { kind: 'face', faces: list } }
  }
  const state = readCheckpoint(checkpoint) ?? { step: 0, digest: '', starts: 0 }
  state.starts++
  const save = () => {
    const temporary = join(dirname(checkpoint), `.checkpoint.${process.pid}-0.tmp`)
    const text = JSON.stringify(state)
    writeFileSync(temporary, `${sha256(text)} ${text}`)
    renameSync(temporary, checkpoint)
  }
  save()
  while (state.step < steps && !finishing) {
    await new Promise((resolve) => setTimeout(resolve, stepMs))
    state.step++
    state.digest = sha256(`${state.digest} ${state.step}`)
    save()
    if (state.step === crashAt && state.starts <= crashes) process.abort()
    const at = { iteration: state.step, iterations: steps, loss: 1 / state.step, etaSeconds: 1 }
    await tell({ type: 'progress', progress: { stage: 'detail', fraction: state.step / steps, ...at } })
    const payload = meshes.length
      ? readFileSync(meshes[(state.step - 1) % meshes.length])
      : Buffer.alloc(previewBytes, state.step)
    const mesh = { kind: 'mesh', name: 'mesh', mediaType: 'model/gltf-binary', topology: 'same' }
    await tell({ type: 'preview', info: { ...mesh, step: state.step }, payload, sha256: sha256(payload) })
    const image = { kind: 'image', name: 'normals', mediaType: 'image/jpeg' }
    const picture = payload.subarray(0, 500)
    await tell({ type: 'preview', info: { ...image, step: state.step }, payload: picture, sha256: sha256(picture) })
    if (stopped) return { type: 'stopped' }
  }
  const text = JSON.stringify({ step: state.step, digest: state.digest, face: settings.photo.face, corrections })
  const made = { 'face.glb': Buffer.alloc(resultBytes, 7), 'report.json': Buffer.from(text) }
  if (resultFolder) {
    for (const name of readdirSync(resultFolder, { recursive: true }))
      if (statSync(join(resultFolder, name)).isFile()) made[name] = readFileSync(join(resultFolder, name))
  }
  const files = Object.entries(made).map(([name, bytes]) => {
    mkdirSync(dirname(join(results, name)), { recursive: true })
    writeFileSync(join(results, name), bytes)
    return { name, bytes: bytes.length, sha256: sha256(bytes) }
  })
  const previews = { count: state.step, seconds: 0 }
  const summary = {
    backend: 'none',
    seconds: { detail: 1 },
    quality: { psnr: 30 },
    warnings: ['scripted'],
    files,
    previews,
  }
  return { type: 'done', summary }
}

/**
 * A worker for tests of the job queue: the photo is a JSON script of what to do. It steps, tells, saves checkpoints and goes on
 * from them as the real one does; its result says which steps it is made of. The script may name files whose bytes are the mesh
 * previews, one after the other (`meshes`), and a folder of files that the result has (`resultFolder`). `faces` is their number, or
 * their boxes.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const tell = (message) => new Promise((resolve) => process.send(message, undefined, undefined, resolve))
let [stopped, finishing] = [false, false]
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => {})
process.on('message', (message) => {
  if (message.type === 'pause') stopped = true
  else if (message.type === 'finish') finishing = true
  else
    run(message.job).then(async (last) => {
      await tell(last)
      process.exit(0)
    })
})

async function run({ photo, settings, checkpoint, results, severalFaces }) {
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
  } = JSON.parse(readFileSync(photo, 'utf8'))
  if (crashAtStart) process.abort()
  if (fail) return { type: 'failed', error: { code: 1102, name: 'NO_FACE', message: 'no face', retry: false } }
  const boxes = typeof faces === 'number' ? Array(faces).fill({ x: 0, y: 0, width: 10, height: 10 }) : faces
  if (boxes.length > 1 && severalFaces === 'ask' && settings.photo.face < 0) {
    const list = boxes.map((box, face) => ({ face, ...box, score: 1 }))
    return { type: 'question', question: { kind: 'face', faces: list } }
  }
  const state = existsSync(checkpoint)
    ? JSON.parse(readFileSync(checkpoint, 'utf8'))
    : { step: 0, digest: '', starts: 0 }
  state.starts++
  const save = () => {
    writeFileSync(`${checkpoint}.tmp`, JSON.stringify(state))
    renameSync(`${checkpoint}.tmp`, checkpoint)
  }
  save()
  while (state.step < steps && !finishing) {
    await new Promise((resolve) => setTimeout(resolve, stepMs))
    state.step++
    state.digest = createHash('sha256').update(`${state.digest} ${state.step}`).digest('hex')
    save()
    if (state.step === crashAt && state.starts <= crashes) process.abort()
    const at = { iteration: state.step, iterations: steps, loss: 1 / state.step, etaSeconds: 1 }
    await tell({ type: 'progress', progress: { stage: 'detail', fraction: state.step / steps, ...at } })
    const payload = meshes.length
      ? readFileSync(meshes[(state.step - 1) % meshes.length])
      : Buffer.alloc(previewBytes, state.step)
    const mesh = { kind: 'mesh', name: 'mesh', mediaType: 'model/gltf-binary', topology: 'same' }
    await tell({ type: 'preview', info: { ...mesh, step: state.step }, payload })
    const image = { kind: 'image', name: 'normals', mediaType: 'image/jpeg' }
    await tell({ type: 'preview', info: { ...image, step: state.step }, payload: payload.subarray(0, 500) })
    if (stopped) return { type: 'stopped' }
  }
  const text = JSON.stringify({ step: state.step, digest: state.digest, face: settings.photo.face })
  const made = { 'face.glb': Buffer.alloc(2_500_000, 7), 'report.json': Buffer.from(text) }
  if (resultFolder) {
    for (const name of readdirSync(resultFolder, { recursive: true }))
      if (statSync(join(resultFolder, name)).isFile()) made[name] = readFileSync(join(resultFolder, name))
  }
  const files = Object.entries(made).map(([name, bytes]) => {
    mkdirSync(dirname(join(results, name)), { recursive: true })
    writeFileSync(join(results, name), bytes)
    return { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
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

/**
 * The process that finds faces and fits heads to them while people correct landmarks. The networks and the head model stay loaded, so
 * that a fit takes less than a second. It answers one question after the other and ends when the server goes away.
 */
import { readFile } from 'node:fs/promises'
import {
  type Face,
  faceLines,
  findFaces,
  fitLandmarks,
  type HeadModel,
  LandmarkDetector,
  loadHead,
  namedLandmarks,
  readLandmarks,
  SiderError,
} from '../../engine/index.js'
import type { FaceFindResult, FaceFitResult, FaceLandmarks } from '../../generated/protocol.js'
import { toErrorInfo } from '../../jobs/errors.js'
import type { FromFaces, Questions, ToFaces } from './messages.js'

process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group: the server decides
process.on('SIGTERM', () => {})

let detector: Promise<LandmarkDetector> | undefined
let head: { model: string; loaded: Promise<HeadModel> } | undefined

async function findIn({ photo, settings }: Questions['find']['ask']): Promise<FaceFindResult> {
  detector ??= LandmarkDetector.create()
  const bytes = typeof photo === 'string' ? await readFile(photo) : photo // as bytes: no path of the server's gets into a message
  const found = await findFaces(bytes, settings, await detector)
  const { width, height, exifFocalPx } = found.photo
  return {
    photo: { width, height, ...(exifFocalPx !== undefined && { focalPx: exifFocalPx }) },
    faces: found.faces.map(({ box, score, landmarks }, face) => ({ face, ...box, score, landmarks: sent(landmarks) })),
  }
}

async function fitTo({ photo, landmarks, corrections, settings }: Questions['fit']['ask']): Promise<FaceFitResult> {
  const { model } = settings.head
  if (head?.model !== model) head = { model, loaded: loadHead(model) }
  const { width, height, focalPx } = photo
  const size = { width, height, exifFocalPx: focalPx }
  const face = received(landmarks, size)
  const result = fitLandmarks(await head.loaded, face, size, corrections, settings)
  const { residualRelative, identityDetermined, shown } = result.fit
  return {
    landmarks: namedLandmarks(result.face.landmarks),
    lines: faceLines(shown),
    landmarkRmsRelative: residualRelative,
    identityDetermined,
    warnings: result.warnings,
  }
}

/** Landmarks as clients have them; a hundredth of a pixel is more than they mean. */
function sent({ layout, points, depths, disagreement }: Face['landmarks']): FaceLandmarks {
  const short = (x: number): number => Math.round(100 * x) / 100
  return {
    points: Array.from({ length: layout }, (_, i): [number, number] => [
      short(points[2 * i]),
      short(points[2 * i + 1]),
    ]),
    ...(depths && { depths: Array.from(depths, (z) => (Number.isNaN(z) ? null : short(z))) }),
    ...(disagreement !== undefined && { disagreement }),
  }
}

/** @throws SiderError LANDMARKS_INVALID */
function received({ points, depths, disagreement }: FaceLandmarks, photo: { width: number; height: number }): Face {
  const face = readLandmarks(points, photo)
  if (depths && depths.length !== face.landmarks.layout)
    throw new SiderError('LANDMARKS_INVALID', `there are ${depths.length} depths of ${points.length} landmarks`, {
      stage: 'landmarks',
      hint: 'Send them as face/find gave them.',
    })
  const known = {
    ...(depths && { depths: Float64Array.from(depths, (z) => z ?? Number.NaN) }),
    ...(disagreement !== undefined && { disagreement }),
  }
  return { ...face, landmarks: { ...face.landmarks, ...known } }
}

async function answer(message: ToFaces): Promise<FromFaces> {
  const { id } = message
  try {
    return { id, answer: message.question === 'find' ? await findIn(message.ask) : await fitTo(message.ask) }
  } catch (error) {
    const fault = error instanceof SiderError ? undefined : String((error as Error)?.stack ?? error)
    return { id, error: toErrorInfo(error), fault }
  }
}

let turn: Promise<unknown> = Promise.resolve()
process.on('message', (message: ToFaces) => {
  turn = turn.then(async () => process.send!(await answer(message)))
})

/** Faces and landmarks drawn over the photo. */
import sharp from 'sharp'
import {
  FACE_OVAL,
  LEFT_BROW,
  LEFT_EYE,
  LEFT_EYE_68,
  LEFT_IRIS,
  LIPS_INNER,
  LIPS_INNER_68,
  LIPS_OUTER,
  RIGHT_BROW,
  RIGHT_EYE,
  RIGHT_EYE_68,
  RIGHT_IRIS,
} from '../evidence/layouts.js'
import { textPath } from '../image/text.js'
import type { Face, Photo } from '../stages.js'

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Lines of each layout: points, colour, closed. */
const LINES: Record<68 | 478, ReadonlyArray<readonly [readonly number[], string, boolean]>> = {
  478: [
    [FACE_OVAL, '#ffffff', true],
    [RIGHT_BROW.slice(0, 5), '#ff40ff', false],
    [LEFT_BROW.slice(0, 5), '#ff40ff', false],
    [RIGHT_EYE, '#00e676', true],
    [LEFT_EYE, '#00e676', true],
    [RIGHT_IRIS.slice(1), '#2979ff', true],
    [LEFT_IRIS.slice(1), '#2979ff', true],
    [LIPS_OUTER, '#00e5ff', true],
    [LIPS_INNER, '#ffea00', true],
  ],
  68: [
    [range(0, 16), '#ffffff', false],
    [range(17, 21), '#ff40ff', false],
    [range(22, 26), '#ff40ff', false],
    [range(27, 35), '#ff9100', false],
    [RIGHT_EYE_68, '#00e676', true],
    [LEFT_EYE_68, '#00e676', true],
    [range(48, 59), '#00e5ff', true],
    [LIPS_INNER_68, '#ffea00', true],
  ],
}

const points = (p: Float64Array, list: readonly number[]): string =>
  list.map((i) => `${p[2 * i].toFixed(2)},${p[2 * i + 1].toFixed(2)}`).join(' ')

function landmarkShapes({ box, landmarks }: Face): string {
  const line = Math.max(box.width / 300, 0.4)
  const lines = LINES[landmarks.layout].map(([list, colour, closed]) => {
    const shape = closed ? 'polygon' : 'polyline'
    return `<${shape} points="${points(landmarks.points, list)}" fill="none" stroke="${colour}" stroke-width="${line}"/>`
  })
  const dots = range(0, landmarks.layout - 1).map((i) => {
    const [x, y] = [landmarks.points[2 * i], landmarks.points[2 * i + 1]]
    return `<circle cx="${x.toFixed(2)}" cy="${y.toFixed(2)}" r="${line}" fill="#ff1744"/>`
  })
  return dots.join('') + lines.join('')
}

function boxShapes({ box }: Face, number: number, line: number): string {
  const size = Math.max(5 * line, box.height / 8)
  const [x, y] = [box.x + size / 2, box.y + 1.5 * size]
  const frame = `x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}"`
  return [
    `<rect ${frame} fill="none" stroke="#00e676" stroke-width="${line}"/>`,
    textPath(String(number), x, y, size, { color: '#000', weight: 0.3 }),
    textPath(String(number), x, y, size, { color: '#00e676' }),
  ].join('')
}

async function overlay({ width, height, data }: Photo, shapes: string): Promise<Uint8Array> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes}</svg>`
  return sharp(data, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer()
}

/**
 * The photo with a numbered box about each face, as PNG bytes: the numbers are those of `chooseFace`.
 *
 * @param landmarks whether to draw the landmarks and the lines between them too
 */
export function drawFaces(photo: Photo, faces: readonly Face[], landmarks = false): Promise<Uint8Array> {
  const line = Math.max(2, Math.round(Math.max(photo.width, photo.height) / 400))
  const shapes = faces.map((face, i) => (landmarks ? landmarkShapes(face) : '') + boxShapes(face, i, line))
  return overlay(photo, shapes.join(''))
}

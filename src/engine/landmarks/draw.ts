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
import { namedLandmarks } from './correct.js'

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** What a line of landmarks draws. */
export type Feature = 'outline' | 'brow' | 'nose' | 'eye' | 'iris' | 'outer lips' | 'inner lips'

const COLOURS: Record<Feature, string> = {
  outline: '#ffffff',
  brow: '#ff40ff',
  nose: '#ff9100',
  eye: '#00e676',
  iris: '#2979ff',
  'outer lips': '#00e5ff',
  'inner lips': '#ffea00',
}

interface Line {
  feature: Feature
  points: readonly number[]
  closed: boolean
}

const line = (feature: Feature, points: readonly number[], closed: boolean): Line => ({ feature, points, closed })

/** Lines of each layout. */
const LINES: Record<68 | 478, readonly Line[]> = {
  478: [
    line('outline', FACE_OVAL, true),
    line('brow', RIGHT_BROW.slice(0, 5), false),
    line('brow', LEFT_BROW.slice(0, 5), false),
    line('nose', [168, 6, 197, 195, 5, 4], false),
    line('nose', [98, 97, 2, 326, 327], false),
    line('eye', RIGHT_EYE, true),
    line('eye', LEFT_EYE, true),
    line('iris', RIGHT_IRIS.slice(1), true),
    line('iris', LEFT_IRIS.slice(1), true),
    line('outer lips', LIPS_OUTER, true),
    line('inner lips', LIPS_INNER, true),
  ],
  68: [
    line('outline', range(0, 16), false),
    line('brow', range(17, 21), false),
    line('brow', range(22, 26), false),
    line('nose', range(27, 30), false),
    line('nose', range(31, 35), false),
    line('eye', RIGHT_EYE_68, true),
    line('eye', LEFT_EYE_68, true),
    line('outer lips', range(48, 59), true),
    line('inner lips', LIPS_INNER_68, true),
  ],
}

/** A line of a face in the picture. */
export interface FaceLine {
  feature: Feature
  closed: boolean
  /** Photo pixels. */
  points: [number, number][]
}

/**
 * The lines of a face whose landmarks are at `points` [68 or 478, 2]: the detected ones, or those that a fitted head shows. What is
 * not there (NaN) is left out.
 */
export function faceLines(points: Float64Array): FaceLine[] {
  return LINES[points.length === 136 ? 68 : 478].flatMap(({ feature, closed, points: list }) => {
    const there = list.filter((i) => Number.isFinite(points[2 * i]))
    if (there.length < 2) return []
    const at = there.map((i): [number, number] => [points[2 * i], points[2 * i + 1]])
    return [{ feature, closed, points: feature === 'iris' && at.length === 4 ? ring(at) : at }]
  })
}

/** Points of a ring drawn through four. */
const RING = 24

/** The ellipse whose conjugate diameters end in four points, every other of which lie opposite. */
function ring([a, b, c, d]: readonly [number, number][]): [number, number][] {
  return Array.from({ length: RING }, (_, k) => {
    const [cos, sin] = [Math.cos((2 * Math.PI * k) / RING), Math.sin((2 * Math.PI * k) / RING)]
    const on = (i: 0 | 1): number =>
      (a[i] + b[i] + c[i] + d[i]) / 4 + (cos * (a[i] - c[i])) / 2 + (sin * (b[i] - d[i])) / 2
    return [on(0), on(1)]
  })
}

function lineShapes(points: Float64Array, width: number): string {
  const shapes = faceLines(points).map(({ feature, closed, points: list }) => {
    const at = list.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(' ')
    const shape = closed ? 'polygon' : 'polyline'
    return `<${shape} points="${at}" fill="none" stroke="${COLOURS[feature]}" stroke-width="${width}"/>`
  })
  return shapes.join('')
}

function landmarkShapes({ box, landmarks: { layout, points } }: Face): string {
  const width = Math.max(box.width / 300, 0.4)
  const dots = range(0, layout - 1).map((i) => dot(points[2 * i], points[2 * i + 1], width))
  return dots.join('') + lineShapes(points, width)
}

const dot = (x: number, y: number, radius: number): string =>
  `<circle cx="${x.toFixed(2)}" cy="${y.toFixed(2)}" r="${radius}" fill="#ff1744"/>`

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

/** Side of the picture of an overlay, and of its part of the photo over the face's. */
const OVERLAY_SIDE = 1600
const OVERLAY_ROOM = 1.3

/**
 * One face, large: the contours of the head that was fitted to it, and the landmarks that a person can put in place, with the numbers
 * by which `correctLandmarks` knows them. PNG bytes.
 *
 * @param shown [layout, 2] where the fitted head shows the landmarks, photo pixels
 */
export async function drawOverlay(photo: Photo, face: Face, shown: Float64Array): Promise<Uint8Array> {
  const { box } = face
  const side = Math.max(box.width, box.height) * OVERLAY_ROOM
  const cut = (middle: number, limit: number): [number, number] => {
    const start = Math.max(0, Math.floor(middle - side / 2))
    return [start, Math.max(1, Math.min(limit, Math.ceil(middle + side / 2)) - start)]
  }
  const [left, width] = cut(box.x + box.width / 2, photo.width)
  const [top, height] = cut(box.y + box.height / 2, photo.height)
  const scale = OVERLAY_SIDE / Math.max(width, height)
  const at = [left, top]
  const numbers = namedLandmarks(face.landmarks).map((landmark) => {
    const [x, y] = [(landmark.x - left) * scale, (landmark.y - top) * scale]
    const text = landmark.name.split(':').at(-1)!
    const behind = textPath(text, x + 5, y - 5, 14, { color: '#000', weight: 0.32 })
    return dot(x, y, 3) + behind + textPath(text, x + 5, y - 5, 14, { color: '#fff', weight: 0.1 })
  })
  const contours = lineShapes(
    shown.map((value, i) => (value - at[i % 2]) * scale),
    2,
  )
  const size = { width: Math.round(width * scale), height: Math.round(height * scale) }
  const shapes = contours + numbers.join('')
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${shapes}</svg>`
  return sharp(photo.data, { raw: { width: photo.width, height: photo.height, channels: 3 } })
    .extract({ left, top, width, height })
    .resize({ ...size, fit: 'fill' })
    .composite([{ input: Buffer.from(svg) }])
    .png()
    .toBuffer()
}

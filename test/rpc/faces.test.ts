/** Faces found and heads fitted over the wire, without a job. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterEach, describe, expect, test } from 'vitest'
import { report } from '../jobs/scripted-result.js'
import { FACE_PROGRAM, Peer, type TestServer, testServer } from './service-peer.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const SCRIPTED = path('./scripted-faces.mjs')
const GROUP = path('../../node_modules/@vladmandic/face-api/demo/sample6.jpg')

let server: TestServer
let peers: Peer[] = []
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close()
  await server.close()
})

async function begin(faceProgram: string, count = 1): Promise<Peer[]> {
  server = await testServer({ faceProgram })
  peers = await Promise.all(Array.from({ length: count }, () => Peer.open(server)))
  return peers
}

const at = (list: { name: string; x: number; y: number }[], name: string): [number, number] => {
  const { x, y } = list.find((one) => one.name === name)!
  return [x, y]
}

describe('with the networks', () => {
  test('faces are found, and fitted with and without corrections while others are answered', async () => {
    const [peer, other] = await begin(FACE_PROGRAM, 2)
    const image = { base64: readFileSync(GROUP).toString('base64') }
    const { photo, faces } = await peer.ok('face/find', { image })
    const { width, height } = await sharp(GROUP).metadata()
    expect(photo).toMatchObject({ width, height })
    expect(faces.map(({ face }: { face: number }) => face)).toEqual([0, 1, 2, 3])
    const { landmarks } = faces[1]
    expect(landmarks.points.length).toBe(478)
    expect(landmarks.depths.length).toBe(478)
    expect(landmarks.disagreement).toBeLessThan(0.1)

    const plain = await peer.ok('face/fit', { photo, landmarks })
    expect(plain.landmarks.length).toBe(70)
    const features = new Set(plain.lines.map(({ feature }: { feature: string }) => feature))
    expect([...features].sort()).toEqual(['brow', 'eye', 'inner lips', 'iris', 'nose', 'outer lips', 'outline'])
    expect(plain.landmarkRmsRelative).toBeLessThan(0.06)
    expect(plain.identityDetermined).toBeGreaterThan(0.3)

    const [x, y] = at(plain.landmarks, '57')
    const eyes = at(plain.landmarks, '45')[0] - at(plain.landmarks, '36')[0]
    const wanted: [number, number] = [x, y + 0.15 * eyes]
    const fitting = peer.ok('face/fit', { photo, landmarks, corrections: { 57: wanted } })
    await other.ok('ping') // on another connection, at once
    const fixed = await fitting
    expect(at(fixed.landmarks, '57')).toEqual([expect.closeTo(wanted[0], 3), expect.closeTo(wanted[1], 3)])
    const lowest = (fit: typeof plain): number =>
      Math.max(
        ...fit.lines
          .filter(({ feature }: { feature: string }) => feature === 'outer lips')
          .flatMap(({ points }: { points: number[][] }) => points.map((point) => point[1])),
      )
    expect(lowest(fixed) - lowest(plain)).toBeGreaterThan(0.08 * eyes)
    expect(await peer.ok('face/fit', { photo, landmarks })).toEqual(plain) // nothing is kept

    const fails = async (more: object) => (await peer.fails('face/fit', { photo, landmarks, ...more })).data
    expect(await fails({ corrections: { 68: [1, 1] } })).toMatchObject({ name: 'LANDMARKS_INVALID' })
    expect((await fails({ corrections: { 8: [-5, 1] } })).hints.page).toContain('photo pixels')
    expect(await fails({ corrections: { 8: [1] } })).toMatchObject({ name: 'PARAMS' })
    expect(await fails({ landmarks: { points: landmarks.points.slice(1) } })).toMatchObject({
      name: 'LANDMARKS_INVALID',
    })
    expect(await fails({ landmarks: { ...landmarks, depths: [1] } })).toMatchObject({ name: 'LANDMARKS_INVALID' })
    expect(await fails({ landmarks: { ...landmarks, disagreement: 0.3 } })).toMatchObject({ name: 'FACE_UNCLEAR' })
    expect(await fails({ settings: { 'head.model': '/etc/passwd' } })).toMatchObject({ name: 'USAGE' })
    const wall = { base64: Buffer.from('no photo at all').toString('base64') }
    expect((await peer.fails('face/find', { image: wall })).data).toMatchObject({ name: 'IMAGE_UNREADABLE' })
  }, 60_000)
})

describe('with a scripted process', () => {
  const landmarks = { points: Array.from({ length: 68 }, () => [1, 1]) }
  const ask = (peer: Peer, width: number) => peer.call('face/fit', { photo: { width, height: 10 }, landmarks })

  test('one that crashes is told and replaced; a fault keeps its words to the log', async () => {
    const [peer] = await begin(SCRIPTED)
    const first = (await ask(peer, 9)).result.identityDetermined
    expect((await ask(peer, 9)).result.identityDetermined).toBe(first)
    expect((await ask(peer, 1)).error.data).toMatchObject({ name: 'WORKER_LOST', retry: true })
    expect((await ask(peer, 9)).result.identityDetermined).not.toBe(first)
    expect((await ask(peer, 3)).error).toMatchObject({ message: 'a fault in the server', data: { name: 'INTERNAL' } })
    expect(server.log).toContainEqual(expect.objectContaining({ error: 'Error: at line 1' }))
  })

  test('no more questions wait than a few; the server stops although one is never answered', async () => {
    const all = await begin(SCRIPTED, 18)
    const answers = all.map((peer) => ask(peer, 2))
    const refused = await Promise.race(answers)
    expect(refused.error.data).toMatchObject({ name: 'RATE', retry: true })
  })

  test('corrections of a job are on disk with it, and reach its worker', async () => {
    const [peer] = await begin(SCRIPTED)
    const corrections = { 57: [412, 530.5], '478:13': [400, 520] }
    const job = await peer.create({ steps: 1, resultBytes: 10 }, { corrections })
    await peer.ok('job/subscribe', { job })
    await peer.state(job, 'completed')
    const record = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', job, 'job.json'), 'utf8'))
    expect(record.corrections).toEqual(corrections)
    expect((await report(peer, job)).corrections).toEqual(corrections)
    const image = { base64: 'AAAA' }
    const wrong = await peer.fails('job/create', { image, corrections: { 57: 'here' } })
    expect(wrong.data.name).toBe('PARAMS')
  })
})

/** Jobs that could never come to anything are refused when they are sent, as the command line refuses them. */
import { expect, test } from 'vitest'
import { closeAfterEach, enter, start } from '../rpc/servers.js'

closeAfterEach()

const image = { base64: Buffer.from(JSON.stringify({ steps: 1 })).toString('base64') }

const POINTS = Array.from({ length: 68 }, (_, i) => [i, i * i])

test.each([
  ['no landmarks', { landmarks: [] }, /there are 0 landmarks/],
  ['a landmark that is no number', { landmarks: [['a', 2]] }, /there are 1 landmarks/],
  ['68 of them', { landmarks: POINTS.map(([x, y], i) => (i === 7 ? ['a', y] : [x, y])) }, /landmark 7 is \(a, 49\)/],
  ['an object without points', { landmarks: {} }, /not a list of points/],
  ['a landmark that does not exist', { corrections: { 999: [1, 2] } }, /there is no landmark 999/],
  ['a name of another kind', { corrections: JSON.parse('{"__proto__": [1, 2]}') }, /'__proto__' is no number/],
  ['one of 478 where 68 are given', { landmarks: POINTS, corrections: { '478:100': [1, 2] } }, /one of 478/],
])('%s', async (_, given, message) => {
  const peer = await enter(await start())
  const error = await peer.fails('job/create', { image, ...given })
  expect(error.data.name).toBe('LANDMARKS_INVALID')
  expect(error.message).toMatch(message)
  expect((await peer.ok('job/list')).jobs).toEqual([])
})

test('good ones are taken', async () => {
  const peer = await enter(await start())
  await peer.ok('job/create', { image, landmarks: POINTS, corrections: { 57: [10, 20] } })
  await peer.ok('job/create', { image, corrections: { '478:13': [10, 20] } })
})

test('a photo in both forms: give one of them', async () => {
  const peer = await enter(await start())
  const error = await peer.fails('job/create', { image: { ...image, upload: 'abcdefgh' } })
  expect(error.data.problems).toEqual([{ path: 'params.image', message: 'has base64 and upload: give one of them' }])
  const unknown = await peer.fails('job/create', { image: { ...image, uplod: 'abcdefgh' } })
  expect(unknown.message).toMatch(/params\.image\.uplod is unknown/)
})

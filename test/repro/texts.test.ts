/** Words that were shown wrongly. */
import { expect, test } from 'vitest'
import { sentence } from '../../plugins/threejs-editor/core/dom.js'
import { decodePhoto } from '../../src/engine/photo/decode.js'

test.each([
  ['no face', 'No face.'],
  ['ws://127.0.0.1:7437/ does not answer', 'ws://127.0.0.1:7437/ does not answer.'],
  ['sdf.npz is damaged!', 'sdf.npz is damaged!'],
  ['iPhone.heic has no decoder', 'iPhone.heic has no decoder.'],
  ["'a.jpg' is no image", "'a.jpg' is no image."],
  ['relief.steps is 0, but must be at least 1', 'relief.steps is 0, but must be at least 1.'],
  ['', ''],
])('%j becomes the sentence %j', (words, expected) => {
  expect(sentence(words)).toBe(expected)
})

test('a photo without a name is called the photo', async () => {
  const damaged = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1)
  await expect(decodePhoto(damaged)).rejects.toThrow(/^the photo is damaged, incomplete/)
  await expect(decodePhoto(new Uint8Array(0))).rejects.toThrow(/^the photo is empty/)
})

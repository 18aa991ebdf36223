import { expect, test } from 'vitest'
import { encodeCsv } from '../../../src/engine/formats/csv.js'

test('a line a row; fields are quoted where they must be, and nothing is empty', () => {
  const rows = [
    ['photo', 'psnr'],
    ['a "b", c', 1.5],
    ['two\nlines', undefined],
    ['two\rlines', Number.NaN],
  ]
  expect(encodeCsv(rows)).toBe('photo,psnr\n"a ""b"", c",1.5\n"two\nlines",\n"two\rlines",NaN\n')
})

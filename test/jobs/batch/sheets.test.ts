/** Contact sheets of a batch: pages of what is there. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CELLS, writeSheets } from '../../../src/cli/batch/sheets.js'
import type { Row } from '../../../src/jobs/batch/journal.js'

const COLOURS = {
  'input.png': [200, 0, 0],
  'overlay.png': [0, 200, 0],
  'render.png': [0, 0, 200],
  'normals.png': [90, 90, 0],
}
const folder = mkdtempSync(join(tmpdir(), 'sider-sheets-'))
const sheets = join(folder, 'sheets')
beforeAll(async () => {
  for (const name of CELLS) {
    const [r, g, b] = COLOURS[name as keyof typeof COLOURS]
    const picture = await sharp({ create: { width: 300, height: 300, channels: 3, background: { r, g, b } } })
      .png()
      .toBuffer()
    for (let i = 0; i < 30; i++) {
      if (i === 3 && name === 'normals.png') continue // a result without all of its pictures
      mkdirSync(join(folder, `face-${i}`), { recursive: true })
      writeFileSync(join(folder, `face-${i}`, name), picture)
    }
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function* rows(count: number): AsyncGenerator<Row> {
  for (let i = 0; i < count; i++) {
    const state = i === 5 ? 'failed' : 'completed'
    yield { name: `face-${i}.jpg`, folder: `face-${i}`, state }
  }
}

test('24 faces a page, two in a row; pages of an earlier run do not stay', async () => {
  const go = new AbortController().signal
  expect(await writeSheets(sheets, folder, rows(30), go)).toBe(2)
  expect(readdirSync(sheets)).toEqual(['page-0001.jpg', 'page-0002.jpg'])
  const { data, info } = await sharp(readFileSync(join(sheets, 'page-0001.jpg')))
    .raw()
    .toBuffer({ resolveWithObject: true })
  // 23 faces: a failed one is none, and one of the 24 lacks a picture.
  expect(info.width).toBe(6 + 8 * 198)
  expect(info.height).toBeGreaterThan(12 * 192)
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x)).subarray(0, 3)]
  for (const [i, name] of CELLS.entries()) {
    const seen = at(6 + i * 198 + 96, 100)
    for (const [c, wanted] of COLOURS[name as keyof typeof COLOURS].entries())
      expect(Math.abs(seen[c] - wanted)).toBeLessThan(8)
  }
  expect(await writeSheets(sheets, folder, rows(10), go)).toBe(1)
  expect(readdirSync(sheets)).toEqual(['page-0001.jpg'])
})

test('are given up when the batch is stopped', async () => {
  await expect(writeSheets(sheets, folder, rows(10), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
})

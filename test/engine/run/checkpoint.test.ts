import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { encodeTensors } from '../../../src/engine/formats/tensor-file.js'
import { type Checkpoint, givenLandmarks, loadCheckpoint, saveCheckpoint } from '../../../src/engine/run/checkpoint.js'
import { CHECKPOINT_FILE, outputError, prepareOutputFolder, writeFileAtomic } from '../../../src/engine/system/files.js'
import { GENERATOR } from '../../../src/engine/system/version.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-files-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const CHECKPOINT: Checkpoint = {
  photoSha256: 'ab'.repeat(32),
  settings: resolveSettings(),
  stage: 'detail',
  state: { step: 120, losses: [0.5, 0.25] },
  tensors: {
    weight: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    step: { shape: [], data: Int32Array.of(7) },
  },
}

/** Makes every write of a file fail as a full disk does: Linux's /dev/full is one. */
async function fillTheDisk(): Promise<void> {
  const handle = await open(join(folder, 'probe'), 'w')
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  rmSync(join(folder, 'probe'))
  vi.spyOn(prototype, 'writeFile').mockImplementation(async (data) => {
    if (existsSync('/dev/full')) await writeFile('/dev/full', data as Uint8Array)
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  })
}

describe('checkpoints', () => {
  test('come back as they were saved', async () => {
    const file = join(folder, 'new', 'c.safetensors')
    await saveCheckpoint(file, CHECKPOINT)
    expect(await loadCheckpoint(file, CHECKPOINT)).toEqual(CHECKPOINT)
    expect(readdirSync(join(folder, 'new'))).toEqual(['c.safetensors'])
  })

  test('a missing one says so', async () => {
    await expect(loadCheckpoint(join(folder, 'none'))).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('there is none'),
      hint: expect.stringContaining('--resume'),
    })
  })

  test('damage anywhere is found', async () => {
    const file = join(folder, 'c')
    await saveCheckpoint(file, CHECKPOINT)
    const good = readFileSync(file)
    const places = [0, 9, 60, Math.floor(good.length / 2), good.length - 1]
    for (const at of places) {
      const bad = Buffer.from(good)
      bad[at] ^= 1
      writeFileSync(file, bad)
      await expect(loadCheckpoint(file), `byte ${at}`).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    }
    for (const length of [0, 7, 100, good.length - 1]) {
      writeFileSync(file, good.subarray(0, length))
      await expect(loadCheckpoint(file), `${length} bytes`).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    }
  })

  test('a tensor file that is no checkpoint is refused', async () => {
    const file = join(folder, 'weights')
    writeFileSync(file, encodeTensors({ tensors: CHECKPOINT.tensors, metadata: {} }))
    await expect(loadCheckpoint(file)).rejects.toMatchObject({ message: expect.stringContaining('not a checkpoint') })
  })

  test('other landmarks than those that were given are refused', async () => {
    const file = join(folder, 'c')
    const [here, there] = [givenLandmarks(undefined, { 8: [1, 2] })!, givenLandmarks(undefined, { 8: [1, 3] })!]
    expect(givenLandmarks(undefined, undefined)).toBeUndefined()
    await saveCheckpoint(file, { ...CHECKPOINT, landmarks: here })
    expect((await loadCheckpoint(file, { ...CHECKPOINT, landmarks: here })).state).toEqual(CHECKPOINT.state)
    for (const run of [CHECKPOINT, { ...CHECKPOINT, landmarks: there }])
      await expect(loadCheckpoint(file, run)).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining('other landmarks'),
      })
  })

  test('another photo or other settings are refused by name; those that may change may', async () => {
    const file = join(folder, 'c')
    await saveCheckpoint(file, CHECKPOINT)
    await expect(loadCheckpoint(file, { ...CHECKPOINT, photoSha256: 'cd'.repeat(32) })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining('another photo'),
    })
    const changed = resolveSettings({ overrides: { 'networks.detail.rays': 512, seed: 3 } })
    await expect(loadCheckpoint(file, { ...CHECKPOINT, settings: changed })).rejects.toMatchObject({
      message: expect.stringMatching(/seed was 0, now 3; networks.detail.rays was \d+, now 512/),
    })
    const elsewhere = resolveSettings({ overrides: { backend: 'tfjs-cpu', threads: 3, 'output.dump': true } })
    expect((await loadCheckpoint(file, { ...CHECKPOINT, settings: elsewhere })).state).toEqual(CHECKPOINT.state)
  })

  test('on a full disk the last one stays whole, and nothing else is left', async () => {
    const file = join(folder, 'c')
    await saveCheckpoint(file, CHECKPOINT)
    await fillTheDisk()
    const next = { ...CHECKPOINT, state: { step: 240 } }
    await expect(saveCheckpoint(file, next)).rejects.toMatchObject({ code: 'DISK_FULL', exitCode: 9 })
    expect((await loadCheckpoint(file)).state).toEqual(CHECKPOINT.state)
    expect(readdirSync(folder)).toEqual(['c'])
  })
})

describe('the output folder', () => {
  const unwritable = { code: 'OUTPUT_UNWRITABLE', hint: expect.stringContaining('-o') }

  test('is made, and probed without a trace', async () => {
    const target = join(folder, 'a', 'b')
    await prepareOutputFolder(target)
    expect(readdirSync(target)).toEqual([])
  })

  test('a file in the way', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await expect(prepareOutputFolder(file)).rejects.toMatchObject(unwritable)
    await expect(prepareOutputFolder(join(file, 'below'))).rejects.toMatchObject(unwritable)
    await expect(writeFileAtomic(join(file, 'below'), 'x')).rejects.toMatchObject(unwritable)
  })

  test.skipIf(!existsSync('/proc/self'))('a file system that takes no files', async () => {
    await expect(prepareOutputFolder('/proc/sider-out')).rejects.toMatchObject(unwritable)
  })

  test.each(['EACCES', 'EROFS', 'EPERM', 'EIO'])('%s is unwritable, with its reason', (code) => {
    const error = outputError(Object.assign(new Error('the reason'), { code }), '/out')
    expect(error).toMatchObject({ ...unwritable, data: { path: '/out', errno: code } })
    expect(error.message).toMatch(/permission denied|read-only|the reason/)
  })

  test('a full disk is known before the work starts', async () => {
    await fillTheDisk()
    await expect(prepareOutputFolder(folder)).rejects.toMatchObject({ code: 'DISK_FULL' })
  })

  test("somebody else's files are left alone unless forced; our own folder is taken again", async () => {
    const foreign = join(folder, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'thesis.tex'), 'years of work')
    await expect(prepareOutputFolder(foreign)).rejects.toMatchObject({ hint: expect.stringContaining('--force') })
    writeFileSync(join(foreign, 'report.json'), '{"generator":"jest"}')
    await expect(prepareOutputFolder(foreign)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    await prepareOutputFolder(foreign, { force: true })

    const report = join(folder, 'report')
    mkdirSync(report)
    writeFileSync(join(report, 'report.json'), JSON.stringify({ generator: GENERATOR }))
    await prepareOutputFolder(report)
  })

  test('what a killed process was writing is taken away, what a living one is writing is not', async () => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    const names = [
      `.face.glb.${pid}-3.tmp`,
      `maps/.depth.npy.${pid}-1.tmp`,
      `.face.glb.${process.ppid}-3.tmp`,
      '.keep.tmp',
    ]
    mkdirSync(join(folder, 'maps'))
    for (const name of [CHECKPOINT_FILE, ...names]) writeFileSync(join(folder, name), '')
    await prepareOutputFolder(folder)
    expect(names.filter((name) => existsSync(join(folder, name)))).toEqual(names.slice(2))
    const interrupted = join(folder, 'interrupted')
    await saveCheckpoint(join(interrupted, CHECKPOINT_FILE), CHECKPOINT)
    await prepareOutputFolder(interrupted)
  })
})

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GROUP_FACES } from '../support/group.js'
import { lastJson, RecordingEngine, sider } from './recording-engine.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sider-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('faces', () => {
  test('faces lists them and numbers them in a picture', async () => {
    const picture = join(folder, 'p.png')
    const { status, stdout } = await sider(['faces', 'group.jpg', '--picture', picture])
    expect(status).toBe(0)
    expect(stdout).toContain('1: 40x50 pixels at (120, 10), confidence 0.90')
    const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([200, 100])
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)]
    expect(pixel(120, 40)).toEqual([0, 230, 118]) // on the box's left edge
    expect(pixel(100, 40)).toEqual([128, 128, 128]) // between the faces
  })

  test('faces have the numbers that all clients show', async () => {
    const engine = new RecordingEngine()
    const { photo, faces } = await engine.findFaces()
    engine.findFaces = async () => ({ photo, faces: GROUP_FACES.map((box) => ({ ...faces[0], box })) })
    const argv = ['faces', 'group.jpg', '--picture', join(folder, 'p.png')]
    const lines = (await sider(argv, engine)).stdout.split('\n').slice(0, 3)
    expect(lines).toEqual(
      GROUP_FACES.map(({ x, y, width, height }, number) => {
        return `${number}: ${width}x${height} pixels at (${x}, ${y}), confidence 0.90`
      }),
    )
    const { faces: list } = lastJson((await sider([...argv, '--json'], engine)).stdout)
    expect(list.map(({ face, box }: { face: number; box: object }) => ({ face, box }))).toEqual(
      GROUP_FACES.map((box, face) => ({ face, box })),
    )
  })

  test('--face list of reconstruct does the same, and reconstructs nothing', async () => {
    const engine = new RecordingEngine()
    const before = process.cwd()
    process.chdir(folder)
    try {
      const { status, stdout } = await sider(['reconstruct', 'group.jpg', '--face', 'list'], engine)
      expect(status).toBe(0)
      expect(stdout).toContain('0: 40x50 pixels')
      expect(existsSync('group-faces.png')).toBe(true)
    } finally {
      process.chdir(before)
    }
    expect(engine.asked).toBeUndefined()
  })

  test('faces --overlay: the chosen face with corrections, its figures in words and as JSON', async () => {
    const engine = new RecordingEngine()
    const [picture, overlay] = [join(folder, 'faces.png'), join(folder, 'overlay.png')]
    const line = ['faces', 'a.jpg', '--picture', picture, '--overlay', overlay, '--face', '1', '--landmark', '57=1,2']
    const { status, stdout } = await sider(line, engine)
    expect(status).toBe(0)
    expect([...readFileSync(overlay)]).toEqual([137, 80])
    expect(engine.overlaid![1]).toEqual({ 57: [1, 2] })
    expect(engine.overlaid![2].photo.face).toBe(1)
    for (const words of ['2.1 %', '77 %', 'Note: look at it', '--landmark N=X,Y']) expect(stdout).toContain(words)
    const result = JSON.parse((await sider([...line, '--json'], engine)).stdout)
    expect(result).toMatchObject({ overlay, identityDetermined: 0.77, landmarks: [{ name: '57', x: 412, y: 530 }] })
    const refused = await sider(['faces', 'a.jpg', '--picture', picture, '--landmark', '57=1,2'], engine)
    expect(refused.status).toBe(2)
    expect(refused.stderr).toContain('--overlay')
  })
})

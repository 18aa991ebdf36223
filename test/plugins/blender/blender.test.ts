/** The Blender bridge in Debian's Blender and in a newer one, without a window: what a user of it gets, and what they are told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageBlender } from '../../../scripts/package-blender.js'
import { startServer } from '../../../src/rpc/server.js'
import { testServer } from '../../rpc/service-peer.js'
import { GROUP_FACES } from '../../support/group.js'
import { blenders, type Found, inBlender, type Run } from './blender.js'
import { type BlenderFixture, blenderFixture, SPHERE_RADIUS } from './fixture.js'

const PHOTO = join(import.meta.dirname, '../../../node_modules/@vladmandic/face-api/demo/sample3.jpg')
const CLI = join(import.meta.dirname, '../../../dist/cli.js')

let zip: string
let fixture: BlenderFixture
beforeAll(async () => {
  zip = packageBlender(mkdtempSync(join(tmpdir(), 'sider-zip-')))
  fixture = await blenderFixture()
})

/** A data folder as XDG_DATA_HOME has it: the server's own is `sider` below it. */
const dataHome = () => mkdtempSync(join(tmpdir(), 'sider-data-'))

/** A photo for the scripted worker: what it shall do. */
function script(name: string, what: Found): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sider-script-')), name)
  writeFileSync(path, JSON.stringify({ ...what, meshes: fixture.meshes, resultFolder: fixture.resultFolder }))
  return path
}

for (const blender of blenders()) {
  const title = blender.missing ? `${blender.name}: skipped, ${blender.missing}` : blender.name
  describe.skipIf(blender.missing !== undefined)(title, { timeout: 300_000 }, () => {
    let home: string
    let server: Awaited<ReturnType<typeof testServer>>
    beforeAll(async () => {
      home = dataHome()
      server = await testServer({ dataFolder: join(home, 'sider') })
    })
    afterAll(async () => {
      await server?.close()
    })
    const run = (name: string, given: Found): Promise<Run> => inBlender(blender, name, { zip, ...given }, home)

    it('installs into a clean user folder and registers without warnings', async () => {
      const { found, output } = await run('registered', {})
      expect(found).toMatchObject({ menu: true, panel: true, gone: true, back: true })
      expect(found['websocket']).toMatch(/websocket/)
      // Blender's own words about switching off what was never on
      const said = output.split('\n').filter((line) => !line.includes('sider not disabled'))
      expect(said.filter((line) => /warn|error|traceback|deprecat/i.test(line))).toEqual([])
    })

    it('makes the finished asset, which one undo takes away', async () => {
      const { found } = await run('whole', { photo: script('someone.jpg', { steps: 3 }) })
      expect(found['status']).toEqual(['FINISHED'])
      expectAsset(found)
      expect(found['links']).toContain('NORMAL_MAP.Normal > BSDF_PRINCIPLED.Normal')
      expect(found['links'].join()).not.toContain('DISPLACEMENT.Displacement >')
      expect(found['kept']).toBe(true) // by the undo step after it
      expect(found['after']).toEqual(found['before'])
    })

    it('connects true displacement in place of the normal map', async () => {
      const options = { displacement: true, collection: false, photo_camera: false }
      const { found } = await run('whole', { photo: script('someone.jpg', { steps: 1 }), options })
      expect(found['links']).toContain('DISPLACEMENT.Displacement > OUTPUT_MATERIAL.Displacement')
      expect(found['links']).not.toContain('NORMAL_MAP.Normal > BSDF_PRINCIPLED.Normal')
      expect(found['method']).toBe('BOTH')
      expect(found['modifiers']).toEqual(['TRIANGULATE', 'SUBSURF'])
      expect(found['camera']).toBeNull()
      expect(found['collections']).not.toContain('SIDER someone')
    })

    it('shows previews in place, through Edit Mode, undo, a new file and deletion', async () => {
      const { found } = await run('live', { photo: script('someone.jpg', { steps: 3000, stepMs: 100 }) })
      expect(found).toMatchObject({
        in_place: true,
        in_edit_mode: 0,
        after_undo: true,
        after_load: true,
        deleted_stays_away: true,
        face: 'someone',
        left: [],
        undone: true,
      })
      expect(found['moved']).toBeGreaterThan(0.005)
    })

    it('leaves nothing behind when cancelled', async () => {
      const { found } = await run('cancel', { photo: script('someone.jpg', { steps: 500, stepMs: 50 }) })
      expect(found['after']).toEqual(found['before'])
      expect(found).toMatchObject({ active: false, told: true })
      const job = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', found['id'], 'job.json'), 'utf8'))
      expect(job.state).toBe('cancelled')
    })

    it('pauses, goes on, and keeps what is there so far', async () => {
      const { found } = await run('keep', { photo: script('someone.jpg', { steps: 2000, stepMs: 50 }) })
      expect(found).toMatchObject({ state: 'Done', face: 'someone' })
    })

    it('asks which face', async () => {
      const { found } = await run('ask', { photo: script('someone.jpg', { steps: 2, faces: GROUP_FACES }) })
      expect(found).toMatchObject({ faces: 3, state: 'Done' })
      const numbered = GROUP_FACES.map(({ x }, number) => ({ text: String(number), face: number, x }))
      expect(found['buttons']).toEqual(numbered)
      const job = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', found['job'], 'job.json'), 'utf8'))
      expect(job.settings.photo.face).toBe(1)
    })

    it('says what to do about a wrong token, an absent server, no engine, and working offline', async () => {
      const { found } = await run('refused', { photo: script('someone.jpg', { steps: 1 }) })
      expect(found['no_photo']).toMatch(/cannot read \/nowhere.jpg/i)
      expect(found['token']).toMatch(/does not accept the token\. Clear the token in the add-on's preferences/)
      expect(found['absent']).toMatch(/No engine answers at ws:\/\/127.0.0.1:9\/\. Start it with `sider serve`/)
      expect(found['no_engine']).toMatch(/'no-such-engine' was not found\. Enter it in the add-on's preferences/)
      if (found['offline'] !== undefined) expect(found['offline']).toMatch(/Allow Online Access/)
      expect(found['no_token']).toMatch(/needs a token\. Enter it in the add-on's preferences/)
      expect(found['census'].meshes).toEqual(['Cube'])
    })

    it('shows errors in full with what helps, until something changes; takes the settings of the panel', async () => {
      const photo = script('someone.jpg', { steps: 1, faces: GROUP_FACES })
      const wrong = script('group.jpg', { fail: 'FACE_NOT_LISTED' })
      const { found } = await run('panel', { photo, wrong, text: join(dataHome(), 'text.jpg') })
      const buttons = (name: string): string[] => found[name].buttons
      const said = (name: string): string => found[name].words
      expect(said('no_photo')).toMatch(/No photo is chosen\. Choose one/)
      expect(buttons('no_photo')).toContain('sider.choose_photo')
      expect(said('changed')).toBe('')
      expect(buttons('no_such_face')).toContain('sider.ask_for_face')
      expect(found['forgotten']).toBe(true)
      expect(said('done')).toMatch(/Done in/)
      expect(found['settings']).toEqual({
        'photo.cropSize': 512,
        'head.ipdMm': 61.5,
        'surface.neutralize': true,
        'output.profile': 'faceit',
      })
      const job = JSON.parse(readFileSync(join(server.dataFolder, 'jobs', found['job'], 'job.json'), 'utf8'))
      expect(job.settings).toMatchObject({ photo: { cropSize: 512 }, surface: { neutralize: true } })
      expect(said('closed')).toBe('')
      expect(found['refused']).toMatch(/does not accept the token/)
      expect(said('absent')).toMatch(/No engine answers at ws:\/\/127.0.0.1:9\/\. Start it with `sider serve`/)
      expect(buttons('absent')).toEqual(expect.arrayContaining(['sider.start_engine', 'sider.open_preferences']))
      expect(found['works']).toBeNull()
      expect(said('tested')).toMatch(/It works: sider .* answers in \d+ ms/)
      expect(said('no_picture')).toMatch(/Choose a JPEG, PNG, WebP, AVIF or TIFF file/)
      expect(buttons('no_picture')).toContain('sider.choose_photo')
      expect(said('no_numpy')).toMatch(/This Blender has no NumPy\. Install it/)
      expect(buttons('no_numpy')).toEqual(['sider.forget', 'sider.copy_text'])
    })

    it('puts faces beside the cube of a new scene and beside each other, each in a collection of its own', async () => {
      const { found } = await run('room', { photo: script('someone.jpg', { steps: 1 }) })
      const [first, second, third] = found['places'].map(([x]: number[]) => x) as number[]
      expect(first).toBeGreaterThan(1.08) // the cube ends at 1 m, half the face is 0.08 m wide
      expect(first).toBeLessThan(1.3)
      for (const step of [second - first, third - second]) {
        expect(step).toBeGreaterThan(0.16)
        expect(step).toBeLessThan(0.3)
      }
      expect(found['collections']).toEqual(['SIDER someone', 'SIDER someone.001', 'SIDER someone.002'])
    })

    it('takes photos from images, shows turned ones upright, and imports distance grids', async () => {
      const folder = dataHome()
      const turned = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((how) => turnedPhoto(folder, how)))
      const sdf = join(fixture.resultFolder, 'sdf.npz')
      const { found } = await run('images', { photo: PHOTO, sdf, turned })
      expect(found).toMatchObject({ name: 'painted', size: [4, 2], file: true })
      expect(found['clipboard']).toBe(true)
      expect(found['nothing']).toMatch(/clipboard holds no picture\. Copy a picture/)
      expect(found['pixels']).toEqual([0, 128, 64, 255, 32, 128, 64, 255])
      expect(found['turned'].map(String)).toEqual([...Array(4).fill('64,32'), ...Array(4).fill('32,64')])
      // as sharp turns them: the reference
      const upright = await Promise.all(
        turned.map(async (path) => [...(await sharp(path).rotate().removeAlpha().raw().toBuffer()).subarray(0, 3)]),
      )
      for (const [i, corner] of (found['corners'] as number[][]).entries())
        for (const [c, value] of corner.entries()) expect(Math.abs(value - upright[i][c])).toBeLessThan(12)
      expect(found['radii'][0]).toBeGreaterThan(SPHERE_RADIUS - 0.0005)
      expect(found['radii'][1]).toBeLessThan(SPHERE_RADIUS + 0.0005)
      const volume = (4 / 3) * Math.PI * SPHERE_RADIUS ** 3 // positive: the faces look outwards
      expect(found['volume'] / volume).toBeCloseTo(1, 1)
    })

    it('survives an engine that is killed and comes back on another port', async () => {
      const data = dataHome()
      const signal = join(data, 'signal')
      let engine = await scriptedEngine(join(data, 'sider'))
      const photo = script('someone.jpg', { steps: 40, stepMs: 150 })
      const running = inBlender(blender, 'killed', { zip, photo, signal }, data)
      while (!existsSync(signal)) await new Promise((resolve) => setTimeout(resolve, 50))
      engine.kill('SIGKILL')
      await once(engine, 'exit')
      await new Promise((resolve) => setTimeout(resolve, 1000))
      engine = await scriptedEngine(join(data, 'sider'))
      const { found } = await running
      engine.kill('SIGTERM')
      expect(found).toMatchObject({ state: 'Done', face: 'someone' })
      expect(found['lost']).toMatch(/does not answer/)
    })

    it('starts the real engine by itself, and makes a face of a real photo', { timeout: 900_000 }, async () => {
      const data = dataHome()
      // Another's server has the usual port, this or one that runs anyway.
      const foreign = await testServer({ port: 7437 }).catch(() => undefined)
      // long enough that previews follow the fitted head on any machine
      const settings = { 'photo.cropSize': 128, 'relief.steps': 1000 }
      const command = `"${process.execPath}" "${CLI}"`
      const { found } = await inBlender(blender, 'real', { zip, photo: PHOTO, command, settings }, data)
      process.kill(found['pid'], 'SIGTERM')
      await foreign?.close()
      expect(found['previews']).toBeGreaterThan(1)
      expect(found['changed']).toBe(true)
      expect(found['vertices']).toBeGreaterThan(5000)
      // a head in metres; that it is upright and looks at the viewer follows from the camera below
      expect(Math.max(...found['dimensions'])).toBeGreaterThan(0.1)
      expect(Math.max(...found['dimensions'])).toBeLessThan(0.4)
      const types = found['nodes'].map((node: Found) => node['type'])
      expect(types).toEqual(expect.arrayContaining(['NORMAL_MAP', 'DISPLACEMENT']))
      expect(types.filter((type: string) => type === 'TEX_IMAGE')).toHaveLength(5)
      expect(found['keys'].map((key: [string]) => key[0])).toEqual(
        expect.arrayContaining(['jawOpen', 'mouthSmileLeft']),
      )
      expect(found['camera']).toMatchObject({ size: [1920, 1350], background: [1920, 1350], shown: true })
      for (const [, [x, y]] of found['camera'].points as [number[], number[]][]) {
        // face 0 of the photo, with some room for the rest of the head
        expect(Math.abs(x - 1182)).toBeLessThan(260)
        expect(Math.abs(y - 350)).toBeLessThan(260)
      }
    })
  })
}

/** The asset of the fixture, as Blender should have it. */
function expectAsset(found: Found): void {
  expect(found).toMatchObject({ name: 'someone', vertices: 169, smooth: true, uv: 1, normals: true, active: true })
  expect(found['corners']).toEqual({ 3: 2, 4: 143 })
  expect(found['dimensions'][0]).toBeCloseTo(0.16, 5) // metres
  expect(found['dimensions'][2]).toBeCloseTo(0.16, 5) // upright
  expect(found['facing'][1]).toBeLessThan(-0.9) // towards the viewer of a front view
  const textures = (found['nodes'] as Found[]).filter((node) => node['type'] === 'TEX_IMAGE')
  expect(Object.fromEntries(textures.map((node) => [node['image'], node['space']]))).toEqual({
    'face albedo': 'sRGB',
    'face normals': 'Non-Color',
    'face roughness': 'Non-Color',
    'face specular': 'Non-Color',
    'face displacement': 'Non-Color',
  })
  expect(textures.every((node) => node['packed'])).toBe(true)
  expect(textures.find((node) => node['image'] === 'face displacement')?.['float']).toBe(true) // 16 bits are kept
  expect(found['links']).toContain('TEX_IMAGE.Color > BSDF_PRINCIPLED.Base Color')
  expect(found['links']).toContain('TEX_IMAGE.Color > DISPLACEMENT.Height')
  expect(found['links']).toContain('SEPXYZ.Y > BSDF_PRINCIPLED.Roughness')
  expect(found['links']).toContain('TEX_IMAGE.Alpha > MATH.Value')
  expect(found['links'].some((link: string) => /^MATH\.Value > BSDF_PRINCIPLED\.Specular/.test(link))).toBe(true)
  expect(found['scale']).toBeCloseTo(0.002, 6)
  expect(found['midlevel']).toBe(0.5)
  expect(found['keys'].map((key: [string, number]) => key[0])).toEqual([
    ...['Basis', 'jawOpen', 'mouthSmileLeft'],
    'eyeLookInLeft', // of the other part: the face drives it
  ])
  expect(found['followed']).toEqual({ jawOpen: 1, eyeLookInLeft: 0.5 })
  expect(found['clear']).toEqual([0.25])
  expect(found['keys'].slice(1).every((key: [string, number]) => key[1] === 0)).toBe(true)
  // glTF's up is Blender's z, its front Blender's -y
  for (const [i, value] of [0, 0, 0.005].entries()) expect(found['moved'].jawOpen[i]).toBeCloseTo(value, 6)
  for (const [i, value] of [0, -0.005, 0].entries()) expect(found['moved'].mouthSmileLeft[i]).toBeCloseTo(value, 6)
  expect(found['collections']).toEqual(['SIDER someone'])
  expect(found['children']).toEqual(['CAMERA', 'MESH'])
  expect(found['properties']).toMatchObject({
    sider_generator: 'sider test',
    sider_photo_sha256: 'f'.repeat(64),
    sider_seed: String(2 ** 40),
    sider_settings: '{"seed": 7}',
  })
  const { camera } = found
  // what stands for the photo here is none: Blender cannot show it, and the face is there all the same
  expect(camera).toMatchObject({ size: [640, 480], scene: true, shown: false, background: null })
  for (const [[x, y, z], [u, v]] of camera.points as [number[], number[]][]) {
    // docs/conventions.md, with the fixture's camera: Blender's (x, y, z) is the head's (x, z, -y)
    const depth = 0.6 + y
    expect(u).toBeCloseTo((900 * (x + 0.01)) / depth + 350, 2)
    expect(v).toBeCloseTo((900 * (-z - 0.02)) / depth + 220, 2)
  }
}

/** A JPEG of four colours with an EXIF orientation. */
async function turnedPhoto(folder: string, orientation: number): Promise<string> {
  const data = Buffer.alloc(64 * 32 * 3)
  for (let y = 0; y < 32; y++)
    for (let x = 0; x < 64; x++) data.set([x < 32 ? 220 : 30, y < 16 ? 200 : 40, 90], 3 * (64 * y + x))
  const path = join(folder, `turned-${orientation}.jpg`)
  await sharp(data, { raw: { width: 64, height: 32, channels: 3 } })
    .withMetadata({ orientation })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toFile(path)
  return path
}

/** A server with scripted workers as a process that can be killed. */
async function scriptedEngine(dataFolder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../rpc/scripted-server.mjs'), dataFolder])
  await once(child.stdout, 'data')
  return child
}

describe('server.json', () => {
  it('says where the server listens while it runs, and is gone after it', async () => {
    const dataFolder = join(dataHome(), 'sider')
    const server = await startServer({ dataFolder, tokenFile: join(dataFolder, 'token'), port: 0 })
    const file = join(dataFolder, 'server.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      url: server.url,
      tokenFile: server.tokenFile,
      pid: process.pid,
    })
    await server.close()
    expect(existsSync(file)).toBe(false)
    rmSync(dataFolder, { recursive: true })
  })
})

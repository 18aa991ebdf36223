/**
 * The Blender bridge in Blender's real window on a virtual screen: the button is clicked, the face appears while Blender goes on
 * reacting, and Ctrl-Z takes it away. SIDER_KEEP_SHOTS=DIR keeps the screenshots, SIDER_REAL=1 takes the real engine.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { packageBlender } from '../../../scripts/package-blender.js'
import { type RunningServer, startServer } from '../../../src/rpc/server.js'
import { testServer } from '../../rpc/service-peer.js'
import { blenderFixture } from './fixture.js'

const SCREEN = ':93'
const PHOTO = join(import.meta.dirname, '../../../node_modules/@vladmandic/face-api/demo/sample3.jpg')
const has = (command: string) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined
const missing = ['blender', 'Xvfb', 'xdotool', 'import'].filter((one) => !has(one))
/** Places in the window of Blender 3.4, pixels of the screen. */
const TAB = [1307, 199]
const BUTTON = [1200, 302]
const SECOND_FACE = [1195, 265]
const KEEP = [1194, 205]
const VIEW = { left: 400, top: 200, width: 500, height: 560 }

interface Status {
  ticks: number
  /** Longest that the bridge held up the window, seconds: a tick while the job ran, and the one that placed the result. */
  costs: { running: number; placing: number }
  state: string
  status: string
  fraction: number
  previews: number
  error: string
  faces: string[]
  shown: string[]
  objects: string[]
}

const children: ChildProcess[] = []
let server: RunningServer | undefined
afterAll(async () => {
  for (const child of children.reverse()) child.kill('SIGKILL')
  await server?.close()
})

const title = 'the button makes a face that sharpens, and Ctrl-Z takes it away'
describe('Blender on a screen', () => {
  it.skipIf(missing.length > 0)(
    missing.length ? `${title}: skipped, no ${missing}` : title,
    { timeout: 600_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sider-window-'))
      const photo = await prepare(folder)
      start('Xvfb', [SCREEN, '-screen', '0', '1600x1000x24'], {})
      await pause(1000)
      const statusFile = join(folder, 'status.json')
      const given = JSON.stringify({ zip: packageBlender(folder), photo })
      const program = join(import.meta.dirname, 'python/window.py')
      const args = [
        '--factory-startup',
        '--window-geometry',
        '0',
        '0',
        '1600',
        '1000',
        '-P',
        program,
        '--',
        statusFile,
        given,
      ]
      const log = start('blender', args, {
        XDG_DATA_HOME: folder,
        BLENDER_USER_SCRIPTS: join(folder, 'scripts'),
        BLENDER_USER_CONFIG: join(folder, 'config'),
        LIBGL_ALWAYS_SOFTWARE: '1',
      })
      const status = (): Status => JSON.parse(readFileSync(statusFile, 'utf8'))
      const until = async (what: string, condition: (now: Status) => boolean, seconds = 60): Promise<Status> => {
        const end = Date.now() + seconds * 1000
        while (!existsSync(statusFile) || !condition(status())) {
          if (Date.now() > end)
            throw new Error(`${what}: ${existsSync(statusFile) && JSON.stringify(status())}\n${log()}`)
          await pause(200)
        }
        return status()
      }
      const shot = (name: string): Promise<Buffer> => {
        const path = join(folder, `${name}.png`)
        spawnSync('import', ['-display', SCREEN, '-window', 'root', path])
        return sharp(path).extract(VIEW).removeAlpha().raw().toBuffer()
      }
      await until('Blender did not start', () => true, 120)
      await pause(2000)
      click(TAB)
      await pause(1500)
      const before = await shot('1-panel')
      click(BUTTON)
      if (process.env['SIDER_REAL']) {
        await until('no question', ({ state }) => state === 'input_required', 400)
        await pause(1500)
        await shot('2-faces')
        click(SECOND_FACE)
      }
      const running = await until('no preview', ({ previews }) => previews > 1, 400)
      expect(running.shown).toEqual(['SIDER preview'])
      await pause(700)
      const during = await shot('3-running')
      expect(difference(before, during)).toBeGreaterThan(1)
      // Blender's own timers go on meanwhile, and the bridge takes little of its time
      const { ticks } = status()
      await until('Blender froze', (now) => now.ticks > ticks + 1)
      if (!process.env['SIDER_REAL']) click(KEEP)
      const done = await until('no end', ({ state }) => state === 'Done' || state === 'Failed', 500)
      expect(done).toMatchObject({ error: '', state: 'Done', shown: [] })
      expect(done.faces).toHaveLength(1)
      console.log(`seconds of the window's thread: ${JSON.stringify(done.costs)}`)
      expect(done.costs.running).toBeLessThan(0.1)
      await pause(1500)
      const after = await shot('4-done')
      expect(difference(before, after)).toBeGreaterThan(1)
      xdotool('mousemove', '640', '700', 'sleep', '0.3', 'key', 'ctrl+z')
      const undone = await until('not undone', ({ faces }) => faces.length === 0)
      expect(undone.shown).toEqual([])
      expect(undone.objects).toEqual(['Camera', 'Light'])
      let left = 255
      for (const end = Date.now() + 30_000; left > 0.5 && Date.now() < end; await pause(500))
        left = difference(before, await shot('5-undone'))
      if (process.env['SIDER_KEEP_SHOTS']) cpSync(folder, process.env['SIDER_KEEP_SHOTS'], { recursive: true })
      expect(left).toBeLessThan(0.5)
    },
  )
})

/** The engine, and the photo for it. */
async function prepare(folder: string): Promise<string> {
  for (const one of ['scripts', 'config']) mkdirSync(join(folder, one))
  const dataFolder = join(folder, 'sider')
  if (process.env['SIDER_REAL']) {
    server = await startServer({ port: 0, dataFolder, tokenFile: join(dataFolder, 'token'), workerProgram: WORKER })
    return PHOTO
  }
  server = await testServer({ dataFolder })
  const { meshes, resultFolder } = await blenderFixture()
  const photo = join(folder, 'someone.jpg')
  writeFileSync(photo, JSON.stringify({ steps: 3000, stepMs: 100, meshes, resultFolder }))
  return photo
}

const WORKER = join(import.meta.dirname, '../../../dist/jobs/worker.js')

function start(command: string, args: string[], env: Record<string, string>): () => string {
  const child = spawn(command, args, { env: { ...process.env, DISPLAY: SCREEN, ...env } })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said = (said + text).slice(-3000)
    })
  children.push(child)
  return () => said
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const xdotool = (...args: string[]) => spawnSync('xdotool', args, { env: { ...process.env, DISPLAY: SCREEN } })
const click = ([x, y]: number[]) => xdotool('mousemove', String(x), String(y), 'sleep', '0.4', 'click', '1')

/** Mean difference of two pictures' values, of 255. */
function difference(a: Buffer, b: Buffer): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i])
  return sum / a.length
}

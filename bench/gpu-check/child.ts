/** Programs that are run by themselves: a driver that crashes or hangs must not take the check down. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memoryUsed } from './nvidia.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSX = createRequire(import.meta.url).resolve('tsx')

export interface ChildRun {
  /** Why it failed, in a sentence; undefined where it did not. */
  failure: string | undefined
  stdout: string
  seconds: number
  /** MiB of the GPU's memory that were taken meanwhile, where NVIDIA's driver tells. */
  gpuMiB: number | undefined
}

/** Runs a source file of this folder. */
export function runScript(script: string, args: string[], limitSeconds: number, env = {}): Promise<ChildRun> {
  const path = join(dirname(fileURLToPath(import.meta.url)), script)
  return runNode(['--import', TSX, path, ...args], limitSeconds, env)
}

/** Runs the built command line. */
export function runSider(args: string[], limitSeconds: number, env = {}): Promise<ChildRun> {
  return runNode([join(ROOT, 'dist/cli.js'), ...args], limitSeconds, env)
}

async function runNode(args: string[], limitSeconds: number, env: Record<string, string>): Promise<ChildRun> {
  const before = memoryUsed()
  let most = before
  const started = performance.now()
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, detached: true })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text) => {
    stdout += text
  })
  child.stderr.on('data', (text) => {
    stderr = (stderr + text).slice(-4000)
  })
  const watch = setInterval(() => {
    const now = memoryUsed()
    if (most !== undefined && now !== undefined) most = Math.max(most, now)
  }, 1000)
  let late = false
  const timer = setTimeout(() => {
    late = true
    // with what it has started: the command line computes in a child of its own
    process.kill(-child.pid!, 'SIGKILL')
  }, limitSeconds * 1000)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...how) => resolve(how))
    child.on('error', () => resolve([1, null]))
  })
  clearInterval(watch)
  clearTimeout(timer)
  return {
    failure: late
      ? `not done after ${limitSeconds.toFixed(0)} s`
      : code === 0
        ? undefined
        : lastWords(stderr, stdout) || `ended with ${signal ?? `status ${code}`}`,
    stdout,
    seconds: (performance.now() - started) / 1000,
    gpuMiB: before === undefined || most === undefined ? undefined : most - before,
  }
}

/** The message of what went wrong, without its stack. */
function lastWords(stderr: string, stdout: string): string {
  const told = stdout.match(/"event":"error".*"message":"([^"]*)"/)?.[1]
  const thrown = stderr.match(/^\w*Error: (.*)$/m)?.[1]
  return (told ?? thrown ?? stderr.trim().split('\n').at(-1) ?? '').slice(0, 300)
}

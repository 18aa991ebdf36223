/** Processes that a benchmark starts, and what they take (Linux). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Clock ticks a second of /proc: 100 on all Linux that Node runs on. */
const TICKS = 100

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** Starts a program. @returns it and the first text that holds `ready` */
export async function started(
  command: string,
  args: string[],
  ready: RegExp,
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<{ child: ChildProcess; text: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], ...options })
  let text = ''
  for await (const part of child.stdout!) {
    text += String(part)
    if (ready.test(text)) break
  }
  if (!ready.test(text)) throw new Error(`${command} ${args[0]} did not start: ${text}`)
  child.stdout!.resume()
  return { child, text }
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** Seconds of processor that a process has used. */
export function cpuSeconds({ pid }: ChildProcess): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Resident memory of a process now, and the most it has had, MiB. */
export function memoryOf({ pid }: ChildProcess): { now: number; most: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const value = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)![1]) / 1024)
  return { now: value('VmRSS'), most: value('VmHWM') }
}

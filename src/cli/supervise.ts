/**
 * Runs the command line in a child process: a computation may keep its process busy for seconds, and a compute library may take it
 * down, but Ctrl-C is answered within a second and there is always a last line.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { SiderError } from '../engine/errors.js'
import { CHILD, type FromChild, type ToChild } from './child-messages.js'

/** Time to end the step at work and to save a checkpoint, milliseconds. */
const GRACE_MS = 800

/**
 * Runs a program again, as a child.
 * @param onInterrupt as of a Shell
 * @param held whether its standard error is told only if it fails: libraries that are tried write there what they lack
 * @returns the command's exit status
 * @throws SiderError CANCELLED if it had to be ended, OUT_OF_MEMORY or COMPUTE_FAILED if it crashed
 */
export async function supervise(
  program: string,
  argv: string[],
  onInterrupt: (callback: () => void) => () => void,
  held = false,
): Promise<number> {
  const child = fork(program, argv, {
    stdio: ['inherit', 'inherit', held ? 'pipe' : 'inherit', 'ipc'],
    env: { ...process.env, [CHILD]: '1' },
  })
  const words: Buffer[] = []
  child.stderr?.on('data', (text: Buffer) => words.push(text))
  let status: number | undefined
  child.on('message', (message: FromChild) => {
    status = message.status
  })
  let timer: NodeJS.Timeout | undefined
  let killed = false
  const kill = (): void => {
    killed = child.kill('SIGKILL')
  }
  const ignoreInterrupts = onInterrupt(() => {
    if (timer) return kill() // once more
    timer = setTimeout(kill, GRACE_MS)
    child.send('interrupt' satisfies ToChild, () => {}) // one that is gone says so by its exit
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  ignoreInterrupts()
  if (status !== 0 && words.length > 0) process.stderr.write(Buffer.concat(words))
  if (status !== undefined) return status
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K') // what it drew last
  if (killed) throw new SiderError('CANCELLED', 'the run was stopped')
  if (code === 0) return 0 // who read its words has seen enough
  throw crash(code, signal)
}

/** What an end without a word means. */
function crash(code: number | null, signal: NodeJS.Signals | null): Error {
  const data = { code, signal }
  if (signal === 'SIGKILL') {
    return new SiderError('OUT_OF_MEMORY', 'the system ended the program, most likely because memory ran out', {
      hint: 'Close other programs, take a smaller --size, or look into the system log.',
      data,
    })
  }
  if (signal !== null) {
    return new SiderError('COMPUTE_FAILED', `the computing process was ended by ${signal}`, {
      hint: 'A compute library or a driver crashed, perhaps for want of memory. Go on with --resume, or try another --backend.',
      data,
    })
  }
  return new Error(`the computing process ended with status ${code}`)
}

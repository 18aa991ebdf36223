/** The command line as a process: the real terminal, signals, and the child that computes (supervise.ts). */
import { basename, relative } from 'node:path'
import { CHILD, type FromChild, type ToChild } from './child-messages.js'
import type { Shell } from './command.js'
import { supervise } from './supervise.js'

type Main = (shell: Shell) => Promise<number>

/** Runs the command line of this process. @param script the program's file as it was called */
export async function runProcess(script: string, main: Main): Promise<void> {
  // A reader that has seen enough (`sider settings | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  const shell: Shell = {
    stdout: process.stdout,
    stderr: process.stderr,
    program: basename(script) === 'sider' ? ['sider'] : ['node', relative('', script)],
    argv: process.argv.slice(2),
    engine: () => import('../engine/index.js'),
    onInterrupt: onSignals,
    exit: (code) => process.exit(code),
  }
  if (process.env[CHILD] === '1' && process.send) return runChild(shell, main)
  process.exitCode = await main({ ...shell, delegate: (held) => supervise(script, shell.argv, onSignals, held) })
}

/** The parent alone says what becomes of a signal; without its parent the child ends. */
async function runChild(shell: Shell, main: Main): Promise<void> {
  const orphaned = (): void => process.exit(1)
  process.on('disconnect', orphaned)
  onSignals(() => {}) // Ctrl-C reaches the whole group
  const onInterrupt: Shell['onInterrupt'] = (callback) => {
    const heard = (message: ToChild): void => {
      if (message === 'interrupt') callback()
    }
    process.on('message', heard)
    return () => process.off('message', heard)
  }
  const status = await main({ ...shell, onInterrupt })
  process.exitCode = status
  process.off('disconnect', orphaned)
  process.send!({ status } satisfies FromChild, () => process.disconnect())
}

function onSignals(callback: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, callback)
  return () => {
    for (const signal of signals) process.off(signal, callback)
  }
}

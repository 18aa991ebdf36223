/** A failure as the user, or a program, is told of it. */
import { SiderError } from '../engine/errors.js'
import { asMemoryError } from '../engine/system/memory.js'
import { VERSION } from '../engine/system/version.js'
import type { Command, Invocation, Shell } from './command.js'
import { shellWords } from './shell-words.js'

/** Shows a failure in words, or as the last JSON line. @returns the exit status */
export function tell(failure: unknown, { argv, stdout, stderr }: Shell): number {
  const error = asMemoryError(failure)
  const known = error instanceof SiderError
  const stack = error instanceof Error ? error.stack : String(error)
  if (argv.includes('--json')) {
    const described = known ? error.toJSON() : { code: 'INTERNAL', message: String(error), data: { stack } }
    stdout.write(`${JSON.stringify({ event: 'error', error: described })}\n`)
  } else if (known) {
    stderr.write(`${error.code === 'CANCELLED' ? 'Stopped' : 'Error'}: ${error.message} [${error.code}]\n`)
    if (error.hint) stderr.write(`${error.hint}\n`)
  } else {
    stderr.write(`A fault in sider ${VERSION}; please report it with this text.\n${stack}\n`)
  }
  return known ? error.exitCode : 1
}

/** CANCELLED tells the exact command that goes on, if there is something to go on from. Other errors pass. */
export function withResume(error: unknown, command: Command, invocation: Invocation): unknown {
  if (!(error instanceof SiderError) || error.code !== 'CANCELLED') return error
  const more = command.goOn?.(invocation)
  if (more === undefined) return error
  const { program, argv } = invocation.shell
  const resume = shellWords([...program, ...argv, ...more.filter((word) => !argv.includes(word))])
  return new SiderError('CANCELLED', error.message, {
    stage: error.stage,
    hint: `Go on with: ${resume}`,
    data: { ...error.data, resume },
    cause: error,
  })
}

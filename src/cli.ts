#!/usr/bin/env node
/** The command line: finds the command, runs it, turns failures into messages and exit codes. */
import { realpathSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArguments } from './cli/arguments.js'
import { batch } from './cli/batch.js'
import type { Command, Shell } from './cli/command.js'
import { doctor } from './cli/doctor.js'
import { evaluate } from './cli/evaluate.js'
import { faces } from './cli/faces.js'
import { generate } from './cli/generate.js'
import { head } from './cli/head.js'
import { commandHelp, overview } from './cli/help.js'
import { reconstruct } from './cli/reconstruct.js'
import { serve } from './cli/serve.js'
import { settings } from './cli/settings.js'
import { SiderError } from './engine/errors.js'
import { nearestName } from './engine/nearest-name.js'
import { VERSION } from './engine/version.js'

export const COMMANDS: Command[] = [reconstruct, batch, serve, faces, head, generate, evaluate, settings, doctor]

/**
 * Runs one command line.
 *
 * @returns the exit status (ERROR_CODES); 1 for a fault of the program itself
 */
export async function main(shell: Shell): Promise<number> {
  const [name = 'help', ...args] = shell.argv
  try {
    if (name === '--version' || name === '-V') shell.stdout.write(`${VERSION}\n`)
    else if (['help', '--help', '-h'].includes(name) && args.length === 0) shell.stdout.write(overview(COMMANDS))
    else if (name === 'help') shell.stdout.write(commandHelp(findCommand(args[0])))
    else {
      const command = findCommand(name)
      const { positionals, options } = parseArguments(command, args)
      if (options.has('help')) shell.stdout.write(commandHelp(command))
      else await command.run({ positionals, options, shell })
    }
    return 0
  } catch (error) {
    return tell(error, shell)
  }
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command) return command
  const nearest = nearestName(
    name,
    COMMANDS.map((candidate) => candidate.name),
  )
  throw new SiderError('USAGE', `unknown command '${name}'`, {
    hint: nearest ? `Did you mean: sider ${nearest}?` : 'See: sider help',
  })
}

/** Shows a failure: in words, or as the last JSON line. */
function tell(error: unknown, { argv, stdout, stderr }: Shell): number {
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

/** The real terminal and process. */
function processShell(script: string): Shell {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    program: basename(script) === 'sider' ? ['sider'] : ['node', relative('', script)],
    argv: process.argv.slice(2),
    engine: () => import('./engine/index.js'),
    onInterrupt(callback) {
      const signals = ['SIGINT', 'SIGTERM'] as const
      for (const signal of signals) process.on(signal, callback)
      return () => {
        for (const signal of signals) process.off(signal, callback)
      }
    },
    exit: (code) => process.exit(code),
  }
}

const script = process.argv[1]
if (script && realpathSync(script) === fileURLToPath(import.meta.url)) {
  // A reader that has seen enough (`sider settings | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  process.exitCode = await main(processShell(script))
}

/** What a command of the command line is. Parsing, help and shell all read these tables. */

/** What commands ask of the engine's public API. */
export type Engine = Pick<
  typeof import('../engine/index.js'),
  | 'reconstructInto'
  | 'findFaces'
  | 'drawFaces'
  | 'faceOverlay'
  | 'describeBackends'
  | 'findCases'
  | 'evaluate'
  | 'writeEvaluation'
  | 'generateSet'
>

/** One `--option`. */
export interface Option {
  /** Placeholder of its value in help texts; a switch without. */
  value?: string
  /** May stand without a value (`--dump`), or with one after '=' (`--dump=DIR`). */
  valueOptional?: boolean
  short?: string
  /** May be given several times. */
  multiple?: boolean
  description: string
}

export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** What follows the name, e.g. '<photo> -o <dir>'. */
  usage: string
  /** Names of the positional arguments; all are needed. */
  positionals: string[]
  /** Names of those that may follow. */
  optional?: string[]
  options: Record<string, Option>
  /** Command lines with a word on each. */
  examples: [commandLine: string, what: string][]
  /**
   * Where the work is done, if there is much of it. What computes here, or waits for a server, runs in a child process that can be
   * ended at any moment (supervise.ts).
   */
  works?(options: ParsedOptions): 'here' | 'in workers' | 'on a server'
  /** Whether libraries that are tried may complain without anything being wrong. */
  noisy?: boolean
  run(invocation: Invocation): Promise<void>
  /** What the same command line must have besides to go on after a stop; undefined if there is nothing to go on from. */
  goOn?(invocation: Invocation): string[] | undefined
}

/** A command line, parsed. */
export interface Invocation {
  positionals: string[]
  options: ParsedOptions
  shell: Shell
}

/** Values by option name; '' for an optional value that was left out. */
export interface ParsedOptions {
  /** The option's value, if it was given. */
  text(name: string): string | undefined
  /** All values of an option that may be given several times. */
  list(name: string): string[]
  /** Whether the option was given. */
  has(name: string): boolean
}

/** A stream that may be a terminal. */
export type Output = Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean; columns?: number }

/** The world around a command: replaced in tests. */
export interface Shell {
  /** Results. */
  stdout: Output
  /** Progress and messages. */
  stderr: Output
  /** How the program was called, to be repeated in hints: ['sider'] or ['node', 'dist/cli.js']. */
  program: string[]
  /** The arguments as given. */
  argv: string[]
  /** Loads the engine; late, so that help and settings answer at once. */
  engine(): Promise<Engine>
  /** Calls back at every Ctrl-C or termination request, until the returned function is called. The second one ends the program. */
  onInterrupt(callback: () => void): () => void
  /**
   * Runs the command line in a process of its own and answers its exit status; absent in that process.
   * @param held its standard error is told only if it fails
   */
  delegate?(held?: boolean): Promise<number>
  /** Leaves at once. */
  exit(code: number): void
}

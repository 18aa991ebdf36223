/** What a program does to the network and to files, as the Linux kernel sees it: every process it starts included. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

const NETWORK = ['socket', 'connect', 'bind', 'sendto', 'sendmsg', 'sendmmsg']
const FILES = ['open', 'openat', 'creat', 'mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat']
const LINKS = ['rmdir', 'link', 'linkat', 'symlink', 'symlinkat', 'truncate', 'mknod', 'mknodat']

/** Why nothing can be traced here, if so. */
export function cannotTrace(): string | undefined {
  if (process.platform !== 'linux') return 'strace is for Linux'
  const { error, status, stderr } = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (error) return 'there is no strace (Debian: apt install strace)'
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim()}`
}

export interface Traced {
  child: ChildProcess
  /** File of the trace; complete when the child has ended. */
  file: string
  cwd: string
}

/**
 * Starts Node under strace. The variables that would silence a library by themselves are taken away, and the home folder is
 * another one.
 */
export function traced(args: string[], { file, home, cwd }: { file: string; home: string; cwd: string }): Traced {
  const { CI, ORT_DISABLE_TELEMETRY, ORT_RUNNING_UNIT_TESTS, XDG_CACHE_HOME, XDG_DATA_HOME, ...env } = process.env
  const calls = [...NETWORK, ...FILES, ...LINKS].map((name) => `?${name}`).join(',')
  const options = ['-f', '-y', '--seccomp-bpf', '-s', '4096', '-e', `trace=${calls}`, '-o', file]
  const child = spawn('strace', [...options, process.execPath, ...args], {
    cwd,
    env: { ...env, HOME: home, TMPDIR: join(home, 'tmp') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, file, cwd }
}

/** Internet sockets of the trace that lead elsewhere than to this machine, one line each. */
export function internetCalls({ file }: Traced, { loopback }: { loopback: boolean }): string[] {
  return calls(file).filter((call) => {
    if (/\bsocket\(AF_INET6?,/.test(call)) return !loopback
    const address = /inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"/.exec(call)
    const to = address?.[1] ?? address?.[2]
    return to !== undefined && !(loopback && (to.startsWith('127.') || to === '::1'))
  })
}

/** Paths outside the given folders that were written to, made or taken away. */
export function writesOutside({ file, cwd }: Traced, folders: string[]): string[] {
  const allowed = [...folders, '/dev', '/proc/self']
  const paths = calls(file).flatMap((call) => {
    const [, name, rest] = /^\d+\s+(\w+)\((.*)/.exec(call) ?? []
    if (name === undefined || NETWORK.includes(name) || /= -1 E/.test(rest)) return []
    if (/^open(at)?$/.test(name) && !/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(rest)) return []
    const folder = /^(?:AT_FDCWD|\d+)<([^>]*)>/.exec(rest)?.[1] ?? cwd
    return [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => (isAbsolute(path) ? path : join(folder, path)))
  })
  const inside = (path: string): boolean => allowed.some((folder) => path === folder || path.startsWith(`${folder}/`))
  return [...new Set(paths.filter((path) => !inside(path)))]
}

/** Calls with their arguments; those that strace shows in two halves by their first, which has the arguments. */
function calls(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^\d+\s+\w+\(/.test(line))
}
